"""Workitems while a unit of work creates, changes or removes them, and whom that is reported to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import orjson
from sqlalchemy import bindparam, delete, exists, select

from filmjacket.archive.changes import Change
from filmjacket.archive.ups_events import EventType, UpsEvent, state_report
from filmjacket.archive.worklist_records import Missing, Standing
from filmjacket.errors import FilmjacketError
from filmjacket.index.change_log import record_changes
from filmjacket.index.schema.worklist import (
    deleted_workitems,
    workitem_subscriptions,
    workitem_values,
    workitems,
)
from filmjacket.index.subscriptions import standings_of, standings_of_each
from filmjacket.index.unit import delete_keys, insert_rows, run, run_many
from filmjacket.index.workitem_rows import read_workitems
from filmjacket.index.workitem_values import PROMOTED, START, start_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.changes import Action
    from filmjacket.archive.worklist_records import Report, Workitem, WorkitemChange
    from filmjacket.index.subscriptions import Directory
    from filmjacket.index.workitem_unit import WorkitemUnit

# Attributes whose values are looked up: when none of them changes, no row of values does.
_LOOKED_UP: Final = frozenset({START, "00101002", *(row.path[0] for row in PROMOTED)})

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


def find(connection: Connection, uid: str, *, lock: bool = False) -> Workitem | Missing:
    """Return a workitem; with `lock` nobody else changes it until the transaction ends."""
    return read_workitems(connection, [uid], lock=lock)[uid]


def create(unit: WorkitemUnit, workitem: Workitem, reports: Sequence[Report]) -> bool:
    """Take in a new workitem, and tell whoever is subscribed to new ones; False if its UID is taken."""
    if unit.find(workitem.uid) is not Missing.UNKNOWN:
        return False
    values = values_of(workitem.attributes)
    unit.insert(workitem)
    rows = _value_rows(workitem.uid, start_of(workitem.attributes), values)
    insert_rows(unit.connection, workitem_values, rows)
    audience = _Audience.of(unit, workitem)
    audience.join(unit, workitem, values)
    _report(unit, workitem, reports, audience)
    unit.log(_change(workitem, "created"), at=workitem.modified_at)
    return True


def change(
    unit: WorkitemUnit, uid: str, decide: Callable[[Workitem], WorkitemChange]
) -> Missing | FilmjacketError | None:
    """Change a workitem as `decide` says, and tell its subscribers; returns its refusal, if it raises one."""
    before = unit.find(uid)
    if isinstance(before, Missing):
        return before
    try:
        decided = decide(before)
    except FilmjacketError as refusal:
        return refusal
    if decided.workitem is None and not decided.reports:
        return None
    audience = _Audience.of(unit, before)
    if decided.if_unheard is not None and not audience.subscribed:
        return decided.if_unheard
    after = before
    if decided.workitem is not None:
        after = replace(decided.workitem, version=before.version + 1)
        unit.update(before, after)
        _update_values(unit.connection, before, after)
        audience.join(unit, after)
        unit.log(_change(after, "updated"), at=after.modified_at)
    _report(unit, after, decided.reports, audience)
    return None


def removable(
    connection: Connection, directory: Directory, *, after: int, before: int, most: int
) -> tuple[list[str], int]:
    """Return final workitems that no lock keeps, and where to go on (0: nowhere)."""
    rows = run(connection, _FINAL, {"after": after, "before": before, "most": most})
    if not rows:
        return [], 0
    own_rows = standings_of_each(connection, [row.uid for row in rows])
    free: list[str] = []
    for row in rows:
        covering = directory.covering(row.created_at)
        own = own_rows[row.uid]
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
    record_changes(connection, [_change(found, "deleted")], at=at)
    return True


@dataclass(slots=True)
class _Audience:
    """Who hears of a workitem: `subscribed` before the change, `joined` because of it."""

    rows: dict[str, Standing]
    subscribed: set[str]
    joined: set[str]

    @classmethod
    def of(cls, unit: WorkitemUnit, workitem: Workitem) -> _Audience:
        """Everybody who stands to the workitem."""
        rows = dict(unit.standings(workitem.uid))
        standings = unit.directory.covering(workitem.created_at) | rows
        return cls(rows, {name for name, standing in standings.items() if standing}, set())

    def join(self, unit: WorkitemUnit, workitem: Workitem, values: set[tuple[int, str]] | None = None) -> None:
        """Subscribe those whose filter the workitem satisfies now; who ended his subscription to it stays out."""
        found = unit.directory.satisfied(workitem.attributes, values)
        new = {name: found[name] for name in found if name not in self.subscribed and name not in self.rows}
        unit.subscribe(workitem.uid, new)
        self.joined = set(new)


def _report(unit: WorkitemUnit, workitem: Workitem, reports: Sequence[Report], audience: _Audience) -> None:
    everybody = tuple(sorted(audience.subscribed | audience.joined))
    events = [UpsEvent(report.event_type, workitem.uid, report.data_set, everybody) for report in reports]
    if audience.joined and all(report.event_type is not EventType.STATE_REPORT for report in reports):
        joined = tuple(sorted(audience.joined))
        report = state_report(workitem.attributes)
        events.insert(0, UpsEvent(EventType.STATE_REPORT, workitem.uid, report, joined))
    unit.report([event for event in events if event.subscribers], at=workitem.modified_at)


def _change(workitem: Workitem, action: Action) -> Change:
    return Change("workitem", action, uid=workitem.uid, detail=orjson.dumps({"state": str(workitem.state)}))


def _update_values(connection: Connection, before: Workitem, after: Workitem) -> None:
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
