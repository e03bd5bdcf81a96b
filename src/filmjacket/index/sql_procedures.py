"""`SqlProcedures`: the ports of `filmjacket.archive.procedures_port` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.index import performed_steps, scheduled_search, scheduled_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.procedure_records import (
        PerformedStep,
        ScheduledStep,
        StepKey,
        StepOutcome,
        StepPage,
        StoredRequest,
    )
    from filmjacket.archive.procedures_port import Decision
    from filmjacket.index.engine import Database
    from filmjacket.web.query import EntityQuery


class SqlScheduledSteps:
    """The schedule of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, key: StepKey, decide: Decision, *, at: int) -> StepOutcome:
        """Make of a step what `decide` says, or nothing at all if that raises."""
        return self._database.write(lambda connection: scheduled_steps.change(connection, key, decide, at=at))

    def put(self, steps: Sequence[ScheduledStep], *, at: int) -> list[StepOutcome]:
        """Take in steps, all or none."""
        return self._database.write(lambda connection: scheduled_steps.put(connection, steps, at=at), repeatable=True)

    def find(self, key: StepKey) -> ScheduledStep | None:
        """Return one step."""
        with self._database.reading() as connection:
            return scheduled_steps.find(connection, key)

    def search(self, query: EntityQuery, maximum_results: int, *, hidden: frozenset[str]) -> StepPage:
        """Answer a search with whole data sets."""
        with self._database.reading() as connection:
            return scheduled_search.search(connection, query, maximum_results, hidden)

    def mark_started(self, requests: Sequence[StoredRequest], *, at: int) -> int:
        """Note that instances came for steps; nothing is written when no step waits for them."""
        with self._database.reading() as connection:
            keys = scheduled_steps.waiting(connection, requests)
        if not keys:
            return 0
        return self._database.write(
            lambda connection: scheduled_steps.mark_started(connection, keys, at=at), repeatable=True
        )


class SqlPerformedSteps:
    """The performed procedure steps of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, step: PerformedStep) -> bool:
        """Take in a new step; False when there is one with its UID."""
        return self._database.write(lambda connection: performed_steps.create(connection, step))

    def find(self, uid: str) -> PerformedStep | None:
        """Return one step."""
        with self._database.reading() as connection:
            return performed_steps.find(connection, uid)

    def change(self, uid: str, decide: Callable[[PerformedStep], PerformedStep]) -> PerformedStep | None:
        """Change a step as `decide` says, or not at all if that raises."""
        return self._database.write(lambda connection: performed_steps.change(connection, uid, decide))
