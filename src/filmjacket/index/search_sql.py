"""Search keys as SQL conditions on promoted columns.

A condition is *exact* when SQL decides as `filmjacket.web.matching` does; an inexact one, or none, lets more rows
through, which are then verified. Only comparisons that every database makes alike are used: equality, ranges in
code point order, and LIKE with case distinguished.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import and_, false, or_, select, true

from filmjacket.dicom.levels import Level
from filmjacket.index.schema import UNKNOWN_NUMBER, instances, request_attributes, series, studies
from filmjacket.web.matching import MatchKey, MatchKind
from filmjacket.web.search_tables import (
    MODALITIES_IN_STUDY,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_SERIES,
    REQUEST_ATTRIBUTES_SEQUENCE,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

Column: TypeAlias = "ColumnElement[Any]"

# A pattern engine may try every way to place each asterisk; with more of them SQL only narrows by the prefix.
_MOST_ASTERISKS = 4
_ESCAPED = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})


@dataclass(frozen=True, slots=True)
class Condition:
    """What SQL can say about a key; `level` is the lowest table it needs."""

    clause: ColumnElement[bool]
    exact: bool
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
    columns: tuple[Column, ...]


def _name_columns(name: str) -> tuple[Column, ...]:
    return tuple(studies.c[f"{name}{group}"] for group in ("", "_ideographic", "_phonetic"))


# Required keys of PS3.18 Table 10.6.1-5 and the counters; UIDs have columns in the table of every level.
# AvailableTransferSyntaxUID is no column: what can be had is not what is stored.
_PROMOTED: dict[str, _Promoted] = {
    "00080020": _Promoted(Level.STUDY, _Form.MOMENT, (studies.c.study_date,)),
    "00080030": _Promoted(Level.STUDY, _Form.MOMENT, (studies.c.study_time,)),
    "00080050": _Promoted(Level.STUDY, _Form.TEXT, (studies.c.accession_number,)),
    "00080090": _Promoted(Level.STUDY, _Form.NAME, _name_columns("referring_physician_name")),
    "00100010": _Promoted(Level.STUDY, _Form.NAME, _name_columns("patient_name")),
    "00100020": _Promoted(Level.STUDY, _Form.TEXT, (studies.c.patient_id,)),
    "00200010": _Promoted(Level.STUDY, _Form.TEXT, (studies.c.study_id,)),
    NUMBER_OF_STUDY_RELATED_SERIES: _Promoted(Level.STUDY, _Form.NUMBER, (studies.c.series_count,)),
    NUMBER_OF_STUDY_RELATED_INSTANCES: _Promoted(Level.STUDY, _Form.NUMBER, (studies.c.instance_count,)),
    "00080060": _Promoted(Level.SERIES, _Form.TEXT, (series.c.modality,)),
    "00200011": _Promoted(Level.SERIES, _Form.NUMBER, (series.c.series_number,)),
    "00400244": _Promoted(Level.SERIES, _Form.MOMENT, (series.c.procedure_step_date,)),
    "00400245": _Promoted(Level.SERIES, _Form.MOMENT, (series.c.procedure_step_time,)),
    NUMBER_OF_SERIES_RELATED_INSTANCES: _Promoted(Level.SERIES, _Form.NUMBER, (series.c.instance_count,)),
    "00080016": _Promoted(Level.INSTANCE, _Form.TEXT, (instances.c.sop_class_uid,)),
    "00080018": _Promoted(Level.INSTANCE, _Form.TEXT, (instances.c.sop_uid,)),
    "00200013": _Promoted(Level.INSTANCE, _Form.NUMBER, (instances.c.instance_number,)),
}
_UID_COLUMNS = {"0020000D": "study_uid", "0020000E": "series_uid"}
_REQUEST_COLUMNS = {
    "00400009": request_attributes.c.scheduled_procedure_step_id,
    "00401001": request_attributes.c.requested_procedure_id,
}
TABLES = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}


def condition_of(key: MatchKey, level: Level) -> Condition | None:
    """Return what SQL can say about a key in a search at a level; None when it can say nothing."""
    if key.kind is MatchKind.UNIVERSAL:
        return Condition(true(), exact=True, level=level)
    if key.creator or key.kind is MatchKind.CREATOR:
        return None
    if key.tag in _UID_COLUMNS:
        clause = TABLES[level].c[_UID_COLUMNS[key.tag]].in_(key.values)
        return Condition(clause, exact=True, level=level)
    if key.tag == MODALITIES_IN_STUDY:
        return _modalities(key, level)
    if key.tag == REQUEST_ATTRIBUTES_SEQUENCE:
        return _request_attributes(key)
    promoted = _PROMOTED.get(key.tag)
    if promoted is None:
        return None
    if key.kind is MatchKind.COMBINED:
        clause = _combined(key, promoted.columns[0], _PROMOTED[key.paired].columns[0])
        return Condition(clause, exact=True, level=promoted.level)
    clause, exact = _FORMS[promoted.form](key, promoted.columns)
    return Condition(clause, exact=exact, level=promoted.level)


def _text_column(key: MatchKey, columns: tuple[Column, ...]) -> tuple[ColumnElement[bool], bool]:
    (column,) = columns
    if key.kind is MatchKind.ANY_OF:
        return column.in_(key.values), True
    return _pattern(column, key.values[0])


def _name_column(key: MatchKey, columns: tuple[Column, ...]) -> tuple[ColumnElement[bool], bool]:
    """Any group for any group, or group by group when the key has groups; columns hold folded text."""
    wanted, *further = key.values
    if further:
        parts = [_pattern(column, value) for column, value in zip(columns, key.values, strict=False) if value]
        return and_(true(), *(clause for clause, _ in parts)), all(exact for _, exact in parts)
    if not wanted:
        # Only names of nothing but delimiters fold to "", and their studies are listed as odd.
        return false(), True
    parts = [_pattern(column, wanted) for column in columns]
    return or_(*(clause for clause, _ in parts)), all(exact for _, exact in parts)


def _moment_column(key: MatchKey, columns: tuple[Column, ...]) -> tuple[ColumnElement[bool], bool]:
    (column,) = columns
    if key.span is None:
        return column == key.values[0], True
    bounds = [column != ""]
    if key.span.first is not None:
        bounds = [column >= key.span.first]
    if key.span.last is not None:
        bounds.append(column <= key.span.last)
    return and_(*bounds), True


def _number_column(key: MatchKey, columns: tuple[Column, ...]) -> tuple[ColumnElement[bool], bool]:
    (column,) = columns
    wanted = int(key.values[0])
    # The number that stands for "absent" is no number; a study that has it is listed as odd.
    return (false() if wanted == UNKNOWN_NUMBER else column == wanted), True


_FORMS: dict[_Form, Callable[[MatchKey, tuple[Column, ...]], tuple[ColumnElement[bool], bool]]] = {
    _Form.TEXT: _text_column,
    _Form.NAME: _name_column,
    _Form.MOMENT: _moment_column,
    _Form.NUMBER: _number_column,
}


def _pattern(column: Column, pattern: str) -> tuple[ColumnElement[bool], bool]:
    """Compare with a text or a pattern; an absent text is "" and matches neither (`*` alone is universal)."""
    if "*" not in pattern and "?" not in pattern:
        return column == pattern, True
    prefix = pattern[: min(place for place in (pattern.find("*"), pattern.find("?")) if place >= 0)]
    # The range is what an index can use; LIKE decides within it.
    bounds = [column >= prefix, *_below_next(column, prefix)] if prefix else [column != ""]
    if pattern.count("*") > _MOST_ASTERISKS:
        return and_(*bounds), False
    if pattern == prefix + "*":
        return and_(*bounds), True
    return and_(*bounds, column.like(pattern.translate(_ESCAPED), escape="\\")), True


def _below_next(column: Column, prefix: str) -> list[ColumnElement[bool]]:
    """Return the condition that a text sorts before all texts that follow those with the prefix."""
    last = ord(prefix[-1])
    if last == 0x10FFFF:
        return []
    following = 0xE000 if last == 0xD7FF else last + 1
    return [column < prefix[:-1] + chr(following)]


def _combined(key: MatchKey, date: Column, time: Column) -> ColumnElement[bool]:
    """PS3.18 8.3.4.1.1 over two columns; the plain range of dates comes first for the index."""
    assert key.span is not None  # noqa: S101 - the query grammar makes no other COMBINED key
    assert key.paired_span is not None  # noqa: S101 - as above
    clauses = [date != "", time != ""]
    if key.span.first is not None:
        first = key.paired_span.first or ""
        clauses += [date >= key.span.first, or_(date > key.span.first, time >= first)]
    if key.span.last is not None:
        last = key.paired_span.last or ""
        clauses += [date <= key.span.last, or_(date < key.span.last, time <= last)]
    return and_(*clauses)


def _modalities(key: MatchKey, level: Level) -> Condition:
    """ModalitiesInStudy: some series of the study has the modality."""
    sibling = series.alias()
    clause, exact = _text_column(key, (sibling.c.modality,))
    outer = TABLES[level].c.study_uid
    exists = select(sibling.c.study_uid).where(sibling.c.study_uid == outer, clause).exists()
    return Condition(exists, exact=exact, level=level)


def _request_attributes(key: MatchKey) -> Condition | None:
    """Match within one item (PS3.4 C.2.2.2.6): one row of `request_attributes` is one item."""
    keys = [item for item in key.items if item.kind is not MatchKind.UNIVERSAL]
    promoted = [item for item in keys if item.tag in _REQUEST_COLUMNS and item.kind is not MatchKind.SEQUENCE]
    if not promoted:
        return None
    clauses = [_text_column(item, (_REQUEST_COLUMNS[item.tag],)) for item in promoted]
    row = request_attributes.c
    same = and_(row.study_uid == series.c.study_uid, row.series_uid == series.c.series_uid)
    exists = select(row.item).where(same, *(clause for clause, _ in clauses)).exists()
    exact = len(promoted) == len(keys) and all(exact for _, exact in clauses)
    return Condition(exists, exact=exact, level=Level.SERIES)
