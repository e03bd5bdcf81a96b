"""Search keys as SQL conditions on promoted columns.

A key becomes a `Term`: the shape of a condition, and the values it compares with. Statements are built once for
each shape and found again, because building one costs more than running it.

A condition is *exact* when SQL decides as `filmjacket.web.matching` does; an inexact one, or none, lets more rows
through, which are then verified. Only comparisons that every database makes alike are used: equality, ranges in
code point order, and LIKE with case distinguished.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from filmjacket.dicom.date_time import Span
from filmjacket.dicom.levels import Level
from filmjacket.index.schema import UNKNOWN_NUMBER
from filmjacket.web.matching import MatchKey, MatchKind, matches
from filmjacket.web.person_names import key_words, sound_of_key
from filmjacket.web.search_tables import (
    MODALITIES_IN_STUDY,
    MODALITY,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_SERIES,
    REQUEST_ATTRIBUTES_SEQUENCE,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from filmjacket.web.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Shape: TypeAlias = "tuple[Any, ...]"
"""(operator, column) of a comparison, or (operator, shape, ...) of conditions taken together."""

# A pattern engine may try every way to place each asterisk; with more of them SQL only narrows by the prefix.
_MOST_ASTERISKS = 4
_ESCAPED = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})


@dataclass(frozen=True, slots=True)
class Term:
    """A condition without its values, and the values in the order of the shape."""

    shape: Shape
    values: tuple[Any, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """What SQL can say about a key; `level` is that of the table it looks into.

    `unique`: it names entities by their UIDs, so that few rows are left whatever else is asked. `ordered`: the
    index for it has its rows in the order of results.
    """

    term: Term
    level: Level
    unique: bool = False
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the index before conditions are made: all values of ModalitiesInStudy, words of names."""

    modality_sets: Callable[[], Sequence[str]] = field(default=tuple)
    has_name_words: bool = False


class _Form(StrEnum):
    TEXT = "text"
    NAME = "name"
    MOMENT = "moment"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class _Promoted:
    level: Level
    form: _Form
    columns: tuple[str, ...]


def _promoted(level: Level, form: _Form, column: str) -> _Promoted:
    groups = ("", "_ideographic", "_phonetic") if form is _Form.NAME else ("",)
    return _Promoted(level, form, tuple(f"{_TABLES[level]}.{column}{group}" for group in groups))


_TABLES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}

# Required keys of PS3.18 Table 10.6.1-5 and the counters; UIDs have columns in the table of every level.
# AvailableTransferSyntaxUID is no column: what can be had is not what is stored.
_PROMOTED: dict[str, _Promoted] = {
    "00080020": _promoted(Level.STUDY, _Form.MOMENT, "study_date"),
    "00080030": _promoted(Level.STUDY, _Form.MOMENT, "study_time"),
    "00080050": _promoted(Level.STUDY, _Form.TEXT, "accession_number"),
    "00080090": _promoted(Level.STUDY, _Form.NAME, "referring_physician_name"),
    "00100010": _promoted(Level.STUDY, _Form.NAME, "patient_name"),
    "00100020": _promoted(Level.STUDY, _Form.TEXT, "patient_id"),
    "00200010": _promoted(Level.STUDY, _Form.TEXT, "study_id"),
    NUMBER_OF_STUDY_RELATED_SERIES: _promoted(Level.STUDY, _Form.NUMBER, "series_count"),
    NUMBER_OF_STUDY_RELATED_INSTANCES: _promoted(Level.STUDY, _Form.NUMBER, "instance_count"),
    MODALITY: _promoted(Level.SERIES, _Form.TEXT, "modality"),
    "00200011": _promoted(Level.SERIES, _Form.NUMBER, "series_number"),
    "00400244": _promoted(Level.SERIES, _Form.MOMENT, "procedure_step_date"),
    "00400245": _promoted(Level.SERIES, _Form.MOMENT, "procedure_step_time"),
    NUMBER_OF_SERIES_RELATED_INSTANCES: _promoted(Level.SERIES, _Form.NUMBER, "instance_count"),
    "00080016": _promoted(Level.INSTANCE, _Form.TEXT, "sop_class_uid"),
    "00200013": _promoted(Level.INSTANCE, _Form.NUMBER, "instance_number"),
}
_ORDERED = frozenset({("00080020", Level.STUDY), (MODALITY, Level.SERIES)})
_REQUEST_COLUMNS = {
    "00400009": "request_attributes.scheduled_procedure_step_id",
    "00401001": "request_attributes.requested_procedure_id",
}


