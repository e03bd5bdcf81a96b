r"""Scheduled procedure steps from CSV (RFC 4180): one line a step, columns named by attributes.

A column is a keyword or a tag, inside sequences a path with dots, `RequestedProcedureCodeSequence.CodeValue`; what
belongs into the Scheduled Procedure Step Sequence may be named without it. An empty cell is an absent attribute, a
backslash separates values, and `=` the component groups of a person name, as in DICOM. UTF-8; separated by commas,
semicolons or tabs.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from filmjacket.dicom import dictionary, tags
from filmjacket.dicom.shape import check_attributes
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, JsonKind
from filmjacket.errors import BadRequest, FilmjacketError
from filmjacket.services.procedures.data_set import described
from filmjacket.services.procedures.intake import Entry, Fault
from filmjacket.web.person_names import GROUPS
from filmjacket.web.scheduled_step_tables import IN_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.attributes import Attributes

SECTION: Final = "14"
MOST_COLUMNS: Final = 256
_SEPARATORS: Final = ",;\t"
_Path = tuple[str, ...]


def read_csv(document: bytes) -> list[Entry]:
    """Return one entry for each line that has anything. Raises `BadRequest` for a document without usable columns."""
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unusable("It is not UTF-8.", "payload") from None
    head, _, _ = text.lstrip("\r\n").partition("\n")
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    nothing: list[str] = []
    try:
        columns = _columns(next((row for row in reader if any(row)), nothing))
    except csv.Error:
        raise _unusable("Its first line is no CSV.", "line 1") from None
    return list(_entries(reader, columns))


def _columns(names: list[str]) -> list[_Path]:
    if not 0 < len(names) <= MOST_COLUMNS:
        raise _unusable(f"The first line names 1 to {MOST_COLUMNS} columns.", "line 1")
    columns: list[_Path] = []
    for name in names:
        try:
            path = tags.parse_path(name.strip())
        except BadRequest:
            raise _unusable("A column is named by a keyword or a tag.", name.strip()[:80]) from None
        path = IN_STEP.get(path[0], path[:1]) + path[1:]
        *parents, last = (dictionary.vr_of(tag) for tag in path)
        row = VALUE_REPRESENTATIONS.get(last or "")
        if any(vr != "SQ" for vr in parents) or row is None or row.json in {JsonKind.SEQUENCE, JsonKind.BINARY}:
            raise _unusable("A column is an attribute with a value that is text or a number.", described(*path))
        if path in columns:
            raise _unusable("A column is there twice.", described(*path))
        columns.append(path)
    return columns


def _entries(reader: Any, columns: list[_Path]) -> Iterator[Entry]:  # noqa: ANN401 - the type of csv readers is private
    while True:
        line = reader.line_num + 1
        try:
            row: list[str] | None = next(reader, None)
        except csv.Error:
            yield Entry(line, fault=Fault(line, "", "The line is no CSV (RFC 4180)."))
            continue
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield _entry(line, columns, row)


def _entry(line: int, columns: list[_Path], row: list[str]) -> Entry:
    if len(row) > len(columns):
        return Entry(line, fault=Fault(line, "", "The line has more cells than there are columns."))
    made: Attributes = {}
    for path, cell in zip(columns, row, strict=False):
        if cell.strip():
            _set(made, path, cell)
    try:
        return Entry(line, check_attributes(made))
    except FilmjacketError as error:
        attribute = described(error.offender) if error.offender else ""
        return Entry(line, fault=Fault(line, attribute, error.message))


def _set(attributes: Attributes, path: _Path, cell: str) -> None:
    """Put a value where its path says, in the one item of each sequence on the way."""
    *parents, last = path
    for tag in parents:
        attributes = attributes.setdefault(tag, {"vr": "SQ", "Value": [{}]})["Value"][0]
    vr = dictionary.vr_of(last) or "UN"
    values = cell.split("\\") if VALUE_REPRESENTATIONS[vr].splits else [cell]
    attributes[last] = {"vr": vr, "Value": [_value(vr, text) for text in values]}


def _value(vr: str, text: str) -> object:
    kind = VALUE_REPRESENTATIONS[vr].json
    if kind is JsonKind.PERSON_NAME:
        # A name of more groups than there are keeps its equals sign, and is refused for it.
        return dict(zip(GROUPS, text.split("=", len(GROUPS) - 1), strict=False))
    if kind is JsonKind.NUMBER:
        try:
            return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return text
    return text.strip() or None


def _unusable(message: str, offender: str) -> BadRequest:
    return BadRequest(
        f"The CSV document cannot be used: {message}",
        section=SECTION,
        offender=offender,
        accepted=("PatientID,PatientName,AccessionNumber,ScheduledStationAETitle,...",),
    )
