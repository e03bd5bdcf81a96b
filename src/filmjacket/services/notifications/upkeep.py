"""What one worker of all does for the logs: it says which studies are stable, and drops what is old."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

import structlog

from filmjacket.clock import ClockWatch, now
from filmjacket.errors import FilmjacketError
from filmjacket.events.wakeups import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.change_port import ChangeLog
    from filmjacket.archive.leases_port import Leases
    from filmjacket.services.notifications.center import NotificationCenter, Run

log = structlog.stdlib.get_logger("filmjacket.notifications")

_TURN_SECONDS = 2.0
_FORGET_EVERY_SECONDS = 600.0
_DAY = 24 * 3600 * 1_000_000
_FORGOTTEN_AT_ONCE = 5000


class Turns:
    """Work that one worker does, whoever has the lease; the others look now and then whether it is free."""

    def __init__(self, leases: Leases, name: str, run: Run, *, lease_seconds: float, every: float) -> None:
        self._leases = leases
        self._name = name
        self._run = run
        self._lease_seconds = lease_seconds
        self._every = every
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held_until = 0.0

    async def take(self, work: Callable[[], float | None], wanted: Callable[[], bool]) -> None:
        """Run `work` turn after turn while it is `wanted` and the lease is held.

        It says after how many seconds it wants to go on. Looking whether it is wanted should cost a read.
        """
        seconds = self._every
        try:
            while True:
                await asyncio.sleep(seconds)
                seconds = await self._turn(work, wanted)
        finally:
            if self._held_until:
                # The next worker need not wait until the lease is over.
                await asyncio.shield(self._run(self._release))

    async def _turn(self, work: Callable[[], float | None], wanted: Callable[[], bool]) -> float:
        try:
            if await self._run(wanted) and await self._run(self._hold):
                after = await self._run(work)
                return self._every if after is None else after
        except FilmjacketError as error:
            log.warning("turn_failed", work=self._name, reason=error.reason_code)
        except Exception:
            # A fault must not end what nobody would start again.
            log.exception("turn_failed", work=self._name)
        return self._every

    def _hold(self) -> bool:
        """Have the lease, for at least half of its time."""
        if time.monotonic() < self._held_until - self._lease_seconds / 2:
            return True
        begun = time.monotonic()
        held = self._leases.acquire(self._name, self._holder, self._lease_seconds, now())
        self._held_until = begun + self._lease_seconds if held else 0.0
        return held

    def _release(self) -> None:
        try:
            self._leases.release(self._name, self._holder)
        except FilmjacketError:
            log.warning("lease_not_released", work=self._name)


class LogUpkeep:
    """Stable studies, and the end of old entries."""

    def __init__(self, center: NotificationCenter, *, stable_seconds: int, keep_days: int, queue_hours: int) -> None:
        self._center = center
        self._stable_seconds = stable_seconds
        self._keep_days = keep_days
        self._queue_hours = queue_hours
        self._forgotten_at = time.monotonic()
        self._watch = ClockWatch()

    def wanted(self) -> bool:
        """Whether a turn would do anything; costs a read."""
        at = self._watch.now()
        return self._is_late() or (
            self._stable_seconds > 0 and self._center.log.unsettled(at=at, seconds=self._stable_seconds)
        )

    def turn(self) -> None:
        """One turn; blocks."""
        at = self._watch.now()
        jumped = self._watch.jumped
        if jumped:
            log.warning("clock_jumped")
        if self._stable_seconds and self._center.log.settle(at=at, seconds=self._stable_seconds, afresh=jumped):
            self._center.wakeups.poke(LOG)
        self._watch.jumped = False
        if self._is_late():
            at = self._watch.trusted()
            changes = at - self._keep_days * _DAY if self._keep_days else 0
            drop(self._center.log, changes, at - self._queue_hours * _DAY // 24)
            self._forgotten_at = time.monotonic()

    def _is_late(self) -> bool:
        return time.monotonic() - self._forgotten_at > _FORGET_EVERY_SECONDS


def drop(log_of: ChangeLog, changes_before: int, events_before: int) -> int:
    """Drop entries of both logs that were written before a moment, a few at a time; returns how many."""
    total = 0
    while True:
        dropped = log_of.forget(changes_before, events_before, batch=_FORGOTTEN_AT_ONCE)
        total += dropped
        if dropped < _FORGOTTEN_AT_ONCE:
            return total
