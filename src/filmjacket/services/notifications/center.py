"""The notification centre of one worker: who listens, and what they hear when the server starts and stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from filmjacket.archive.changes import ChangeFilter, Log
from filmjacket.clock import now
from filmjacket.events.followers import Followers
from filmjacket.metrics import gauge
from filmjacket.services.notifications.event_reports import COLD_START, RESTARTED, WARM_START, status_change

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from filmjacket.archive.change_port import ChangeLog
    from filmjacket.archive.changes import LoggedChange, LoggedEvent
    from filmjacket.events.wakeups import Wakeups

    Run = Callable[..., Coroutine[Any, Any, Any]]

_EVERYTHING = ChangeFilter()
_NO_END = 2**62
# How long connections have to say goodbye when the server stops.
_FAREWELL_SECONDS = 3.0
_STARTED = "started:"


class NotificationCenter:
    """Both logs as they grow, and the connections that follow them.

    `run` runs what blocks in a bounded lane; `most` connections may be open at a time.
    """

    def __init__(self, log: ChangeLog, wakeups: Wakeups, run: Run, *, most: int) -> None:
        self.log = log
        self.wakeups = wakeups
        self.run = run
        self.changes: Followers[LoggedChange] = Followers(
            lambda after, limit: log.changes(after, _NO_END, limit, _EVERYTHING),
            lambda: log.extent(Log.CHANGES).last,
            wakeups,
            run,
        )
        self.reports: Followers[LoggedEvent] = Followers(log.events, lambda: log.extent(Log.EVENTS).last, wakeups, run)
        self._most = most
        self._listeners: set[object] = set()
        self._open = gauge("filmjacket_subscribers", channel="events")
        self._nobody_left = asyncio.Event()
        self._farewell: frozenset[str] = frozenset()

    def admit(self, listener: object) -> bool:
        """Count a connection in, if there is room and the server is not about to stop."""
        if len(self._listeners) >= self._most or self.changes.closed:
            return False
        self._listeners.add(listener)
        self._open.put(len(self._listeners))
        return True

    def dismiss(self, listener: object) -> None:
        """Count a connection out."""
        self._listeners.discard(listener)
        self._open.put(len(self._listeners))
        if self.changes.closed and not self._listeners:
            self._nobody_left.set()

    @property
    def listeners(self) -> int:
        """How many connections listen."""
        return len(self._listeners)

    @property
    def stopping(self) -> bool:
        """Whether the server is about to stop."""
        return self.changes.closed

    def hears_farewell(self, subscriber: str) -> bool:
        """Whether a subscriber is told that the server is going down (PS3.4 CC.2.4.3)."""
        return subscriber in self._farewell

    async def go_down(self, subscribers: Iterable[str]) -> None:
        """Let every connection say goodbye and close; returns when they have, or had the time to."""
        if self.stopping:
            return
        self._farewell = frozenset(subscribers)
        await self.changes.close()
        await self.reports.close()
        if self._listeners:
            try:
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._nobody_left.wait()
            except TimeoutError:
                return


def announce_start(log: ChangeLog, subscribers: Iterable[str], start: str) -> bool:
    """Report RESTARTED (PS3.4 CC.2.4.3) once for a start of the server, whichever of its workers is first.

    The list of subscriptions and the worklist survive a restart: a warm start, but for the very first one.
    """
    listed = tuple(subscribers)
    cold = log.extent(Log.EVENTS).last == 0
    event = status_change(RESTARTED, COLD_START if cold else WARM_START, listed)
    return log.tell([event], now(), once=_STARTED + start)
