"""Subscribing, unsubscribing and suspending in a unit of work (PS3.4 CC.2.3, Table CC.2.3-2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import orjson
from sqlalchemy import delete, insert, select, update

from filmjacket.archive.ups_events import EventType, UpsEvent, state_report
from filmjacket.archive.worklist_records import Missing, Standing
from filmjacket.index import workitems as items
from filmjacket.index.change_log import record_events
from filmjacket.index.schema.worklist import workitem_subscriptions, workitems, worklist_subscribers
from filmjacket.index.subscriptions import (
    OPEN,
    WorklistRow,
    compiled,
    next_version,
    read_row,
    row_of,
    set_standing,
    standings_of,
    write_row,
)
from filmjacket.index.workitem_search import matching_uids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from filmjacket.archive.worklist_records import WorklistSubscription
    from filmjacket.dicom.attributes import Attributes

_BATCH = 200


def subscribe(connection: Connection, uid: str, subscriber: str, standing: Standing, at: int) -> Missing | None:
    """Subscribe to one workitem, and report its state."""
    found = items.find(connection, uid, lock=True)
    if isinstance(found, Missing):
        return found
    set_standing(connection, uid, subscriber, standing)
    record_events(connection, [_initial(uid, found.attributes, subscriber)], at)
    return None


def unsubscribe(connection: Connection, uid: str, subscriber: str) -> bool:
    """End the subscription to one workitem."""
    found = items.find(connection, uid, lock=True)
    if isinstance(found, Missing):
        return False
    row = read_row(connection, subscriber)
    standing = standings_of(connection, uid).get(subscriber, row.covering(found.created_at))
    if not standing:
        return False
    if row.standing or row.layers:
        # Otherwise the subscription to the worklist, or the next change of the workitem, would bring it back.
        set_standing(connection, uid, subscriber, Standing.NONE)
    else:
        table = workitem_subscriptions
        connection.execute(delete(table).where(table.c.uid == uid, table.c.subscriber == subscriber))
    return True


def subscribe_worklist(connection: Connection, wanted: WorklistSubscription, at: int) -> None:
    """Subscribe to all workitems or to those that satisfy a filter; what is subscribed already stays as it is."""
    version = next_version(connection)
    row = read_row(connection, wanted.subscriber)
    table = workitem_subscriptions
    own = {
        found.uid: found.standing
        for found in connection.execute(
            select(table.c.uid, table.c.standing).where(table.c.subscriber == wanted.subscriber)
        )
    }
    reports: list[UpsEvent] = []
    new: list[str] = []
    # Without a filter only what is reported need be looked at one by one.
    looked_at = _every(connection) if not wanted.filter else matching_uids(connection, compiled(wanted.filter))
    most = wanted.initial_reports if wanted.standing is Standing.LOCKED else 0
    for uid, created_at, attributes in looked_at if wanted.filter or most else ():
        if own.get(uid, row.covering(created_at)):
            continue
        new.append(uid)
        if len(reports) < most:
            reports.append(_initial(uid, attributes, wanted.subscriber))
        elif not wanted.filter:
            break
    if wanted.filter:
        layers = row.closed(at)
        _add(connection, wanted, own, new)
    else:
        layers = _with_open_layer(row, wanted.standing, at)
        ended = update(table).where(table.c.subscriber == wanted.subscriber, table.c.standing == Standing.NONE.value)
        connection.execute(ended.values(standing=wanted.standing.value))
    write_row(connection, replace(row, standing=wanted.standing, filter=wanted.filter, layers=layers), version)
    record_events(connection, reports, at)


def unsubscribe_worklist(connection: Connection, subscriber: str) -> bool:
    """End every subscription of a subscriber."""
    version = next_version(connection)
    row = read_row(connection, subscriber)
    table = workitem_subscriptions
    had_items = connection.execute(
        select(table.c.uid).where(table.c.subscriber == subscriber, table.c.standing > 0).limit(1)
    ).first()
    connection.execute(delete(table).where(table.c.subscriber == subscriber))
    if row.standing or row.layers:
        write_row(connection, WorklistRow(subscriber), version)
        return True
    return had_items is not None


def suspend_worklist(connection: Connection, subscriber: str, at: int) -> bool:
    """No longer subscribe to what comes; what is there stays subscribed."""
    version = next_version(connection)
    row = read_row(connection, subscriber)
    if not row.standing:
        return False
    write_row(connection, replace(row, standing=Standing.NONE, filter="", layers=row.closed(at)), version)
    return True


def subscribers(connection: Connection) -> tuple[str, ...]:
    """Return who has any subscription."""
    every = connection.execute(select(worklist_subscribers)).all()
    names = {row.subscriber for row in map(row_of, every) if row.standing or row.layers}
    table = workitem_subscriptions
    names.update(connection.execute(select(table.c.subscriber).where(table.c.standing > 0).distinct()).scalars())
    return tuple(sorted(names))


def _with_open_layer(row: WorklistRow, standing: Standing, at: int) -> tuple[tuple[int, int], ...]:
    layers = row.closed(at)
    if layers and layers[-1][0] == standing:
        layers = layers[:-1]
    return (*layers, (standing.value, OPEN))


def _add(connection: Connection, wanted: WorklistSubscription, own: dict[str, int], new: list[str]) -> None:
    table = workitem_subscriptions
    again = [uid for uid in new if uid in own]
    for uid in again:
        set_standing(connection, uid, wanted.subscriber, wanted.standing)
    rows = [
        {"uid": uid, "subscriber": wanted.subscriber, "standing": wanted.standing.value}
        for uid in new
        if uid not in own
    ]
    if rows:
        connection.execute(insert(table), rows)


def _every(connection: Connection) -> Iterator[tuple[str, int, Attributes]]:
    statement = select(workitems.c.uid, workitems.c.created_at, workitems.c.attributes)
    ordered = statement.order_by(workitems.c.start, workitems.c.uid)
    for row in connection.execute(ordered, execution_options={"yield_per": _BATCH}):
        yield row.uid, row.created_at, cast("Attributes", orjson.loads(row.attributes))


def _initial(uid: str, attributes: Attributes, subscriber: str) -> UpsEvent:
    return UpsEvent(EventType.STATE_REPORT, uid, state_report(attributes), (subscriber,))
