"""Where blocking work runs: bounded lanes of threads, by what the work waits for.

A unit of work is one plain function, hence one thread hop and one stack trace. Work that has begun always
runs to its end, also when the request that asked for it is cancelled, so that nothing is left half done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import anyio
from anyio.to_thread import run_sync

from filmjacket.metrics import gauge, histogram
from filmjacket.spans import span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
    from typing import Any

    Lane = Callable[..., Coroutine[Any, Any, Any]]

BATCH_BYTES = 512 * 1024
"""What is read in one hop to a thread and back, which costs as much as reading a quarter of it."""
BATCH_SECONDS = 0.02
"""Who waits for what is slow to make gets what there is."""
SMALL_BYTES = 32 * 1024
"""Smaller chunks are joined: sending one costs more than copying it."""

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class _Lane:
    """Threads of one kind, and what there is to know about them."""

    def __init__(self, name: str, threads: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._span = f"lane.{name}"
        gauge("filmjacket_lane_threads", lane=name).put(threads)
        self._running = gauge("filmjacket_lane_running", lane=name)
        self._waiting = gauge("filmjacket_lane_waiting", lane=name)
        self._wait_seconds = histogram("filmjacket_lane_wait_seconds", lane=name)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run a function in one of the threads, as soon as there is one."""
        called = perf_counter()
        begun = False

        def work() -> Result:
            nonlocal begun
            begun = True
            self._waiting.add(-1)
            self._running.add(1)
            self._wait_seconds.observe(perf_counter() - called)
            try:
                with span(self._span):
                    return function(*arguments)
            finally:
                self._running.add(-1)

        self._waiting.add(1)
        try:
            return await run_sync(work, limiter=self._limiter)
        finally:
            if not begun:  # cancelled before there was a thread
                self._waiting.add(-1)


class Lanes:
    """Bounded threads: `db` for searches, `disk` for what reads or writes stored files, `cpu` for making pictures."""

    def __init__(self, *, db: int, disk: int, cpu: int = 2) -> None:
        self._db = _Lane("db", db)
        self._disk = _Lane("disk", disk)
        self._cpu = _Lane("cpu", cpu)

    async def db(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run a unit of work on the index."""
        return await self._db.run(function, *arguments)

    async def disk(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run work on stored files."""
        return await self._disk.run(function, *arguments)

    async def cpu(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run work that keeps a processor busy."""
        return await self._cpu.run(function, *arguments)

    async def stream(self, chunks: Iterator[bytes], *, cpu: bool = False) -> AsyncGenerator[bytes]:
        """The bytes of a blocking iterator, read in the `disk` lane a batch ahead of what has been consumed.

        With `cpu` they are made rather than read, in that lane. Small chunks arrive joined.

        However the stream ends, the iterator is closed once its last read is over. A consumer that may stop
        early should use `contextlib.aclosing`, otherwise closing waits for the garbage collector.
        """
        lane = self.cpu if cpu else self.disk
        ahead = _read(lane, chunks)
        closed = False
        try:
            while not closed:
                # `wait` leaves the task alone when this stream is cancelled: the thread behind it cannot be
                # stopped, and an iterator must not be closed while it runs.
                await asyncio.wait([ahead])
                batch = ahead.result()
                closed = batch.is_last
                if not closed:
                    ahead = _read(lane, chunks)
                while batch.chunks:
                    yield batch.chunks.popleft()
                if batch.error is not None:
                    raise batch.error
        finally:
            if not closed:
                with anyio.CancelScope(shield=True):
                    await asyncio.gather(ahead, return_exceptions=True)
                    await lane(_close, chunks)


@dataclass(slots=True)
class _Batch:
    """Chunks on their way; after the last ones the iterator is closed, and `error` is what it ended with."""

    chunks: deque[bytes]
    is_last: bool = False
    error: Exception | None = None


def _read(lane: Lane, chunks: Iterator[bytes]) -> asyncio.Task[_Batch]:
    return asyncio.create_task(lane(_next_batch, chunks))


def _next_batch(chunks: Iterator[bytes]) -> _Batch:
    batch = _Batch(deque())
    small: list[bytes] = []
    missing, until = BATCH_BYTES, perf_counter() + BATCH_SECONDS
    try:
        for chunk in chunks:
            missing -= len(chunk)
            if len(chunk) < SMALL_BYTES:
                small.append(chunk)
            else:
                _join(small, batch.chunks)
                batch.chunks.append(chunk)
            if missing <= 0 or perf_counter() > until:
                break
        else:
            batch.is_last = True
    except Exception as error:  # noqa: BLE001 - raised again where the chunks before it have been sent
        batch.is_last, batch.error = True, error
    _join(small, batch.chunks)
    if batch.is_last:
        _close(chunks)
    return batch


def _join(small: list[bytes], chunks: deque[bytes]) -> None:
    if small:
        chunks.append(small[0] if len(small) == 1 else b"".join(small))
        small.clear()


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
