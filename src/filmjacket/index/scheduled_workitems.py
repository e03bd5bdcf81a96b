"""Workitems whose scheduled procedure steps follow them, in the transaction of each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.step_status import taking_over
from filmjacket.archive.worklist_records import Missing
from filmjacket.index import scheduled_steps, workitems
from filmjacket.index.sql_workitems import SqlWorkitems

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.procedure_records import ScheduledStep, StepKey
    from filmjacket.archive.procedures_port import Decision
    from filmjacket.archive.worklist_records import Report, Workitem, WorkitemChange
    from filmjacket.errors import FilmjacketError
    from filmjacket.index.engine import Database
    from filmjacket.index.workitem_unit import WorkitemUnit


class ScheduledWorkitems(SqlWorkitems):
    """The worklist of an archive whose schedule is derived from it; `project` says which step a workitem is."""

    def __init__(self, database: Database, project: Callable[[Workitem], ScheduledStep | None]) -> None:
        super().__init__(database)
        self._project = project

    def create(self, workitem: Workitem, reports: tuple[Report, ...]) -> bool:
        """Take in a new workitem and its step."""

        def work(unit: WorkitemUnit) -> bool:
            created = workitems.create(unit, workitem, reports)
            if created:
                self._follow(unit, workitem.uid)
            return created

        return self._write(workitem.uid, work)

    def change(self, uid: str, decide: Callable[[Workitem], WorkitemChange], *, at: int) -> Missing | None:
        """Change a workitem and its step."""
        del at

        def work(unit: WorkitemUnit) -> Missing | FilmjacketError | None:
            missing = workitems.change(unit, uid, decide)
            if missing is None:
                self._follow(unit, uid)
            return missing

        return self._write(uid, work)

    def _follow(self, unit: WorkitemUnit, uid: str) -> None:
        # In the change log a step comes after what it follows.
        unit.write()
        workitem = unit.find(uid)
        if isinstance(workitem, Missing):
            return
        step = self._project(workitem)
        old = (one.key for one in scheduled_steps.of_workitem(unit.connection, uid))
        decisions: list[tuple[StepKey, Decision]] = [
            (key, lambda _: None) for key in old if step is None or key != step.key
        ]
        if step is not None:
            decisions.append((step.key, lambda before: taking_over(before, step)))
        _, entries = scheduled_steps.follow(unit.connection, decisions, at=workitem.modified_at)
        for entry in entries:
            unit.log(entry, at=workitem.modified_at)
