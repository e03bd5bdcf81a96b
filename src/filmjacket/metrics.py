"""Counting what happens, for whoever watches: plain numbers in memory, wherever in the program they are counted.

Nothing of Prometheus is needed for that; `filmjacket.observability` writes the numbers out. A name is one of the table
in `filmjacket.observability.families`. `count`, `observe` and `adjust` look their metric up each time; what runs often
keeps what `counter`, `histogram` and `gauge` return. Both are safe in any thread.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias

from filmjacket.observability.families import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from filmjacket.observability.families import Family

Cells: TypeAlias = "array[float] | memoryview[float]"
"""Where numbers are: in memory of this process, or in a file that the processes of a server share."""

MOST_CHILDREN: Final = 1000
"""Sets of label values of one metric; more of them are counted together, as `other`."""
OTHER: Final = "other"


class Child:
    """One metric with its label values."""

    __slots__ = ("_at", "_cells", "_lock", "family", "values")

    def __init__(self, family: Family, values: tuple[str, ...]) -> None:
        self.family = family
        self.values = values
        self._cells: Cells = array("d", bytes(8 * family.cells))
        self._at = 0
        self._lock = threading.Lock()

    def move(self, cells: Cells, at: int) -> None:
        """Count elsewhere from now on, on top of what is there."""
        with self._lock:
            for number in range(self.family.cells):
                cells[at + number] += self._cells[self._at + number]
            self._cells, self._at = cells, at

    def numbers(self) -> list[float]:
        """What has been counted."""
        with self._lock:
            return list(self._cells[self._at : self._at + self.family.cells])


class Counter(Child):
    """A number that only grows."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:
        """Count."""
        with self._lock:
            self._cells[self._at] += amount


class Gauge(Counter):
    """A number that goes up and down."""

    __slots__ = ()

    def put(self, value: float) -> None:
        """It is this now."""
        with self._lock:
            self._cells[self._at] = value


class Histogram(Child):
    """Values counted by size, and their sum."""

    __slots__ = ()

    def observe(self, value: float) -> None:
        """Count a value."""
        bounds = self.family.bounds
        bucket = bisect_left(bounds, value)
        with self._lock:
            self._cells[self._at + bucket] += 1.0
            self._cells[self._at + len(bounds) + 1] += value


class Registry:
    """Everything that one process counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[tuple[str, ...], Child] = {}
        self._of_family: dict[str, int] = {}
        self._home: Callable[[Child], None] | None = None

    def __iter__(self) -> Iterator[Child]:
        """Every metric that was counted."""
        with self._lock:
            return iter(list(self._children.values()))

    def child(self, kind: type[Child], name: str, labels: dict[str, str]) -> Child:
        """The metric of a name with its label values, which are those that the table names."""
        family = BY_NAME[name]
        if len(labels) != len(family.labels):
            raise KeyError(f"{name} has the labels {family.labels}")
        # Label values in the order of the table.
        key = (name, *[labels[label] for label in family.labels])
        return self._children.get(key) or self._make(kind, family, key)

    def share(self, home: Callable[[Child], None]) -> None:
        """Let `home` give every metric its place, those that are still to come as well."""
        with self._lock:
            self._home = home
            for child in self._children.values():
                home(child)

    def _make(self, kind: type[Child], family: Family, key: tuple[str, ...]) -> Child:
        with self._lock:
            if self._of_family.get(family.name, 0) >= MOST_CHILDREN:
                key = (family.name, *[OTHER] * len(family.labels))
            child = self._children.get(key)
            if child is None:
                child = kind(family, key[1:])
                if self._home is not None:
                    self._home(child)
                self._children[key] = child
                self._of_family[family.name] = self._of_family.get(family.name, 0) + 1
            return child


REGISTRY: Final = Registry()
"""As with logging there is one for a process: what is counted has no other owner."""


def counter(name: str, /, **labels: str) -> Counter:
    """The counter of a name and its labels, to be kept where it is counted often."""
    child = REGISTRY.child(Counter, name, labels)
    assert isinstance(child, Counter)  # noqa: S101 - the table says so, and a test walks it
    return child


def gauge(name: str, /, **labels: str) -> Gauge:
    """The gauge of a name and its labels."""
    child = REGISTRY.child(Gauge, name, labels)
    assert isinstance(child, Gauge)  # noqa: S101 - see above
    return child


def histogram(name: str, /, **labels: str) -> Histogram:
    """The histogram of a name and its labels."""
    child = REGISTRY.child(Histogram, name, labels)
    assert isinstance(child, Histogram)  # noqa: S101 - see above
    return child


def count(name: str, amount: float = 1.0, /, **labels: str) -> None:
    """Count something that happened: `count("filmjacket_jobs_total", job="verify", outcome="done")`."""
    counter(name, **labels).add(amount)


def observe(name: str, value: float, /, **labels: str) -> None:
    """Count a value, seconds mostly: `observe("filmjacket_job_seconds", 1.5, job="verify")`."""
    histogram(name, **labels).observe(value)


def adjust(name: str, by: float, /, **labels: str) -> None:
    """Add to a gauge, or take from it: `adjust("filmjacket_jobs_running", -1, job="verify")`."""
    gauge(name, **labels).add(by)


def put(name: str, value: float, /, **labels: str) -> None:
    """Say what a gauge is now."""
    gauge(name, **labels).put(value)


class CacheNumbers:
    """What there is to know of a cache."""

    __slots__ = ("_bytes", "_hits", "_misses")

    def __init__(self, cache: str) -> None:
        self._hits = counter("filmjacket_cache_hits_total", cache=cache)
        self._misses = counter("filmjacket_cache_misses_total", cache=cache)
        self._bytes = gauge("filmjacket_cache_bytes", cache=cache)

    def looked(self, *, found: bool) -> None:
        """Somebody asked for something."""
        (self._hits if found else self._misses).add()

    def holds(self, size: int) -> None:
        """So many bytes are held now."""
        self._bytes.put(size)


@contextmanager
def timed(name: str, /, **labels: str) -> Generator[None]:
    """Observe how long the block takes, however it ends."""
    started = perf_counter()
    try:
        yield
    finally:
        observe(name, perf_counter() - started, **labels)
