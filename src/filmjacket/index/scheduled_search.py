"""Answering a search for scheduled procedure steps (PS3.18 14.4; PS3.4 K.4).

SQL narrows and orders, and decides about promoted attributes, which always have one value (Scheduled Station AE Title
has a row for each); `filmjacket.web.matching` decides about every other attribute, on the candidates in their order.
Results are in the order of start date, start time, then of the key.

What few steps satisfy is looked up by its index. Everything else is walked in the order of results until the page is
full: sorting many costs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from sqlalchemy import and_, func, select, union_all

from filmjacket.archive.procedure_records import StepPage
from filmjacket.index.scheduled_conditions import Condition, condition_of, with_date
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_steps
from filmjacket.web.matching import MatchKey, MatchKind, matches_all
from filmjacket.web.scheduled_step_tables import DEPARTED, SCHEDULED_STATUS, SCHEDULED_STEP_SEQUENCE, START_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Select

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.query import EntityQuery

_KEYS = scheduled_step_keys.c
_ORDER = (_KEYS.start_date, _KEYS.start_time, _KEYS.study_uid, _KEYS.step_id)
# A condition that more rows satisfy is walked in order rather than looked up.
_MANY: Final = 2_000
# How far rows are counted to find that out.
_PROBED: Final = 20_000
# Matches behind a page that are counted unless all are asked for.
_COUNTED_BEHIND: Final = 10_000
_BATCH: Final = 200


_Conditions: TypeAlias = "tuple[ColumnElement[bool], ...]"


@dataclass(frozen=True, slots=True)
class _Plan:
    """Conditions for the page and for counting, each of disjoint parts, and the keys that are left to verify."""

    paged: tuple[_Conditions, ...]
    counted: tuple[_Conditions, ...]
    verified: tuple[MatchKey, ...]


def search(connection: Connection, query: EntityQuery, maximum_results: int, hidden: frozenset[str]) -> StepPage:
    """Return one page of matches and the number of those behind it, counted to the end only if that is asked for."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    keys = tuple(key for key in flat_keys(query.keys) if key.kind is not MatchKind.UNIVERSAL)
    plan = _plan(connection, keys, hidden)
    if plan.verified:
        candidates = connection.execute(_documents(_found(plan)), execution_options={"yield_per": _BATCH})
        documents = (orjson.loads(bytes(row.attributes)) for row in candidates)
        matching = (one for one in documents if matches_all(one, plan.verified))
        return _page(matching, query.offset, limit)
    # Documents are looked up for the page alone.
    rows = connection.execute(_documents(_found(plan).limit(limit + 1).offset(query.offset))).all()
    total = query.offset + len(rows)
    # A page that begins behind the last match does not tell how many there are.
    if len(rows) > limit or (query.offset and not rows):
        total = _count(connection, plan, None if query.count else query.offset + limit + _COUNTED_BEHIND)
    matches = tuple(orjson.loads(bytes(row.attributes)) for row in rows[:limit])
    return StepPage(matches, max(0, total - query.offset - limit), total)


def flat_keys(keys: tuple[MatchKey, ...]) -> Iterator[MatchKey]:
    """Yield the keys, those within the one item of the step each on its own.

    One item satisfies them together if it satisfies each.
    """
    for key in keys:
        if key.tag == SCHEDULED_STEP_SEQUENCE and key.kind is MatchKind.SEQUENCE:
            yield from (
                MatchKey(SCHEDULED_STEP_SEQUENCE, "SQ", MatchKind.SEQUENCE, items=(item,)) for item in key.items
            )
        else:
            yield key


def _plan(connection: Connection, keys: tuple[MatchKey, ...], hidden: frozenset[str]) -> _Plan:
    conditions: list[Condition] = []
    verified: list[MatchKey] = []
    for key in keys:
        inner = key.items[0] if key.tag == SCHEDULED_STEP_SEQUENCE and key.items else key
        if inner.kind is MatchKind.UNIVERSAL:
            continue
        condition = condition_of(inner, within=inner is not key)
        if condition is not None:
            conditions.append(condition)
        if condition is None or not condition.exact:
            verified.append(key)
    return _weighed(connection, conditions, tuple(verified), hidden)


