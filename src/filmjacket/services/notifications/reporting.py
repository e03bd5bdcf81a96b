"""Reporting to one subscriber over one connection: what it missed, what happens, and goodbye."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from filmjacket.clock import now
from filmjacket.services.notifications.event_reports import (
    GOING_DOWN,
    WARM_START,
    message_id,
    report_text,
    status_change,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from filmjacket.archive.changes import LoggedEvent
    from filmjacket.services.notifications.center import NotificationCenter

# A crash repeats at most what was sent for so long.
_NOTED_EVERY_SECONDS = 1.0


class Reporting:
    """Event reports in order, each to every connection of its subscriber.

    Message IDs (0000,0110) count up by one. A report that a subscriber will not get, because more than `keep` came
    while it was away or because it was no longer kept, leaves its number out: a first Message ID other than 1, or
    a jump, says that there were more.
    """

    def __init__(
        self, center: NotificationCenter, subscriber: str, keep: int, send: Callable[[str], Awaitable[None]]
    ) -> None:
        self._center = center
        self._subscriber = subscriber
        self._keep = keep
        self._send = send
        self._after = 0
        self._count = 0
        self._sent = 0
        self._noted = 0

    async def run(self, seconds: float) -> None:
        """Report until the server stops; then say so, if the subscriber is to hear it."""
        center = self._center
        try:
            after = self._after
            while not center.stopping:
                wait = seconds if self._sent == self._noted else _NOTED_EVERY_SECONDS
                events = await center.reports.next(after, wait)
                if not events:
                    await self._note()
                    continue
                if events[0].number > after + 1 and after:
                    self._count += 1
                await self._report(events)
                after = events[-1].number
            if center.hears_farewell(self._subscriber):
                await self._say_goodbye()
        finally:
            await self._note()

    async def begin(self) -> None:
        """Find where to begin; before the connection opens, so that what happens from then on is heard."""
        log, run = self._center.log, self._center.run
        if not self._keep:
            self._after = await self._center.reports.last()
            return
        sent = await run(log.sent, self._subscriber)
        self._sent = self._noted = sent or 0
        self._after, self._count = await run(log.missed, self._subscriber, self._noted, self._keep)

    async def _report(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            if self._subscriber in event.subscribers:
                self._count += 1
                text = report_text(event.event_type, event.workitem_uid, event.data_set, message_id(self._count))
                await self._send(text)
                self._sent = event.number

    async def _say_goodbye(self) -> None:
        event = status_change(GOING_DOWN, WARM_START, (self._subscriber,))
        text = report_text(
            event.event_type, event.workitem_uid, orjson.dumps(event.data_set), message_id(self._count + 1)
        )
        await self._send(text)

    async def _note(self) -> None:
        if self._sent != self._noted:
            self._noted = self._sent
            await self._center.run(self._center.log.note_sent, {self._subscriber: self._sent}, now())
