"""What a process that watches its clock makes of a jump."""

from __future__ import annotations

import pytest

from filmjacket import clock
from filmjacket.clock import ClockWatch

SECOND = 1_000_000
DAY = 86_400 * SECOND


class Times:
    """A wall clock and a steady one; `jump` moves the former alone."""

    def __init__(self) -> None:
        self.wall, self.steady = 100 * DAY, 0.0

    def pass_by(self, seconds: float, *, jump: int = 0) -> None:
        self.steady += seconds
        self.wall += int(seconds * SECOND) + jump


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    made = Times()
    monkeypatch.setattr(clock, "now", lambda: made.wall)
    return made


@pytest.mark.parametrize(("jump", "noticed"), [(0, False), (SECOND, False), (DAY, True), (-DAY, True)])
def test_jumps_are_noticed(times: Times, jump: int, noticed: bool) -> None:
    watch = ClockWatch(lambda: times.steady)
    times.pass_by(600, jump=jump)
    assert watch.now() == times.wall
    assert watch.jumped is noticed


def test_a_jump_ahead_is_not_believed_for_a_day(times: Times) -> None:
    watch = ClockWatch(lambda: times.steady)
    times.pass_by(10, jump=DAY)
    assert watch.trusted() == 100 * DAY + 10 * SECOND
    times.pass_by(3600, jump=DAY)
    assert watch.trusted() == 100 * DAY + 3610 * SECOND
    times.pass_by(3600, jump=-2 * DAY)
    assert watch.trusted() == times.wall
    times.pass_by(10, jump=DAY)
    watch.trusted()
    times.pass_by(90_000)
    assert watch.trusted() == times.wall


def test_a_jump_back_is_believed(times: Times) -> None:
    watch = ClockWatch(lambda: times.steady)
    times.pass_by(10, jump=-DAY)
    assert watch.trusted() == times.wall
