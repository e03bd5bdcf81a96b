"""Answering a search for workitems (PS3.18 11.9), in the order of their start, then their UID.

SQL narrows and orders. When it also decides exactly, it pages; otherwise candidates stream by in order, and
`filmjacket.web.matching` decides about each. What remains behind the page is counted up to a bound unless the request
wants the exact number: counting all of a million would take longer than everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from sqlalchemy import and_, exists, false, func, literal, or_, select

from filmjacket.archive.worklist_records import State, WorkitemPage
from filmjacket.dicom.attributes import get_items
from filmjacket.index.schema.worklist import workitem_values, workitems
from filmjacket.index.workitem_values import OTHER_PATIENT_IDS, PATIENT_ID, START, lookups_of
from filmjacket.web.matching import MatchKind, matches, matches_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.workitem_values import Lookup, Test
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.query import EntityQuery

STATE: Final = "00741000"
SOP_INSTANCE_UID: Final = "00080018"

# A condition that no more rows satisfy is looked up, and what it finds is sorted; the rows of an index are small.
_FEW: Final = 20_000
# Matches behind the page that are counted: of one condition, of several, and when each must be verified.
_COUNTED: Final = 10_000
_COUNTED_OF_SEVERAL: Final = 1_000
_COUNTED_ONE_BY_ONE: Final = 100
_BATCH: Final = 200
_COLUMNS: Final = (workitems.c.uid, workitems.c.created_at, workitems.c.attributes)
# No zone is further from UTC (PS3.5 6.2).
_WIDEST_OFFSET: Final = timedelta(hours=14)
_MOMENT: Final = "%Y%m%d%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Source:
    """What is read in the order of results: a table with start and UID, and its conditions.

    `repeats`: one workitem may be in several rows. `exact`: nothing needs verification.
    """

    table: Table
    where: tuple[ColumnElement[bool], ...]
    repeats: bool
    exact: bool

    def keys(self) -> Select[*tuple[Any, ...]]:
        """Start and UID of every row, without order; all of it is in indexes."""
        found = select(self.table.c.start, self.table.c.uid).where(*self.where)
        return found.distinct() if self.repeats else found

    def ordered(self) -> Select[*tuple[Any, ...]]:
        """The same in the order of results."""
        return self.keys().order_by(self.table.c.start, self.table.c.uid)


def search(
    connection: Connection, query: EntityQuery, maximum_results: int, *, other_patient_ids: bool
) -> WorkitemPage:
    """Return one page of matches, and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    source = _plan(connection, query.keys, other_patient_ids=other_patient_ids)
    if source.exact:
        return _page(connection, source, query, limit)
    found = _verified(connection, source, query.keys, other_patient_ids=other_patient_ids)
    matched: list[Attributes] = []
    number = 0
    for attributes in found:
        if query.offset <= number < query.offset + limit:
            matched.append(attributes)
        number += 1
        if not query.count and number > query.offset + limit + _COUNTED_ONE_BY_ONE:
            break
    return WorkitemPage(tuple(matched), max(0, number - query.offset - limit), number)


def matching_uids(connection: Connection, keys: tuple[MatchKey, ...]) -> Iterator[tuple[str, int, Attributes]]:
    """Yield UID, time of creation and data set of every workitem that satisfies keys, in order."""
    source = _plan(connection, keys, other_patient_ids=False)
    for row in _stream(connection, source):
        attributes = _parsed(row.attributes)
        if source.exact or matches_all(attributes, keys):
            yield row.uid, row.created_at, attributes


def _page(connection: Connection, source: Source, query: EntityQuery, limit: int) -> WorkitemPage:
    keys = source.ordered().limit(limit + 1).offset(query.offset).subquery()
    rows = connection.execute(_rows_of(keys)).all()
    matched = tuple(_parsed(row.attributes) for row in rows[:limit])
    total = query.offset + len(rows)
    if len(rows) > limit or (query.count and not rows and query.offset):
        counted = source.keys()
        if not query.count:
            most = _COUNTED if len(source.where) <= 1 else _COUNTED_OF_SEVERAL
            counted = counted.limit(query.offset + limit + most)
        total = connection.execute(select(func.count()).select_from(counted.subquery())).scalar_one()
    return WorkitemPage(matched, max(0, total - query.offset - limit), total)


