"""Keys of a search for scheduled procedure steps as SQL conditions on `scheduled_step_keys`.

A condition is exact when SQL decides as `filmjacket.web.matching` does; an inexact one lets more rows through.
Only comparisons that every database makes alike are used: equality, ranges in code point order, and LIKE.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, false, func, literal_column, or_, select, true, tuple_

from filmjacket.index.scheduled_rows import GROUPS, MOMENT_COLUMNS, NAME_COLUMNS, TEXT_COLUMNS
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_step_words
from filmjacket.index.search_sql import Term, all_of, compare, moment_term, pattern_term
from filmjacket.web.matching import MatchKind
from filmjacket.web.person_names import key_words, sound_of_key
from filmjacket.web.scheduled_step_tables import (
    IN_STEP,
    MODALITY,
    START_DATE,
    START_TIME,
    STATION_AE_TITLE,
    STEP_ID,
    STUDY_INSTANCE_UID,
)
from filmjacket.web.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement

    from filmjacket.web.matching import MatchKey

_KEYS = scheduled_step_keys.c
_WORDS = scheduled_step_words.c
_STEP = tuple_(_KEYS.study_uid, _KEYS.step_id)
_STATIONS = scheduled_step_keys.alias("stations")
_TABLES = {table.name: table for table in (scheduled_step_keys, scheduled_step_words, _STATIONS)}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, ">=": ge, "<=": le, ">": gt, "<": lt}
_ORDERED: Final = frozenset({START_DATE, STATION_AE_TITLE, MODALITY})
_LITERAL: Final = frozenset({MatchKind.SINGLE, MatchKind.WILDCARD})


@dataclass(frozen=True, slots=True)
class Condition:
    """What SQL says about a key; `walked` is the same in a form for which no index is.

    `ordered`: its index has the rows in the order of results. `one_station`: it finds at most one row of a step.
    """

    tag: str
    clause: ColumnElement[bool]
    walked: ColumnElement[bool]
    exact: bool
    ordered: bool = False
    one_station: bool = False


def condition_of(key: MatchKey, *, within: bool) -> Condition | None:
    """Return what SQL can say about a key, `within` the item of the step or not; None when it can say nothing."""
    if key.creator or (key.tag in IN_STEP) is not within:
        return None
    if key.kind is MatchKind.FUZZY:
        return _fuzzy(key)
    if key.tag == STATION_AE_TITLE and key.kind in {MatchKind.WILDCARD, MatchKind.ALL_OF}:
        return _some_station(key)
    term = _term(key)
    if term is None:
        return None
    single = key.kind is MatchKind.SINGLE
    return Condition(
        key.tag,
        _clause(term),
        _clause(term, indexed=False),
        term.exact,
        ordered=key.tag in _ORDERED and (single or key.tag == START_DATE),
        one_station=key.tag == STATION_AE_TITLE and single,
    )


def _term(key: MatchKey) -> Term | None:
    if key.tag in {STUDY_INSTANCE_UID, STEP_ID} | set(TEXT_COLUMNS):
        return _text(key)
    if key.tag == STATION_AE_TITLE and key.kind is MatchKind.SINGLE:
        return pattern_term(_column("station_ae"), key.values[0])
    if key.tag in NAME_COLUMNS:
        return _name(key)
    return _moment(key) if key.tag in MOMENT_COLUMNS else None


def _column(name: str) -> str:
    return f"{scheduled_step_keys.name}.{name}"


def _text(key: MatchKey) -> Term | None:
    names = {STUDY_INSTANCE_UID: "study_uid", STEP_ID: "step_id"} | {tag: one for tag, (_, one) in TEXT_COLUMNS.items()}
    column = _column(names[key.tag])
    if key.kind is MatchKind.ANY_OF:
        return compare("in", column, list(key.values))
    if key.kind is MatchKind.EMPTY:
        return compare("=", column, "")
    return pattern_term(column, key.values[0], scanning=True) if key.kind in _LITERAL else None


def _some_station(key: MatchKey) -> Condition:
    """A pattern may be that of several stations of a step, or a list name several: the step is found once."""
    wanted = key.items if key.kind is MatchKind.ALL_OF else (key,)
    terms = [pattern_term(f"{_STATIONS.name}.station_ae", one.values[0], scanning=True) for one in wanted]
    own = (_STATIONS.c.study_uid, _STATIONS.c.step_id)
    clauses = [_STEP.in_(select(*own).where(_clause(term))) for term in terms]
    same = and_(_STATIONS.c.study_uid == _KEYS.study_uid, _STATIONS.c.step_id == _KEYS.step_id)
    walked = [exists().where(same, _clause(term)) for term in terms]
    return Condition(key.tag, and_(true(), *clauses), and_(true(), *walked), all(term.exact for term in terms))


def _name(key: MatchKey) -> Term | None:
    columns = [_column(NAME_COLUMNS[key.tag] + group) for group in GROUPS]
    if key.kind is MatchKind.EMPTY:
        return all_of(*(compare("=", column, "") for column in columns))
    if key.kind not in _LITERAL:
        return None
    wanted, *further = key.values
    if further:
        pairs = zip(columns, key.values, strict=False)
        return all_of(*(pattern_term(column, text, scanning=True) for column, text in pairs if text))
    terms = [pattern_term(column, wanted, scanning=True) for column in columns]
    shape = ("or", *(term.shape for term in terms))
    return Term(shape, tuple(value for term in terms for value in term.values), all(term.exact for term in terms))


def _moment(key: MatchKey) -> Term | None:
    column = _column(MOMENT_COLUMNS[key.tag][1])
    if key.kind is MatchKind.COMBINED:
        return _combined(key)
    if key.kind is MatchKind.EMPTY:
        return compare("=", column, "")
    return moment_term(key, (column,)) if key.kind in {MatchKind.SINGLE, MatchKind.RANGE} else None


def _combined(key: MatchKey) -> Term | None:
    """PS3.18 8.3.4.1.1 over two columns: the range of a date and of a time are one of date-times."""
    if key.span is None or key.paired_span is None or key.tag != START_DATE or key.paired != START_TIME:
        return None
    if key.zone is not None:
        # Stored moments may be moved by a day; matching decides.
        return None
    date, time = _column("start_date"), _column("start_time")
    terms = [Term(("present", date)), Term(("present", time))]
    for reached, passed, day, hour in (
        (">=", ">", key.span.first, key.paired_span.first),
        ("<=", "<", key.span.last, key.paired_span.last),
    ):
        if day is None:
            continue
        later = Term(("or", (passed, date), (reached, time)), (day, hour))
        terms += [compare(reached, date, day), later]
    return all_of(*terms)


def _fuzzy(key: MatchKey) -> Condition | None:
    """Every word of the key is one of the words of the name; which group has them only matters with groups (`=`)."""
    if key.tag not in NAME_COLUMNS:
        return None
    words = [word for value in key.values for word in key_words(value)]
    clause = and_(true(), *(_has_word(key.tag, word) for word in words))
    return Condition(key.tag, clause, clause, exact=len(key.values) == 1)


def _has_word(tag: str, word: str) -> ColumnElement[bool]:
    column = f"{scheduled_step_words.name}.word"
    spelt = _clause(pattern_term(column, word if has_wildcards(word) else word + "*", scanning=True))
    sound = sound_of_key(word)
    found = or_(spelt, _WORDS.sound == sound) if sound else spelt
    return _STEP.in_(select(_WORDS.study_uid, _WORDS.step_id).where(_WORDS.attribute == tag, found))


def _clause(term: Term, *, indexed: bool = True) -> ColumnElement[bool]:
    values = iter(term.values)
    return _shaped(term.shape, values, indexed=indexed)


def _shaped(shape: tuple[Any, ...], values: Iterator[Any], *, indexed: bool) -> ColumnElement[bool]:
    operator, *rest = shape
    if operator == "and":
        return and_(true(), *(_shaped(part, values, indexed=indexed) for part in rest))
    if operator == "or":
        return or_(false(), *(_shaped(part, values, indexed=indexed) for part in rest))
    return _comparison(operator, rest[0], values, indexed=indexed)


def _comparison(operator: str, name: str, values: Iterator[Any], *, indexed: bool) -> ColumnElement[bool]:
    table, column_name = name.split(".")
    column: ColumnElement[Any] = _TABLES[table].c[column_name]
    if not indexed:
        column = func.coalesce(column, column)
    if operator == "present":
        return column != literal_column("''")
    if operator == "in":
        return column.in_(next(values))
    if operator == "like":
        return column.like(next(values), escape="\\")
    return _OPERATORS[operator](column, next(values))
