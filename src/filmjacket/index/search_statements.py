"""The statements of searches, built once for each shape of a search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import count as count_up
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy import cast as sql_cast

from filmjacket.dicom.levels import Level
from filmjacket.index.documents import INSTANCE_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS
from filmjacket.index.membership import among, among_many, narrowed, sorted_by, without_index
from filmjacket.index.schema import (
    instances,
    metadata,
    name_words,
    odd_studies,
    request_attributes,
    search_values,
    series,
    sop_instances,
    studies,
)
from filmjacket.index.unit import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Column, ColumnElement, FromClause, Select, Table

    from filmjacket.index.search_sql import Shape

_COLUMNS = {Level.STUDY: STUDY_COLUMNS, Level.SERIES: SERIES_COLUMNS, Level.INSTANCE: INSTANCE_COLUMNS}
_TABLES: dict[Level, Table] = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}
_STUDIES_ALONE = frozenset({Level.STUDY})
_SERIES_ALONE = frozenset({Level.SERIES})
_OWN_UID = {Level.STUDY: "study_uid", Level.SERIES: "series_uid", Level.INSTANCE: "sop_uid"}
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
_FIRST = {Level.STUDY: studies.c.study_date}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, ">=": ge, "<=": le, ">": gt, "<": lt}

ANY_ODD = select(odd_studies.c.study_uid).limit(1)


class Odd(StrEnum):
    """What becomes of what is in odd studies: nothing special, all of it passes and is marked, nothing but it
    passes, nothing but what satisfies the conditions too, or those pass whose own UIDs are bound as `kept`.
    """

    PLAIN = "plain"
    LET_THROUGH = "let-through"
    ALONE = "alone"
    SATISFYING = "satisfying"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class SearchShape:
    """All of a search that decides the text of its statements.

    `path` names the UID columns that the target URI fixes, bound under their own names; the values of
    `conditions` are bound as `p0`, `p1`, ... `joined` are the levels conditions look into; `odd` says what becomes
    of studies that columns do not hold faithfully; `documents` brings the metadata for verification. `few` says that
    the conditions leave few rows, `sorts` that those are known to be so few that they are best sorted.
    """

    level: Level
    path: tuple[str, ...]
    conditions: tuple[Shape, ...]
    joined: frozenset[Level]
    odd: Odd
    documents: bool
    few: bool = True
    sorts: bool = False


@lru_cache(maxsize=256)
def candidates(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return all rows that may match, in the order of results, to be read as a stream."""
    is_odd: ColumnElement[Any] = _is_odd(shape) if shape.odd is Odd.LET_THROUGH else literal(0)
    columns: list[Any] = [*_COLUMNS[shape.level], is_odd.label("is_odd")]
    if shape.documents:
        columns.append(instances.c.metadata)
    return select(*columns).select_from(_source(shape)).where(*_where(shape)).order_by(*_order(shape))


def _order(shape: SearchShape) -> list[ColumnElement[Any]]:
    order: list[Any] = list(_ORDER[shape.level])
    if shape.sorts:
        # A planner that expects more rows than there are would walk in the order of results to find them.
        order[0] = sorted_by(_FIRST[shape.level]).desc() if shape.level is Level.STUDY else sorted_by(order[0])
    return order


