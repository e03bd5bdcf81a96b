"""Endpoints of thumbnails (PS3.18 10.4.1.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query, ref_of
from filmjacket.http.responses import Conditions, DownloadResponse, begin
from filmjacket.services.studies.thumbnail import ThumbnailRequest, retrieve_thumbnail
from filmjacket.web.targets import parse_frame_list
from filmjacket.web.thumbnail_query import parse_thumbnail_query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.http.responses import Begun


async def thumbnail(request: Request) -> Response:
    """Retrieve the thumbnail of a study, a series or an instance."""
    return await _thumbnail(request, None)


async def frame_thumbnail(request: Request) -> Response:
    """Retrieve the thumbnail of frames: that of the one in the middle."""
    return await _thumbnail(request, parse_frame_list(request.path_params["frames"]))


async def _thumbnail(request: Request, numbers: tuple[int, ...] | None) -> Response:
    context = context_of(request)
    conditions = Conditions.of(request)
    asked = ThumbnailRequest(
        context.studio,
        base_url_of(request),
        preferences_of(request),
        parse_thumbnail_query(raw_query(request)),
        context.settings.thumbnails.size,
        conditions.need_no_content,
    )
    ref = ref_of(request)

    def work() -> Begun:
        return begin(retrieve_thumbnail(asked, ref, numbers), conditions, context.delivery)

    return DownloadResponse(await context.lanes.cpu(work), context.lanes)
