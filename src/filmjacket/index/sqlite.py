"""SQLite: readers and the one writer have their own connections; in WAL mode they do not wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.pool import QueuePool

from filmjacket.index.connections import Engines

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from filmjacket.index.connections import DatabaseOptions

_PRAGMAS = (
    ("journal_mode", "WAL"),
    # Every commit is durable before it returns.
    ("synchronous", "FULL"),
    # LIKE then distinguishes case as it does on PostgreSQL (PS3.4 C.2.2.2.1: all but names are case-sensitive).
    ("case_sensitive_like", "ON"),
    ("temp_store", "MEMORY"),
    ("journal_size_limit", str(64 * 1024 * 1024)),
    # Larger than the default of 4 MB: fewer checkpoints, each of which syncs the database file.
    ("wal_autocheckpoint", "4000"),
)


def open_sqlite(url: str, options: DatabaseOptions) -> Engines:
    """Return the engines of an SQLite database; nothing is opened yet."""
    busy_milliseconds = int(options.wait_seconds * 1000)
    shared: dict[str, Any] = {
        "hide_parameters": True,
        "poolclass": QueuePool,
        "max_overflow": 0,
        "pool_timeout": options.wait_seconds,
        "connect_args": {"check_same_thread": False, "timeout": options.wait_seconds},
    }
    reader = create_engine(url, pool_size=options.readers, **shared)
    writer = create_engine(url, pool_size=1, **shared)
    _prepare(writer, busy_milliseconds, writes=True, cache_kibibytes=32_768)
    _prepare(reader, busy_milliseconds, writes=False, cache_kibibytes=4_096)
    return Engines(reader, writer, reader.dialect.loaded_dbapi.Error, lambda: None)


def _prepare(engine: Engine, busy_milliseconds: int, *, writes: bool, cache_kibibytes: int) -> None:
    pragmas = (*_PRAGMAS, ("busy_timeout", str(busy_milliseconds)), ("cache_size", str(-cache_kibibytes)))

    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - an untyped driver connection
        # The driver's own transactions would start too late for a consistent read, and never IMMEDIATE.
        connection.isolation_level = None
        for name, value in pragmas:
            connection.execute(f"PRAGMA {name}={value}")

    # A reader takes no lock and cannot fail; a writer may find another one, which is an error like those of statements.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def on_begin(connection: Connection) -> None:
        # Straight to the driver, for it is on the path of every search and store.
        connection.connection.driver_connection.execute(begin)  # pyright: ignore[reportOptionalMemberAccess] - open

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
