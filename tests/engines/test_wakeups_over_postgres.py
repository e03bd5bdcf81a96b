"""Wake-ups between workers over LISTEN and NOTIFY of a real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from filmjacket.events.postgres import PostgresWakeups
from filmjacket.events.wakeups import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[PostgresWakeups, PostgresWakeups]]:
    workers = PostgresWakeups(postgres_url, poll_seconds=1), PostgresWakeups(postgres_url, poll_seconds=1)
    yield workers
    for worker in workers:
        worker.close()


async def wait_until_it_listens(worker: PostgresWakeups, other: PostgresWakeups) -> None:
    for _ in range(50):
        waiting = asyncio.create_task(worker.wait(LOG, 0.2))
        await asyncio.sleep(0.01)
        other.poke(LOG)
        if await waiting:
            return
    pytest.fail("no wake-up came")


def test_a_poke_is_heard_by_the_other_worker_soon(pair: tuple[PostgresWakeups, PostgresWakeups]) -> None:
    async def main() -> float:
        one, two = pair
        await wait_until_it_listens(two, one)
        waiting = asyncio.create_task(two.wait(LOG, 5))
        await asyncio.sleep(0.05)
        begun = time.perf_counter()
        one.poke(LOG)
        assert await waiting
        return time.perf_counter() - begun

    assert asyncio.run(main()) < 0.5


def test_many_pokes_at_once_lose_nothing(pair: tuple[PostgresWakeups, PostgresWakeups]) -> None:
    async def main() -> None:
        one, two = pair
        await wait_until_it_listens(two, one)
        for _ in range(20):
            waiting = asyncio.create_task(two.wait(LOG, 5))
            await asyncio.sleep(0)
            await asyncio.gather(*(asyncio.to_thread(one.poke, LOG) for _ in range(8)))
            assert await waiting

    asyncio.run(main())


def test_without_a_database_there_is_silence_and_no_fault() -> None:
    async def main() -> None:
        worker = PostgresWakeups("postgresql://nobody@127.0.0.1:9/none", poll_seconds=0.05)
        worker.poke(LOG)
        assert not await worker.wait(LOG, 0.05)
        worker.close()

    asyncio.run(main())
