"""What both kinds of databases have in common: bounds, and a pair of engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """Bounds of one process on one database.

    `readers`, `writers`: most connections of each kind; SQLite has one writer whatever is said. `wait_seconds`: how
    long a caller waits for one. `statement_seconds`: the longest that PostgreSQL works on one statement.
    `lock_seconds`: how long a unit waits there for another that holds the same study. `reconnect_seconds`: how long
    a caller waits for a server that is gone. `prepare_after`: uses after which a connection prepares a statement;
    None for never, as PgBouncer in transaction mode wants it.
    """

    readers: int = 16
    writers: int = 4
    wait_seconds: float = 10.0
    statement_seconds: float = 120.0
    lock_seconds: float = 20.0
    reconnect_seconds: float = 8.0
    prepare_after: int | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """Who reads, who writes, the family of errors that their driver raises, and what to do when a server went away.

    `distrust` has every connection that exists now replaced before it is used again.
    """

    reader: Engine
    writer: Engine
    driver_error: type[Exception]
    distrust: Callable[[], None]
