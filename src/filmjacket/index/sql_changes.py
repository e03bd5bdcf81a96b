"""`SqlChanges`: the port `filmjacket.archive.change_port.ChangeLog` over SQLAlchemy Core."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from filmjacket.archive.changes import Change, Log, LogExtent, LoggedChange, LoggedEvent
from filmjacket.index import change_matching, settling
from filmjacket.index.change_log import has_arrivals, last_of, number_arrivals, record_events
from filmjacket.index.schema.change_log import changes as changes_table
from filmjacket.index.schema.change_log import log_positions, subscriber_positions, worklist_events
from filmjacket.index.unit import one_of, run, run_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Select, Table

    from filmjacket.archive.changes import ChangeFilter
    from filmjacket.archive.ups_events import UpsEvent
    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record
    from filmjacket.web.query import SearchQuery

_TABLES: dict[Log, Table] = {Log.CHANGES: changes_table, Log.EVENTS: worklist_events}
_FIRST = {log: select(func.min(table.c.number).label("number")) for log, table in _TABLES.items()}
_MOMENTS = {log: select(table.c.at).where(table.c.number == bindparam("number")) for log, table in _TABLES.items()}
_LOCK = select(log_positions.c.name).where(log_positions.c.name == bindparam("name")).with_for_update()
_EVENTS = (
    select(worklist_events)
    .where(worklist_events.c.number > bindparam("after"))
    .order_by(worklist_events.c.number)
    .limit(bindparam("batch"))
)
_ADDRESSES = (
    select(worklist_events.c.number, worklist_events.c.subscribers)
    .where(worklist_events.c.number > bindparam("after"))
    .order_by(worklist_events.c.number)
    .limit(bindparam("batch"))
)
_DROP = {log: delete(table).where(table.c.number <= bindparam("number")) for log, table in _TABLES.items()}
_SENT = select(subscriber_positions.c.number).where(subscriber_positions.c.subscriber == bindparam("name"))
_NOTE_SENT = (
    update(subscriber_positions)
    .where(subscriber_positions.c.subscriber == bindparam("name"), subscriber_positions.c.number < bindparam("reached"))
    .values(number=bindparam("reached"), at=bindparam("noted_at"))
)
_FIRST_SENT = insert(subscriber_positions)
_MARK = select(log_positions.c.name).where(log_positions.c.name == bindparam("name"))
_ADDRESSES_AT_ONCE = 1000


class SqlChanges:
    """The logs of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def extent(self, log: Log) -> LogExtent:
        """Return what a log holds, everything numbered that has been written until now."""
        self._number(log)
        with self._database.reading() as connection:
            return _extent(connection, log)

    def changes(self, after: int, upto: int, limit: int, wanted: ChangeFilter) -> list[LoggedChange]:
        """Return changes above `after` and not above `upto` that pass all of the filter but its query."""
        names = {
            "level": sorted(wanted.levels),
            "action": sorted(wanted.actions),
            "study_uid": sorted(wanted.study_uids),
        }
        given = {name: values for name, values in names.items() if values}
        parameters = {"after": after, "upto": upto, "batch": limit, **given}
        self._number(Log.CHANGES)
        with self._database.reading() as connection:
            return [_logged_change(row) for row in run(connection, _changes(tuple(given)), parameters)]

    def events(self, after: int, limit: int) -> list[LoggedEvent]:
        """Return events above `after`."""
        self._number(Log.EVENTS)
        with self._database.reading() as connection:
            return [_logged_event(row) for row in run(connection, _EVENTS, {"after": after, "batch": limit})]

    def number_before(self, at: int) -> int:
        """Return the last number given before a moment, 0 if there is none."""
        self._number(Log.CHANGES)
        with self._database.reading() as connection:
            return _number_before(connection, Log.CHANGES, at)

    def matching(self, changes: Sequence[LoggedChange], query: SearchQuery) -> list[LoggedChange]:
        """Return those of the changes whose resource has the attributes that a query wants."""
        with self._database.reading() as connection:
            return change_matching.matching(connection, changes, query)

    def tell(self, events: Sequence[UpsEvent], at: int, *, once: str = "") -> bool:
        """Write events; with `once` only if nobody did before under that name."""

        def unit(connection: Connection) -> bool:
            if once:
                # The row that all writers of events lock first, so that two of them do not both find nothing.
                run(connection, _LOCK, {"name": str(Log.EVENTS)})
                if run(connection, _MARK, {"name": once}):
                    return False
                run_many(connection, insert(log_positions), [{"name": once, "number": 0, "at": at}])
            record_events(connection, events, at)
            return True

        return self._database.write(unit)

    def unsettled(self, *, at: int, seconds: int) -> bool:
        """Return whether `settle` would have something to read or to say."""
        self._number(Log.CHANGES)
        with self._database.reading() as connection:
            return settling.is_behind(connection, at, seconds)

    def settle(self, *, at: int, seconds: int, afresh: bool = False) -> int:
        """Say of studies to which no instance came for `seconds` that they are stable; `afresh`: counted from now."""
        self._number(Log.CHANGES)
        while self._database.write(lambda connection: settling.read_on(connection, at)):
            pass
        return self._database.write(lambda connection: settling.settle(connection, at, seconds, afresh=afresh))

    def forget(self, changes_before: int, events_before: int, *, batch: int = 5000) -> int:
        """Drop a batch of entries of each log written before a moment, never the last one."""
        before = {Log.CHANGES: changes_before, Log.EVENTS: events_before}

        def unit(connection: Connection) -> int:
            return sum(_forget(connection, log, before[log], batch) for log in Log)

        return self._database.write(unit)

    def sent(self, subscriber: str) -> int | None:
        """Return the number of the last event that was sent to a subscriber."""
        with self._database.reading() as connection:
            return next((row.number for row in run(connection, _SENT, {"name": subscriber})), None)

    def note_sent(self, numbers: Mapping[str, int], at: int) -> None:
        """Remember the last events sent; a smaller number than before changes nothing."""

        def unit(connection: Connection) -> None:
            for name, number in sorted(numbers.items()):
                if run(connection, _SENT, {"name": name}):
                    run_many(connection, _NOTE_SENT, [{"name": name, "reached": number, "noted_at": at}])
                else:
                    run_many(connection, _FIRST_SENT, [{"subscriber": name, "number": number, "at": at}])

        self._database.write(unit)

    def missed(self, subscriber: str, after: int, keep: int) -> tuple[int, int]:
        """Return the number after which the newest `keep` events to a subscriber are, and how many are older."""
        self._number(Log.EVENTS)
        numbers: list[int] = []
        lost, position = 0, after
        while True:
            with self._database.reading() as connection:
                found = run(connection, _ADDRESSES, {"after": position, "batch": _ADDRESSES_AT_ONCE})
            numbers += [row.number for row in found if subscriber in orjson.loads(bytes(row.subscribers))]
            lost += max(0, len(numbers) - keep)
            del numbers[: max(0, len(numbers) - keep)]
            if len(found) < _ADDRESSES_AT_ONCE:
                return (numbers[0] - 1 if numbers else max(after, found[-1].number if found else position)), lost
            position = found[-1].number

    def _number(self, log: Log) -> None:
        """Number what has arrived; on SQLite everything is numbered when it is written."""
        if self._database.embedded:
            return
        while True:
            with self._database.reading() as connection:
                if not has_arrivals(connection, log):
                    return
            self._database.write(lambda connection: number_arrivals(connection, log))


