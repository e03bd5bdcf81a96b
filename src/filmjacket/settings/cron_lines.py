"""Times as cron has them."""

from __future__ import annotations

CRON_FIELDS = 5


def check_cron(line: str) -> str:
    """The line itself if it says when: minute, hour, day of the month, month, day of the week."""
    from croniter import croniter  # noqa: PLC0415 - only those who schedule something pay for it

    if len(line.split()) != CRON_FIELDS or not croniter.is_valid(line):
        raise ValueError(f"{line!r} is no time such as '30 2 * * *': minute, hour, day, month, day of the week")
    return line
