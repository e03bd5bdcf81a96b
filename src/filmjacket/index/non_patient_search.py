"""Answering a search among non-patient instances (PS3.18 12.6).

SQL narrows to the category, and by UIDs; `filmjacket.web.matching` decides about the rest, on the summary where that
holds every attribute that is asked for. Catalogues of palettes, protocols and templates are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import bindparam, func, select

from filmjacket.archive.non_patient_records import NonPatientMatch, NonPatientPage
from filmjacket.dicom.json_model import filter_attributes
from filmjacket.dicom.tags import is_private
from filmjacket.index.presentation import UTF_8, is_private_key, is_search_attribute, key_paths, private_attributes
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema.non_patient import non_patient_instances
from filmjacket.index.unit import one_of, portions
from filmjacket.web.matching import MatchKind, matches_all
from filmjacket.web.non_patient_tables import (
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    default_attributes,
    summary_tags,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Select

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.unit import Record
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.query import EntityQuery

_BATCH = 200
_OWN = non_patient_instances.c
_ROW = (_OWN.category, _OWN.sop_uid, _OWN.sop_class_uid)
_COLUMNS = {SOP_CLASS_UID: _OWN.sop_class_uid, SOP_INSTANCE_UID: _OWN.sop_uid}
# A list of UIDs that is longer is matched like any other key: databases bound their parameters.
_MOST_UIDS = len(next(portions(range(10**4))))


def search(connection: Connection, category: str, query: EntityQuery, maximum_results: int) -> NonPatientPage:
    """Return one page of matches and the number of those behind it."""
    limit = maximum_results if query.limit is None else min(query.limit, maximum_results)
    by_columns = [key for key in query.keys if _decided_by_sql(key)]
    others = tuple(key for key in query.keys if key not in by_columns and key.kind is not MatchKind.UNIVERSAL)
    presented = _Presentation(category, query)
    narrowed = {f"k{number}": list(key.values) for number, key in enumerate(by_columns)}
    uids = (one_of(_COLUMNS[key.tag], f"k{number}") for number, key in enumerate(by_columns))
    conditions = (_OWN.category == bindparam("category"), *uids)
    whole = presented.needs_all or not _in_summary(category, others)
    statement = select(*_ROW, _OWN.metadata if whole else _OWN.summary).where(*conditions)
    statement = statement.order_by(_OWN.label, _OWN.sop_uid)
    parameters: dict[str, Any] = {"category": category, **narrowed}
    if not others:
        total = connection.execute(select(func.count()).where(*conditions), parameters).scalar() or 0
        rows = _read(connection, statement.limit(limit).offset(query.offset), parameters)
        found = [presented.match(row, document) for row, document in rows]
    else:
        rows = _read(connection, statement, parameters)
        found, total = _verified(rows, others, query.offset, limit, presented)
    return NonPatientPage(tuple(found), max(0, total - query.offset - limit), total)


def _decided_by_sql(key: MatchKey) -> bool:
    return key.tag in _COLUMNS and key.kind is MatchKind.ANY_OF and len(key.values) <= _MOST_UIDS


def _in_summary(category: str, keys: Iterable[MatchKey]) -> bool:
    known = summary_tags(category)
    return all({key.tag, key.paired or key.tag} <= known and not is_private_key(key) for key in keys)


def _read(
    connection: Connection, statement: Select[*tuple[Any, ...]], parameters: dict[str, Any]
) -> Iterator[tuple[Record, Attributes]]:
    for row in connection.execute(statement, parameters, execution_options={"yield_per": _BATCH}):
        yield row, cast("Attributes", orjson.loads(unpack_document(bytes(row[-1]))))


def _verified(
    rows: Iterator[tuple[Record, Attributes]],
    keys: tuple[MatchKey, ...],
    offset: int,
    limit: int,
    presented: _Presentation,
) -> tuple[list[NonPatientMatch], int]:
    matches: list[NonPatientMatch] = []
    found = 0
    for row, document in rows:
        if not matches_all(document, keys):
            continue
        if offset <= found < offset + limit:
            matches.append(presented.match(row, document))
        found += 1
    return matches, found


class _Presentation:
    """Makes matches of rows: the attributes of the search table, keys, and what `includefield` asks for."""

    def __init__(self, category: str, query: EntityQuery) -> None:
        self._query = query
        paths = {*query.include, *(path for key in query.keys for path in key_paths(key))}
        self._private = sorted(path[0] for path in paths if is_private(path[0]))
        self._paths = sorted(path for path in paths if not is_private(path[0]))
        self._creators = dict(query.creators)
        known = summary_tags(category)
        self.needs_all = query.include_all or bool(self._private) or any(path[0] not in known for path in self._paths)

    def match(self, row: Record, document: Attributes) -> NonPatientMatch:
        """Return one match of a row and its summary, or its whole data set where that is needed."""
        attributes: Attributes = {SPECIFIC_CHARACTER_SET: UTF_8, **default_attributes(document, row.sop_class_uid)}
        if self._query.include_all:
            attributes |= {tag: element for tag, element in document.items() if is_search_attribute(tag, element)}
        # An attribute that is asked for comes whole, a sequence with all of its items' attributes.
        attributes |= filter_attributes(document, [path[:1] for path in self._paths])
        if self._private:
            attributes |= private_attributes(document, self._private, self._creators)
        attributes[SPECIFIC_CHARACTER_SET] = UTF_8
        return NonPatientMatch(row.category, row.sop_uid, attributes)
