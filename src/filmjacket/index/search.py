"""Answering a search (PS3.18 10.6; also called QIDO-RS).

SQL narrows and orders. When it also decides exactly, it pages and counts; otherwise the candidates stream by in
order and `filmjacket.web.matching` decides about each, so that every attribute that is stored can be searched.

The order is stable: studies by Study Date, newest first, then UID; series by study, Series Number, UID; instances
by study, series, Instance Number, UID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from filmjacket.archive.records import SearchPage
from filmjacket.dicom.levels import Level
from filmjacket.index.documents import Documents, instance_document, series_document, study_document
from filmjacket.index.presentation import Presentation, is_private_key, merged
from filmjacket.index.rows import unpack_document
from filmjacket.index.search_sql import condition_of
from filmjacket.index.search_statements import ANY_ODD, SearchShape, candidates, count, page
from filmjacket.index.unit import run
from filmjacket.web.matching import matches_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from filmjacket.index.unit import Record
    from filmjacket.web.query import SearchQuery

_BATCH = 200


def search(connection: Connection, query: SearchQuery, maximum_results: int) -> SearchPage:
    """Return one page of matches and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    conditions = [condition_of(key, query.level) for key in query.keys]
    known = [condition for condition in conditions if condition is not None]
    exact = len(known) == len(conditions) and all(condition.term.exact for condition in known)
    # Without keys nothing but UIDs of the path decides, which every column holds faithfully.
    odd = bool(query.keys) and bool(run(connection, ANY_ODD, {}))
    path = {
        name: uid
        for name, uid in (
            ("study_uid", query.ref.study),
            ("series_uid", query.ref.series),
            ("sop_uid", query.ref.instance),
        )
        if uid is not None
    }
    shape = SearchShape(
        level=query.level,
        path=tuple(path),
        conditions=tuple(condition.term.shape for condition in known),
        joined=frozenset(condition.level for condition in known),
        odd=odd,
        documents=query.level is Level.INSTANCE and (odd or not exact),
    )
    values = (value for condition in known for value in condition.term.values)
    parameters: dict[str, Any] = path | {f"p{number}": value for number, value in enumerate(values)}
    documents = Documents(connection)
    if exact and not odd:
        rows, remaining = _page(connection, shape, parameters, query.offset, limit)
    else:
        stream = connection.execute(candidates(shape), parameters, execution_options={"yield_per": _BATCH})
        checked = _Verification(query, documents, exact=exact)
        rows, remaining = _verified_page(stream, query.offset, limit, checked)
    return SearchPage(Presentation(query, documents).present(rows), remaining)


def _page(
    connection: Connection, shape: SearchShape, parameters: dict[str, Any], offset: int, limit: int
) -> tuple[list[Record], int]:
    """Let SQL page; only when there is a row too many does it also count."""
    paging = {"page_limit": limit + 1, "page_offset": offset}
    rows = run(connection, page(shape), parameters | paging)
    if len(rows) <= limit:
        return rows, 0
    return rows[:limit], run(connection, count(shape), parameters)[0].matches - offset - limit


def _verified_page(
    candidates: Iterable[Record], offset: int, limit: int, checked: _Verification
) -> tuple[list[Record], int]:
    rows: list[Record] = []
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

    def holds(self, row: Record) -> bool:
        """Tell whether a candidate matches; SQL's word is enough where its columns are faithful."""
        if self._exact and not row.is_odd:
            return True
        return self._public(row) and self._owned(row)

    def _public(self, row: Record) -> bool:
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

    def _owned(self, row: Record) -> bool:
        if not self._private:
            return True
        series_uid = row.series_uid if self._level is Level.SERIES else None
        members = self._documents.members(row.study_uid, series_uid)
        return any(matches_all(member, self._private) for member in members)