def _verified(
    connection: Connection, source: Source, keys: tuple[MatchKey, ...], *, other_patient_ids: bool
) -> Iterator[Attributes]:
    for row in _stream(connection, source):
        attributes = _parsed(row.attributes)
        if all(_holds(attributes, key, other_patient_ids=other_patient_ids) for key in keys):
            yield attributes


def _holds(attributes: Attributes, key: MatchKey, *, other_patient_ids: bool) -> bool:
    if matches(attributes, key):
        return True
    others = get_items(attributes, OTHER_PATIENT_IDS) if other_patient_ids and (key.tag,) == PATIENT_ID else []
    return any(matches(item, key) for item in others)


def _stream(connection: Connection, source: Source) -> Iterator[Any]:
    """Yield the workitems of every row in order, reading no more of them than are wanted."""
    table = source.table
    if source.repeats:
        statement = _rows_of(source.ordered().subquery())
    else:
        rows = workitems if table is workitems else table.join(workitems, workitems.c.uid == table.c.uid)
        statement = select(*_COLUMNS).select_from(rows).where(*source.where).order_by(table.c.start, table.c.uid)
    yield from connection.execute(statement, execution_options={"yield_per": _BATCH})


def _rows_of(keys: Subquery) -> Select[*tuple[Any, ...]]:
    rows = keys.join(workitems, workitems.c.uid == keys.c.uid)
    return select(*_COLUMNS).select_from(rows).order_by(keys.c.start, keys.c.uid)


def _parsed(document: bytes) -> Attributes:
    return cast("Attributes", orjson.loads(document))


# Which way to go ----------------------------------------------------------------------------------------------


def _plan(connection: Connection, keys: tuple[MatchKey, ...], *, other_patient_ids: bool) -> Source:
    """Choose what to read: what leaves fewest rows, or else rows in order until the page is full."""
    own = [key for key in keys if _is_own(key)]
    others = tuple(key for key in keys if key not in own)
    lookups = lookups_of(others, other_patient_ids=other_patient_ids)
    exact = lookups.complete and not any(key.tag == START and key.offset for key in own)
    weighed = sorted(((_count(connection, one), one) for one in lookups.found), key=lambda pair: pair[0])
    columns = _own_conditions(own, _Columns(workitems.c.start, workitems.c.uid, workitems.c.state.in_))
    own_count = _count_own(connection, columns) if columns and weighed else _FEW + 1
    # One that more rows satisfy helps only if they are in order.
    first = next((pair for pair in weighed if pair[0] <= _FEW or pair[1].single), None)
    if first is None or own_count < min(first[0], _FEW + 1):
        checks, checked = _checks(weighed, workitems)
        return Source(workitems, (*columns, *checks), repeats=False, exact=exact and checked)
    table, lookup = workitem_values, first[1]
    checks, checked = _checks([pair for pair in weighed if pair is not first], table)
    where = (
        _clause(lookup, table),
        *_own_conditions(own, _Columns(table.c.start, table.c.uid, _exists_in_state)),
        *checks,
    )
    return Source(table, where, repeats=lookup.single is None, exact=exact and checked)


