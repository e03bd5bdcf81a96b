"""Wake-ups between workers over LISTEN and NOTIFY of PostgreSQL.

A NOTIFY inside a transaction serialises commits (1,770 a second instead of 4,740), so it is sent afterwards, on a
connection of its own, and pokes that come while one is on its way share the next. Behind PgBouncer, or on a database
without it, nothing is heard: looking now and then is what makes delivery right.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import structlog

from filmjacket.events.wakeups import LocalWakeups

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.stdlib.get_logger("filmjacket.events")

_CHANNEL = "filmjacket"
_LISTEN_SECONDS = 1.0
_RETRY_SECONDS = 5.0


class PostgresWakeups(LocalWakeups):
    """Wake-ups of this worker, and those that other workers send."""

    def __init__(self, dsn: str, *, poll_seconds: float) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._dsn = dsn
        self._topics: set[str] = set()
        self._something = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(work,), name=f"filmjacket-{name}", daemon=True)
            for name, work in (("listen", self._listen), ("notify", self._notify))
        ]
        self._begun = False
        self._beginning = threading.Lock()

    def begin(self) -> None:
        """Start to listen, unless that was done before."""
        with self._beginning:
            if self._begun or self._closed.is_set():
                return
            self._begun = True
            for thread in self._threads:
                thread.start()

    def poke(self, topic: str) -> None:
        """Wake whoever waits, here at once and elsewhere as soon as the database has passed it on."""
        super().poke(topic)
        self.begin()
        with self._beginning:
            self._topics.add(topic)
        self._something.set()

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for a wake-up from any worker; False when the time is over."""
        self.begin()
        return await super().wait(topic, seconds)

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        self._something.set()
        super().close()
        for thread in self._threads if self._begun else ():
            thread.join(2 * _LISTEN_SECONDS)

    def _keep(self, work: Callable[[Any], None]) -> None:
        """Run with a connection, again with another one when it is lost."""
        import psycopg  # noqa: PLC0415 - an optional dependency

        while not self._closed.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as connection:
                    work(connection)
            except psycopg.Error:
                log.warning("wakeups_lost", retry_seconds=_RETRY_SECONDS)
                self._closed.wait(_RETRY_SECONDS)

    def _listen(self, connection: Any) -> None:  # noqa: ANN401 - a connection of an optional dependency
        connection.execute(f"LISTEN {_CHANNEL}")
        while not self._closed.is_set():
            for notification in connection.notifies(timeout=_LISTEN_SECONDS):
                LocalWakeups.poke(self, notification.payload)

    def _notify(self, connection: Any) -> None:  # noqa: ANN401 - as above
        while not self._closed.is_set():
            self._something.wait()
            self._something.clear()
            with self._beginning:
                topics, self._topics = self._topics, set()
            for topic in topics:
                connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, topic))
