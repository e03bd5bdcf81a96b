"""The job that removes workitems whose retention is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.deletions import DAY
from filmjacket.archive.worklist_records import Missing
from filmjacket.clock import now
from filmjacket.jobs.kinds import kind_named
from filmjacket.jobs.tools import Tools
from filmjacket.services.worklist import retention
from filmjacket.services.worklist.cancel import request_cancellation
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.desk import Desk
from tests.workitems import workitem

if TYPE_CHECKING:
    import pytest

    from filmjacket.opening import Archive
    from filmjacket.settings import Settings


def test_final_workitems_are_removed_batch_by_batch(
    archive: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr("filmjacket.jobs.worklist_runs.BATCH", 2)
    long_ago = Desk(archive.worklist, settings.worklist.rules, lambda: now() - 31 * DAY)
    for number in range(5):
        create(long_ago, workitem(), f"1.{number}")
        if number:
            request_cancellation(long_ago, f"1.{number}", {}, "RIS")
    run = kind_named("purge-workitems").begin(Tools(settings, archive), {})
    step = run.step({})
    done = [step.done]
    while step.cursor is not None:
        step = run.step(step.cursor)
        done.append(step.done)
    assert done == [2, 2, 0]
    assert archive.worklist.find("1.4") is Missing.DELETED
    assert not isinstance(archive.worklist.find("1.0"), Missing)
