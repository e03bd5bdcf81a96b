"""Who is subscribed to which workitem, and who becomes so (PS3.4 CC.2.3).

A subscriber of the whole worklist has `layers`, (standing, until) pairs, the oldest first. Each covers what was there
when it began and what was created before its end; the first one that covers a workitem says how the subscriber stands
to it, for what is subscribed already stays as it is. A row for the workitem itself goes before all of them.
Filters are looked at when a workitem is created or changes, and what satisfies one gets a row.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
from sqlalchemy import bindparam, insert, select, update

from filmjacket.archive.worklist_records import Standing
from filmjacket.dicom.attributes import get_text
from filmjacket.index.schema.worklist import workitem_subscriptions, worklist_subscribers, worklist_versions
from filmjacket.index.unit import insert_new_rows, insert_rows, one_of, run, select_keys
from filmjacket.index.workitem_values import lookups_of, values_of
from filmjacket.web.matching import MatchKind, matches_all
from filmjacket.web.workitem_grammar import parse_workitem_search

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.matching import MatchKey

Layers: TypeAlias = tuple[tuple[int, int], ...]

OPEN: Final = 2**63 - 1
"""The end of a layer that has none yet."""

_STATE: Final = "00741000"
# Where a filter is looked for that asks for a state; promoted attributes have numbers from 1 on.
_STATE_NUMBER: Final = 0
_SUBSCRIBERS: Final = "subscribers"

_VERSION = select(worklist_versions.c.version).where(worklist_versions.c.name == _SUBSCRIBERS)
# Who changes the directory waits for those who act on it as it is, and they for him.
_HELD_VERSION = _VERSION.with_for_update(read=True)
_CHANGED = select(worklist_subscribers).where(worklist_subscribers.c.version > bindparam("version"))
_ROW = select(worklist_subscribers).where(worklist_subscribers.c.subscriber == bindparam("subscriber"))
_STANDINGS = select(workitem_subscriptions).where(one_of(workitem_subscriptions.c.uid))


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """The row of a subscriber of the worklist; `standing` is that to future workitems."""

    subscriber: str
    standing: Standing = Standing.NONE
    filter: str = ""
    layers: Layers = ()

    def covering(self, created_at: int) -> Standing:
        """Return how the layers stand to a workitem without a row of its own."""
        return next((Standing(standing) for standing, until in self.layers if created_at < until), Standing.NONE)

    def closed(self, at: int) -> Layers:
        """Return the layers with an end for the last one, and those that can be one as one."""
        layers = tuple((standing, min(until, at)) for standing, until in self.layers)
        if len(layers) > 1 and layers[-1][0] == layers[-2][0]:
            layers = (*layers[:-2], layers[-1])
        return layers


@dataclass(frozen=True, slots=True)
class _Filter:
    """A filter that subscribers share, ready for use."""

    keys: tuple[MatchKey, ...]
    bucket: tuple[int, str] | None
    subscribers: dict[str, Standing] = field(default_factory=dict[str, Standing])


class Directory:
    """Subscribers of the worklist, as far as this process has read of them; knows when that is old.

    A filter is filed under one value that it asks for, so that an event looks at few of ten thousand.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._version = 0
        self._rows: dict[str, WorklistRow] = {}
        self._layered: dict[str, WorklistRow] = {}
        self._filters: dict[str, _Filter] = {}
        self._filed: dict[tuple[int, str] | None, dict[str, _Filter]] = {}

    def refresh(self, connection: Connection, *, hold: bool = False) -> None:
        """Read what was changed since the last time; one look-up when nothing was.

        With `hold` nobody changes it until the transaction ends: a subscriber either hears of what the transaction
        does, or sees it done.
        """
        found = run(connection, _HELD_VERSION if hold else _VERSION, {})
        version = found[0].version if found else 0
        if version == self._version:
            return
        with self._mutex:
            for record in run(connection, _CHANGED, {"version": self._version}):
                self._put(row_of(record))
            self._version = max(self._version, version)

    def covering(self, created_at: int) -> dict[str, Standing]:
        """Return who stands how to a workitem by subscriptions to all of them."""
        with self._mutex:
            found = {name: row.covering(created_at) for name, row in self._layered.items()}
        return {name: standing for name, standing in found.items() if standing}

    def satisfied(self, attributes: Attributes, values: set[tuple[int, str]] | None = None) -> dict[str, Standing]:
        """Return the subscribers whose filters a workitem satisfies; `values` are what it is found by, if known."""
        with self._mutex:
            if not self._filters:
                return {}
            filed = self._filed
            found = values_of(attributes) if values is None else values
            pairs = [*found, (_STATE_NUMBER, get_text(attributes, _STATE) or ""), None]
            candidates = [one for pair in pairs if pair in filed for one in filed[pair].values()]
            # Values are those of one moment; the subscribers of a filter may change while it is matched.
            fitting = [dict(one.subscribers) for one in candidates if matches_all(attributes, one.keys)]
        return {name: standing for subscribers in fitting for name, standing in subscribers.items()}

    def _put(self, row: WorklistRow) -> None:
        before = self._rows.get(row.subscriber)
        if before is not None and before.filter:
            self._remove_filter(before)
        self._layered.pop(row.subscriber, None)
        self._rows[row.subscriber] = row
        if row.layers:
            self._layered[row.subscriber] = row
        if row.filter and row.standing:
            self._add_filter(row)

    def _add_filter(self, row: WorklistRow) -> None:
        known = self._filters.get(row.filter)
        if known is None:
            keys = compiled(row.filter)
            # The value that fewest other filters ask for.
            bucket = min(_values_asked_for(keys), key=lambda pair: len(self._filed.get(pair, ())), default=None)
            known = self._filters[row.filter] = _Filter(keys, bucket)
            self._filed.setdefault(bucket, {})[row.filter] = known
        known.subscribers[row.subscriber] = row.standing

    def _remove_filter(self, row: WorklistRow) -> None:
        known = self._filters.get(row.filter)
        if known is None:
            return
        known.subscribers.pop(row.subscriber, None)
        if not known.subscribers:
            del self._filters[row.filter]
            del self._filed[known.bucket][row.filter]


