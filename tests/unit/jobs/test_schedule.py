from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from filmjacket.jobs.schedule import due_jobs
from filmjacket.settings import Settings
from filmjacket.settings.tree import JobSettings


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-22T02:29:59", "purge-20261121T0230Z"),
        ("2026-11-22T02:30:00", "purge-20261122T0230Z"),
        ("2026-11-22T23:00:00", "purge-20261122T0230Z"),
    ],
)
def test_the_same_time_has_the_same_id(at: str, expected: str):
    assert [due.job_id for due in due_jobs({"purge": "30 2 * * *"}, at=moment(at))] == [expected]


def test_what_is_long_ago_is_not_made_up_for():
    lines = {"verify": "0 4 1 * *"}
    assert [due.kind for due in due_jobs(lines, at=moment("2026-11-02T03:00:00"))] == ["verify"]
    assert due_jobs(lines, at=moment("2026-11-02T05:00:00")) == []


def test_lines_are_checked_when_settings_are_read():
    assert Settings(jobs=JobSettings(purge_at="30 2 * * *")).jobs.schedule == {"purge": "30 2 * * *"}
    with pytest.raises(ValidationError, match="is no time such as"):
        JobSettings(sweep_at="every night")
