"""`SqlWorkitems`: the port `filmjacket.archive.worklist_port.WorklistIndex` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import delete

from filmjacket.archive.worklist_records import Missing, PurgedWorkitems, Standing
from filmjacket.errors import FilmjacketError, Unavailable
from filmjacket.index import subscriptions, workitem_search, workitems, worklist_subscribing
from filmjacket.index.group_commit import GroupCommit
from filmjacket.index.schema.worklist import deleted_workitems
from filmjacket.index.subscriptions import Directory, standings_of
from filmjacket.index.workitem_unit import LostRaceError, WorkitemUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.worklist_records import (
        Report,
        Workitem,
        WorkitemChange,
        WorkitemPage,
        WorklistSubscription,
    )
    from filmjacket.index.engine import Database
    from filmjacket.web.query import EntityQuery

_T = TypeVar("_T")

# How often a unit begins anew because another one came first.
_ATTEMPTS = 5
# Requests that share a transaction.
_LARGEST_GROUP = 64


_Work: TypeAlias = "Callable[[WorkitemUnit], Any]"


class SqlWorkitems:
    """The worklist of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._directory = Directory()
        self._group_commit: GroupCommit[tuple[str, _Work], Any] = GroupCommit(
            self._run_group, largest_group=_LARGEST_GROUP
        )

    def prepare(self) -> None:
        """Read who is subscribed with which filter, rather than with the first change of a workitem."""
        with self._database.reading() as connection:
            self._directory.refresh(connection)
            prepared = subscriptions.is_prepared(connection)
        if not prepared:
            self._write_alone(subscriptions.prepare)

    def create(self, workitem: Workitem, reports: tuple[Report, ...]) -> bool:
        """Take in a new workitem."""
        return self._write(workitem.uid, lambda unit: workitems.create(unit, workitem, reports))

    def find(self, uid: str) -> Workitem | Missing:
        """Return a workitem."""
        with self._database.reading() as connection:
            return workitems.find(connection, uid)

    def change(self, uid: str, decide: Callable[[Workitem], WorkitemChange], *, at: int) -> Missing | None:
        """Change a workitem as `decide` says."""
        del at
        return self._write(uid, lambda unit: workitems.change(unit, uid, decide))

    def search(self, query: EntityQuery, maximum_results: int, *, other_patient_ids: bool = False) -> WorkitemPage:
        """Answer a search."""
        with self._database.reading() as connection:
            return workitem_search.search(connection, query, maximum_results, other_patient_ids=other_patient_ids)

    def subscribe(self, uid: str, subscriber: str, standing: Standing, *, at: int) -> Missing | None:
        """Subscribe to one workitem."""
        return self._write_alone(
            lambda connection: worklist_subscribing.subscribe(connection, uid, subscriber, standing, at)
        )

    def subscribe_worklist(self, subscription: WorklistSubscription, *, at: int) -> None:
        """Subscribe to all workitems or to those that satisfy a filter."""
        self._write_alone(lambda connection: worklist_subscribing.subscribe_worklist(connection, subscription, at))

    def unsubscribe(self, uid: str, subscriber: str) -> bool:
        """End the subscription to one workitem."""
        return self._write_alone(lambda connection: worklist_subscribing.unsubscribe(connection, uid, subscriber))

    def unsubscribe_worklist(self, subscriber: str) -> bool:
        """End every subscription of a subscriber."""
        return self._write_alone(lambda connection: worklist_subscribing.unsubscribe_worklist(connection, subscriber))

    def suspend_worklist(self, subscriber: str, *, at: int) -> bool:
        """No longer subscribe to future workitems."""
        return self._write_alone(lambda connection: worklist_subscribing.suspend_worklist(connection, subscriber, at))

    def subscribers_of(self, uid: str) -> dict[str, Standing]:
        """Return who is subscribed to a workitem."""
        with self._database.reading() as connection:
            found = workitems.find(connection, uid)
            if isinstance(found, Missing):
                return {}
            self._directory.refresh(connection)
            standings = self._directory.covering(found.created_at) | standings_of(connection, uid)
        return {name: standing for name, standing in standings.items() if standing}

    def worklist_subscribers(self) -> tuple[str, ...]:
        """Return who has any subscription."""
        with self._database.reading() as connection:
            return worklist_subscribing.subscribers(connection)

    def purge(self, *, final_before: int, at: int, batch: int = 500) -> PurgedWorkitems:
        """Remove up to `batch` workitems that have been final for long and that no deletion lock keeps."""
        found: list[str] = []
        after = 0
        while len(found) < batch:
            with self._database.reading() as connection:
                self._directory.refresh(connection)
                free, after = workitems.removable(
                    connection, self._directory, after=after, before=final_before, most=batch
                )
            found += (uid for uid in free if uid not in found)
            if not after:
                break
        uids = found[:batch]
        removed = self._write_alone(
            lambda connection: sum(workitems.remove(connection, uid, at=at, before=final_before) for uid in uids)
        )
        return PurgedWorkitems(removed)

    def forget_deletions(self, before: int) -> None:
        """Forget removed workitems older than a moment."""
        old = delete(deleted_workitems).where(deleted_workitems.c.deleted_at < before)
        self._write_alone(lambda connection: connection.execute(old).rowcount)

    def _write(self, uid: str, work: Callable[[WorkitemUnit], _T | FilmjacketError]) -> _T:
        """Do what a request asks for with one workitem; others that wait share the transaction and its sync to disk.

        A refusal is returned by the work, before it has written anything: what is raised undoes what all of them did.
        """
        outcome = self._group_commit.submit((uid, work))
        if isinstance(outcome, FilmjacketError):
            raise outcome
        return outcome

    def _run_group(self, requests: Sequence[tuple[str, _Work]]) -> list[Any]:
        def run(connection: Connection) -> list[Any]:
            outcomes: list[Any] = [None] * len(requests)
            with WorkitemUnit(connection, self._directory, (uid for uid, _ in requests)) as unit:
                # In the order of their workitems, so that no two processes wait for each other's steps.
                for number in sorted(range(len(requests)), key=lambda number: requests[number][0]):
                    outcomes[number] = requests[number][1](unit)
            return outcomes

        return self._write_alone(run)

    def _write_alone(self, unit: Callable[[Connection], _T]) -> _T:
        """Run a unit in a transaction of its own, again when another one changed the workitem in between.

        Changes of the directory are always alone: what this process remembers of it is only what is committed.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._database.write(unit)
            except LostRaceError:
                continue
        raise Unavailable("The index is busy with other writers.")
