"""PostgreSQL 15 and newer through psycopg, also behind PgBouncer in transaction mode and after a failover.

The URL goes to libpq as it is, so that everything that libpq understands is understood: several hosts, socket
directories, TLS. Nothing is kept in a session: isolation and time limits are said with each BEGIN, in the same
message, and statements are not prepared unless that is asked for.

Reads see one state (REPEATABLE READ); units of work run READ COMMITTED and lock the studies that they change
(`filmjacket.index.locks`). Why: docs/decisions/0014-postgresql-isolation.md.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from filmjacket.errors import FilmjacketError
from filmjacket.index.connections import Engines

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

    from filmjacket.index.connections import DatabaseOptions

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_CONNECT_SECONDS = 5


def open_postgresql(url: str, options: DatabaseOptions) -> Engines:
    """Return the engines of a PostgreSQL database; nothing is opened yet."""
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise FilmjacketError(
            "The driver for an index on PostgreSQL is not installed: pip install 'filmjacket[postgres]'",
            offender="database",
        ) from error
    arguments = _arguments(url)
    connect = partial(_connect, psycopg, arguments, options.prepare_after)
    milliseconds = int(options.statement_seconds * 1000)
    reader = _engine(connect, options.readers, options)
    _begin_with(
        reader, f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {milliseconds}"
    )
    writer = _engine(connect, options.writers, options)
    # The last limit ends a worker that stands still with locks, or whose host is gone without a word.
    _begin_with(
        writer,
        "BEGIN ISOLATION LEVEL READ COMMITTED"
        f"; SET LOCAL statement_timeout = {milliseconds}"
        f"; SET LOCAL lock_timeout = {int(options.lock_seconds * 1000)}"
        f"; SET LOCAL idle_in_transaction_session_timeout = {milliseconds}",
    )
    watch = _Watch()
    for engine in (reader, writer):
        event.listen(engine, "connect", watch.on_connect)
        event.listen(engine, "checkout", watch.on_checkout)
    return Engines(reader, writer, psycopg.Error, watch.distrust)


class _Watch:
    """What one connection found out about its server holds for all that are as old."""

    def __init__(self) -> None:
        self._trusted_since = 0.0

    def distrust(self) -> None:
        """Have the connections that exist now replaced when they are taken out of the pool."""
        self._trusted_since = time.monotonic()

    def on_connect(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Note when a connection was made."""
        record.info["made"] = time.monotonic()

    def on_checkout(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Refuse a connection that is too old; the pool makes another one."""
        if record.info["made"] < self._trusted_since:
            raise DisconnectionError


def _arguments(url: str) -> dict[str, Any]:
    """Return what libpq is told: the URL, and what the administrator left unsaid."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    arguments: dict[str, Any] = {"conninfo": "postgresql" + url[len(parts.scheme) :]}
    if "connect_timeout" not in given:
        arguments["connect_timeout"] = _CONNECT_SECONDS
    several = "," in parts.netloc or "," in given.get("host", "")
    if several and "target_session_attrs" not in given:
        arguments["target_session_attrs"] = "read-write"
    if "application_name" not in given:
        arguments["application_name"] = "filmjacket"
    for name, value in (("keepalives_idle", 30), ("keepalives_interval", 5), ("keepalives_count", 3)):
        arguments.setdefault(name, given.get(name, value))
    return arguments


def _connect(psycopg: Any, arguments: dict[str, Any], prepare_after: int | None) -> Any:  # noqa: ANN401 - an extra's types
    # With `autocommit` the driver sends no BEGIN of its own; ours says more.
    connection = psycopg.connect(**arguments, autocommit=True, prepare_threshold=prepare_after)
    connection.cursor_factory = _binary_cursor(psycopg.Cursor)
    return connection


def _binary_cursor(cursor_class: Any) -> Callable[..., Any]:  # noqa: ANN401 - as above
    """Bytes then come as they are, not as hexadecimal text twice as long."""

    def make(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
        cursor = cursor_class(*args, **options)
        cursor.format = 1
        return cursor

    return make


def _engine(connect: Callable[[], Any], size: int, options: DatabaseOptions) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=options.wait_seconds,
        hide_parameters=True,
        use_native_hstore=False,
    )


def _begin_with(engine: Engine, begin: str) -> None:
    words = begin.encode()

    def on_begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        # One message and one answer: several statements need the simple protocol, whose results are text.
        cursor = driver.cursor()
        cursor.format = 0
        cursor.execute(words)
        cursor.close()

    event.listen(engine, "begin", on_begin)
