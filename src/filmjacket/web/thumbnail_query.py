"""The parameters of thumbnails: `viewport` with two values (PS3.18 8.3.5.1.3, Table 10.4.1-5).

The other rendering parameters are none of thumbnails, hence ignored (8.3.1).
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from filmjacket.errors import BadRequest
from filmjacket.web.rendering import Viewport, parse_rendering

_VIEWPORT = b"viewport"


def parse_thumbnail_query(raw_query: bytes) -> Viewport | None:
    """The viewport of an undecoded query, None if there is none. Raises `BadRequest` for a region in it."""
    named = [part for part in raw_query.split(b"&") if unquote_to_bytes(part.partition(b"=")[0]) == _VIEWPORT]
    viewport = parse_rendering(b"&".join(named)).viewport
    if viewport is not None and unquote_to_bytes(named[0]).count(b",") > 1:
        raise BadRequest(
            "The viewport of a thumbnail has two values, its width and height; a region cannot be chosen.",
            section="8.3.5.1.3",
            offender="viewport",
            accepted=(f"viewport={viewport.width},{viewport.height}",),
        )
    return viewport
