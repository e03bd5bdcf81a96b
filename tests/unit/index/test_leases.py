"""Leases: one holder at a time, and none for ever, whatever the wall clock says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from filmjacket.index import open_database
from filmjacket.index.leases import SqlLeases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 1_000_000
DAY = 86_400 * SECOND


@dataclass
class Steady:
    """A monotonic clock that somebody turns."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def leases(tmp_path: Path, steady: Steady) -> Iterator[SqlLeases]:
    database = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    yield SqlLeases(database, steady)
    database.close()


def test_a_lease_has_one_holder_until_it_was_watched_for_its_time(leases: SqlLeases, steady: Steady):
    assert leases.acquire("sweep", "a", 10, 0)
    assert not leases.acquire("sweep", "b", 10, 1)
    assert leases.acquire("purge", "b", 10, 0)
    steady.seconds = 9
    assert leases.acquire("sweep", "a", 10, 9 * SECOND)
    steady.seconds = 18
    assert not leases.acquire("sweep", "b", 10, 18 * SECOND)
    assert leases.held("sweep", 10)
    steady.seconds = 27
    assert leases.held("sweep", 10)
    assert not leases.acquire("sweep", "b", 10, 27 * SECOND)
    steady.seconds = 28
    assert not leases.held("sweep", 10)
    assert leases.acquire("sweep", "b", 10, 28 * SECOND)
    assert not leases.acquire("sweep", "a", 10, 29 * SECOND)


@pytest.mark.parametrize("jump", [DAY, -DAY, 365 * DAY])
def test_a_jump_of_the_clock_neither_takes_a_lease_away_nor_keeps_it(leases: SqlLeases, steady: Steady, jump: int):
    assert leases.acquire("sweep", "a", 10, 400 * DAY)
    assert not leases.acquire("sweep", "b", 10, 400 * DAY)
    assert not leases.acquire("sweep", "b", 10, 400 * DAY + jump)
    assert leases.held("sweep", 10)
    assert leases.acquire("sweep", "a", 10, 400 * DAY + jump)
    assert not leases.acquire("sweep", "b", 10, 400 * DAY + jump)
    steady.seconds = 10
    assert leases.acquire("sweep", "b", 10, 400 * DAY)
    assert not leases.acquire("sweep", "a", 10, 400 * DAY)


def test_one_who_looks_for_the_first_time_does_not_take_what_looks_old(leases: SqlLeases, steady: Steady):
    assert leases.acquire("sweep", "a", 10, 0)
    steady.seconds = 1000
    assert not leases.acquire("sweep", "b", 10, DAY)
    steady.seconds = 1010
    assert leases.acquire("sweep", "b", 10, DAY)


def test_of_two_who_watched_one_gets_it(leases: SqlLeases, steady: Steady):
    assert leases.acquire("sweep", "dead", 10, 0)
    assert not leases.acquire("sweep", "b", 10, 0)
    steady.seconds = 10
    assert leases.acquire("sweep", "b", 10, 0)
    assert not leases.acquire("sweep", "c", 10, 0)


def test_a_lease_prolonged_to_the_same_moment_counts_as_prolonged(leases: SqlLeases, steady: Steady):
    assert leases.acquire("sweep", "a", 10, 0)
    assert not leases.acquire("sweep", "b", 10, 0)
    steady.seconds = 9
    assert leases.acquire("sweep", "a", 10, 0)
    steady.seconds = 12
    assert not leases.acquire("sweep", "b", 10, 0)


def test_only_the_holder_gives_a_lease_up(leases: SqlLeases):
    assert leases.acquire("sweep", "a", 10, 0)
    leases.release("sweep", "b")
    assert leases.held("sweep", 10)
    leases.release("sweep", "a")
    assert not leases.held("sweep", 10)
    leases.release("sweep", "a")


def test_of_many_at_once_one_gets_it(leases: SqlLeases):
    def acquire(number: int) -> bool:
        return leases.acquire("x", str(number), 10, 0)

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(acquire, range(32)))
    assert sum(won) == 1


def test_leases_that_were_over_long_ago_are_forgotten(leases: SqlLeases):
    assert leases.acquire("old", "a", 10, 0)
    assert leases.acquire("new", "a", 10, 29 * DAY)
    assert leases.held("old", 10)
    assert leases.acquire("newer", "a", 10, 31 * DAY)
    assert not leases.held("old", 10)
