"""Connections: who reads, who writes, and what is tried again when another writer came first or a server is gone."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from filmjacket.errors import CommitUnknown, FilmjacketError, Unavailable
from filmjacket.index.connection_watch import READ, WRITE, ConnectionWatch
from filmjacket.index.connections import DatabaseOptions
from filmjacket.index.postgresql import SCHEMES, open_postgresql
from filmjacket.index.sqlite import open_sqlite
from filmjacket.index.troubles import Trouble, translated, trouble_of
from filmjacket.metrics import count

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection, Engine

_T = TypeVar("_T")

_ATTEMPTS = 8
# Waits between attempts double from the first to the longest.
_FIRST_WAIT = 0.01
_LONGEST_WAIT = 0.5


class Database:
    """The connections to one index database."""

    def __init__(self, url: str, options: DatabaseOptions | None = None) -> None:
        self._options = options or DatabaseOptions()
        scheme = urlsplit(url).scheme
        self.embedded = scheme.startswith("sqlite")
        if not self.embedded and scheme not in SCHEMES:
            # The URL itself may hold a password.
            raise FilmjacketError(
                f"An index cannot be kept in a database of the kind {scheme!r}.",
                offender="database",
                accepted=("sqlite:///path", "postgresql://user@host/name"),
            )
        self._engines = (open_sqlite if self.embedded else open_postgresql)(url, self._options)
        self._errors = (DBAPIError, self._engines.driver_error)
        self._reads = ConnectionWatch(READ)
        self._writes = ConnectionWatch(WRITE)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a connection whose statements all see the same state."""
        connection = self._begin(self._engines.reader, "The index has more readers than connections.")
        try:
            with self._reads.unit():
                yield connection
        except self._errors as error:
            self._drop_if_lost(connection, error)
            raise translated(error) from error
        finally:
            _close(connection)

    def write(self, unit: Callable[[Connection], _T], *, repeatable: bool = False) -> _T:
        """Run one unit of work in a durable transaction, again when another writer came first.

        It is run again too when the connection is lost, but not once COMMIT was sent: then nobody knows, unless the
        unit is `repeatable`, which is to say that doing it twice comes to the same as once.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            connection = self._begin(self._engines.writer, "The index is busy with other writers.")
            committing = False
            try:
                with self._writes.unit():
                    result = unit(connection)
                    committing = True
                    connection.commit()
            except self._errors as error:
                self._drop_if_lost(connection, error)
                self._refuse_unless_again(error, attempt, committing=committing and not repeatable)
            else:
                return result
            finally:
                _close(connection)
            _wait(attempt)
        raise AssertionError

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engines.writer.dispose()
        self._engines.reader.dispose()

    def _refuse_unless_again(self, error: Exception, attempt: int, *, committing: bool) -> None:
        """Raise what the caller is told, unless the unit can be run again."""
        trouble = trouble_of(error)
        if trouble is Trouble.LOST and committing:
            raise CommitUnknown("The index was lost while it committed; whether it did is not known.") from error
        again = (
            {Trouble.CONFLICT, Trouble.LOST} if self.embedded else {Trouble.CONFLICT, Trouble.LOST, Trouble.DUPLICATE}
        )
        if trouble not in again or attempt == _ATTEMPTS:
            raise translated(error) from error
        count("filmjacket_database_retries_total", reason=trouble.name.lower())

    def _begin(self, engine: Engine, busy: str) -> Connection:
        """Return a connection whose transaction has begun; BEGIN is what finds out that a server went away."""
        watch = self._reads if engine is self._engines.reader else self._writes
        watch.wait(1)
        try:
            return self._begun_in_time(engine, busy)
        finally:
            watch.wait(-1)

    def _begun_in_time(self, engine: Engine, busy: str) -> Connection:
        deadline = time.monotonic() + self._options.reconnect_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._begun(engine)
            except PoolTimeoutError as error:
                raise Unavailable(busy) from error
            except self._errors as error:
                trouble = trouble_of(error)
                conflict = trouble is Trouble.CONFLICT and attempt < _ATTEMPTS
                lost = trouble is Trouble.LOST and not self.embedded and time.monotonic() < deadline
                if not conflict and not lost:
                    raise translated(error) from error
            _wait(attempt)

    def _begun(self, engine: Engine) -> Connection:
        connection = engine.connect()
        try:
            connection.begin()
        except BaseException as error:
            if isinstance(error, self._errors):
                self._drop_if_lost(connection, error)
            _close(connection)
            raise
        return connection

    def _drop_if_lost(self, connection: Connection, error: Exception) -> None:
        """What one connection found out holds for the others of its pool that are idle."""
        if not self.embedded and trouble_of(error) is Trouble.LOST:
            with suppress(Exception):
                connection.invalidate()
            self._engines.distrust()


def _close(connection: Connection) -> None:
    """Give a connection back, rolling back what was not committed; a broken one is not worth an error of its own."""
    with suppress(Exception):
        connection.close()


def _wait(attempt: int) -> None:
    longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
    time.sleep(random.uniform(0.2, 1.0) * longest)  # noqa: S311 - jitter, no secret
