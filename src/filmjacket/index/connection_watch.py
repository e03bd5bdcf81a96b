"""Numbers of the connections of one kind: how many work, who waits, how long units take."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from filmjacket.metrics import gauge, histogram
from filmjacket.spans import span

if TYPE_CHECKING:
    from collections.abc import Callable

READ: Final = "read"
WRITE: Final = "write"


class ConnectionWatch:
    """Told when a caller wants a connection, has it, and gives it back."""

    __slots__ = ("_name", "_seconds", "_waiting", "_working")

    def __init__(self, kind: str) -> None:
        self._name = f"index.{kind}"
        self._waiting = gauge("filmjacket_database_waiting", kind=kind)
        self._working = gauge("filmjacket_database_connections", kind=kind)
        self._seconds = histogram("filmjacket_database_seconds", kind=kind)

    def wait(self, by: int) -> None:
        """One caller more waits, or one less."""
        self._waiting.add(by)

    def unit(self) -> Unit:
        """A unit of work that has its connection."""
        self._working.add(1)
        return Unit(self._name, self.end)

    def end(self, seconds: float) -> None:
        """It has given its connection back."""
        self._working.add(-1)
        self._seconds.observe(seconds)


class Unit:
    """A unit of work, as a context; a class, for it is on the path of every search."""

    __slots__ = ("_end", "_span", "_started")

    def __init__(self, name: str, end: Callable[[float], None]) -> None:
        self._end = end
        self._span = span(name)
        self._started = perf_counter()

    def __enter__(self) -> None:
        self._span.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._end(perf_counter() - self._started)
        self._span.__exit__(None, None, None)
