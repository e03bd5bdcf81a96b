"""Stable studies: those to which no instance came for a while, found by reading the log, not by slowing stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from filmjacket.archive.changes import Change, Log
from filmjacket.index.change_log import last_of, record_changes
from filmjacket.index.schema.change_log import changes, log_positions, unsettled_studies
from filmjacket.index.unit import delete_keys, insert_rows, run, run_many

if TYPE_CHECKING:
    from sqlalchemy import Connection

_READER = "settling"
_READ_AT_ONCE = 5000
_SETTLED_AT_ONCE = 500

_POSITION = select(log_positions.c.number).where(log_positions.c.name == bindparam("name"))
_BEGIN = insert(log_positions)
_MOVE = (
    update(log_positions)
    .where(log_positions.c.name == bindparam("reader"))
    .values(number=bindparam("reached"), at=bindparam("moved_at"))
)
_ARRIVED = (
    select(changes.c.number, changes.c.at, changes.c.study_uid, changes.c.level, changes.c.action)
    .where(changes.c.number > bindparam("after"))
    .order_by(changes.c.number)
    .limit(_READ_AT_ONCE)
)
_QUIET = (
    select(unsettled_studies.c.study_uid)
    .where(unsettled_studies.c.changed_at <= bindparam("before"))
    .order_by(unsettled_studies.c.changed_at)
    .limit(_SETTLED_AT_ONCE)
)
_AHEAD = select(unsettled_studies.c.study_uid).where(unsettled_studies.c.changed_at > bindparam("at")).limit(1)
_PULL_BACK = (
    update(unsettled_studies)
    .where(unsettled_studies.c.changed_at > bindparam("moment"))
    .values(changed_at=bindparam("moment"))
)
_START_OVER = update(unsettled_studies).values(changed_at=bindparam("moment"))
_SETTLE = delete(unsettled_studies).where(unsettled_studies.c.study_uid == bindparam("key_study_uid"))


def is_behind(connection: Connection, at: int, seconds: int) -> bool:
    """Tell whether there is anything to read, or any study to call stable."""
    head, _ = last_of(connection, Log.CHANGES)
    reader = run(connection, _POSITION, {"name": _READER})
    if not reader or reader[0].number < head:
        return True
    return bool(run(connection, _QUIET, {"before": at - seconds * 1_000_000}) or run(connection, _AHEAD, {"at": at}))


def read_on(connection: Connection, at: int) -> bool:
    """Note to which studies instances came since the last time; returns whether there is more to read."""
    found = run(connection, _POSITION.with_for_update(), {"name": _READER})
    if not found:
        # The first time, when much may have been logged before: nobody waits for what is long done.
        head, _ = last_of(connection, Log.CHANGES)
        run_many(connection, _BEGIN, [{"name": _READER, "number": max(0, head - _READ_AT_ONCE), "at": at}])
        return True
    rows = run(connection, _ARRIVED, {"after": found[0].number})
    came: dict[str, int] = {}
    for row in rows:
        if row.level == "instance" and row.action != "deleted":
            came[row.study_uid] = min(row.at, at)
        elif row.level == "study" and row.action == "deleted":
            came[row.study_uid] = -1
    delete_keys(connection, unsettled_studies, [{"study_uid": uid} for uid in sorted(came)])
    rows_of = [{"study_uid": uid, "changed_at": moment} for uid, moment in sorted(came.items()) if moment >= 0]
    insert_rows(connection, unsettled_studies, rows_of)
    if rows:
        run_many(connection, _MOVE, [{"reader": _READER, "reached": rows[-1].number, "moved_at": at}])
    return len(rows) == _READ_AT_ONCE


def settle(connection: Connection, at: int, seconds: int, *, afresh: bool) -> int:
    """Say of studies that have been quiet for so many seconds that they are stable; returns of how many.

    `afresh`: the clock has jumped, so that nobody knows for how long; all begin again to be quiet.
    """
    # The reader's row is the lock of those who settle.
    run(connection, _POSITION.with_for_update(), {"name": _READER})
    # What came later than now came before the clock went back.
    run_many(connection, _START_OVER if afresh else _PULL_BACK, [{"moment": at}])
    quiet = run(connection, _QUIET, {"before": at - seconds * 1_000_000})
    run_many(connection, _SETTLE, [{"key_study_uid": row.study_uid} for row in quiet])
    record_changes(connection, [Change("study", "stable", row.study_uid) for row in quiet], at=at)
    return len(quiet)