def _scope(conditions: list[Condition], hidden: frozenset[str], *, indexed: bool) -> list[ColumnElement[bool]]:
    """Each step once, and none that nobody waits for, unless its status is asked for."""
    place: ColumnElement[int] = _KEYS.place if indexed else func.coalesce(_KEYS.place, _KEYS.place)
    ended: ColumnElement[int] = _KEYS.ended if indexed else func.coalesce(_KEYS.ended, _KEYS.ended)
    scope: list[ColumnElement[bool]] = []
    if not any(condition.one_station for condition in conditions):
        scope.append(place == 0)
    asked = [condition for condition in conditions if condition.tag == SCHEDULED_STATUS and condition.exact]
    if asked and asked[0].status:
        return [*scope, ended == int(asked[0].status == DEPARTED)]
    if asked or not hidden:
        return [*scope, ended.in_((0, 1))]
    others = sorted(hidden - {DEPARTED})
    return [*scope, ended == 0, *([func.coalesce(_KEYS.status, "").not_in(others)] if others else [])]


def _weighed(
    connection: Connection, conditions: list[Condition], verified: tuple[MatchKey, ...], hidden: frozenset[str]
) -> _Plan:
    """Tell the planner what it cannot know: which condition few steps satisfy, and that others had better be walked.

    An index may serve to find and to count, and still lose to that of the order where rows are to be sorted: what is
    not in the index that is meant is said in a form for which no index is.
    """
    found, walked = (_scope(conditions, hidden, indexed=indexed) for indexed in (False, True))
    if not conditions:
        return _Plan((tuple(walked),), (tuple(walked),), verified)
    conditions = with_date(conditions)
    scopes = [walked if condition.by_scope else found for condition in conditions]
    counts = [_estimate(connection, one, scope) for one, scope in zip(conditions, scopes, strict=True)]
    fewest = counts.index(min(counts))
    first = conditions[fewest]
    rest = [one.walked for place, one in enumerate(conditions) if place != fewest]
    counted = tuple((*scopes[fewest], branch, *rest) for branch in first.branches)
    if counts[fewest] <= _MANY:
        scope = walked if first.by_scope and (first.ordered or first.tag == START_TIME) else found
        return _Plan(tuple((*scope, branch, *rest) for branch in first.branches), counted, verified)
    paged = [one.branches[0] if one.ordered else one.walked for one in conditions]
    return _Plan(((*walked, *paged),), counted, verified)


def _estimate(connection: Connection, condition: Condition, scope: list[ColumnElement[bool]]) -> int:
    """Return how many rows satisfy a condition, counted up to too many."""
    if condition.sources:
        return min(_counted(connection, source.limit(_PROBED)) for source in condition.sources)
    rows = (select(_KEYS.place).where(*scope, branch).limit(_PROBED) for branch in condition.branches)
    return sum(_counted(connection, one) for one in rows)


def _count(connection: Connection, plan: _Plan, most: int | None) -> int:
    total = 0
    for conditions in plan.counted:
        total += _counted(connection, select(_KEYS.place).where(*conditions).limit(most))
        if most is not None and total >= most:
            return most
    return total


def _counted(connection: Connection, rows: Select[*tuple[Any, ...]]) -> int:
    return connection.execute(select(func.count()).select_from(rows.subquery())).scalar() or 0


def _found(plan: _Plan) -> Select[*tuple[Any, ...]]:
    """Return the keys of the steps in the order of results."""
    if len(plan.paged) == 1:
        return select(*_ORDER).where(*plan.paged[0]).order_by(*_ORDER)
    every = union_all(*(select(*_ORDER).where(*conditions) for conditions in plan.paged)).subquery()
    columns = [every.c[column.name] for column in _ORDER]
    return select(*columns).order_by(*columns)


def _documents(found: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    keys = found.subquery()
    same = and_(scheduled_steps.c.study_uid == keys.c.study_uid, scheduled_steps.c.step_id == keys.c.step_id)
    order = [keys.c[column.name] for column in _ORDER]
    return select(scheduled_steps.c.attributes).select_from(keys.join(scheduled_steps, same)).order_by(*order)


def _page(matching: Iterator[Attributes], offset: int, limit: int) -> StepPage:
    found: list[Attributes] = []
    total = 0
    for one in matching:
        if offset <= total < offset + limit:
            found.append(one)
        total += 1
    return StepPage(tuple(found), max(0, total - offset - limit), total)