def condition_of(key: MatchKey, level: Level, known: Known) -> Condition | None:
    """Return what SQL can say about a key in a search at a level; None when it can say nothing."""
    if key.kind is MatchKind.UNIVERSAL:
        return Condition(all_of(), level)
    if key.creator or key.kind is MatchKind.CREATOR:
        return None
    if key.tag in _PARTICULAR:
        return _PARTICULAR[key.tag](key, level, known)
    if key.kind is MatchKind.ALL_OF:
        return _every(key, level, known)
    promoted = _PROMOTED.get(key.tag)
    if promoted is None or (key.paired and key.paired not in _PROMOTED):
        return None
    if key.kind is MatchKind.FUZZY and not known.has_name_words:
        return None
    # Studies are ordered by date; the index on Modality continues with what series are ordered by.
    ordered = (key.tag, level) in _ORDERED and key.kind not in {MatchKind.ANY_OF, MatchKind.WILDCARD}
    return Condition(_promoted_term(key, promoted), promoted.level, ordered=ordered)


def _promoted_term(key: MatchKey, promoted: _Promoted) -> Term:
    if key.kind is MatchKind.EMPTY:
        return _empty(promoted)
    if key.kind is MatchKind.COMBINED:
        return _combined(key, promoted.columns[0], _PROMOTED[key.paired].columns[0])
    return _FORMS[promoted.form](key, promoted.columns)


def _every(key: MatchKey, level: Level, known: Known) -> Condition | None:
    """Every value of a multiple value key must be found; columns hold one value, studies with more are odd."""
    conditions = [condition_of(item, level, known) for item in key.items]
    terms = [condition.term for condition in conditions if condition is not None]
    if len(terms) < len(conditions):
        return None
    return Condition(all_of(*terms), next(one.level for one in conditions if one is not None))


def bound(terms: Iterable[Term]) -> dict[str, Any]:
    """Return the values of terms under the names that statements give them, in order."""
    values = (value for term in terms for value in term.values)
    return {f"p{number}": value for number, value in enumerate(values)}


def compare(operator: str, column: str, value: object) -> Term:
    """Return the comparison of a column with a value."""
    return Term((operator, column), (value,))


def _present(column: str) -> Term:
    """The column holds a text: said with a constant, as the indexes over present texts alone say it."""
    return Term(("present", column))


def all_of(*terms: Term) -> Term:
    """Return the condition that all of some conditions hold."""
    return _together("and", terms)


def any_of(*terms: Term) -> Term:
    """Return the condition that any of some conditions holds."""
    return _together("or", terms)


def _together(operator: str, terms: tuple[Term, ...]) -> Term:
    return Term(
        (operator, *(term.shape for term in terms)),
        tuple(value for term in terms for value in term.values),
        all(term.exact for term in terms),
    )


def within(operator: str, term: Term, *names: str | tuple[str, ...]) -> Term:
    """Return the condition that a row is among those that a subquery finds."""
    return Term((operator, *names, term.shape), term.values, term.exact)


# Nothing is any of no conditions.
NOTHING = Term(("or",))


def _text(key: MatchKey, columns: tuple[str, ...]) -> Term:
    (column,) = columns
    if key.kind is MatchKind.ANY_OF:
        return compare("in", column, list(key.values))
    return pattern_term(column, key.values[0])


def _name(key: MatchKey, columns: tuple[str, ...]) -> Term:
    """Any group for any group, or group by group when the key has groups; columns hold folded text."""
    if key.kind is MatchKind.FUZZY:
        return fuzzy_term(key, columns)
    wanted, *further = key.values
    if further:
        pairs = zip(columns, key.values, strict=False)
        return all_of(*(pattern_term(column, value) for column, value in pairs if value))
    if not wanted:
        # Only names of nothing but delimiters fold to "", and their studies are listed as odd.
        return NOTHING
    return any_of(*(pattern_term(column, wanted) for column in columns))


