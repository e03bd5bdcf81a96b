"""The statements of searches, built once for each shape of a search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, bindparam, false, func, literal, literal_column, or_, select, true

from filmjacket.dicom.levels import Level
from filmjacket.index.documents import INSTANCE_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS
from filmjacket.index.schema import instances, metadata, odd_studies, request_attributes, series, sop_instances, studies
from filmjacket.index.unit import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, FromClause, Select, Table

    from filmjacket.index.search_sql import Shape

_COLUMNS = {Level.STUDY: STUDY_COLUMNS, Level.SERIES: SERIES_COLUMNS, Level.INSTANCE: INSTANCE_COLUMNS}
_TABLES: dict[Level, Table] = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}
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
_SIBLING = series.alias("sibling")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, ">=": ge, "<=": le, ">": gt, "<": lt}

ANY_ODD = select(odd_studies.c.study_uid).limit(1)


@dataclass(frozen=True, slots=True)
class SearchShape:
    """All of a search that decides the text of its statements.

    `path` names the UID columns that the target URI fixes, bound under their own names; the values of
    `conditions` are bound as `p0`, `p1`, ... `joined` are the levels conditions look into. With `odd`, studies
    that columns do not hold faithfully pass and are marked; `documents` brings the metadata for verification.
    """

    level: Level
    path: tuple[str, ...]
    conditions: tuple[Shape, ...]
    joined: frozenset[Level]
    odd: bool
    documents: bool


@lru_cache(maxsize=256)
def candidates(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return all rows that may match, in the order of results, to be read as a stream."""
    is_odd: ColumnElement[Any] = _is_odd(shape) if shape.odd else literal(0)
    columns: list[Any] = [*_COLUMNS[shape.level], is_odd.label("is_odd")]
    if shape.documents:
        columns.append(instances.c.metadata)
    return select(*columns).select_from(_source(shape)).where(*_where(shape)).order_by(*_ORDER[shape.level])


@lru_cache(maxsize=256)
def page(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return the rows of a page, bound as `page_limit` and `page_offset`."""
    return candidates(shape).limit(bindparam("page_limit")).offset(bindparam("page_offset"))


@lru_cache(maxsize=256)
def count(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return the number of rows."""
    return cast("Any", select(func.count().label("matches")).select_from(_source(shape)).where(*_where(shape)))


def _where(shape: SearchShape) -> list[ColumnElement[bool]]:
    table = _TABLES[shape.level]
    path = [table.c[name] == bindparam(name) for name in shape.path]
    names = (f"p{number}" for number in range(10**6))
    matching = [_clause(one, names) for one in shape.conditions]
    if shape.odd:
        return [*path, or_(and_(true(), *matching), _is_odd(shape))]
    return [*path, *matching]


def _is_odd(shape: SearchShape) -> ColumnElement[bool]:
    return _TABLES[shape.level].c.study_uid.in_(select(odd_studies.c.study_uid))


def _source(shape: SearchShape) -> FromClause:
    """Join the tables above that conditions look into."""
    source: FromClause = _TABLES[shape.level]
    if shape.level is Level.INSTANCE and Level.SERIES in shape.joined:
        same = and_(series.c.study_uid == instances.c.study_uid, series.c.series_uid == instances.c.series_uid)
        source = source.join(series, same)
    if shape.level is not Level.STUDY and Level.STUDY in shape.joined:
        source = source.join(studies, studies.c.study_uid == _TABLES[shape.level].c.study_uid)
    return source


def _clause(shape: Shape, names: Iterator[str]) -> ColumnElement[bool]:
    operator, *rest = shape
    if operator == "and":
        return and_(true(), *(_clause(part, names) for part in rest))
    if operator == "or":
        return or_(false(), *(_clause(part, names) for part in rest))
    if operator == "some-series":
        table, part = rest
        same = _SIBLING.c.study_uid == metadata.tables[table].c.study_uid
        return select(_SIBLING.c.study_uid).where(same, _clause(part, names)).exists()
    if operator == "some-request":
        row = request_attributes.c
        same = and_(row.study_uid == series.c.study_uid, row.series_uid == series.c.series_uid)
        return select(row.item).where(same, _clause(rest[0], names)).exists()
    if operator == "in-study-of":
        known = select(sop_instances.c.study_uid).where(one_of(sop_instances.c.sop_uid, next(names)))
        return metadata.tables[rest[0]].c.study_uid.in_(known)
    return _comparison(operator, _column(rest[0]), names)


def _comparison(operator: str, column: ColumnElement[Any], names: Iterator[str]) -> ColumnElement[bool]:
    if operator == "present":
        return column != literal_column("''")
    if operator == "in":
        return one_of(column, next(names))
    if operator == "like":
        return column.like(bindparam(next(names)), escape="\\")
    return _OPERATORS[operator](column, bindparam(next(names)))


def _column(name: str) -> ColumnElement[Any]:
    table, column = name.split(".")
    return _SIBLING.c[column] if table == "sibling" else metadata.tables[table].c[column]