@lru_cache(maxsize=32_768)
def compiled(filter_text: str) -> tuple[MatchKey, ...]:
    """Return the keys of a filter, which was checked when it was taken in."""
    return parse_workitem_search(filter_text).keys


def _values_asked_for(keys: tuple[MatchKey, ...]) -> Iterable[tuple[int, str]]:
    """Return the pairs of which a workitem that satisfies the keys has every one."""
    for key in keys:
        if key.tag == _STATE and key.kind is MatchKind.SINGLE:
            yield _STATE_NUMBER, key.values[0]
    for lookup in lookups_of(keys).found:
        if lookup.single is not None:
            yield lookup.single


# Rows ---------------------------------------------------------------------------------------------------------


def row_of(record: object) -> WorklistRow:
    """Return the row of a subscriber of the worklist."""
    layers = tuple((int(standing), int(until)) for standing, until in orjson.loads(record.layers))  # type: ignore[attr-defined]
    return WorklistRow(record.subscriber, Standing(record.standing), record.filter, layers)  # type: ignore[attr-defined]


def read_row(connection: Connection, subscriber: str) -> WorklistRow:
    """Return the row of a subscriber, one without any subscription if there is none."""
    found = run(connection, _ROW, {"subscriber": subscriber})
    return row_of(found[0]) if found else WorklistRow(subscriber)


def write_row(connection: Connection, row: WorklistRow, version: int) -> None:
    """Write the row of a subscriber, under a version from `next_version`."""
    values = {
        "standing": row.standing.value,
        "filter": row.filter,
        "layers": orjson.dumps(row.layers),
        "version": version,
    }
    statement = update(worklist_subscribers).where(worklist_subscribers.c.subscriber == row.subscriber)
    if not connection.execute(statement.values(**values)).rowcount:
        connection.execute(insert(worklist_subscribers).values(subscriber=row.subscriber, **values))


def next_version(connection: Connection) -> int:
    """Return a new version of all rows; whoever asks next waits until this transaction has ended."""
    counted = update(worklist_versions).where(worklist_versions.c.name == _SUBSCRIBERS)
    if not connection.execute(counted.values(version=worklist_versions.c.version + 1)).rowcount:
        connection.execute(insert(worklist_versions).values(name=_SUBSCRIBERS, version=1))
    return int(run(connection, _VERSION, {})[0].version)


def is_prepared(connection: Connection) -> bool:
    """Return whether there is a row that says the version."""
    return bool(run(connection, _VERSION, {}))


def prepare(connection: Connection) -> None:
    """Make the row that says the version, so that it can be held before anybody has subscribed."""
    insert_new_rows(connection, worklist_versions, [{"name": _SUBSCRIBERS, "version": 0}])


def standings_of(connection: Connection, uid: str) -> dict[str, Standing]:
    """Return the rows of a workitem itself, those that say "not subscribed" too."""
    return standings_of_each(connection, [uid])[uid]


def standings_of_each(connection: Connection, uids: Sequence[str]) -> dict[str, dict[str, Standing]]:
    """Return the same for several workitems."""
    found: dict[str, dict[str, Standing]] = {uid: {} for uid in uids}
    for row in select_keys(connection, _STANDINGS, uids):
        found[row.uid][row.subscriber] = Standing(row.standing)
    return found


def add_standings(connection: Connection, uid: str, standings: Mapping[str, Standing]) -> None:
    """Add rows of a workitem."""
    rows = [{"uid": uid, "subscriber": name, "standing": standing.value} for name, standing in standings.items()]
    insert_rows(connection, workitem_subscriptions, rows)


def set_standing(connection: Connection, uid: str, subscriber: str, standing: Standing) -> None:
    """Write the row of one subscriber of a workitem."""
    table = workitem_subscriptions
    statement = update(table).where(table.c.uid == uid, table.c.subscriber == subscriber)
    if not connection.execute(statement.values(standing=standing.value)).rowcount:
        add_standings(connection, uid, {subscriber: standing})
