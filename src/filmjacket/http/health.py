"""Health: is the process alive, has it started, is it ready to serve.

The body names each check with its state, and holds no address and no secret.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from anyio.to_thread import run_sync
from starlette.responses import JSONResponse

from filmjacket import __version__
from filmjacket.errors import FilmjacketError
from filmjacket.http.exchange import begin_transaction
from filmjacket.http.request import context_of
from filmjacket.observability.shared_directory import is_draining, shared_directory

if TYPE_CHECKING:
    from starlette.requests import Request


OK: Final = "ok"
LONGEST_SECONDS: Final = 5.0
"""A check that takes longer has failed."""
REMEMBERED_SECONDS: Final = 1.0
"""However many ask, the index and the blob store are asked no more often."""
HEADERS: Final = {"Cache-Control": "no-store"}


class Checked(Protocol):
    """A part of the archive that says whether it works."""

    def check(self) -> None:
        """Raise an error if it does not."""
        ...


class Readiness:
    """Checks of one worker, which run in threads of their own: full lanes are no reason not to be ready."""

    def __init__(self, parts: dict[str, Checked]) -> None:
        self._parts = parts
        self._threads = anyio.CapacityLimiter(2 * len(parts))
        self._asking = asyncio.Lock()
        self._states: dict[str, str] = {}
        self._until = 0.0

    async def states(self) -> dict[str, str]:
        """The state of each part: ok, or what is wrong with it."""
        async with self._asking:
            if time.monotonic() >= self._until:
                found = await asyncio.gather(*map(self._state, self._parts.values()))
                self._states = dict(zip(self._parts, found, strict=True))
                # Bad news is looked at anew.
                if all(state == OK for state in found):
                    self._until = time.monotonic() + REMEMBERED_SECONDS
            return dict(self._states)

    async def _state(self, part: Checked) -> str:
        try:
            with anyio.fail_after(LONGEST_SECONDS):
                await run_sync(part.check, abandon_on_cancel=True, limiter=self._threads)
        except FilmjacketError as error:
            return error.message
        except TimeoutError:
            return f"It did not answer within {LONGEST_SECONDS:g} seconds."
        return OK


async def live(request: Request) -> JSONResponse:
    """200 as long as the event loop turns; touches neither index nor blobs."""
    begin_transaction(request.scope, "health")
    return JSONResponse({"status": "alive", "version": __version__}, headers=HEADERS)


async def startup(request: Request) -> JSONResponse:
    """200 once the archive is open and its schema up to date: before that no worker accepts connections."""
    begin_transaction(request.scope, "health")
    context_of(request)
    return JSONResponse({"status": "started", "version": __version__}, headers=HEADERS)


async def ready(request: Request) -> JSONResponse:
    """200 if index and blob store answer and the server is not stopping, else 503 with what is wrong."""
    begin_transaction(request.scope, "health")
    states = await context_of(request).readiness.states()
    states["draining"] = "The server is stopping." if is_draining(shared_directory()) else OK
    failing = {name: state for name, state in states.items() if state != OK}
    body = {"status": "not ready" if failing else "ready", "version": __version__, "checks": states}
    if failing:
        return JSONResponse(body | {"failing": failing}, status_code=503, headers=HEADERS)
    return JSONResponse(body, headers=HEADERS)
