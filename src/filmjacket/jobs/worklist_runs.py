"""Runs over the worklist: what is final for long enough goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.clock import now
from filmjacket.jobs.records import Step
from filmjacket.services.worklist.desk import Desk
from filmjacket.services.worklist.retention import BATCH, forget, purge_batch

if TYPE_CHECKING:
    from filmjacket.jobs.records import Arguments, Cursor
    from filmjacket.jobs.tools import Tools


class WorkitemPurgeRun:
    """Removes final workitems whose retention is over, but those with a deletion lock."""

    def __init__(self, tools: Tools, _arguments: Arguments) -> None:
        settings = tools.settings
        self._desk = Desk(tools.archive.worklist, settings.worklist.rules, now)
        self._tombstone_days = settings.deletion.tombstone_days

    def step(self, cursor: Cursor) -> Step:
        """Remove the next ones."""
        at = int(cursor.get("at", 0)) or now()
        removed = purge_batch(self._desk, at)
        if removed == BATCH:
            return Step({"at": at}, done=removed)
        forget(self._desk, self._tombstone_days, at)
        return Step(None, done=removed)
