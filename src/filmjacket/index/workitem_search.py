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
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.workitem_values import Lookup, Test
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.query import EntityQuery

STATE: Final = "00741000"
SOP_INSTANCE_UID: Final = "00080018"

# A condition that no more rows satisfy is looked up first, and what it finds is sorted.
_FEW: Final = 2_000
# Matches behind the page that are counted: by SQL alone, and when each must be verified.
_COUNTED: Final = 10_000
_COUNTED_ONE_BY_ONE: Final = 1_000
_BATCH: Final = 200
# No zone is further from UTC (PS3.5 6.2).
_WIDEST_OFFSET: Final = timedelta(hours=14)
_MOMENT: Final = "%Y%m%d%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Source:
    """What is read in the order of results: a table, its conditions, its order. `exact`: nothing needs verification."""

    source: FromClause
    where: tuple[ColumnElement[bool], ...]
    order: tuple[ColumnElement[Any], ...]
    exact: bool


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
    statement = _statement(source).limit(limit + 1).offset(query.offset)
    rows = connection.execute(statement).all()
    matched = tuple(_parsed(row.attributes) for row in rows[:limit])
    total = query.offset + len(rows)
    if len(rows) > limit or (query.count and not rows and query.offset):
        inner = select(literal(1)).select_from(source.source).where(*source.where)
        if not query.count:
            inner = inner.limit(query.offset + limit + _COUNTED)
        total = connection.execute(select(func.count()).select_from(inner.subquery())).scalar_one()
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
    yield from connection.execute(_statement(source), execution_options={"yield_per": _BATCH})


def _statement(source: Source) -> Select[*tuple[Any, ...]]:
    columns = (workitems.c.uid, workitems.c.created_at, workitems.c.attributes)
    return select(*columns).select_from(source.source).where(*source.where).order_by(*source.order)


def _parsed(document: bytes) -> Attributes:
    return cast("Attributes", orjson.loads(document))


# Which way to go ----------------------------------------------------------------------------------------------


def _plan(connection: Connection, keys: tuple[MatchKey, ...], *, other_patient_ids: bool) -> Source:
    """Choose what to read: the few rows that some condition leaves, or rows in order until the page is full."""
    own: list[ColumnElement[bool]] = []
    spans: list[ColumnElement[bool]] = []
    exact = True
    others: list[MatchKey] = []
    for key in keys:
        if key.kind is MatchKind.UNIVERSAL:
            continue
        if key.tag == STATE and key.kind in {MatchKind.SINGLE, MatchKind.WILDCARD}:
            # Four values, each of which is decided about.
            states = [state for state in State if matches({STATE: {"vr": "CS", "Value": [str(state)]}}, key)]
            own.append(workitems.c.state.in_([str(state) for state in states]))
        elif key.tag == SOP_INSTANCE_UID and key.kind is MatchKind.ANY_OF:
            own.append(workitems.c.uid.in_(key.values))
        elif key.tag == START and key.kind in {MatchKind.SINGLE, MatchKind.RANGE}:
            spans += _bounds(key, workitems.c.start)
            exact = exact and not key.offset
        else:
            others.append(key)
    lookups = lookups_of(tuple(others), other_patient_ids=other_patient_ids)
    exact = exact and lookups.complete
    columns = (*own, *spans)
    few = [one for one in lookups.found if _is_few(connection, one)]
    if few:
        return _from_few(few, lookups.found, columns, exact=exact)
    singles = [one for one in lookups.found if one.single is not None]
    if singles and not (columns and _is_few_of(connection, columns)):
        return _from_values(singles, own, keys, exact=exact and len(singles) == len(lookups.found))
    where = (*columns, *(_exists(one) for one in singles))
    exact = exact and len(singles) == len(lookups.found)
    return Source(workitems, where, (workitems.c.start, workitems.c.uid), exact)


def _from_few(
    few: list[Lookup], lookups: list[Lookup], columns: tuple[ColumnElement[bool], ...], *, exact: bool
) -> Source:
    """Find the rows of the conditions with few, check the others on them, sort."""
    found = [workitems.c.uid.in_(_uids(one)) for one in few]
    rest = [one for one in lookups if one not in few]
    where = (*found, *(_exists(one) for one in rest if one.single), *columns)
    # An expression has no index, so that nobody walks through all rows in their order instead.
    order = (func.coalesce(workitems.c.start, workitems.c.start), workitems.c.uid)
    return Source(workitems, where, order, exact and all(one.single for one in rest))


def _from_values(singles: list[Lookup], own: list[ColumnElement[bool]], keys: Any, *, exact: bool) -> Source:  # noqa: ANN401
    """Walk through the rows of one value, which are in the order of results."""
    first, *rest = singles
    number, value = first.single or (0, "")
    joined = workitem_values.join(workitems, workitems.c.uid == workitem_values.c.uid)
    spans = [bound for key in keys if key.tag == START for bound in _bounds(key, workitem_values.c.start)]
    where = (
        workitem_values.c.attribute == number,
        workitem_values.c.value == value,
        *spans,
        *own,
        *(_exists(one) for one in rest),
    )
    return Source(joined, where, (workitem_values.c.start, workitem_values.c.uid), exact)


def _is_few(connection: Connection, lookup: Lookup) -> bool:
    rows = select(literal(1)).select_from(workitem_values).where(_clause(lookup, workitem_values)).limit(_FEW + 1)
    return connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one() <= _FEW


def _is_few_of(connection: Connection, columns: tuple[ColumnElement[bool], ...]) -> bool:
    rows = select(literal(1)).select_from(workitems).where(*columns).limit(_FEW + 1)
    return connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one() <= _FEW


def _uids(lookup: Lookup) -> Select[*tuple[Any, ...]]:
    return select(workitem_values.c.uid).where(_clause(lookup, workitem_values))


def _exists(lookup: Lookup) -> ColumnElement[bool]:
    """The workitem at hand has the one value: its row is found by its whole key."""
    other = workitem_values.alias()
    number, value = lookup.single or (0, "")
    return exists(
        select(literal(1))
        .select_from(other)
        .where(
            other.c.attribute == number,
            other.c.value == value,
            other.c.start == workitems.c.start,
            other.c.uid == workitems.c.uid,
        )
    )


def _clause(lookup: Lookup, table: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a table or an alias of it
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
