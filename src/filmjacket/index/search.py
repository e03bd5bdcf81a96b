"""Answering a search (PS3.18 10.6; also called QIDO-RS).

SQL narrows and orders. When it also decides exactly, it pages and counts; otherwise the candidates stream by in
order and `filmjacket.web.matching` decides about each, so that every attribute that is stored can be searched.

The order is stable: studies by Study Date, newest first, then UID; series by study, Series Number, UID; instances
by study, series, Instance Number, UID.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from filmjacket.archive.records import SearchPage
from filmjacket.dicom.levels import Level
from filmjacket.index.documents import Documents
from filmjacket.index.presentation import Presentation
from filmjacket.index.search_catalog import modality_sets, read_catalog
from filmjacket.index.search_declared import declared_conditions
from filmjacket.index.search_resolving import resolved
from filmjacket.index.search_sql import NOTHING, Condition, Known, bound, condition_of
from filmjacket.index.search_statements import ANY_ODD, Odd, SearchShape, candidates, count, page, probe, scanning
from filmjacket.index.search_verification import Verification
from filmjacket.index.unit import note_time, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from filmjacket.index.unit import Record
    from filmjacket.web.query import SearchQuery

_BATCH = 200
# A condition that more rows satisfy is no help: sorting them costs more than walking in order until a page is full.
_MANY = 20_000
# Nor is one that so many times more rows satisfy than the most selective one.
_TIMES_THE_FEWEST = 8
# More of what is in odd studies than this is not looked at one by one before the page is made.
_MOST_ODD = 1_000


def search(connection: Connection, query: SearchQuery, maximum_results: int) -> SearchPage:
    """Return one page of matches and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    documents = Documents(connection)
    plan = _plan(connection, query)
    if plan.exact and plan.shape.odd is Odd.LET_THROUGH:
        plan = _settle_odd(connection, query, plan, documents)
    if plan.exact and plan.shape.odd is not Odd.LET_THROUGH:
        rows, matches = _page(connection, plan, query, limit)
    else:
        shape = replace(plan.shape, documents=query.level is Level.INSTANCE)
        statement, started = candidates(shape), perf_counter()
        stream = connection.execute(statement, plan.parameters, execution_options={"yield_per": _BATCH})
        rows, matches = _verified_page(stream, query.offset, limit, Verification(query, documents, exact=plan.exact))
        note_time(connection, statement, plan.parameters, perf_counter() - started)
    presented = Presentation(query, documents).present(rows)
    return SearchPage(presented, max(0, matches - query.offset - limit), matches)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Statements for the page and for counting, which have the same values, and whether they decide exactly.

    `kept` is the number of what matches in odd studies, once that is known.
    """

    shape: SearchShape
    counted: SearchShape
    parameters: dict[str, Any]
    exact: bool
    kept: int | None = None


def _plan(connection: Connection, query: SearchQuery) -> _Plan:
    catalog = read_catalog(connection)
    known = Known(partial(modality_sets, connection), has_name_words=catalog.has_name_words)
    conditions = [condition_of(key, query.level, known) for key in query.keys]
    conditions = declared_conditions(query, conditions, catalog)
    found = [condition for condition in conditions if condition is not None]
    if connection.dialect.name != "sqlite":
        found = [replace(condition, term=resolved(connection, condition.term)) for condition in found]
    exact = len(found) == len(conditions) and all(condition.term.exact for condition in found)
    path = {
        name: uid
        for name, uid in (
            ("study_uid", query.ref.study),
            ("series_uid", query.ref.series),
            ("sop_uid", query.ref.instance),
        )
        if uid is not None
    }
    weighed, fewest = found, None
    unique = any(condition.unique for condition in found)
    if found and not path and not unique:
        weighed, fewest = _weighed(connection, found, query.level)
    few = fewest is None or fewest <= _MANY
    if not few and connection.dialect.name != "sqlite":
        weighed = [_looked_up(condition, query.level) for condition in weighed]
    terms = [condition.term for condition in weighed]
    # Without keys nothing but UIDs of the path decides, which every column holds faithfully.
    odd = bool(query.keys) and bool(run(connection, ANY_ODD, {}))
    shape = SearchShape(
        level=query.level,
        path=tuple(path),
        conditions=tuple(term.shape for term in terms),
        joined=frozenset(condition.level for condition in weighed),
        odd=Odd.LET_THROUGH if odd else Odd.PLAIN,
        documents=False,
        few=few,
        sorts=not path and few and (unique or fewest is not None),
    )
    counted = shape
    if not few:
        # Nothing but an index is read to count, and all of it: no order is needed, and no row.
        counted = replace(
            shape,
            conditions=tuple(scanning(condition.term.shape) for condition in found),
            joined=frozenset(condition.level for condition in found),
        )
    return _Plan(shape, counted, path | bound(terms), exact)


def _weighed(connection: Connection, conditions: list[Condition], level: Level) -> tuple[list[Condition], int | None]:
    """Tell the planner what it cannot know, and return how many rows satisfy the most selective condition.

    Those come first, also where they are of a table above. For the others no index is used: then results come in
    their order until the page is full.
    """
    counts = [_counted(connection, condition) for condition in conditions]
    known = [number for number in counts if number is not None]
    fewest = min(known, default=0)
    weighed: list[Condition] = []
    for condition, number in zip(conditions, counts, strict=True):
        made = condition
        if number is not None and number <= _MANY and condition.level is not level:
            shape = ("some-above", level, condition.level, condition.term.shape)
            made = Condition(replace(condition.term, shape=shape), level)
        if number is not None and (number > _TIMES_THE_FEWEST * (fewest + 10) or (number > _MANY and not made.ordered)):
            made = replace(made, term=replace(made.term, shape=("unindexed", made.term.shape)))
        weighed.append(made)
    return weighed, fewest if known else None


def _looked_up(condition: Condition, level: Level) -> Condition:
    """Have what is above decided about row by row: PostgreSQL thinks that a join by two keys leaves no rows."""
    if condition.level is level:
        return condition
    shape = ("which-above", level, condition.level, condition.term.shape)
    return Condition(replace(condition.term, shape=shape), level)


def _counted(connection: Connection, condition: Condition) -> int | None:
    """Return how many rows of its table satisfy a condition, counted up to too many; None when it has no values."""
    term = condition.term
    if not term.values:
        return None
    parameters = bound([term]) | {"most": _MANY + 1}
    return run(connection, probe(condition.level, term.shape), parameters)[0].matches


def _settle_odd(connection: Connection, query: SearchQuery, plan: _Plan, documents: Documents) -> _Plan:
    """Decide about what is in odd studies first, so that SQL can page and count."""
    alone = replace(plan.shape, odd=Odd.ALONE, conditions=(), documents=query.level is Level.INSTANCE)
    limited = {name: plan.parameters[name] for name in plan.shape.path} | {
        "page_limit": _MOST_ODD + 1,
        "page_offset": 0,
    }
    rows = run(connection, page(alone), limited)
    uids = [getattr(row, _OWN_UID[query.level]) for row in rows]
    if len(rows) > _MOST_ODD or len(set(uids)) < len(uids):
        return plan
    checked = Verification(query, documents, exact=False)
    kept = [uid for row, uid in zip(rows, uids, strict=True) if checked.holds(row)]
    # A list cannot be empty, and no UID is.
    settled = plan.parameters | {"kept": kept or [""]}
    return replace(plan, shape=replace(plan.shape, odd=Odd.KEPT), parameters=settled, kept=len(kept))


def _count(connection: Connection, plan: _Plan) -> int:
    """Return the number of matches: what satisfies the conditions, in odd studies what was kept instead."""
    plain = run(connection, count(replace(plan.counted, odd=Odd.PLAIN)), plan.parameters)[0].matches
    if plan.kept is None:
        return plain
    return (
        plain
        + plan.kept
        - run(connection, count(replace(plan.counted, odd=Odd.SATISFYING)), plan.parameters)[0].matches
    )


_OWN_UID = {Level.STUDY: "study_uid", Level.SERIES: "series_uid", Level.INSTANCE: "sop_uid"}


def _page(connection: Connection, plan: _Plan, query: SearchQuery, limit: int) -> tuple[list[Record], int]:
    """Let SQL page; only when there is a row too many, or the number is asked for, does it also count."""
    if plan.shape.odd is Odd.PLAIN and NOTHING.shape in plan.shape.conditions:
        return [], 0
    paging = {"page_limit": limit + 1, "page_offset": query.offset}
    rows = run(connection, page(plan.shape), plan.parameters | paging)
    # A page that begins behind the last match does not tell how many there are.
    if len(rows) > limit or (query.count and query.offset and not rows):
        return rows[:limit], _count(connection, plan)
    return rows, query.offset + len(rows)


def _verified_page(
    candidates: Iterable[Record], offset: int, limit: int, checked: Verification
) -> tuple[list[Record], int]:
    rows: list[Record] = []
    found = 0
    for row in candidates:
        if not checked.holds(row):
            continue
        if offset <= found < offset + limit:
            rows.append(row)
        found += 1
    return rows, found
