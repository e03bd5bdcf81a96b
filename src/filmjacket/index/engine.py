"""Connections: who reads, who writes, and what a database's errors mean.

On SQLite readers and the one writer have their own connections: in WAL mode they do not wait for each other.
`synchronous=FULL` makes every commit durable before it returns. On other databases one engine serves both; units
that write must run serialisable there, which the retry loop of `write` is for.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from filmjacket.errors import OutOfStorage, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection, Engine

_T = TypeVar("_T")

# Reading connections; more callers than this wait for one. The lanes of the server are narrower.
_READERS = 16
# How long a reader waits for a connection before it is told that there is none.
_POOL_SECONDS = 10.0
_BUSY_MILLISECONDS = 10_000
_ATTEMPTS = 6
# Serialisation failure and deadlock (SQL state), and SQLite's wording for another writer.
_RETRIABLE_STATES = frozenset({"40001", "40P01"})
_FULL_STATES = frozenset({"53100", "53200"})

_SQLITE_PRAGMAS = (
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
    ("busy_timeout", str(_BUSY_MILLISECONDS)),
    # LIKE then distinguishes case as it does on PostgreSQL (PS3.4 C.2.2.2.1: all but names are case-sensitive).
    ("case_sensitive_like", "ON"),
    ("temp_store", "MEMORY"),
    ("journal_size_limit", str(64 * 1024 * 1024)),
    # Larger than the default of 4 MB: fewer checkpoints, each of which syncs the database file.
    ("wal_autocheckpoint", "4000"),
)


class Database:
    """The connections to one index database."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.embedded = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"hide_parameters": True, "poolclass": QueuePool, "max_overflow": 0}
        options["pool_timeout"] = _POOL_SECONDS
        if self.embedded:
            options["connect_args"] = {"check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000}
        self._reader = create_engine(parsed, pool_size=_READERS, **options)
        self._driver_error: type[Exception] = self._reader.dialect.loaded_dbapi.Error
        self._writer = self._reader
        if self.embedded:
            self._writer = create_engine(parsed, pool_size=1, **options)
            _prepare_sqlite(self._writer, writes=True, cache_kibibytes=32_768)
            _prepare_sqlite(self._reader, writes=False, cache_kibibytes=4_096)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a connection whose statements all see the same state."""
        try:
            with self._reader.begin() as connection:
                yield connection
        except (DBAPIError, self._driver_error) as error:
            raise _translated(error) from error
        except PoolTimeoutError as error:
            raise Unavailable("The index has more readers than connections.") from error

    def write(self, unit: Callable[[Connection], _T]) -> _T:
        """Run one unit of work in a durable transaction, again when another writer came first."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._writer.begin() as connection:
                    return unit(connection)
            except PoolTimeoutError as error:
                raise Unavailable("The index is busy with other writers.") from error
            except (DBAPIError, self._driver_error) as error:
                if not _is_conflict(error):
                    raise _translated(error) from error
                if attempt + 1 == _ATTEMPTS:
                    raise Unavailable("The index is busy with other writers.") from error
            time.sleep(random.uniform(0.2, 1.0) * 0.01 * 2**attempt)  # noqa: S311 - jitter, no secret
        raise AssertionError

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._writer.dispose()
        self._reader.dispose()


def _prepare_sqlite(engine: Engine, *, writes: bool, cache_kibibytes: int) -> None:
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - an untyped driver connection
        # The driver's own transactions would start too late for a consistent read, and never IMMEDIATE.
        connection.isolation_level = None
        for name, value in (*_SQLITE_PRAGMAS, ("cache_size", str(-cache_kibibytes))):
            connection.execute(f"PRAGMA {name}={value}")

    # A reader takes no lock and cannot fail; a writer may find another one, which is an error like those of statements.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def on_begin(connection: Connection) -> None:
        # Straight to the driver, for it is on the path of every search and store.
        connection.connection.driver_connection.execute(begin)  # pyright: ignore[reportOptionalMemberAccess] - open

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _is_conflict(error: Exception) -> bool:
    cause = _cause_of(error)
    text = str(cause)
    return _state_of(cause) in _RETRIABLE_STATES or "database is locked" in text or "database is busy" in text


def _cause_of(error: Exception) -> BaseException:
    """Return the driver's error: the one itself, or what SQLAlchemy wrapped."""
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def _state_of(cause: BaseException) -> str:
    return str(getattr(cause, "sqlstate", ""))


def _translated(error: Exception) -> Exception:
    cause = _cause_of(error)
    if "database or disk is full" in str(cause) or _state_of(cause) in _FULL_STATES:
        return OutOfStorage("The index has no space left.")
    # Every driver names its errors as PEP 249 does. The rest of the family is the database's own trouble: no file,
    # no connection, a damaged page.
    family = {base.__name__ for base in type(cause).__mro__}
    if "DatabaseError" not in family or family & {"DataError", "IntegrityError", "ProgrammingError"}:
        return error
    return Unavailable("The index does not answer.")
