"""Keys of a search for scheduled procedure steps as SQL conditions on `scheduled_step_keys`.

A condition is exact when SQL decides as `filmjacket.web.matching` does; an inexact one lets more rows through.
Only comparisons that every database makes alike are used: equality, ranges in code point order, and LIKE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, false, func, literal_column, not_, or_, select, true, tuple_, union_all

from filmjacket.index.scheduled_rows import GROUPS, MOMENT_COLUMNS, NAME_COLUMNS, TEXT_COLUMNS
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_step_words
from filmjacket.index.search_sql import Term, all_of, compare, moment_term, pattern_term
from filmjacket.web.matching import MatchKind
from filmjacket.web.person_names import key_words, sound_of_key
from filmjacket.web.scheduled_step_tables import (
    IN_STEP,
    MODALITY,
    SCHEDULED_STATUS,
    START_DATE,
    START_TIME,
    STATION_AE_TITLE,
    STEP_ID,
    STUDY_INSTANCE_UID,
)
from filmjacket.web.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, Select

    from filmjacket.web.matching import MatchKey

_KEYS = scheduled_step_keys.c
_WORDS = scheduled_step_words.c
_STEP = tuple_(_KEYS.study_uid, _KEYS.step_id)
_STATIONS = scheduled_step_keys.alias("stations")
_TABLES = {table.name: table for table in (scheduled_step_keys, scheduled_step_words, _STATIONS)}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, ">=": ge, "<=": le, ">": gt, "<": lt}
_ORDERED: Final = frozenset({START_DATE, STATION_AE_TITLE, MODALITY, SCHEDULED_STATUS})
_BEFORE_DATE: Final = (STATION_AE_TITLE, MODALITY, SCHEDULED_STATUS)
_LITERAL: Final = frozenset({MatchKind.SINGLE, MatchKind.WILDCARD})


@dataclass(frozen=True, slots=True)
class Condition:
    """What SQL says about a key: any of `branches`, of which no two hold for one row and each has an index.

    `walked` is the same in a form for which no index is. `sources` say, where a branch looks into another table, what
    it finds there. `ordered`: its index has the rows in the order of results. `one_station`: it finds at most one row
    of a step. `by_scope`: its index also has whether the step is over, and which of its rows this is. `status`: the one
    status that is asked for.
    """

    tag: str
    branches: tuple[ColumnElement[bool], ...]
    walked: ColumnElement[bool]
    exact: bool
    sources: tuple[Select[*tuple[Any, ...]], ...] = ()
    ordered: bool = False
    one_station: bool = False
    by_scope: bool = False
    status: str = ""


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
        tuple(_exclusive(term)),
        _clause(term, indexed=False),
        term.exact,
        ordered=key.tag in _ORDERED and (single or key.tag == START_DATE),
        one_station=key.tag == STATION_AE_TITLE and single,
        status=key.values[0] if key.tag == SCHEDULED_STATUS and single else "",
        # Without statistics SQLite takes two equalities to be better than a range, such as that of a prefix.
        by_scope=key.tag in MOMENT_COLUMNS or (key.kind is not MatchKind.WILDCARD and key.tag not in NAME_COLUMNS),
    )


def with_date(conditions: list[Condition]) -> list[Condition]:
    """Return the conditions, one on the start date joined to one whose index continues with that date."""
    date = next((one for one in conditions if one.tag == START_DATE), None)
    before = [one for tag in _BEFORE_DATE for one in conditions if one.tag == tag and one.ordered]
    if date is None or not before:
        return conditions
    first = before[0]
    joined = replace(
        first,
        branches=(and_(first.branches[0], date.branches[0]),),
        walked=and_(first.walked, date.walked),
        exact=first.exact and date.exact,
        by_scope=True,
    )
    return [joined, *(one for one in conditions if one is not first and one is not date)]


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
    sources = tuple(select(*own).where(_clause(term)) for term in terms)
    same = and_(_STATIONS.c.study_uid == _KEYS.study_uid, _STATIONS.c.step_id == _KEYS.step_id)
    walked = and_(true(), *(exists().where(same, _clause(term)) for term in terms))
    return Condition(key.tag, (_among(sources),), walked, all(term.exact for term in terms), sources)


def _among(sources: tuple[Select[*tuple[Any, ...]], ...]) -> ColumnElement[bool]:
    return and_(true(), *(_STEP.in_(source) for source in sources))


def _exclusive(term: Term) -> Iterator[ColumnElement[bool]]:
    """Yield the alternatives of a condition, each without what those before it find."""
    operator, *rest = term.shape
    if operator != "or":
        yield _clause(term)
        return
    before: list[ColumnElement[bool]] = []
    values, others = iter(term.values), iter(term.values)
    for shape in rest:
        yield and_(_shaped(shape, values, indexed=True), *(not_(one) for one in before))
        before.append(_shaped(shape, others, indexed=False))


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
    same = and_(_WORDS.study_uid == _KEYS.study_uid, _WORDS.step_id == _KEYS.step_id)
    found = [tuple(_spellings(key.tag, word)) for word in words]
    sources = tuple(_steps_with(spellings) for spellings in found)
    walked = and_(true(), *(exists().where(same, or_(*spellings)) for spellings in found))
    return Condition(key.tag, (_among(sources),), walked, len(key.values) == 1, sources)


def _spellings(tag: str, word: str) -> Iterator[ColumnElement[bool]]:
    """Yield how a word of a name can be the one of the key, each with an index: its letters, its sound."""
    pattern = word if has_wildcards(word) else word + "*"
    term = pattern_term(f"{scheduled_step_words.name}.word", pattern, scanning=True)
    yield and_(_WORDS.attribute == tag, _clause(term))
    sound = sound_of_key(word)
    if sound:
        yield and_(_WORDS.attribute == tag, _WORDS.sound == sound)


def _steps_with(spellings: tuple[ColumnElement[bool], ...]) -> Select[*tuple[Any, ...]]:
    own = (_WORDS.study_uid, _WORDS.step_id)
    found = union_all(*(select(*own).where(spelling) for spelling in spellings)).subquery()
    return select(found.c.study_uid, found.c.step_id)


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
