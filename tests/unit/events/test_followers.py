"""Followers of a log: one reader a worker, nobody misses anything, nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filmjacket.errors import Unavailable
from filmjacket.events import followers as module
from filmjacket.events.followers import Followers
from filmjacket.events.wakeups import LOG, LocalWakeups

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


@dataclass(frozen=True)
class Entry:
    number: int


class Log:
    """A log in memory that counts how often it is read."""

    def __init__(self, last: int = 0) -> None:
        self.count = last
        self.reads: list[int] = []
        self.broken = False

    def read(self, after: int, limit: int) -> list[Entry]:
        if self.broken:
            raise Unavailable("gone")
        self.reads.append(after)
        return [Entry(number) for number in range(after + 1, min(self.count, after + limit) + 1)]

    def last(self) -> int:
        return self.count


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    await asyncio.sleep(0)
    return function(*arguments)


def made(log: Log, *, poll_seconds: float = 5.0) -> tuple[Followers[Entry], LocalWakeups]:
    wakeups = LocalWakeups(poll_seconds=poll_seconds)
    return Followers(log.read, log.last, wakeups, run), wakeups


async def read_all(followers: Followers[Entry], after: int, upto: int) -> list[int]:
    seen: list[int] = []
    while after < upto:
        found = await followers.next(after, 5)
        seen += [entry.number for entry in found]
        after = seen[-1]
    return seen


def test_what_is_there_is_read_at_once() -> None:
    async def main() -> None:
        followers, _ = made(Log(3))
        assert await read_all(followers, 0, 3) == [1, 2, 3]
        await followers.close()

    asyncio.run(main())


def test_a_wake_up_brings_what_is_new_to_everybody_with_one_read() -> None:
    async def main() -> None:
        log = Log(3)
        followers, wakeups = made(log)
        waiting = [asyncio.create_task(read_all(followers, 3, 5)) for _ in range(20)]
        await asyncio.sleep(0.05)
        log.reads.clear()
        log.count = 5
        wakeups.poke(LOG)
        assert await asyncio.gather(*waiting) == [[4, 5]] * 20
        assert log.reads.count(3) == 1
        await followers.close()

    asyncio.run(main())


def test_without_a_wake_up_looking_is_enough() -> None:
    async def main() -> None:
        log = Log()
        followers, _ = made(log, poll_seconds=0.01)
        waiting = asyncio.create_task(read_all(followers, 0, 1))
        await asyncio.sleep(0.05)
        log.count = 1
        assert await asyncio.wait_for(waiting, 2) == [1]
        await followers.close()

    asyncio.run(main())


def test_one_who_is_far_behind_reads_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 4)
    monkeypatch.setattr(module, "_READ_AT_ONCE", 3)

    async def main() -> None:
        log = Log()
        followers, wakeups = made(log)
        ahead = asyncio.create_task(read_all(followers, 0, 20))
        await asyncio.sleep(0.05)
        log.count = 20
        wakeups.poke(LOG)
        assert await ahead == list(range(1, 21))
        assert await read_all(followers, 0, 20) == list(range(1, 21))
        await followers.close()

    asyncio.run(main())


def test_nothing_in_time_is_nothing() -> None:
    async def main() -> None:
        followers, _ = made(Log(2))
        assert await followers.next(2, 0.02) == []
        await followers.close()

    asyncio.run(main())


def test_the_reader_rests_when_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_TURNS", 2)

    async def main() -> None:
        log = Log(2)
        followers, _ = made(log, poll_seconds=0.005)
        await followers.next(2, 0.02)
        await asyncio.sleep(0.1)
        reads = len(log.reads)
        await asyncio.sleep(0.05)
        assert len(log.reads) == reads
        log.count = 4
        assert await read_all(followers, 2, 4) == [3, 4]
        await followers.close()

    asyncio.run(main())


def test_closing_lets_everybody_go() -> None:
    async def main() -> None:
        followers, _ = made(Log())
        waiting = [asyncio.create_task(followers.next(0, 60)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await followers.close()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 1) == [[], [], []]
        assert followers.closed
        assert await followers.next(0, 60) == []

    asyncio.run(main())


def test_the_reader_survives_a_database_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)

    async def main() -> None:
        log = Log(1)
        followers, wakeups = made(log, poll_seconds=0.01)
        waiting = asyncio.create_task(read_all(followers, 1, 2))
        await asyncio.sleep(0.03)
        log.broken = True
        await asyncio.sleep(0.05)
        log.broken, log.count = False, 2
        wakeups.poke(LOG)
        assert await asyncio.wait_for(waiting, 2) == [2]
        await followers.close()

    asyncio.run(main())


def test_a_wake_up_comes_from_any_thread() -> None:
    async def main() -> None:
        wakeups = LocalWakeups(poll_seconds=1)
        thread = threading.Timer(0.02, wakeups.poke, (LOG,))
        thread.start()
        assert await wakeups.wait(LOG, 2)
        assert not await wakeups.wait(LOG, 0.01)
        assert not await wakeups.wait("other", 0.01)
        thread.join()

    asyncio.run(main())


def test_a_wake_up_for_a_loop_that_is_closed_is_forgotten() -> None:
    wakeups = LocalWakeups(poll_seconds=1)

    async def main() -> None:
        task = asyncio.create_task(wakeups.wait(LOG, 60))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    wakeups.poke(LOG)
    wakeups.close()
