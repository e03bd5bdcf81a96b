"""Health: is the process alive, is it ready to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from filmjacket import __version__
from filmjacket.errors import FilmjacketError
from filmjacket.http.request import context_of

if TYPE_CHECKING:
    from starlette.requests import Request


async def live(_request: Request) -> JSONResponse:
    """200 as long as the event loop turns; touches neither index nor blobs."""
    return JSONResponse({"status": "alive", "version": __version__})


async def ready(request: Request) -> JSONResponse:
    """200 if index and blob store answer, else 503 with the names of those that do not."""
    context = context_of(request)
    failing: dict[str, str] = {}
    for name, check in (("index", context.index.check), ("blobs", context.blobs.check)):
        try:
            await context.lanes.disk(check)
        except FilmjacketError as error:
            failing[name] = error.message
    if failing:
        return JSONResponse({"status": "not ready", "failing": failing}, status_code=503)
    return JSONResponse({"status": "ready", "version": __version__})
