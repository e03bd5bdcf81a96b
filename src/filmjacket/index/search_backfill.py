"""Filling in declared search attributes, and words of names, for what was stored before they were declared.

In batches of one short transaction each, which also notes how far it came: other processes store and search
meanwhile, and the next run goes on where one was stopped. What they store, they fill in themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import and_, bindparam, func, or_, select, tuple_, update

from filmjacket.dicom.levels import Level
from filmjacket.index.locks import lock_studies
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import instances, odd_studies, search_attributes, series, studies
from filmjacket.index.search_catalog import NAME_WORDS
from filmjacket.index.search_rows import NAME_COLUMNS, SearchRows
from filmjacket.index.unit import insert_rows, run
from filmjacket.web.search_attributes import parse_search_attribute

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Select

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.unit import Record

# A batch keeps other writers waiting: documents of instances take longest to decode.
_AT_ONCE = {Level.STUDY: 200, Level.SERIES: 200, Level.INSTANCE: 50}
_TABLES = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}
_ENTITY = {Level.STUDY: "study_uid", Level.SERIES: "series_uid", Level.INSTANCE: "sop_uid"}
_INCOMPLETE = select(
    search_attributes.c.number,
    search_attributes.c.name,
    search_attributes.c.study_uid,
    search_attributes.c.entity_uid,
).where(search_attributes.c.complete == 0)
_ODD = select(odd_studies.c.study_uid).where(odd_studies.c.study_uid == bindparam("study_uid"))


def remaining(connection: Connection) -> int:
    """Return how many studies, series and instances are to be looked at."""
    total = 0
    for level, (study_uid, entity_uid) in _positions(connection).items():
        beyond = _beyond(level)
        statement = select(func.count().label("number")).select_from(_TABLES[level]).where(beyond)
        total += run(connection, statement, {"study": study_uid, "entity": entity_uid})[0].number
    return total


def fill_in(connection: Connection) -> tuple[int, ...]:
    """Take the next batch; returns the size in bytes of each document looked at, () when everything is there."""
    for level, (study_uid, entity_uid) in _positions(connection).items():
        parameters = {"study": study_uid, "entity": entity_uid, "most": _AT_ONCE[level]}
        found = _locked(connection, level, parameters)
        rows = SearchRows(connection)
        sizes = tuple([_TAKE[level](rows, row) for row in found])
        rows.write()
        _note_odd(connection, rows.odd)
        if len(found) < _AT_ONCE[level]:
            _advance(connection, level, None)
        else:
            _advance(connection, level, (found[-1].study_uid, getattr(found[-1], _ENTITY[level])))
        if sizes:
            return sizes
    return ()


def _locked(connection: Connection, level: Level, parameters: dict[str, Any]) -> list[Record]:
    """Return a batch whose studies nobody else changes before this unit of work ends."""
    locked: set[str] = set()
    while True:
        found = run(connection, _BATCHES[level], parameters)
        more = {row.study_uid for row in found} - locked
        if not more:
            return found
        lock_studies(connection, more)
        locked |= more


def _positions(connection: Connection) -> dict[Level, tuple[str, str]]:
    """Return, for each level that is not complete, what was looked at last by the attribute that is furthest back."""
    found: dict[Level, tuple[str, str]] = {}
    for row in run(connection, _INCOMPLETE, {}):
        level, position = _level_of(row.name), (row.study_uid, row.entity_uid)
        found[level] = min(position, found.get(level, position))
    return {level: found[level] for level in _TABLES if level in found}


def _level_of(name: str) -> Level:
    return Level.STUDY if name == NAME_WORDS else parse_search_attribute(name).level


def _beyond(level: Level) -> Any:  # noqa: ANN401 - a condition, whose type depends on its number of columns
    table = _TABLES[level]
    if level is Level.STUDY:
        return table.c.study_uid > bindparam("study")
    return tuple_(table.c.study_uid, table.c[_ENTITY[level]]) > tuple_(bindparam("study"), bindparam("entity"))


def _batch(level: Level, *columns: str) -> Select[*tuple[Any, ...]]:
    table = _TABLES[level]
    order = dict.fromkeys(("study_uid", _ENTITY[level]))
    names = dict.fromkeys((*order, *columns))
    return (
        select(*(table.c[name] for name in names))
        .where(_beyond(level))
        .order_by(*(table.c[name] for name in order))
        .limit(bindparam("most"))
    )


_BATCHES = {
    Level.STUDY: _batch(Level.STUDY, *NAME_COLUMNS, "attributes"),
    Level.SERIES: _batch(Level.SERIES, "attributes"),
    Level.INSTANCE: _batch(Level.INSTANCE, "series_uid", "metadata"),
}


def _take_study(rows: SearchRows, row: Record) -> int:
    rows.gone(row.study_uid)
    rows.study(row.study_uid, {name: getattr(row, name) for name in NAME_COLUMNS}, _loads(row.attributes))
    return len(row.attributes)


def _take_series(rows: SearchRows, row: Record) -> int:
    rows.gone(row.study_uid, row.series_uid)
    rows.series(row.study_uid, row.series_uid, _loads(row.attributes))
    return len(row.attributes)


def _take_instance(rows: SearchRows, row: Record) -> int:
    document = unpack_document(row.metadata)
    rows.gone(row.study_uid, row.series_uid, row.sop_uid)
    rows.instance((row.study_uid, row.series_uid, row.sop_uid), _loads(document))
    return len(document)


_TAKE: dict[Level, Callable[[SearchRows, Record], int]] = {
    Level.STUDY: _take_study,
    Level.SERIES: _take_series,
    Level.INSTANCE: _take_instance,
}


def _loads(document: bytes) -> Attributes:
    return cast("Attributes", orjson.loads(document))


def _advance(connection: Connection, level: Level, position: tuple[str, str] | None) -> None:
    """Note how far the attributes of a level are; those that were further already stay there."""
    numbers = [row.number for row in run(connection, _INCOMPLETE, {}) if _level_of(row.name) is level]
    table = search_attributes.c
    statement = update(search_attributes).where(table.number.in_(numbers))
    if position is None:
        connection.execute(statement.values(complete=1))
        return
    study_uid, entity_uid = position
    behind = or_(table.study_uid < study_uid, and_(table.study_uid == study_uid, table.entity_uid < entity_uid))
    connection.execute(statement.where(behind).values(study_uid=study_uid, entity_uid=entity_uid))


def _note_odd(connection: Connection, study_uids: set[str]) -> None:
    new = [uid for uid in sorted(study_uids) if not run(connection, _ODD, {"study_uid": uid})]
    if new:
        insert_rows(connection, odd_studies, [{"study_uid": uid} for uid in new])
