"""When jobs are due by themselves: cron lines in UTC, and one job ID for each time that one names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MADE_UP_FOR = timedelta(days=1)
"""A time that passed while nothing ran is made up for, if it is no longer ago."""


@dataclass(frozen=True, slots=True)
class Due:
    """A job that a schedule asks for; the same time gives the same ID, so that it is queued once."""

    kind: str
    job_id: str


def due_jobs(lines: Mapping[str, str], *, at: int) -> list[Due]:
    """The latest time of every line, unless it is long ago; `lines` are cron lines by kind, `at` is microseconds."""
    if not lines:
        return []
    from croniter import croniter  # noqa: PLC0415 - only those who schedule something pay for it

    moment = datetime.fromtimestamp(at / 1_000_000, UTC)
    due: list[Due] = []
    for kind, line in lines.items():
        # One that begins at this very second counts.
        latest = croniter(line, moment + timedelta(seconds=1)).get_prev(datetime)
        if moment - latest <= MADE_UP_FOR:
            due.append(Due(kind, f"{kind}-{latest:%Y%m%dT%H%MZ}"))
    return due
