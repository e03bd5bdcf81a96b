"""Writing the change log, inside the transaction that makes the change, and numbering what was written.

Numbers have no gaps, and nobody sees a number before all smaller ones. The one writer of SQLite numbers what it
writes. On other databases a transaction leaves one row of arrivals; whoever reads next gives numbers to all that is
visible, holding a lock on the log's row, so that numbers become visible in their order (ADR 0017).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import BigInteger, bindparam, cast, delete, extract, func, insert, select

from filmjacket.archive.changes import Log
from filmjacket.index.schema.change_log import changes as changes_table
from filmjacket.index.schema.change_log import log_arrivals, log_positions, worklist_events
from filmjacket.index.unit import insert_rows, key_conditions, run, run_many

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from filmjacket.archive.changes import Change
    from filmjacket.archive.ups_events import UpsEvent
    from filmjacket.index.rows import Row

# Arrivals that one unit numbers: a short transaction, also when nobody has read for months.
_NUMBERED_AT_ONCE = 256

_LOCK = select(log_positions.c.name).where(log_positions.c.name == bindparam("name")).with_for_update()
# The database's clock, which all workers share: an arrival that had to wait for another one's lock is later.
_ARRIVE = insert(log_arrivals).values(
    log=bindparam("log"),
    written_at=cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger),
    token=bindparam("token"),
    entries=bindparam("entries"),
)
_ARRIVALS = (
    select(log_arrivals.c.written_at, log_arrivals.c.token, log_arrivals.c.entries)
    .where(log_arrivals.c.log == bindparam("log"))
    .order_by(log_arrivals.c.written_at, log_arrivals.c.token)
    .limit(_NUMBERED_AT_ONCE)
)
_HAS_ARRIVALS = select(log_arrivals.c.log).where(log_arrivals.c.log == bindparam("log")).limit(1)
_NUMBERED = delete(log_arrivals).where(*key_conditions(log_arrivals, "log", "written_at", "token"))


def record_changes(connection: Connection, changes: Sequence[Change], *, at: int) -> None:
    """Append changes, in order, in the transaction that makes them, after it has written what they are about."""
    entries = [(one.level, one.action, one.study_uid, one.series_uid, one.uid, one.detail.decode()) for one in changes]
    _record(connection, Log.CHANGES, entries, at)


def record_events(connection: Connection, events: Sequence[UpsEvent], at: int) -> None:
    """Append event reports to subscribers, in order, in the transaction of what they report; the rest go nowhere."""
    entries = [
        (
            one.event_type,
            one.workitem_uid,
            orjson.dumps(list(one.subscribers)).decode(),
            orjson.dumps(one.data_set).decode(),
        )
        for one in events
        if one.subscribers
    ]
    _record(connection, Log.EVENTS, entries, at)


def has_arrivals(connection: Connection, log: Log) -> bool:
    """Return whether there is anything to number."""
    return bool(run(connection, _HAS_ARRIVALS, {"log": str(log)}))


def number_arrivals(connection: Connection, log: Log) -> int:
    """Give numbers to some of what has arrived; returns how many arrivals that were."""
    run(connection, _LOCK, {"name": str(log)})
    arrivals = run(connection, _ARRIVALS, {"log": str(log)})
    number, at = last_of(connection, log)
    for arrival in arrivals:
        at = max(at, arrival.written_at)
        number = _append(connection, log, orjson.loads(bytes(arrival.entries)), number, at)
    keys = [{"key_log": str(log), "key_written_at": one.written_at, "key_token": one.token} for one in arrivals]
    run_many(connection, _NUMBERED, keys)
    return len(arrivals)


def last_of(connection: Connection, log: Log) -> tuple[int, int]:
    """Return the last number that was given, and the moment of its entry; the last entry is never dropped."""
    return next(((row.number, row.at) for row in run(connection, _LAST[log], {})), (0, 0))


def _record(connection: Connection, log: Log, entries: Sequence[tuple[Any, ...]], at: int) -> None:
    if not entries:
        return
    if connection.dialect.name != "sqlite":
        arrival = {"log": str(log), "token": secrets.token_hex(8), "entries": orjson.dumps(entries)}
        run_many(connection, _ARRIVE, [arrival])
        return
    number, last_at = last_of(connection, log)
    _append(connection, log, entries, number, max(at, last_at))


def _append(connection: Connection, log: Log, entries: Sequence[Sequence[Any]], after: int, at: int) -> int:
    """Insert entries behind a number; returns the last one."""
    table, make = _LOGS[log]
    rows = [{"number": after + index, "at": at} | make(entry) for index, entry in enumerate(entries, 1)]
    insert_rows(connection, table, rows)
    return after + len(rows)


def _change_row(entry: Sequence[Any]) -> Row:
    level, action, study_uid, series_uid, uid, detail = entry
    return {
        "level": level,
        "action": action,
        "study_uid": study_uid,
        "series_uid": series_uid,
        "uid": uid,
        "detail": detail.encode(),
    }


def _event_row(entry: Sequence[Any]) -> Row:
    event_type, workitem_uid, subscribers, data_set = entry
    return {
        "event_type": event_type,
        "workitem_uid": workitem_uid,
        "subscribers": subscribers.encode(),
        "data_set": data_set.encode(),
    }


_LOGS: dict[Log, tuple[Table, Callable[[Sequence[Any]], Row]]] = {
    Log.CHANGES: (changes_table, _change_row),
    Log.EVENTS: (worklist_events, _event_row),
}
_LAST = {
    log: select(table.c.number, table.c.at).order_by(table.c.number.desc()).limit(1)
    for log, (table, _) in _LOGS.items()
}
