"""A unit of work on workitems: what several requests need is read with one statement, and written with one.

Fifty claims that share a transaction cost a few statements together, and on a database behind a network as few round
trips. Each request still sees what those before it in the unit have done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import bindparam, update

from filmjacket.index.change_log import record_changes, record_events
from filmjacket.index.schema.worklist import workitems
from filmjacket.index.subscriptions import add_standings, standings_of_each
from filmjacket.index.unit import insert_rows, run_many
from filmjacket.index.workitem_rows import read_workitems, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from sqlalchemy import Connection

    from filmjacket.archive.changes import Change
    from filmjacket.archive.ups_events import UpsEvent
    from filmjacket.archive.worklist_records import Missing, Standing, Workitem
    from filmjacket.index.subscriptions import Directory

_CHANGEABLE: Final = tuple(column.name for column in workitems.columns if column.name not in {"uid", "created_at"})
_UPDATE: Final = (
    update(workitems)
    .where(workitems.c.uid == bindparam("key_uid"), workitems.c.version == bindparam("key_version"))
    .values({name: bindparam(name) for name in _CHANGEABLE})
)


class LostRaceError(Exception):
    """Somebody else changed a workitem in between: the unit must begin anew."""


class WorkitemUnit:
    """Workitems, locked until the transaction ends, and who stands how to them.

    As a context manager it writes what was changed when it ends well; raises `LostRaceError` then.
    """

    def __init__(self, connection: Connection, directory: Directory, uids: Iterable[str]) -> None:
        self.connection = connection
        self.directory = directory
        directory.refresh(connection, hold=True)
        wanted = sorted(set(uids))
        self._found: dict[str, Workitem | Missing] = read_workitems(connection, wanted, lock=True)
        self._standings: dict[str, dict[str, Standing]] = standings_of_each(connection, wanted)
        self._updates: list[dict[str, object]] = []
        self._changes: list[Change] = []
        self._events: list[UpsEvent] = []
        self._latest = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.write()

    def find(self, uid: str) -> Workitem | Missing:
        """Return a workitem as the requests before left it."""
        return self._found[uid]

    def standings(self, uid: str) -> Mapping[str, Standing]:
        """Return the rows of a workitem itself, those that say "not subscribed" too."""
        return self._standings[uid]

    def insert(self, workitem: Workitem) -> None:
        """Take in a new workitem."""
        insert_rows(self.connection, workitems, [row_of(workitem)])
        self._found[workitem.uid] = workitem

    def update(self, before: Workitem, after: Workitem) -> None:
        """Change a workitem."""
        self._updates.append(row_of(after) | {"key_uid": before.uid, "key_version": before.version})
        self._found[after.uid] = after

    def subscribe(self, uid: str, standings: Mapping[str, Standing]) -> None:
        """Add rows of a workitem."""
        add_standings(self.connection, uid, standings)
        self._standings[uid].update(standings)

    def log(self, change: Change, *, at: int) -> None:
        """Record a change."""
        self._changes.append(change)
        self._latest = max(self._latest, at)

    def report(self, events: Sequence[UpsEvent], *, at: int) -> None:
        """Record events."""
        self._events += events
        self._latest = max(self._latest, at)

    def write(self) -> None:
        """Write what was changed until now. Raises `LostRaceError`."""
        updates, self._updates = self._updates, []
        changes, self._changes = self._changes, []
        events, self._events = self._events, []
        if run_many(self.connection, _UPDATE, updates) != len(updates):
            raise LostRaceError
        record_changes(self.connection, changes, at=self._latest)
        record_events(self.connection, events, self._latest)
