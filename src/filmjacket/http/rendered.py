"""Endpoints of rendered resources (PS3.18 10.4.1.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query, ref_of
from filmjacket.http.responses import Conditions, DownloadResponse, begin
from filmjacket.services.studies.rendered import Rendering, retrieve_rendered
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.conditional import is_not_modified, is_precondition_failed
from filmjacket.web.rendering import parse_rendering
from filmjacket.web.targets import parse_frame_list

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.http.responses import Begun


async def rendered(request: Request) -> Response:
    """Retrieve Rendered Study, Series or Instance (10.4.1.1.3)."""
    return await _rendered(request, None)


async def rendered_frames(request: Request) -> Response:
    """Retrieve Rendered Frames (10.4.1.1.3)."""
    return await _rendered(request, parse_frame_list(request.path_params["frames"]))


async def _rendered(request: Request, numbers: tuple[int, ...] | None) -> Response:
    context = context_of(request)
    conditions = Conditions.of(request)
    rendering = Rendering(
        context.studio,
        base_url_of(request),
        preferences_of(request),
        parse_rendering(raw_query(request)),
        lambda tag: _is_not_sent(conditions, tag),
        parse_charset_wishes(raw_query(request), ", ".join(request.headers.getlist("accept-charset")) or None),
    )
    ref = ref_of(request)

    def work() -> Begun:
        return begin(retrieve_rendered(rendering, ref, numbers), conditions, context.delivery)

    return DownloadResponse(await context.lanes.cpu(work), context.lanes, cpu=True)


def _is_not_sent(conditions: Conditions, tag: str) -> bool:
    """Whether a representation need not be made: nobody wants its bytes."""
    return (
        conditions.head
        or is_not_modified(conditions.if_none_match, tag)
        or is_precondition_failed(conditions.if_match, tag)
    )
