"""The part of a server process that verifies what storage commitment could not verify while the requester waited."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.clock import now
from filmjacket.errors import FilmjacketError
from filmjacket.services.commitment.commit import Committer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from filmjacket.offload import Lanes
    from filmjacket.opening import Archive
    from filmjacket.settings import Settings

log = structlog.stdlib.get_logger("filmjacket.commitment")

SECONDS: Final = 15.0
"""Between two looks: how long what another process left behind waits at most, once its lease is over."""


@asynccontextmanager
async def committing(settings: Settings, archive: Archive, lanes: Lanes) -> AsyncGenerator[CommitmentLoop]:
    """The loop of one server process, for as long as it serves."""
    committer = Committer(archive.commitments, archive.blobs, archive.leases, settings.commitment.rules, now)
    loop = CommitmentLoop(committer, lanes)
    loop.start()
    try:
        yield loop
    finally:
        await loop.stop()


class CommitmentLoop:
    """Looks for pending transactions now and then, and at once when it is woken."""

    def __init__(self, committer: Committer, lanes: Lanes, seconds: float = SECONDS) -> None:
        self.committer = committer
        self._lanes = lanes
        self._seconds = seconds
        self._stopping = threading.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; called once, in the event loop of the server."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There is something to verify."""
        self._wake.set()

    async def stop(self) -> None:
        """End as soon as the bytes at hand are read; what is left is another process' or the next start's."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                await self._lanes.disk(self.committer.work, self._stopping.is_set)
            except FilmjacketError as error:
                log.warning("commitment_postponed", reason=error.reason_code)
            except Exception:
                log.exception("commitment_failed")
            if not self._stopping.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._seconds)
