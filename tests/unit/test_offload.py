from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import pytest

from filmjacket.offload import BATCH_BYTES, BATCH_SECONDS, SMALL_BYTES, Lanes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    """Chunks that remember what was taken and whether they were closed, and in which thread."""

    def __init__(self, count: int, *, size: int = BATCH_BYTES, delay: float = 0.0, fail_at: int | None = None) -> None:
        self.taken = 0
        self.closed = 0
        self.closed_while_running = False
        self._running = False
        self._count = count
        self._size = size
        self._delay = delay
        self._fail_at = fail_at

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._running = True
        time.sleep(self._delay)
        self._running = False
        if self.taken == self._fail_at:
            raise OSError("disk on fire")
        if self.taken == self._count:
            raise StopIteration
        self.taken += 1
        return bytes([self.taken]) * self._size

    def close(self) -> None:
        self.closed += 1
        self.closed_while_running |= self._running


def lanes() -> Lanes:
    return Lanes(db=2, disk=2)


@pytest.mark.parametrize("lane", ["db", "disk"])
def test_a_lane_runs_functions_elsewhere_and_hands_results_and_errors_back(lane: str):
    async def main() -> None:
        run = getattr(lanes(), lane)
        assert await run(threading.get_ident) != threading.get_ident()
        assert await run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await run(divmod, 1, 0)

    asyncio.run(main())


def test_lanes_are_bounded_each_for_itself():
    async def main() -> None:
        here = Lanes(db=2, disk=3)
        running = {"db": 0, "disk": 0}
        most = dict(running)
        lock = threading.Lock()

        def work(lane: str) -> None:
            with lock:
                running[lane] += 1
                most[lane] = max(most[lane], running[lane])
            time.sleep(0.02)
            with lock:
                running[lane] -= 1

        async with anyio.create_task_group() as group:
            for lane in running:
                for _ in range(6):
                    group.start_soon(getattr(here, lane), work, lane)
        assert most == {"db": 2, "disk": 3}

    asyncio.run(main())


def test_work_that_has_begun_ends_although_its_request_is_cancelled():
    async def main() -> None:
        done: list[bool] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(True)

        with anyio.move_on_after(0.01):
            await lanes().db(work)
        assert done == [True]

    asyncio.run(main())


def test_stream_hands_on_every_chunk_and_closes():
    async def main() -> None:
        source = Source(5, size=SMALL_BYTES)
        assert [chunk async for chunk in lanes().stream(source)] == [bytes([n]) * SMALL_BYTES for n in range(1, 6)]
        assert source.closed == 1
        assert [chunk async for chunk in lanes().stream(iter([]))] == []

    asyncio.run(main())


def test_stream_joins_small_chunks_and_leaves_others_alone():
    async def main() -> None:
        large = bytes(SMALL_BYTES)
        plain = iter([b"head", large, large, b"", b"tail", b"head", large, b"end"])
        assert [chunk async for chunk in lanes().stream(plain)] == [b"head", large, large, b"tailhead", large, b"end"]

    asyncio.run(main())


def test_stream_reads_one_batch_ahead_and_no_more():
    async def main() -> None:
        source = Source(100, size=BATCH_BYTES // 4)
        async with aclosing(lanes().stream(source)) as stream:
            assert (await anext(stream))[:1] == b"\1"
            await asyncio.sleep(0.05)
            assert source.taken == 8
        assert source.closed == 1

    asyncio.run(main())


def test_stream_of_what_is_slow_to_make_does_not_wait_for_a_whole_batch():
    async def main() -> None:
        source = Source(100, size=1, delay=BATCH_SECONDS)
        async with aclosing(lanes().stream(source)) as stream:
            assert await anext(stream) == b"\1"
            assert source.taken <= 2

    asyncio.run(main())


def test_an_error_in_the_iterator_arrives_after_the_chunks_before_it():
    async def main() -> None:
        source = Source(10, size=SMALL_BYTES, fail_at=2)
        stream = lanes().stream(source)
        assert [(await anext(stream))[:1], (await anext(stream))[:1]] == [b"\1", b"\2"]
        with pytest.raises(OSError, match="on fire"):
            await anext(stream)
        assert source.closed == 1

    asyncio.run(main())


@pytest.mark.parametrize("how", ["task", "scope"])
def test_a_cancelled_stream_closes_its_iterator_after_the_running_read(how: str):
    async def main() -> None:
        source = Source(100, delay=0.05)

        async def consume() -> None:
            async with aclosing(lanes().stream(source)) as stream:
                async for _ in stream:
                    pass

        if how == "scope":
            with anyio.move_on_after(0.12):
                await consume()
        else:
            task = asyncio.create_task(consume())
            await asyncio.sleep(0.12)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert source.closed == 1
        assert not source.closed_while_running
        assert source.taken < 5

    asyncio.run(main())
