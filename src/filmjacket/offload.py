"""Where blocking work runs: bounded lanes of threads, by what the work waits for.

A unit of work is one plain function, hence one thread hop and one stack trace. Work that has begun always
runs to its end, also when the request that asked for it is cancelled, so that nothing is left half done.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import anyio
from anyio.to_thread import run_sync

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
    from typing import Any

    Lane = Callable[..., Coroutine[Any, Any, Any]]

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Lanes:
    """Bounded threads: `db` for searches, `disk` for what reads or writes stored files, `cpu` for making pictures."""

    def __init__(self, *, db: int, disk: int, cpu: int = 2) -> None:
        self._db = anyio.CapacityLimiter(db)
        self._disk = anyio.CapacityLimiter(disk)
        self._cpu = anyio.CapacityLimiter(cpu)

    async def db(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run a unit of work on the index."""
        return await run_sync(function, *arguments, limiter=self._db)

    async def disk(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run work on stored files."""
        return await run_sync(function, *arguments, limiter=self._disk)

    async def cpu(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run work that keeps a processor busy."""
        return await run_sync(function, *arguments, limiter=self._cpu)

    async def stream(self, chunks: Iterator[bytes], *, cpu: bool = False) -> AsyncGenerator[bytes]:
        """The chunks of a blocking iterator, read in the `disk` lane one ahead of what has been consumed.

        With `cpu` they are made rather than read, in that lane.

        However the stream ends, the iterator is closed once its last read is over. A consumer that may stop
        early should use `contextlib.aclosing`, otherwise closing waits for the garbage collector.
        """
        lane = self.cpu if cpu else self.disk
        ahead = _read(lane, chunks)
        try:
            while True:
                # `wait` leaves the task alone when this stream is cancelled: the thread behind it cannot be
                # stopped, and an iterator must not be closed while it runs.
                await asyncio.wait([ahead])
                chunk = ahead.result()
                if chunk is None:
                    return
                ahead = _read(lane, chunks)
                yield chunk
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.gather(ahead, return_exceptions=True)
                await lane(_close, chunks)


def _read(lane: Lane, chunks: Iterator[bytes]) -> asyncio.Task[bytes | None]:
    return asyncio.create_task(lane(_next, chunks))


def _next(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
