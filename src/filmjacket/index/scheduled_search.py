"""Answering a search for scheduled procedure steps (PS3.18 14.4; PS3.4 K.4).

SQL narrows and orders, and decides about promoted attributes, which always have one value (Scheduled Station AE Title
has a row for each); `filmjacket.web.matching` decides about every other attribute, on the candidates in their order.
Results are in the order of start date, start time, then of the key.

What few steps satisfy is looked up by its index. Everything else is walked in the order of results until the page is
full: sorting many costs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import and_, func, literal, select

from filmjacket.archive.procedure_records import StepPage
from filmjacket.index.scheduled_conditions import Condition, condition_of
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_steps
from filmjacket.web.matching import MatchKey, MatchKind, matches_all
from filmjacket.web.scheduled_step_tables import DEPARTED, SCHEDULED_STATUS, SCHEDULED_STEP_SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Select

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.query import EntityQuery

_KEYS = scheduled_step_keys.c
_ORDER = (_KEYS.start_date, _KEYS.start_time, _KEYS.study_uid, _KEYS.step_id)
# A condition that more rows satisfy is walked in order rather than looked up.
_MANY: Final = 2_000
_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class _Plan:
    """Conditions for the page and for counting, and the keys that are left to verify."""

    paged: tuple[ColumnElement[bool], ...]
    counted: tuple[ColumnElement[bool], ...]
    verified: tuple[MatchKey, ...]


def search(connection: Connection, query: EntityQuery, maximum_results: int, hidden: frozenset[str]) -> StepPage:
    """Return one page of matches and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    keys = tuple(key for key in flat_keys(query.keys) if key.kind is not MatchKind.UNIVERSAL)
    plan = _plan(connection, keys, hidden)
    if plan.verified:
        candidates = connection.execute(_documents(plan), execution_options={"yield_per": _BATCH})
        documents = (orjson.loads(bytes(row.attributes)) for row in candidates)
        matching = (one for one in documents if matches_all(one, plan.verified))
        return _page(matching, query.offset, limit)
    rows = connection.execute(_documents(plan).limit(limit + 1).offset(query.offset)).all()
    total = query.offset + len(rows)
    # A page that begins behind the last match does not tell how many there are.
    if len(rows) > limit or (query.offset and not rows):
        total = connection.execute(select(func.count()).where(*plan.counted)).scalar() or 0
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
    return _weighed(connection, conditions, tuple(verified), _scope(conditions, hidden))


def _scope(conditions: list[Condition], hidden: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    """Each step once, and none that nobody waits for, unless its status is asked for."""
    asked = {condition.tag for condition in conditions if condition.exact}
    scope: list[ColumnElement[bool]] = []
    if not any(condition.one_station for condition in conditions):
        scope.append(_KEYS.place == 0)
    if SCHEDULED_STATUS not in asked:
        others = sorted(hidden - {DEPARTED})
        scope += [_KEYS.ended == 0] if DEPARTED in hidden else [_KEYS.ended.in_((0, 1))]
        scope += [func.coalesce(_KEYS.status, "").not_in(others)] if others else []
    return tuple(scope)


def _weighed(
    connection: Connection,
    conditions: list[Condition],
    verified: tuple[MatchKey, ...],
    scope: tuple[ColumnElement[bool], ...],
) -> _Plan:
    """Tell the planner what it cannot know: which condition few steps satisfy, and that others had better be walked."""
    counts = [_count_up_to(connection, (*scope, condition.clause)) for condition in conditions]
    fewest = min(counts, default=_MANY + 1)
    paged: list[ColumnElement[bool]] = []
    for condition, number in zip(conditions, counts, strict=True):
        # One index decides: that of the fewest, or else one whose rows are in the order of results.
        helps = number == fewest if fewest <= _MANY else condition.ordered
        paged.append(condition.clause if helps else condition.walked)
    counted = tuple(condition.clause for condition in conditions)
    return _Plan((*scope, *paged), (*scope, *counted), verified)


def _count_up_to(connection: Connection, conditions: tuple[ColumnElement[bool], ...]) -> int:
    rows = select(literal(1)).select_from(scheduled_step_keys).where(*conditions).limit(_MANY + 1)
    return connection.execute(select(func.count()).select_from(rows.subquery())).scalar() or 0


def _documents(plan: _Plan) -> Select[Any]:
    same = and_(scheduled_steps.c.study_uid == _KEYS.study_uid, scheduled_steps.c.step_id == _KEYS.step_id)
    joined = scheduled_step_keys.join(scheduled_steps, same)
    return select(scheduled_steps.c.attributes).select_from(joined).where(*plan.paged).order_by(*_ORDER)


def _page(matching: Iterator[Attributes], offset: int, limit: int) -> StepPage:
    found: list[Attributes] = []
    total = 0
    for one in matching:
        if offset <= total < offset + limit:
            found.append(one)
        total += 1
    return StepPage(tuple(found), max(0, total - offset - limit), total)
