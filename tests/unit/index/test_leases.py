"""Leases: one holder at a time, and none for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from filmjacket.index import open_database
from filmjacket.index.leases import SqlLeases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 1_000_000


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[SqlLeases]:
    database = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    yield SqlLeases(database)
    database.close()


def test_a_lease_has_one_holder_until_it_is_over(leases: SqlLeases):
    assert leases.acquire("sweep", "a", 10, 0)
    assert not leases.acquire("sweep", "b", 10, 9 * SECOND)
    assert leases.acquire("purge", "b", 10, 0)
    assert leases.acquire("sweep", "a", 10, 9 * SECOND)
    assert leases.held("sweep", 18 * SECOND)
    assert not leases.held("sweep", 19 * SECOND)
    assert leases.acquire("sweep", "b", 10, 19 * SECOND)
    assert not leases.acquire("sweep", "a", 10, 20 * SECOND)


def test_only_the_holder_gives_a_lease_up(leases: SqlLeases):
    assert leases.acquire("sweep", "a", 10, 0)
    leases.release("sweep", "b")
    assert leases.held("sweep", 0)
    leases.release("sweep", "a")
    assert not leases.held("sweep", 0)
    leases.release("sweep", "a")


def test_of_many_at_once_one_gets_it(leases: SqlLeases):
    def acquire(number: int) -> bool:
        return leases.acquire("x", str(number), 10, 0)

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(acquire, range(32)))
    assert sum(won) == 1


def test_leases_that_were_over_long_ago_are_forgotten(leases: SqlLeases):
    day = 86_400 * SECOND
    assert leases.acquire("old", "a", 10, 0)
    assert leases.acquire("new", "a", 10, 2 * day)
    assert not leases.held("old", 0)
