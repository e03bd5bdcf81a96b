"""Endpoints of rendered MPR and 3D volumes (PS3.18 10.4.1.1.7, 10.4.1.1.8)."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

import anyio
from starlette.requests import ClientDisconnect

from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query, ref_of
from filmjacket.http.responses import Conditions, DownloadResponse, begin
from filmjacket.services.studies.volumes import VolumeArchive, retrieve_rendered_volume
from filmjacket.web.targets import parse_frame_list
from filmjacket.web.volume_rendering import parse_volume_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.http.responses import Begun
    from filmjacket.web.volume_rendering import Operation

    Endpoint = Callable[[Request], Awaitable[Response]]

Result = TypeVar("Result")


def rendering(operation: Operation) -> Endpoint:
    """Endpoint of a rendered volume at any level."""

    async def render_volume(request: Request) -> Response:
        context = context_of(request)
        asked = parse_volume_request(operation, raw_query(request))
        ref, preferences, base_url = ref_of(request), preferences_of(request), base_url_of(request)
        frames = request.path_params.get("frames")
        numbers = () if frames is None else parse_frame_list(frames)
        conditions = Conditions.of(request)

        def work(check: Callable[[], None]) -> Begun:
            archive = VolumeArchive(context.index, context.blobs, context.wall, context.volumes, check)
            download = retrieve_rendered_volume(archive, ref, asked, preferences, base_url, frames=numbers)
            return begin(download, conditions, context.delivery)

        begun = await while_connected(request, lambda check: context.lanes.cpu(work, check))
        return DownloadResponse(begun, context.lanes, cpu=True)

    return render_volume


async def while_connected(request: Request, work: Callable[[Callable[[], None]], Awaitable[Result]]) -> Result:
    """Long work for as long as somebody waits for it: the check that it is given raises when the client is gone.

    The thread that does the work cannot be stopped from outside, so it is told, and waited for.
    """
    gone = threading.Event()

    def check() -> None:
        if gone.is_set():
            raise ClientDisconnect

    working = asyncio.ensure_future(work(check))
    watching = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            gone.set()
        return await asyncio.shield(working)
    finally:
        if not working.done():
            gone.set()
        watching.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
