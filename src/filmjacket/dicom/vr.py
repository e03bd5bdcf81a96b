"""Value Representations as a table (PS3.5 6.2, 7.1.2; PS3.18 F.2.3 and 10.4.3.3.2; PS3.4 C.2.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class JsonKind(StrEnum):
    """What a value becomes in the DICOM JSON Model (PS3.18 Table F.2.3-1)."""

    STRING = "string"
    NUMBER = "number"
    NUMBER_TEXT = "number-text"
    PERSON_NAME = "person-name"
    TAG = "tag"
    BINARY = "binary"
    SEQUENCE = "sequence"


class MatchingKind(StrEnum):
    """Which matching a search key of the VR may ask for (PS3.4 C.2.2.2.1 to C.2.2.2.6)."""

    SINGLE = "single"
    WILDCARD = "wildcard"
    UID_LIST = "uid-list"
    RANGE = "range"
    SEQUENCE = "sequence"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ValueRepresentation:
    """One row of the table.

    `long_length`: explicit VR encoding uses two reserved bytes and a 32-bit length (PS3.5 7.1.2).
    `padding`: the byte that makes a value even. `unit`: bytes of one binary value, and of one word when the
    byte order changes; 0 for text. `splits`: a backslash separates values. `uses_charset`: Specific Character
    Set applies (PS3.5 6.1.2.3). `leading_spaces`: they belong to the value (PS3.5 Table 6.2-1).
    `may_be_bulk`: a BulkDataURI may stand for the value in metadata (PS3.18 10.4.3.3.2).
    """

    name: str
    json: JsonKind
    matching: MatchingKind
    long_length: bool = False
    padding: bytes = b" "
    unit: int = 0
    splits: bool = True
    uses_charset: bool = False
    leading_spaces: bool = False
    may_be_bulk: bool = False


def _text(name: str, matching: MatchingKind, *, long_length: bool = False) -> ValueRepresentation:
    return ValueRepresentation(
        name,
        JsonKind.PERSON_NAME if name == "PN" else JsonKind.STRING,
        matching,
        long_length=long_length,
        padding=b"\0" if name == "UI" else b" ",
        splits=name not in {"LT", "ST", "UR", "UT"},
        uses_charset=name in {"LO", "LT", "PN", "SH", "ST", "UC", "UT"},
        leading_spaces=name in {"LT", "ST", "UC", "UT"},
        may_be_bulk=name in {"LT", "ST", "UC", "UT"},
    )


def _binary_number(name: str, unit: int, *, long_length: bool = False) -> ValueRepresentation:
    return ValueRepresentation(
        name,
        JsonKind.NUMBER,
        MatchingKind.SINGLE,
        long_length=long_length,
        padding=b"\0",
        unit=unit,
        splits=False,
        may_be_bulk=True,
    )


def _number_text(name: str) -> ValueRepresentation:
    return ValueRepresentation(name, JsonKind.NUMBER_TEXT, MatchingKind.SINGLE, may_be_bulk=True)


def _binary(name: str, unit: int) -> ValueRepresentation:
    return ValueRepresentation(
        name,
        JsonKind.BINARY,
        MatchingKind.NONE,
        long_length=True,
        padding=b"\0",
        unit=unit,
        splits=False,
        may_be_bulk=True,
    )


_ROWS = (
    _text("AE", MatchingKind.WILDCARD),
    _text("AS", MatchingKind.SINGLE),
    ValueRepresentation("AT", JsonKind.TAG, MatchingKind.SINGLE, padding=b"\0", unit=2, splits=False),
    _text("CS", MatchingKind.WILDCARD),
    _text("DA", MatchingKind.RANGE),
    _number_text("DS"),
    _text("DT", MatchingKind.RANGE),
    _binary_number("FD", 8),
    _binary_number("FL", 4),
    _number_text("IS"),
    _text("LO", MatchingKind.WILDCARD),
    _text("LT", MatchingKind.WILDCARD),
    _binary("OB", 1),
    _binary("OD", 8),
    _binary("OF", 4),
    _binary("OL", 4),
    _binary("OV", 8),
    _binary("OW", 2),
    _text("PN", MatchingKind.WILDCARD),
    _text("SH", MatchingKind.WILDCARD),
    _binary_number("SL", 4),
    ValueRepresentation("SQ", JsonKind.SEQUENCE, MatchingKind.SEQUENCE, long_length=True, padding=b"", splits=False),
    _binary_number("SS", 2),
    _text("ST", MatchingKind.WILDCARD),
    _binary_number("SV", 8, long_length=True),
    _text("TM", MatchingKind.RANGE),
    _text("UC", MatchingKind.WILDCARD, long_length=True),
    _text("UI", MatchingKind.UID_LIST),
    _binary_number("UL", 4),
    _binary("UN", 1),
    _text("UR", MatchingKind.WILDCARD, long_length=True),
    _binary_number("US", 2),
    _text("UT", MatchingKind.WILDCARD, long_length=True),
    _binary_number("UV", 8, long_length=True),
)

VALUE_REPRESENTATIONS: dict[str, ValueRepresentation] = {row.name: row for row in _ROWS}
LONG_LENGTH_VRS = frozenset(row.name for row in _ROWS if row.long_length)
BINARY_VRS = frozenset(row.name for row in _ROWS if row.json is JsonKind.BINARY)
BULK_VRS = frozenset(row.name for row in _ROWS if row.may_be_bulk)