def fuzzy_term(key: MatchKey, columns: tuple[str, ...]) -> Term:
    """Every word of the key is found among the words of a name (`filmjacket.web.person_names.fuzzy_test`)."""
    # As a rule the longest word has the fewest names: they are looked up, and the others decide about each.
    leading = max((word for value in key.values for word in key_words(value)), key=len, default="")
    if len(key.values) == 1:
        words = key_words(key.values[0])
        return all_of(*(any_of(*(_has_word(column, word, word == leading) for column in columns)) for word in words))
    pairs = zip(columns, key.values, strict=False)
    return all_of(*(_has_word(column, word, word == leading) for column, value in pairs for word in key_words(value)))


def _has_word(column: str, word: str, is_leading: bool) -> Term:  # noqa: FBT001 - of two callers beside it
    sound = sound_of_key(word)
    spelt = pattern_term("name_words.word", word if has_wildcards(word) else word + "*", scanning=True)
    found = any_of(spelt, compare("=", "name_words.sound", sound)) if sound else spelt
    return all_of(_present(column), within("some-name" if is_leading else "in-names", found, column))


def _empty(promoted: _Promoted) -> Term:
    """Nothing in the column: it may stand for a date or number that could not be read, so that is not exact."""
    absent = UNKNOWN_NUMBER if promoted.form is _Form.NUMBER else ""
    term = all_of(*(compare("=", column, absent) for column in promoted.columns))
    return replace(term, exact=promoted.form in {_Form.TEXT, _Form.NAME})


def moment_term(key: MatchKey, columns: tuple[str, ...]) -> Term:
    """Return the condition that a date or a time, as the one column has it, is the key's or inside its range."""
    (column,) = columns
    if key.zone is not None:
        return _moment_elsewhere(key, column)
    if key.span is None:
        return all_of(_present(column), compare("=", column, key.values[0]))
    # An absent moment is "", which sorts before all others.
    bounds = [_present(column)]
    if key.span.first is not None:
        bounds.append(compare(">=", column, key.span.first))
    if key.span.last is not None:
        bounds.append(compare("<=", column, key.span.last))
    return all_of(*bounds)


def _moment_elsewhere(key: MatchKey, column: str) -> Term:
    """Stored moments may be moved into the query's zone: a date by a day, a time round the clock."""
    if key.vr != "DA":
        return replace(all_of(_present(column)), exact=False)
    span = key.span or Span(key.values[0], key.values[0])
    wider = replace(key, span=Span(_day(span.first, -1), _day(span.last, 1)), zone=None)
    return replace(moment_term(wider, (column,)), exact=False)


def _day(date: str | None, step: int) -> str | None:
    if date is None:
        return None
    try:
        moved = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=step)
    except OverflowError:
        return None
    return f"{moved.year:04}{moved:%m%d}"


def _number(key: MatchKey, columns: tuple[str, ...]) -> Term:
    (column,) = columns
    wanted = int(key.values[0])
    # The number that stands for "absent" is no number; a study that has it is listed as odd.
    return NOTHING if wanted == UNKNOWN_NUMBER else compare("=", column, wanted)


_FORMS: dict[_Form, Callable[[MatchKey, tuple[str, ...]], Term]] = {
    _Form.TEXT: _text,
    _Form.NAME: _name,
    _Form.MOMENT: moment_term,
    _Form.NUMBER: _number,
}


def pattern_term(column: str, pattern: str, *, scanning: bool = False) -> Term:
    """Compare with a text or a pattern; an absent text is "" and matches neither (`*` alone is universal).

    Without a beginning every value must be looked at: those of the index alone, then the rows that have one of
    them. With `scanning` the caller does that: the
    condition is inside a subquery already.
    """
    present = _present(column)
    if "*" not in pattern and "?" not in pattern:
        return all_of(present, compare("=", column, pattern))
    prefix = pattern[: min(place for place in (pattern.find("*"), pattern.find("?")) if place >= 0)]
    # The range is what an index can use; LIKE decides within it.
    bounds = [present, compare(">=", column, prefix), *_below_next(column, prefix)] if prefix else [present]
    if pattern.count("*") > _MOST_ASTERISKS:
        return replace(all_of(*bounds), exact=False)
    if pattern != prefix + "*":
        bounds.append(compare("like", column, pattern.translate(_ESCAPED)))
    if prefix or scanning:
        return all_of(*bounds)
    return all_of(present, within("in-values", all_of(*bounds), column))


