"""Workitems whose scheduled procedure steps follow them, in the transaction of each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.step_status import taking_over
from filmjacket.archive.worklist_records import Missing
from filmjacket.index import scheduled_steps, workitems
from filmjacket.index.sql_workitems import SqlWorkitems

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from filmjacket.archive.procedure_records import ScheduledStep
    from filmjacket.archive.worklist_records import Report, Workitem, WorkitemChange
    from filmjacket.errors import FilmjacketError
    from filmjacket.index.engine import Database


class ScheduledWorkitems(SqlWorkitems):
    """The worklist of an archive whose schedule is derived from it; `project` says which step a workitem is."""

    def __init__(self, database: Database, project: Callable[[Workitem], ScheduledStep | None]) -> None:
        super().__init__(database)
        self._project = project

    def create(self, workitem: Workitem, reports: tuple[Report, ...]) -> bool:
        """Take in a new workitem and its step."""

        def unit(connection: Connection) -> bool:
            created = workitems.create(connection, self._directory, workitem, reports)
            if created:
                self._follow(connection, workitem.uid)
            return created

        return self._write(unit, workitem.uid)

    def change(self, uid: str, decide: Callable[[Workitem], WorkitemChange], *, at: int) -> Missing | None:
        """Change a workitem and its step."""
        del at

        def unit(connection: Connection) -> Missing | FilmjacketError | None:
            missing = workitems.change(connection, self._directory, uid, decide)
            if missing is None:
                self._follow(connection, uid)
            return missing

        return self._write(unit, uid)

    def _follow(self, connection: Connection, uid: str) -> None:
        workitem = workitems.find(connection, uid)
        if isinstance(workitem, Missing):
            return
        step = self._project(workitem)
        for old in scheduled_steps.of_workitem(connection, uid):
            if step is None or old.key != step.key:
                scheduled_steps.change(connection, old.key, lambda _: None, at=workitem.modified_at)
        if step is not None:
            scheduled_steps.change(
                connection, step.key, lambda before: taking_over(before, step), at=workitem.modified_at
            )
