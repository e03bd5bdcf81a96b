"""Workitems while a unit of work creates, changes or removes them, and whom that is reported to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import orjson
from sqlalchemy import bindparam, delete, exists, insert, select, update

from filmjacket.archive.changes import Change
from filmjacket.archive.ups_events import EventType, UpsEvent, state_report
from filmjacket.archive.worklist_records import Missing, Standing, State, Workitem
from filmjacket.dicom.attributes import get_text
from filmjacket.errors import FilmjacketError
from filmjacket.index.change_log import record_changes, record_events
from filmjacket.index.schema.worklist import (
    deleted_workitems,
    workitem_subscriptions,
    workitem_values,
    workitems,
)
from filmjacket.index.subscriptions import add_standings, standings_of
from filmjacket.index.unit import delete_keys, insert_rows, one_of, run, run_many
from filmjacket.index.workitem_values import PROMOTED, START, start_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.worklist_records import Report, WorkitemChange
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.subscriptions import Directory
    from filmjacket.index.unit import Record

_READINESS: Final = "00404041"
# Attributes whose values are looked up: when none of them changes, no row of values does.
_LOOKED_UP: Final = frozenset({START, "00101002", *(row.path[0] for row in PROMOTED)})

_BY_UID = select(workitems).where(workitems.c.uid == bindparam("uid"))
_LOCKED_BY_UID = _BY_UID.with_for_update()
_DELETED = select(deleted_workitems.c.uid).where(deleted_workitems.c.uid == bindparam("uid"))
_INSERT = insert(workitems)
_UPDATE = (
    update(workitems)
    .where(workitems.c.uid == bindparam("key_uid"), workitems.c.version == bindparam("key_version"))
    .values({name: bindparam(name) for name in workitems.c.keys() if name not in {"uid", "created_at"}})  # noqa: SIM118 - a collection, no dictionary
)
_REMOVE = delete(workitems).where(workitems.c.uid == bindparam("key_uid"))
_REMOVE_SUBSCRIPTIONS = delete(workitem_subscriptions).where(workitem_subscriptions.c.uid == bindparam("key_uid"))
_FINAL = (
    select(workitems.c.uid, workitems.c.final_at, workitems.c.created_at)
    .where(
        workitems.c.final_at > bindparam("after"),
        workitems.c.final_at < bindparam("before"),
        ~exists().where(
            workitem_subscriptions.c.uid == workitems.c.uid,
            workitem_subscriptions.c.standing == Standing.LOCKED.value,
        ),
    )
    .order_by(workitems.c.final_at)
    .limit(bindparam("most"))
)
_ROWS_OF_MANY = select(workitem_subscriptions.c.uid, workitem_subscriptions.c.subscriber).where(
    one_of(workitem_subscriptions.c.uid)
)


class LostRaceError(Exception):
    """Somebody else changed the workitem in between: the unit must begin anew."""


def find(connection: Connection, uid: str, *, lock: bool = False) -> Workitem | Missing:
    """Return a workitem; with `lock` nobody else changes it until the transaction ends."""
    rows = run(connection, _LOCKED_BY_UID if lock else _BY_UID, {"uid": uid})
    if rows:
        return _workitem_of(rows[0])
    return Missing.DELETED if run(connection, _DELETED, {"uid": uid}) else Missing.UNKNOWN


def create(connection: Connection, directory: Directory, workitem: Workitem, reports: Sequence[Report]) -> bool:
    """Take in a new workitem, and tell whoever is subscribed to new ones; False if its UID is taken."""
    if find(connection, workitem.uid) is not Missing.UNKNOWN:
        return False
    row, values = _row_of(workitem), values_of(workitem.attributes)
    connection.execute(_INSERT, row | {"uid": workitem.uid, "created_at": workitem.created_at})
    insert_rows(connection, workitem_values, _value_rows(workitem.uid, str(row["start"]), values))
    audience = _Audience.of(connection, directory, workitem)
    audience.join(connection, directory, workitem, values)
    _report(connection, workitem, reports, audience)
    _log(connection, workitem, "created")
    return True


def change(
    connection: Connection, directory: Directory, uid: str, decide: Callable[[Workitem], WorkitemChange]
) -> Missing | FilmjacketError | None:
    """Change a workitem as `decide` says, and tell its subscribers; returns its refusal, if it raises one."""
    before = find(connection, uid, lock=True)
    if isinstance(before, Missing):
        return before
    try:
        decided = decide(before)
    except FilmjacketError as refusal:
        return refusal
    if decided.workitem is None and not decided.reports:
        return None
    audience = _Audience.of(connection, directory, before)
    if decided.if_unheard is not None and not audience.subscribed:
        return decided.if_unheard
    after = before
    if decided.workitem is not None:
        after = replace(decided.workitem, version=before.version + 1)
        _write(connection, before, after)
        audience.join(connection, directory, after)
        _log(connection, after, "updated")
    _report(connection, after, decided.reports, audience)
    return None


def removable(
    connection: Connection, directory: Directory, *, after: int, before: int, most: int
) -> tuple[list[str], int]:
    """Return final workitems that no lock keeps, and where to go on (0: nowhere)."""
    rows = run(connection, _FINAL, {"after": after, "before": before, "most": most})
    if not rows:
        return [], 0
    held: dict[str, set[str]] = {}
    for row in run(connection, _ROWS_OF_MANY, {"keys": [row.uid for row in rows]}):
        held.setdefault(row.uid, set()).add(row.subscriber)
    free: list[str] = []
    for row in rows:
        covering = directory.covering(row.created_at)
        own = held.get(row.uid, set())
        if not any(standing is Standing.LOCKED and name not in own for name, standing in covering.items()):
            free.append(row.uid)
    # Several may have become final at one moment: they are looked at again rather than left out.
    last = rows[-1].final_at
    return free, (last - 1 if last - 1 > after else last) if len(rows) == most else 0


def remove(connection: Connection, uid: str, *, at: int, before: int) -> bool:
    """Remove a workitem that is still final; its UID stays known as deleted."""
    found = find(connection, uid, lock=True)
    if isinstance(found, Missing) or not 0 < found.final_at < before:
        return False
    if Standing.LOCKED in standings_of(connection, uid).values():
        return False
    delete_keys(connection, workitem_values, _value_keys(uid, start_of(found.attributes), values_of(found.attributes)))
    run_many(connection, _REMOVE_SUBSCRIPTIONS, [{"key_uid": uid}])
    run_many(connection, _REMOVE, [{"key_uid": uid}])
    insert_rows(connection, deleted_workitems, [{"uid": uid, "deleted_at": at}])
    _log(connection, replace(found, modified_at=at), "deleted")
    return True


@dataclass(slots=True)
class _Audience:
    """Who hears of a workitem: `subscribed` before the change, `joined` because of it."""

    rows: dict[str, Standing]
    subscribed: set[str]
    joined: set[str]

    @classmethod
    def of(cls, connection: Connection, directory: Directory, workitem: Workitem) -> _Audience:
        """Everybody who stands to the workitem."""
        directory.refresh(connection)
        rows = standings_of(connection, workitem.uid)
        standings = directory.covering(workitem.created_at) | rows
        return cls(rows, {name for name, standing in standings.items() if standing}, set())

    def join(
        self,
        connection: Connection,
        directory: Directory,
        workitem: Workitem,
        values: set[tuple[int, str]] | None = None,
    ) -> None:
        """Subscribe those whose filter the workitem satisfies now; who ended his subscription to it stays out."""
        found = directory.satisfied(workitem.attributes, values)
        new = {name: found[name] for name in found if name not in self.subscribed and name not in self.rows}
        add_standings(connection, workitem.uid, new)
        self.joined = set(new)


def _report(connection: Connection, workitem: Workitem, reports: Sequence[Report], audience: _Audience) -> None:
    everybody = tuple(sorted(audience.subscribed | audience.joined))
    events = [UpsEvent(report.event_type, workitem.uid, report.data_set, everybody) for report in reports]
    if audience.joined and all(report.event_type is not EventType.STATE_REPORT for report in reports):
        joined = tuple(sorted(audience.joined))
        report = state_report(workitem.attributes)
        events.insert(0, UpsEvent(EventType.STATE_REPORT, workitem.uid, report, joined))
    record_events(connection, [event for event in events if event.subscribers], workitem.modified_at)


def _log(connection: Connection, workitem: Workitem, action: str) -> None:
    detail = orjson.dumps({"state": str(workitem.state)})
    entry = Change("workitem", action, uid=workitem.uid, detail=detail)  # type: ignore[arg-type]
    record_changes(connection, [entry], at=workitem.modified_at)


def _write(connection: Connection, before: Workitem, after: Workitem) -> None:
    keys = {"key_uid": before.uid, "key_version": before.version}
    if connection.execute(_UPDATE, _row_of(after) | keys).rowcount != 1:
        raise LostRaceError
    old, new = before.attributes, after.attributes
    if all(old.get(tag) is new.get(tag) or old.get(tag) == new.get(tag) for tag in _LOOKED_UP):
        return
    was, now = start_of(old), start_of(new)
    gone, come = values_of(old), values_of(new)
    if was == now:
        gone, come = gone - come, come - gone
    delete_keys(connection, workitem_values, _value_keys(before.uid, was, gone))
    insert_rows(connection, workitem_values, _value_rows(before.uid, now, come))


def _value_rows(uid: str, start: str, values: set[tuple[int, str]]) -> list[dict[str, object]]:
    return [{"attribute": number, "value": value, "start": start, "uid": uid} for number, value in sorted(values)]


def _value_keys(uid: str, start: str, values: set[tuple[int, str]]) -> Sequence[dict[str, str]]:
    return cast("list[dict[str, str]]", _value_rows(uid, start, values))


def _row_of(workitem: Workitem) -> dict[str, object]:
    return {
        "state": str(workitem.state),
        "readiness": get_text(workitem.attributes, _READINESS) or "",
        "start": start_of(workitem.attributes),
        "transaction_uid": workitem.transaction_uid,
        "performer": workitem.performer,
        "version": workitem.version,
        "modified_at": workitem.modified_at,
        "final_at": workitem.final_at,
        "attributes": orjson.dumps(workitem.attributes, option=orjson.OPT_SORT_KEYS),
    }


def _workitem_of(row: Record) -> Workitem:
    return Workitem(
        row.uid,
        State(row.state),
        cast("Attributes", orjson.loads(row.attributes)),
        row.transaction_uid,
        row.performer,
        row.version,
        row.created_at,
        row.modified_at,
        row.final_at,
    )
