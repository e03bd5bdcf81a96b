"""The wall clock, for those who pass the time on to what has none."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_JUMP_MICROSECONDS: Final = 2_000_000
_DOUBTED_SECONDS: Final = 86_400.0


def now() -> int:
    """Microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def utc_now() -> datetime:
    """The same as a date and time."""
    return datetime.fromtimestamp(now() / 1_000_000, UTC)


def moment_text(moment: int) -> str:
    """A moment as people and RFC 3339 write it, to the second: 2026-11-22T16:45:00Z."""
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ClockWatch:
    """The wall clock of somebody who looks at it again and again, and so notices when it jumps.

    `jumped` stays true until whoever asked has done something about it.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._wall, self._at = now(), steady()
        self._doubted: tuple[int, float] | None = None
        self.jumped = False

    def now(self) -> int:
        """Microseconds since 1970 in UTC."""
        wall, at = now(), self._steady()
        expected = self._wall + round((at - self._at) * 1_000_000)
        if abs(wall - expected) > _JUMP_MICROSECONDS:
            self.jumped = True
            # What a jump ahead would let end is not ended by it, and not by a second one either.
            doubted = self.trusted_at(expected, at)
            self._doubted = (doubted, at) if wall > doubted else None
        self._wall, self._at = wall, at
        return wall

    def trusted(self) -> int:
        """The same for what ends things for good: after a jump ahead the clock is not believed before a day is over."""
        wall = self.now()
        return min(wall, self.trusted_at(wall, self._at))

    def trusted_at(self, wall: int, at: float) -> int:
        """What is believed at a moment of the steady clock when the wall clock says this."""
        if self._doubted is None:
            return wall
        begun, since = self._doubted
        if at - since >= _DOUBTED_SECONDS:
            self._doubted = None
            return wall
        return begun + round((at - since) * 1_000_000)
