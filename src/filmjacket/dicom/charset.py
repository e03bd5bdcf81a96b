"""Specific Character Set (0008,0005): bytes to text and back (PS3.5 6.1, PS3.3 C.12.1.1.2).

Three kinds of repertoire: single-byte ones, those that stand alone (ISO_IR 192, GB18030, GBK) and code
extension with the escape sequences of ISO 2022. Text is decoded before it is split into values: a byte 5CH
that is half of a multi-byte character is no delimiter (PS3.5 6.1.2.5.3).

Choices beyond the standard: a registered escape sequence is obeyed even when the data set does not announce
it; bytes above 7FH without a repertoire that has them are read with the announced extensions, then as
UTF-8, and in the default repertoire as Latin-1; each time with a warning. In ISO_IR 13 the byte 5CH stays a
backslash and 7EH a tilde, whatever glyph ISO-IR 14 draws for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable

ESCAPE = b"\x1b"

# Characters before which the initial state is active again (PS3.5 6.1.2.5.3); which of them count depends on
# the VR: `^` and `=` in PN only, a backslash where it separates values.
LINE_DELIMITERS = b"\t\n\f\r"
VALUE_DELIMITERS = LINE_DELIMITERS + b"\\"
PERSON_NAME_DELIMITERS = VALUE_DELIMITERS + b"^="

# Number of the ISO registration -> codec that has ASCII on the left and the set on the right (PS3.3 Table
# C.12-2); those of Table C.12-4 that are designated to the right half come last.
_RIGHT_HALF = {
    "13": "shift_jis",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "166": "tis_620",
    "203": "iso8859_15",
    "149": "euc_kr",
    "58": "gb2312",
}
_STAND_ALONE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}

# Escape sequence -> (half, codec); PS3.3 Tables C.12-3 and C.12-4.
_RIGHT_ESCAPES = {
    b"\x1b)I": "13",
    b"\x1b-A": "100",
    b"\x1b-B": "101",
    b"\x1b-C": "109",
    b"\x1b-D": "110",
    b"\x1b-F": "126",
    b"\x1b-G": "127",
    b"\x1b-H": "138",
    b"\x1b-L": "144",
    b"\x1b-M": "148",
    b"\x1b-T": "166",
    b"\x1b-b": "203",
    b"\x1b$)C": "149",
    b"\x1b$)A": "58",
}
_LEFT_SINGLE_ESCAPES = frozenset((b"\x1b(B", b"\x1b(J"))
_LEFT_DOUBLE_ESCAPES = {b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2"}
_LEFT_NUMBERS = frozenset(("87", "159"))

# One escape sequence, or a run of the rest. Intermediate bytes 20H-2FH, final byte 30H-7EH (ISO 2022).
_PIECES = re.compile(rb"\x1b[$]?[\x20-\x2f]*[\x30-\x7e]|[^\x1b]+|\x1b")
# While a two-byte set is on the left: pairs, a run of right-half bytes, or one space, control or stray byte.
_DOUBLE_PIECES = re.compile(rb"(?:[\x21-\x7e]{2})+|[\x80-\xff]+|.", re.DOTALL)

_NUMBERED = re.compile(r"(?:ISO)?[ _.-]*(?:2022)?[ _.-]*(?:IR)?[ _.-]*(\d{1,3})")
_ALIASES = {
    "": "ISO_IR 6",
    "ASCII": "ISO_IR 6",
    "UTF8": "ISO_IR 192",
    "UTF 8": "ISO_IR 192",
    "GB18030": "GB18030",
    "GB 18030": "GB18030",
    "GBK": "GBK",
    "ISO 2022 GBK": "GBK",
    "LATIN1": "ISO_IR 100",
    "ISO 8859 1": "ISO_IR 100",
    "ISO8859 1": "ISO_IR 100",
}


@dataclass(frozen=True, slots=True)
class Charset:
    """A repertoire: defined terms after correction, codecs, and what was odd about the terms.

    `codec` reads text that holds no escape sequence; `extensions` are the ISO registration numbers that may
    be escaped to.
    """

    terms: tuple[str, ...] = ("ISO_IR 6",)
    codec: str = "ascii"
    extensions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def stands_alone(self) -> bool:
        """Tell whether code extension is impossible (PS3.5 6.1.2.5.4 d)."""
        return self.terms[0] in _STAND_ALONE

    def decode(self, raw: bytes, delimiters: bytes = VALUE_DELIMITERS) -> str:
        """Return the text of a whole value field; what cannot be read becomes U+FFFD."""
        return self.decode_checked(raw, delimiters)[0]

    def decode_checked(self, raw: bytes, delimiters: bytes = VALUE_DELIMITERS) -> tuple[str, str | None]:
        """Return the text of a whole value field and a warning when the bytes are not of the repertoire."""
        try:
            return self._decode(raw, delimiters, "strict"), None
        except UnicodeDecodeError:
            pass
        if ESCAPE not in raw:
            for codec in self._fallbacks():
                try:
                    return raw.decode(codec), f"bytes outside {self._label()}, read as {codec}"
                except UnicodeDecodeError:
                    continue
        return self._decode(raw, delimiters, "replace"), f"bytes outside {self._label()}, replaced by U+FFFD"

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text in the initial repertoire, without code extension; else DicomError."""
        try:
            encoded = text.encode(self.codec)
        except UnicodeEncodeError:
            encoded = b""
        # JIS X 0201 is the single-byte part of the codec that reads it.
        if len(encoded) < len(text) or (self.codec == "shift_jis" and len(encoded) != len(text)):
            raise DicomError(
                f"a character is not in the repertoire {self.terms[0]}",
                section="PS3.5 6.1.2.2",
                offender="SpecificCharacterSet",
                accepted=("ISO_IR 192",),
            )
        return encoded

    def _label(self) -> str:
        return "\\".join(self.terms)

    def _fallbacks(self) -> list[str]:
        codecs = [_RIGHT_HALF[number] for number in self.extensions if number in _RIGHT_HALF]
        return [*codecs, "utf_8", "latin_1"] if self.codec == "ascii" else [*codecs, "utf_8"]

    def _decode(self, raw: bytes, delimiters: bytes, errors: str) -> str:
        if ESCAPE not in raw or self.stands_alone:
            return raw.decode(self.codec, errors)
        return _decode_extended(raw, self.codec, delimiters, errors)


