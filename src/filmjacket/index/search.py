"""Answering a search (PS3.18 10.6; also called QIDO-RS).

SQL narrows and orders. When it also decides exactly, it pages and counts; otherwise the candidates stream by in
order and `filmjacket.web.matching` decides about each, so that every attribute that is stored can be searched.

The order is stable: studies by Study Date, newest first, then UID; series by study, Series Number, UID; instances
by study, series, Instance Number, UID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, literal, or_, select

from filmjacket.archive.records import SearchPage
from filmjacket.dicom.levels import Level
from filmjacket.index.documents import (
    INSTANCE_COLUMNS,
    SERIES_COLUMNS,
    STUDY_COLUMNS,
    Documents,
    instance_document,
    series_document,
    study_document,
)
from filmjacket.index.presentation import Presentation, is_private_key, merged
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import instances, odd_studies, series, studies
from filmjacket.index.search_sql import TABLES, Condition, condition_of
from filmjacket.web.matching import matches_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection, FromClause, Select
    from sqlalchemy import Row as ResultRow

    from filmjacket.web.query import SearchQuery

_COLUMNS = {Level.STUDY: STUDY_COLUMNS, Level.SERIES: SERIES_COLUMNS, Level.INSTANCE: INSTANCE_COLUMNS}
_ORDER = {
    Level.STUDY: (studies.c.study_date.desc(), studies.c.study_uid),
    Level.SERIES: (series.c.study_uid, series.c.series_number, series.c.series_uid),
    Level.INSTANCE: (
        instances.c.study_uid,
        instances.c.series_uid,
        instances.c.instance_number,
        instances.c.sop_uid,
    ),
}
_ANY_ODD = select(odd_studies.c.study_uid).limit(1)
_BATCH = 200


def search(connection: Connection, query: SearchQuery, maximum_results: int) -> SearchPage:
    """Return one page of matches and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    conditions = [condition_of(key, query.level) for key in query.keys]
    known = [condition for condition in conditions if condition is not None]
    exact = len(known) == len(conditions) and all(condition.exact for condition in known)
    # Without keys nothing but UIDs of the path decides, which every column holds faithfully.
    odd = bool(query.keys) and connection.execute(_ANY_ODD).first() is not None
    narrowed = _narrowed(query, known, odd=odd)
    documents = Documents(connection)
    if exact and not odd:
        rows, remaining = _page(connection, query, narrowed, limit)
    else:
        candidates = narrowed.execution_options(yield_per=_BATCH)
        checked = _Verification(query, documents, exact=exact)
        rows, remaining = _verified_page(connection.execute(candidates), query.offset, limit, checked)
    return SearchPage(Presentation(query, documents).present(rows), remaining)


def _narrowed(query: SearchQuery, conditions: list[Condition], *, odd: bool) -> Select[*tuple[Any, ...]]:
    table = TABLES[query.level]
    path: list[ColumnElement[bool]] = [
        table.c[name] == uid
        for name, uid in (
            ("study_uid", query.ref.study),
            ("series_uid", query.ref.series),
            ("sop_uid", query.ref.instance),
        )
        if uid is not None
    ]
    clauses = [condition.clause for condition in conditions]
    is_odd: ColumnElement[Any] = _is_odd(table) if odd else literal(0)
    columns = [*_COLUMNS[query.level], is_odd.label("is_odd")]
    if query.level is Level.INSTANCE and (odd or len(conditions) < len(query.keys)):
        columns.append(instances.c.metadata)
    source = _joined(query.level, {condition.level for condition in conditions})
    matching = and_(*clauses) if clauses else None
    if matching is not None and odd:
        matching = or_(matching, _is_odd(table))
    statement = select(*columns).select_from(source).where(*path).order_by(*_ORDER[query.level])
    return statement if matching is None else statement.where(matching)


def _is_odd(table: Any) -> ColumnElement[bool]:  # noqa: ANN401 - any of three tables
    return table.c.study_uid.in_(select(odd_studies.c.study_uid))


def _joined(level: Level, needed: set[Level]) -> FromClause:
    """Join the tables above that conditions look into."""
    source: FromClause = TABLES[level]
    if level is Level.INSTANCE and Level.SERIES in needed:
        same = and_(series.c.study_uid == instances.c.study_uid, series.c.series_uid == instances.c.series_uid)
        source = source.join(series, same)
    if level is not Level.STUDY and Level.STUDY in needed:
        source = source.join(studies, studies.c.study_uid == TABLES[level].c.study_uid)
    return source


def _page(
    connection: Connection, query: SearchQuery, narrowed: Select[*tuple[Any, ...]], limit: int
) -> tuple[list[ResultRow[*tuple[Any, ...]]], int]:
    """Let SQL page; only when there is a row too many does it also count."""
    rows = list(connection.execute(narrowed.limit(limit + 1).offset(query.offset)))
    if len(rows) <= limit:
        return rows, 0
    counted = narrowed.order_by(None).with_only_columns(func.count(), maintain_column_froms=True)
    return rows[:limit], connection.execute(counted).scalar_one() - query.offset - limit


def _verified_page(
    candidates: Iterable[ResultRow[*tuple[Any, ...]]], offset: int, limit: int, checked: _Verification
) -> tuple[list[ResultRow[*tuple[Any, ...]]], int]:
    rows: list[ResultRow[*tuple[Any, ...]]] = []
    found = 0
    for row in candidates:
        if not checked.holds(row):
            continue
        if offset <= found < offset + limit:
            rows.append(row)
        found += 1
    return rows, max(0, found - offset - limit)


class _Verification:
    """Decides about candidates on their stored attributes."""

    def __init__(self, query: SearchQuery, documents: Documents, *, exact: bool) -> None:
        self._level = query.level
        self._documents = documents
        self._exact = exact
        below = query.level is not Level.INSTANCE
        # Above the instance a private attribute is found when some one instance has all of them.
        self._private = tuple(key for key in query.keys if below and is_private_key(key))
        self._keys = tuple(key for key in query.keys if key not in self._private)

    def holds(self, row: ResultRow[*tuple[Any, ...]]) -> bool:
        """Tell whether a candidate matches; SQL's word is enough where its columns are faithful."""
        if self._exact and not row.is_odd:
            return True
        return self._public(row) and self._owned(row)

    def _public(self, row: ResultRow[*tuple[Any, ...]]) -> bool:
        if not self._keys:
            return True
        if self._level is Level.STUDY:
            return matches_all(study_document(row), self._keys)
        study = self._documents.study(row.study_uid)
        if self._level is Level.SERIES:
            return matches_all({**study, **series_document(row)}, self._keys)
        one = self._documents.series(row.study_uid, row.series_uid)
        own = instance_document(row, unpack_document(row.metadata))
        return matches_all(merged(own, one, study), self._keys)

    def _owned(self, row: ResultRow[*tuple[Any, ...]]) -> bool:
        if not self._private:
            return True
        series_uid = row.series_uid if self._level is Level.SERIES else None
        members = self._documents.members(row.study_uid, series_uid)
        return any(matches_all(member, self._private) for member in members)