def _checks(weighed: list[tuple[int, Lookup]], table: Table) -> tuple[list[ColumnElement[bool]], bool]:
    """Return conditions on rows that something else finds, and whether that is all of them."""
    made: list[ColumnElement[bool]] = []
    for count, lookup in weighed:
        if lookup.single is not None:
            made.append(_exists(lookup, table))
        elif count <= _FEW:
            made.append(table.c.uid.in_(select(workitem_values.c.uid).where(_clause(lookup, workitem_values))))
    return made, len(made) == len(weighed)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where start and UID are, and what it takes to be in one of some states."""

    start: ColumnElement[str]
    uid: ColumnElement[str]
    in_state: Callable[[list[str]], ColumnElement[bool]]


def _is_own(key: MatchKey) -> bool:
    """Tell whether columns of the workitem itself decide about a key."""
    return (
        key.kind is MatchKind.UNIVERSAL
        or (key.tag == STATE and key.kind in {MatchKind.SINGLE, MatchKind.WILDCARD})
        or (key.tag == START and key.kind in {MatchKind.SINGLE, MatchKind.RANGE})
        or (key.tag == SOP_INSTANCE_UID and key.kind is MatchKind.ANY_OF)
    )


def _own_conditions(keys: list[MatchKey], columns: _Columns) -> tuple[ColumnElement[bool], ...]:
    found: list[ColumnElement[bool]] = []
    for key in keys:
        if key.kind is MatchKind.UNIVERSAL:
            continue
        if key.tag == STATE:
            found.append(columns.in_state(_states(key)))
        elif key.tag == START:
            found += _bounds(key, columns.start)
        else:
            found.append(columns.uid.in_(key.values))
    return tuple(found)


def _exists_in_state(states: list[str]) -> ColumnElement[bool]:
    """The workitem of a value is in one of some states, which the index of states knows."""
    other = workitems.alias()
    table = workitem_values
    same = and_(other.c.start == table.c.start, other.c.uid == table.c.uid)
    return exists(select(literal(1)).select_from(other).where(other.c.state.in_(states), same))


def _states(key: MatchKey) -> list[str]:
    """Return the states that satisfy a key: there are four, each of which is decided about."""
    return [str(state) for state in State if matches({STATE: {"vr": "CS", "Value": [str(state)]}}, key)]


def _count(connection: Connection, lookup: Lookup) -> int:
    """Return how many rows satisfy a condition, counted up to too many."""
    return _counted(connection, select(literal(1)).where(_clause(lookup, workitem_values)))


def _count_own(connection: Connection, columns: tuple[ColumnElement[bool], ...]) -> int:
    return _counted(connection, select(literal(1)).select_from(workitems).where(*columns))


def _counted(connection: Connection, rows: Select[*tuple[Any, ...]]) -> int:
    return connection.execute(select(func.count()).select_from(rows.limit(_FEW + 1).subquery())).scalar_one()


def _exists(lookup: Lookup, table: Table) -> ColumnElement[bool]:
    """The workitem at hand has the one value: its row is found by its whole key."""
    other = workitem_values.alias()
    number, value = lookup.single or (0, "")
    return exists(
        select(literal(1))
        .select_from(other)
        .where(
            other.c.attribute == number,
            other.c.value == value,
            other.c.start == table.c.start,
            other.c.uid == table.c.uid,
        )
    )


def _clause(lookup: Lookup, table: Table) -> ColumnElement[bool]:
    parts = [and_(table.c.attribute == number, *_tested(test, table.c.value)) for number, test in lookup.alternatives]
    return or_(false(), *parts) if len(parts) > 1 else parts[0]


def _tested(test: Test, column: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    if len(test.among) == 1:
        yield column == test.among[0]
    elif test.among:
        yield column.in_(test.among)
    if test.first is not None:
        yield column >= test.first
    if test.last is not None:
        yield column <= test.last
    if test.below is not None:
        yield column < test.below
    if test.like is not None:
        yield column.like(test.like, escape="\\")


def _bounds(key: MatchKey, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Return the interval of a start; what states no zone is meant in the query's, hence a wider one if it has one."""
    first, last = (key.values[0], key.values[0]) if key.span is None else (key.span.first, key.span.last)
    if key.offset:
        first, last = _moved(first, -_WIDEST_OFFSET), _moved(last, _WIDEST_OFFSET)
    bounds: list[ColumnElement[bool]] = []
    if first is not None:
        bounds.append(column >= first)
    if last is not None:
        bounds.append(column <= last)
    return bounds


def _moved(moment: str | None, step: timedelta) -> str | None:
    if moment is None:
        return None
    try:
        moved = datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC) + step
    except (ValueError, OverflowError):
        return None
    return f"{moved.year:04}{moved:%m%d%H%M%S.%f}"