DEFAULT_CHARSET = Charset()
UTF8_CHARSET = Charset(("ISO_IR 192",), "utf_8")


def charset_of(values: Iterable[str | None]) -> Charset:
    """Return the repertoire that values of Specific Character Set (0008,0005) announce, misspelt or not."""
    terms: list[str] = []
    warnings: list[str] = []
    for value in values:
        term = _defined_term(value or "", extended=bool(terms))
        if term is None:
            warnings.append(f"unknown character set {value!r:.40}, the default repertoire is used")
            term = "ISO_IR 6"
        elif value and term != value:
            warnings.append(f"character set {value!r:.40} is read as {term!r}")
        terms.append(term)
    return _assemble(terms or ["ISO_IR 6"], warnings)


def _assemble(terms: list[str], warnings: list[str]) -> Charset:
    first, *others = terms
    if first in _STAND_ALONE:
        if others:
            warnings.append(f"{first} allows no code extension, the other terms are ignored")
        return Charset((first,), _STAND_ALONE[first], (), tuple(warnings))
    alone = [term for term in others if term in _STAND_ALONE]
    if alone:
        warnings.append(f"{alone[0]} is no code extension and is ignored")
    extensions = tuple(number for term in others if (number := term.rpartition(" ")[2]) not in {"", "6"})
    codec = _RIGHT_HALF.get(first.rpartition(" ")[2], "ascii")
    kept = (first, *(term for term in others if term not in _STAND_ALONE))
    return Charset(kept, codec, extensions, tuple(warnings))


def _defined_term(value: str, *, extended: bool) -> str | None:
    """Return the defined term of PS3.3 C.12.1.1.2 that a value means; None when it means nothing known."""
    value = value.strip(" \0")
    if value in _STAND_ALONE:
        return value
    plain = value.upper().replace("-", " ").replace("_", " ")
    if plain in _ALIASES:
        return _ALIASES[plain]
    numbered = _NUMBERED.fullmatch(plain)
    if not numbered:
        return None
    number = numbered[1]
    if number == "192":
        return "ISO_IR 192"
    if number != "6" and number not in _RIGHT_HALF and number not in _LEFT_NUMBERS:
        return None
    # Multi-byte sets exist only with code extension (PS3.3 Table C.12-4).
    if "2022" in plain or extended or number in {"87", "159", "149", "58"}:
        return f"ISO 2022 IR {number}"
    return f"ISO_IR {number}"


def _decode_extended(raw: bytes, initial: str, delimiters: bytes, errors: str) -> str:
    """Decode text with escape sequences: a left and a right half that change apart (PS3.5 6.1.2.5)."""
    ends = re.compile(b"[" + re.escape(delimiters) + b"]")
    text: list[str] = []
    double: bytes | None = None  # the escape sequence of the two-byte set on the left, if one is there
    right = initial
    for piece in _PIECES.findall(raw):
        if piece in _LEFT_SINGLE_ESCAPES:
            double = None
        elif piece in _LEFT_DOUBLE_ESCAPES:
            double = piece
        elif piece in _RIGHT_ESCAPES:
            right = _RIGHT_HALF[_RIGHT_ESCAPES[piece]]
        elif double:
            part, ended = _decode_double(piece, double, right, initial, ends, errors)
            text.append(part)
            if ended:
                double, right = None, initial
        else:
            part, ended = _decode_single(piece, right, initial, ends, errors)
            text.append(part)
            if ended:
                right = initial
    return "".join(text)


def _decode_single(piece: bytes, right: str, initial: str, ends: re.Pattern[bytes], errors: str) -> tuple[str, bool]:
    """Decode a run with a set on the right; tell whether a delimiter restored the initial state."""
    end = ends.search(piece)
    if not end:
        return piece.decode(right, errors), False
    at = end.start()
    return piece[:at].decode(right, errors) + piece[at:].decode(initial, errors), True


def _decode_double(
    piece: bytes, double: bytes, right: str, initial: str, ends: re.Pattern[bytes], errors: str
) -> tuple[str, bool]:
    """Decode a run while a two-byte set is on the left: a delimiter counts where it is no half of a pair.

    A writer has to return to the initial state before a delimiter; one that forgot is understood as long as
    the delimiter does not happen to begin a pair.
    """
    text: list[str] = []
    for match in _DOUBLE_PIECES.finditer(piece):
        part = match[0]
        if len(part) == 1 and ends.match(part):
            return "".join(text) + piece[match.start() :].decode(initial, errors), True
        if 0x21 <= part[0] <= 0x7E and len(part) > 1:
            text.append((double + part).decode(_LEFT_DOUBLE_ESCAPES[double], errors))
        else:
            text.append(part.decode(right, errors))
    return "".join(text), False
