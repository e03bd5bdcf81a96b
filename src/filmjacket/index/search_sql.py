"""Search keys as SQL conditions on promoted columns.

A key becomes a `Term`: the shape of a condition, and the values it compares with. Statements are built once for
each shape and found again, because building one costs more than running it.

A condition is *exact* when SQL decides as `filmjacket.web.matching` does; an inexact one, or none, lets more rows
through, which are then verified. Only comparisons that every database makes alike are used: equality, ranges in
code point order, and LIKE with case distinguished.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from filmjacket.dicom.levels import Level
from filmjacket.index.schema import UNKNOWN_NUMBER
from filmjacket.web.matching import MatchKey, MatchKind
from filmjacket.web.search_tables import (
    MODALITIES_IN_STUDY,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_SERIES,
    REQUEST_ATTRIBUTES_SEQUENCE,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """What SQL can say about a key; `level` is that of the table it looks into."""

    term: Term
    level: Level


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
    "00080060": _promoted(Level.SERIES, _Form.TEXT, "modality"),
    "00200011": _promoted(Level.SERIES, _Form.NUMBER, "series_number"),
    "00400244": _promoted(Level.SERIES, _Form.MOMENT, "procedure_step_date"),
    "00400245": _promoted(Level.SERIES, _Form.MOMENT, "procedure_step_time"),
    NUMBER_OF_SERIES_RELATED_INSTANCES: _promoted(Level.SERIES, _Form.NUMBER, "instance_count"),
    "00080016": _promoted(Level.INSTANCE, _Form.TEXT, "sop_class_uid"),
    "00200013": _promoted(Level.INSTANCE, _Form.NUMBER, "instance_number"),
}
_REQUEST_COLUMNS = {
    "00400009": "request_attributes.scheduled_procedure_step_id",
    "00401001": "request_attributes.requested_procedure_id",
}


def condition_of(key: MatchKey, level: Level) -> Condition | None:
    """Return what SQL can say about a key in a search at a level; None when it can say nothing."""
    if key.kind is MatchKind.UNIVERSAL:
        return Condition(_all_of(), level)
    if key.creator or key.kind is MatchKind.CREATOR:
        return None
    if key.tag in _PARTICULAR:
        return _PARTICULAR[key.tag](key, level)
    promoted = _PROMOTED.get(key.tag)
    if promoted is None or (key.paired and key.paired not in _PROMOTED):
        return None
    if key.kind is MatchKind.COMBINED:
        term = _combined(key, promoted.columns[0], _PROMOTED[key.paired].columns[0])
    else:
        term = _FORMS[promoted.form](key, promoted.columns)
    return Condition(term, promoted.level)


def _compare(operator: str, column: str, value: object) -> Term:
    return Term((operator, column), (value,))


def _present(column: str) -> Term:
    """The column holds a text: said with a constant, as the indexes over present texts alone say it."""
    return Term(("present", column))


def _all_of(*terms: Term) -> Term:
    return _together("and", terms)


def _any_of(*terms: Term) -> Term:
    return _together("or", terms)


def _together(operator: str, terms: tuple[Term, ...]) -> Term:
    return Term(
        (operator, *(term.shape for term in terms)),
        tuple(value for term in terms for value in term.values),
        all(term.exact for term in terms),
    )


def _within(operator: str, term: Term, *names: str) -> Term:
    return Term((operator, *names, term.shape), term.values, term.exact)


# Nothing is any of no conditions.
_NOTHING = Term(("or",))


def _text(key: MatchKey, columns: tuple[str, ...]) -> Term:
    (column,) = columns
    if key.kind is MatchKind.ANY_OF:
        return _compare("in", column, list(key.values))
    return _pattern(column, key.values[0])


def _name(key: MatchKey, columns: tuple[str, ...]) -> Term:
    """Any group for any group, or group by group when the key has groups; columns hold folded text."""
    wanted, *further = key.values
    if further:
        pairs = zip(columns, key.values, strict=False)
        return _all_of(*(_pattern(column, value) for column, value in pairs if value))
    if not wanted:
        # Only names of nothing but delimiters fold to "", and their studies are listed as odd.
        return _NOTHING
    return _any_of(*(_pattern(column, wanted) for column in columns))


def _moment(key: MatchKey, columns: tuple[str, ...]) -> Term:
    (column,) = columns
    if key.span is None:
        return _all_of(_present(column), _compare("=", column, key.values[0]))
    # An absent moment is "", which sorts before all others.
    bounds = [_present(column)]
    if key.span.first is not None:
        bounds.append(_compare(">=", column, key.span.first))
    if key.span.last is not None:
        bounds.append(_compare("<=", column, key.span.last))
    return _all_of(*bounds)


def _number(key: MatchKey, columns: tuple[str, ...]) -> Term:
    (column,) = columns
    wanted = int(key.values[0])
    # The number that stands for "absent" is no number; a study that has it is listed as odd.
    return _NOTHING if wanted == UNKNOWN_NUMBER else _compare("=", column, wanted)


_FORMS: dict[_Form, Callable[[MatchKey, tuple[str, ...]], Term]] = {
    _Form.TEXT: _text,
    _Form.NAME: _name,
    _Form.MOMENT: _moment,
    _Form.NUMBER: _number,
}


def _pattern(column: str, pattern: str) -> Term:
    """Compare with a text or a pattern; an absent text is "" and matches neither (`*` alone is universal)."""
    present = _present(column)
    if "*" not in pattern and "?" not in pattern:
        return _all_of(present, _compare("=", column, pattern))
    prefix = pattern[: min(place for place in (pattern.find("*"), pattern.find("?")) if place >= 0)]
    # The range is what an index can use; LIKE decides within it.
    bounds = [present, _compare(">=", column, prefix), *_below_next(column, prefix)] if prefix else [present]
    if pattern.count("*") > _MOST_ASTERISKS:
        narrowed = _all_of(*bounds)
        return Term(narrowed.shape, narrowed.values, exact=False)
    if pattern != prefix + "*":
        bounds.append(_compare("like", column, pattern.translate(_ESCAPED)))
    return _all_of(*bounds)


def _below_next(column: str, prefix: str) -> list[Term]:
    """Return the condition that a text sorts before all texts that follow those with the prefix."""
    last = ord(prefix[-1])
    if last == 0x10FFFF:
        # Nothing follows; texts after the prefix are few, and LIKE must tell them from those with it.
        return [_compare("like", column, (prefix + "*").translate(_ESCAPED))]
    following = 0xE000 if last == 0xD7FF else last + 1
    return [_compare("<", column, prefix[:-1] + chr(following))]


def _combined(key: MatchKey, date: str, time: str) -> Term:
    """PS3.18 8.3.4.1.1 over two columns; the plain range of dates comes first for the index."""
    assert key.span is not None  # noqa: S101 - the query grammar makes no other COMBINED key
    assert key.paired_span is not None  # noqa: S101 - as above
    terms = [_present(date), _present(time)]
    for reached, passed, day, hour in (
        (">=", ">", key.span.first, key.paired_span.first),
        ("<=", "<", key.span.last, key.paired_span.last),
    ):
        if day is not None:
            later = _any_of(_compare(passed, date, day), _compare(reached, time, hour))
            terms += [_compare(reached, date, day), later]
    return _all_of(*terms)


def _uid(key: MatchKey, level: Level) -> Condition:
    """The UIDs of study and series are in the table of every level below."""
    column = "study_uid" if key.tag == STUDY_INSTANCE_UID else "series_uid"
    return Condition(_compare("in", f"{_TABLES[level]}.{column}", list(key.values)), level)


def _sop_instance_uid(key: MatchKey, level: Level) -> Condition:
    """The study comes first in the key of instances; the table of SOP Instance UIDs knows it."""
    uids = list(key.values)
    term = _all_of(_compare("in-study-of", "instances", uids), _compare("in", "instances.sop_uid", uids))
    return Condition(term, level)


def _modalities(key: MatchKey, level: Level) -> Condition:
    """Some series of the study has the modality."""
    return Condition(_within("some-series", _text(key, ("sibling.modality",)), _TABLES[level]), level)


def _request_attributes(key: MatchKey, level: Level) -> Condition | None:
    """Match within one item (PS3.4 C.2.2.2.6): one row of `request_attributes` is one item."""
    del level
    keys = [item for item in key.items if item.kind is not MatchKind.UNIVERSAL]
    promoted = [item for item in keys if item.tag in _REQUEST_COLUMNS and item.kind is not MatchKind.SEQUENCE]
    if not promoted:
        return None
    within = _all_of(*(_text(item, (_REQUEST_COLUMNS[item.tag],)) for item in promoted))
    exists = _within("some-request", within)
    return Condition(Term(exists.shape, exists.values, exists.exact and len(promoted) == len(keys)), Level.SERIES)


_PARTICULAR: dict[str, Callable[[MatchKey, Level], Condition | None]] = {
    STUDY_INSTANCE_UID: _uid,
    SERIES_INSTANCE_UID: _uid,
    SOP_INSTANCE_UID: _sop_instance_uid,
    MODALITIES_IN_STUDY: _modalities,
    REQUEST_ATTRIBUTES_SEQUENCE: _request_attributes,
}