def _below_next(column: str, prefix: str) -> list[Term]:
    """Return the condition that a text sorts before all texts that follow those with the prefix."""
    last = ord(prefix[-1])
    if last == 0x10FFFF:
        # Nothing follows; texts after the prefix are few, and LIKE must tell them from those with it.
        return [compare("like", column, (prefix + "*").translate(_ESCAPED))]
    following = 0xE000 if last == 0xD7FF else last + 1
    return [compare("<", column, prefix[:-1] + chr(following))]


def _combined(key: MatchKey, date: str, time: str) -> Term:
    """PS3.18 8.3.4.1.1 over two columns; the plain range of dates comes first for the index."""
    assert key.span is not None  # noqa: S101 - the query grammar makes no other COMBINED key
    assert key.paired_span is not None  # noqa: S101 - as above
    if key.zone is not None:
        dates = replace(key, kind=MatchKind.RANGE)
        return all_of(_moment_elsewhere(dates, date), _present(time))
    terms = [_present(date), _present(time)]
    for reached, passed, day, hour in (
        (">=", ">", key.span.first, key.paired_span.first),
        ("<=", "<", key.span.last, key.paired_span.last),
    ):
        if day is not None:
            later = any_of(compare(passed, date, day), compare(reached, time, hour))
            terms += [compare(reached, date, day), later]
    return all_of(*terms)


def _uid(key: MatchKey, level: Level, known: Known) -> Condition:
    """The UIDs of study and series are in the table of every level below; none is ever empty."""
    del known
    if not key.values:
        return Condition(NOTHING, level, unique=True)
    uids = list(key.values)
    if key.tag == SERIES_INSTANCE_UID and level is Level.INSTANCE:
        # The study comes first in the key of instances; the table of series knows it.
        return Condition(
            within("some-above", compare("in", "series.series_uid", uids), level, Level.SERIES), level, unique=True
        )
    column = "study_uid" if key.tag == STUDY_INSTANCE_UID else "series_uid"
    return Condition(compare("in", f"{_TABLES[level]}.{column}", uids), level, unique=True)


def _sop_instance_uid(key: MatchKey, level: Level, known: Known) -> Condition:
    """The study comes first in the key of instances; the table of SOP Instance UIDs knows it."""
    del known
    uids = list(key.values)
    term = all_of(compare("in-study-of", "instances", uids), compare("in", "instances.sop_uid", uids))
    return Condition(term if uids else NOTHING, level, unique=True)


def _modalities(key: MatchKey, level: Level, known: Known) -> Condition:
    """Sets of modalities are few: each is decided about, and the studies that have one of them are looked up."""
    del level
    found = [text for text in known.modality_sets() if matches(_study_of(text), key)]
    return Condition(compare("in", "studies.modalities", found) if found else NOTHING, Level.STUDY)


def _study_of(modalities: str) -> dict[str, Any]:
    return {MODALITIES_IN_STUDY: {"vr": "CS", "Value": modalities.split("\\")}} if modalities else {}


def _request_attributes(key: MatchKey, level: Level, known: Known) -> Condition | None:
    """Match within one item (PS3.4 C.2.2.2.6): one row of `request_attributes` is one item."""
    del level, known
    if key.kind is not MatchKind.SEQUENCE:
        return None
    keys = [item for item in key.items if item.kind is not MatchKind.UNIVERSAL]
    promoted = [item for item in keys if item.tag in _REQUEST_COLUMNS and item.kind in _REQUEST_KINDS]
    if not promoted:
        return None
    items = all_of(*(pattern_term(_REQUEST_COLUMNS[item.tag], item.values[0], scanning=True) for item in promoted))
    exists = within("some-request", items)
    return Condition(replace(exists, exact=exists.exact and len(promoted) == len(keys)), Level.SERIES)


_REQUEST_KINDS = frozenset({MatchKind.SINGLE, MatchKind.WILDCARD})
_PARTICULAR: dict[str, Callable[[MatchKey, Level, Known], Condition | None]] = {
    STUDY_INSTANCE_UID: _uid,
    SERIES_INSTANCE_UID: _uid,
    SOP_INSTANCE_UID: _sop_instance_uid,
    MODALITIES_IN_STUDY: _modalities,
    REQUEST_ATTRIBUTES_SEQUENCE: _request_attributes,
}