@lru_cache(maxsize=8)
def _changes(given: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    return (
        select(changes_table)
        .where(
            changes_table.c.number > bindparam("after"),
            changes_table.c.number <= bindparam("upto"),
            *(one_of(changes_table.c[name], name) for name in given),
        )
        .order_by(changes_table.c.number)
        .limit(bindparam("batch"))
    )


def _extent(connection: Connection, log: Log) -> LogExtent:
    last, _ = last_of(connection, log)
    (first,) = run(connection, _FIRST[log], {})
    return LogExtent(first.number or last + 1, last)


def _number_before(connection: Connection, log: Log, at: int) -> int:
    """Return the last number of an entry before a moment, by halving: moments rise with numbers."""
    extent = _extent(connection, log)
    low, high = extent.first, extent.last + 1
    while low < high:
        middle = (low + high) // 2
        (row,) = run(connection, _MOMENTS[log], {"number": middle})
        low, high = (middle + 1, high) if row.at < at else (low, middle)
    return low - 1


def _forget(connection: Connection, log: Log, before: int, batch: int) -> int:
    extent = _extent(connection, log)
    upto = min(_number_before(connection, log, before), extent.last - 1, extent.first + batch - 1)
    if upto < extent.first:
        return 0
    run_many(connection, _DROP[log], [{"number": upto}])
    return upto - extent.first + 1


def _logged_change(row: Record) -> LoggedChange:
    change = Change(row.level, row.action, row.study_uid, row.series_uid, row.uid, bytes(row.detail))
    return LoggedChange(row.number, row.at, change)


def _logged_event(row: Record) -> LoggedEvent:
    subscribers = frozenset(orjson.loads(bytes(row.subscribers)))
    return LoggedEvent(row.number, row.at, row.event_type, row.workitem_uid, bytes(row.data_set), subscribers)