@lru_cache(maxsize=256)
def page(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return the rows of a page, bound as `page_limit` and `page_offset`."""
    return candidates(shape).limit(bindparam("page_limit")).offset(bindparam("page_offset"))


@lru_cache(maxsize=256)
def probe(level: Level, condition: Shape) -> Select[*tuple[Any, ...]]:
    """Return how many rows of the table of a level satisfy one condition, counted up to `most`."""
    names = _names()
    rows = select(literal(1)).select_from(_TABLES[level]).where(_clause(condition, names)).limit(bindparam("most"))
    return cast("Any", select(func.count().label("matches")).select_from(rows.subquery()))


@lru_cache(maxsize=64)
def distinct_values(column: str, condition: Shape) -> Select[*tuple[Any, ...]]:
    """Return the different values of a column that satisfy a condition on it alone, at most `most` of them."""
    names = _names()
    found = select(_column(column).label("value")).where(_clause(condition, names))
    return found.distinct().limit(bindparam("most"))


@lru_cache(maxsize=256)
def count(shape: SearchShape) -> Select[*tuple[Any, ...]]:
    """Return the number of rows; those below studies or series that alone decide are counted already."""
    if not shape.path and shape.odd is Odd.PLAIN:
        if shape.level is not Level.STUDY and shape.joined == _STUDIES_ALONE:
            below = studies.c.series_count if shape.level is Level.SERIES else studies.c.instance_count
            return _total(below, studies, shape)
        if shape.level is Level.INSTANCE and shape.joined == _SERIES_ALONE:
            return _total(series.c.instance_count, series, shape)
        if shape.level is Level.INSTANCE and shape.joined == _SERIES_ALONE | _STUDIES_ALONE:
            both = series.join(studies, studies.c.study_uid == series.c.study_uid)
            return _total(series.c.instance_count, both, shape)
    return cast("Any", select(func.count().label("matches")).select_from(_source(shape)).where(*_where(shape)))


def _total(column: Column[int], source: FromClause, shape: SearchShape) -> Select[*tuple[Any, ...]]:
    # A sum of 64-bit integers is a decimal on PostgreSQL.
    total = sql_cast(func.coalesce(func.sum(column), 0), BigInteger).label("matches")
    return cast("Any", select(total).select_from(source).where(*_where(shape)))


def scanning(shape: Shape) -> Shape:
    """Return a condition for a statement that reads a whole index anyway: without the list of values it would make."""
    operator, *rest = shape
    if operator == "in-values":
        return scanning(rest[1])
    if operator not in {"and", "or"}:
        return shape
    return (operator, *(scanning(part) for part in rest))


def _names() -> Iterator[str]:
    """The names under which values are bound (`filmjacket.index.search_sql.bound`)."""
    return (f"p{number}" for number in count_up())


def _where(shape: SearchShape) -> list[ColumnElement[bool]]:
    table = _TABLES[shape.level]
    path = [table.c[name] == bindparam(name) for name in shape.path]
    names = _names()
    matching = [_clause(one, names) for one in shape.conditions]
    if shape.odd is Odd.LET_THROUGH:
        return [*path, or_(and_(true(), *matching), _is_odd(shape))]
    if shape.odd is Odd.ALONE:
        return [*path, _is_odd(shape)]
    if shape.odd is Odd.SATISFYING:
        return [*path, *matching, _is_odd(shape)]
    if shape.odd is Odd.KEPT:
        kept = and_(one_of(table.c[_OWN_UID[shape.level]], "kept"), _is_odd(shape))
        return [*path, or_(and_(_found_first(shape, matching), not_(_is_odd(shape))), kept)]
    return [*path, *matching]


def _found_first(shape: SearchShape, matching: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return conditions as one that a planner can use beside another one: few rows by their keys."""
    if not shape.few or shape.path:
        return and_(true(), *matching)
    own: list[Column[Any]] = [
        _TABLES[shape.level].c[name] for name in dict.fromkeys(("study_uid", _OWN_UID[shape.level]))
    ]
    found = select(*own).select_from(_source(shape)).where(*matching).correlate(None)
    if len(own) == 1:
        return among(own[0], found)
    hints = [narrowed(column, found.with_only_columns(column)) for column in own]
    return and_(*hints, _tuple(*own).in_(found))


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


def _clause(shape: Shape, names: Iterator[str], *, indexed: bool = True) -> ColumnElement[bool]:
    operator, *rest = shape
    if operator == "and":
        return and_(true(), *(_clause(part, names, indexed=indexed) for part in rest))
    if operator == "or":
        return or_(false(), *(_clause(part, names, indexed=indexed) for part in rest))
    if operator == "unindexed":
        return _clause(rest[0], names, indexed=False)
    if operator in _SUBQUERIES:
        return _SUBQUERIES[operator](rest, names, indexed)
    return _comparison(operator, _column(rest[0], indexed=indexed), names)


def _some_request(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001 - of a table
    found = select(request_attributes.c.study_uid, request_attributes.c.series_uid).where(_clause(rest[0], names))
    return _tuple(series.c.study_uid, series.c.series_uid, indexed=indexed).in_(found)


def _some_name(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    found = select(name_words.c.name).where(_clause(rest[1], names))
    return _among(_column(rest[0], indexed=indexed), found, indexed=indexed)


def _in_names(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    """The same for names that may be many: a planner can look up the one of each row."""
    column, matching = _column(rest[0], indexed=indexed), _clause(rest[1], names)
    of_row = select(literal(1)).where(name_words.c.name == column, matching)
    return among_many(column, select(name_words.c.name).where(matching), of_row)


def _some_value(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    table, columns, part = rest
    wanted: list[Any] = [search_values.c[name] for name in columns]
    found = select(*wanted).where(_clause(part, names))
    own: list[Column[Any]] = [metadata.tables[table].c[name] for name in columns]
    if len(own) == 1:
        return _among(_tuple(*own, indexed=indexed), found, indexed=indexed)
    return _tuple(*own, indexed=indexed).in_(found)


def _in_values(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    """The inner select has the table for itself, and needs nothing of it but the index."""
    if not indexed:
        return _clause(rest[1], names, indexed=False)
    found = select(_column(rest[0])).where(_clause(rest[1], names)).correlate(None)
    return among(_column(rest[0]), found)


def _some_above(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    """Few of the entities above: they are found first, and then what is in them."""
    level, above, part = rest
    columns = ("study_uid",) if above is Level.STUDY else ("study_uid", "series_uid")
    table, parents = _TABLES[level], _TABLES[above]
    wanted: list[Any] = [parents.c[name] for name in columns]
    found = select(*wanted).where(_clause(part, names)).correlate(None)
    own = _tuple(*(table.c[name] for name in columns), indexed=indexed)
    if not indexed:
        return own.in_(found)
    if above is Level.STUDY:
        return among(own, found)
    return and_(narrowed(table.c.study_uid, found.with_only_columns(parents.c.study_uid)), own.in_(found))


def _which_above(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    """The one above of each row; a planner cannot turn it into a join, because it has an offset."""
    del indexed
    level, above, part = rest
    columns = ("study_uid",) if above is Level.STUDY else ("study_uid", "series_uid")
    table, parents = _TABLES[level], _TABLES[above]
    same = [parents.c[name] == table.c[name] for name in columns]
    return select(literal(1)).where(*same, _clause(part, names)).correlate(table).offset(0).exists()


def _in_study_of(rest: list[Any], names: Iterator[str], indexed: bool) -> ColumnElement[bool]:  # noqa: FBT001
    known = select(sop_instances.c.study_uid).where(one_of(sop_instances.c.sop_uid, next(names)))
    return _among(_column(f"{rest[0]}.study_uid", indexed=indexed), known, indexed=indexed)


_SUBQUERIES: dict[str, Callable[[list[Any], Iterator[str], bool], ColumnElement[bool]]] = {
    "some-request": _some_request,
    "some-name": _some_name,
    "in-names": _in_names,
    "some-value": _some_value,
    "in-values": _in_values,
    "some-above": _some_above,
    "which-above": _which_above,
    "in-study-of": _in_study_of,
}


def _among(column: ColumnElement[Any], found: Select[*tuple[Any, ...]], *, indexed: bool) -> ColumnElement[bool]:
    return among(column, found) if indexed else column.in_(found)


def _comparison(operator: str, column: ColumnElement[Any], names: Iterator[str]) -> ColumnElement[bool]:
    if operator == "present":
        return column != literal_column("''")
    if operator == "in":
        return one_of(column, next(names))
    if operator == "like":
        return column.like(bindparam(next(names)), escape="\\")
    return _OPERATORS[operator](column, bindparam(next(names)))


def _tuple(*columns: Column[Any], indexed: bool = True) -> ColumnElement[Any]:
    wanted = [column if indexed else without_index(column) for column in columns]
    return cast("Any", tuple_(*wanted) if len(wanted) > 1 else wanted[0])


def _column(name: str, *, indexed: bool = True) -> ColumnElement[Any]:
    table, column = name.split(".")
    found = metadata.tables[table].c[column]
    return found if indexed else without_index(found)
