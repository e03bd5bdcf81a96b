"""Value fields to attribute objects of the DICOM JSON Model (PS3.5 6.2, PS3.18 F.2).

`decode_value` is the hottest function of storing: a table picks the decoder of the VR, and ASCII text, which
almost everything is, takes the short way. Nothing raises on bad content: the original text is kept and a
warning, free of the value itself, comes back beside it.

Choices where the standard leaves one: DS and IS become numbers when they are finite decimals that a number
holds, else they stay text; SV and UV beyond 2^53-1 become text, because JavaScript clients would round the
number (PS3.18 F.2.3.1 allows both). Trailing `^` of a person name stay: a name of `^^^^` survives.
"""

from __future__ import annotations

import re
import struct
from binascii import b2a_base64
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from filmjacket.dicom import charset as charsets
from filmjacket.dicom.date_time import parse_date, parse_time
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Element
    from filmjacket.dicom.charset import Charset

Decoded: TypeAlias = "tuple[Element | None, str | None]"
Decoder: TypeAlias = "Callable[[bytes, Charset, bool], Decoded]"

# The largest integer that every JSON reader keeps exactly (IEEE 754 double).
MAX_SAFE_INTEGER = 2**53 - 1
_SAFE_DIGITS = len(str(MAX_SAFE_INTEGER))

_ESCAPE = 0x1B
_PADDING = " \0"

# The common spellings at one glance; what does not match is looked at closely.
_DA = re.compile(r"(?:1[89]|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|1\d|2[0-8])", re.ASCII)
_TM = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d{1,6})?", re.ASCII)
_DT = re.compile(
    r"\d{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])(?:[0-5]\d"
    r"(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?)?)?)?(?:[+-]\d{4})?",
    re.ASCII,
)
_AS = re.compile(r"\d{3}[DWMY]", re.ASCII)


def decode_value(vr: str, raw: bytes, charset: Charset, *, big_endian: bool = False) -> Decoded:
    """Return the attribute object of a whole value field and an optional warning.

    The attribute object is None when the value has no inline form in JSON (a NaN or infinity in FL or FD): it
    has to become bulk data. A VR that is unknown, or that the value cannot have by its length, becomes UN.
    """
    decoder = DECODERS.get(vr)
    if decoder is None:
        return _unknown(raw, f"VR {vr!r} is not of PS3.5 6.2, the value is kept as UN")
    return decoder(raw, charset, big_endian)


def _unknown(raw: bytes, warning: str | None) -> Decoded:
    if not raw:
        return {"vr": "UN"}, warning
    return {"vr": "UN", "InlineBinary": b2a_base64(raw, newline=False).decode("ascii")}, warning


def _default_text(raw: bytes) -> tuple[str, str | None]:
    """Text of a VR that is bound to the default repertoire (PS3.5 6.1.3)."""
    if raw.isascii():
        return raw.decode("ascii"), None
    return charsets.DEFAULT_CHARSET.decode_checked(raw)


def _make_plain_text(vr: str, is_valid: Callable[[str], object] | None = None, what: str = "") -> Decoder:
    """Decoder of VRs in the default repertoire whose values are separated by backslashes."""

    def decode(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - one table, one signature
        if raw.isascii():
            text, warning = raw.decode("ascii").strip(_PADDING), None
        else:
            text, warning = charsets.DEFAULT_CHARSET.decode_checked(raw)
            text = text.strip(_PADDING)
        if not text:
            return {"vr": vr}, warning
        values = [part.strip(_PADDING) or None for part in text.split("\\")] if "\\" in text else [text]
        if is_valid and not all(value is None or is_valid(value) for value in values):
            warning = warning or f"not a valid {what}, kept as it is"
        return {"vr": vr, "Value": values}, warning

    return decode


def _make_charset_text(vr: str) -> Decoder:
    """Decoder of VRs under Specific Character Set."""
    row = VALUE_REPRESENTATIONS[vr]
    strip = str.rstrip if row.leading_spaces else str.strip
    splits = row.splits
    delimiters = charsets.VALUE_DELIMITERS if splits else charsets.LINE_DELIMITERS

    def decode(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
        if raw.isascii() and _ESCAPE not in raw:
            text, warning = strip(raw.decode("ascii"), _PADDING), None
        else:
            text, warning = charset.decode_checked(raw, delimiters)
            text = strip(text, _PADDING)
        if not text:
            return {"vr": vr}, warning
        if splits and "\\" in text:
            return {"vr": vr, "Value": [strip(part, _PADDING) or None for part in text.split("\\")]}, warning
        return {"vr": vr, "Value": [text]}, warning

    return decode


def _decode_ur(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
    text, warning = _default_text(raw)
    text = text.rstrip(_PADDING)
    return ({"vr": "UR", "Value": [text]} if text else {"vr": "UR"}), warning


def _decode_pn(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
    if raw.isascii() and _ESCAPE not in raw:
        text, warning = raw.decode("ascii").strip(_PADDING), None
    else:
        text, warning = charset.decode_checked(raw, charsets.PERSON_NAME_DELIMITERS)
        text = text.strip(_PADDING)
    if not text:
        return {"vr": "PN"}, warning
    if "=" not in text and "\\" not in text:
        return {"vr": "PN", "Value": [{"Alphabetic": text}]}, warning
    names = [_person_name(part) for part in text.split("\\")]
    if names == [None]:
        return {"vr": "PN"}, warning
    if not warning and any(part.count("=") > 2 for part in text.split("\\")):
        warning = "more than three component groups, the rest is kept in the third"
    return {"vr": "PN", "Value": names}, warning


def _person_name(text: str) -> dict[str, str] | None:
    """Return the non-empty component groups of one name (PS3.5 6.2.1.1, PS3.18 F.2.2)."""
    groups = (group.strip(_PADDING) for group in text.split("=", 2))
    named = zip(("Alphabetic", "Ideographic", "Phonetic"), groups, strict=False)
    return {name: group for name, group in named if group} or None


def parse_decimal(text: str) -> int | float | None:
    """Return a decimal text as a JSON number that holds it; None when there is no such number."""
    if not text.isascii():
        return None
    digits = text[1:] if text[0] in "+-" else text
    if digits.isdigit():
        number = int(text) if len(digits) <= _SAFE_DIGITS else MAX_SAFE_INTEGER + 1
        return number if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER else None
    try:
        number = float(text)
    except ValueError:
        return None
    # float() also takes "nan", "inf", "1_0" and overflows to infinity.
    return number if isfinite(number) and "_" not in text else None


def parse_integer(text: str) -> int | float | None:
    """Return an integer text as a number of the range of IS; `1.0` is taken for 1."""
    number = parse_decimal(text)
    if number is None or not -(2**31) <= number < 2**31:
        return None
    return int(number) if number == int(number) else None


def _make_number_text(vr: str, parse: Callable[[str], int | float | None]) -> Decoder:
    def decode(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
        text, warning = _default_text(raw)
        text = text.strip(_PADDING)
        if not text:
            return {"vr": vr}, warning
        if "\\" not in text:
            number = parse(text)
            if number is None:
                return {"vr": vr, "Value": [text]}, warning or f"not a number of VR {vr}, kept as it is"
            return {"vr": vr, "Value": [number]}, warning
        values: list[int | float | str | None] = []
        for part in text.split("\\"):
            stripped = part.strip(_PADDING)
            number = parse(stripped) if stripped else None
            values.append((stripped or None) if number is None else number)
            if stripped and number is None:
                warning = warning or f"not a number of VR {vr}, kept as it is"
        return {"vr": vr, "Value": values}, warning

    return decode


def _make_binary_number(vr: str, code: str) -> Decoder:
    size = struct.calcsize("<" + code)
    one = {False: struct.Struct("<" + code).unpack, True: struct.Struct(">" + code).unpack}
    floating = code in "fd"
    wide = code in "qQ"

    def decode(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
        length = len(raw)
        if length == size:
            values = one[big_endian](raw)
        elif not length:
            return {"vr": vr}, None
        elif length % size:
            return _unknown(raw, f"length {length} is no multiple of {size}, kept as UN instead of {vr}")
        else:
            values = struct.unpack(f"{'>' if big_endian else '<'}{length // size}{code}", raw)
        if floating and not all(map(isfinite, values)):
            return None, None
        if wide:
            values = [value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value) for value in values]
        return {"vr": vr, "Value": list(values)}, None

    return decode


def _decode_at(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
    if not raw:
        return {"vr": "AT"}, None
    if len(raw) % 4:
        return _unknown(raw, f"length {len(raw)} is no multiple of 4, kept as UN instead of AT")
    words = struct.unpack(f"{'>' if big_endian else '<'}{len(raw) // 2}H", raw)
    tags = [f"{group:04X}{element:04X}" for group, element in zip(words[::2], words[1::2], strict=True)]
    return {"vr": "AT", "Value": tags}, None


def swap_bytes(raw: bytes, unit: int) -> bytes:
    """Return the words of `unit` bytes in the other byte order; an incomplete last word stays as it is."""
    whole = len(raw) - len(raw) % unit
    swapped = bytearray(raw)
    for index in range(unit):
        swapped[index:whole:unit] = raw[unit - 1 - index : whole : unit]
    return bytes(swapped)


def _make_binary(vr: str) -> Decoder:
    unit = VALUE_REPRESENTATIONS[vr].unit

    def decode(raw: bytes, charset: Charset, big_endian: bool) -> Decoded:  # noqa: ARG001, FBT001 - as above
        if not raw:
            return {"vr": vr}, None
        if big_endian and unit > 1:
            # PS3.18 F.2.7: inline binary is little endian.
            raw = swap_bytes(raw, unit)
        return {"vr": vr, "InlineBinary": b2a_base64(raw, newline=False).decode("ascii")}, None

    return decode


def _is_uid(text: str) -> bool:
    # Zeros before a component are tolerated here: real devices write them.
    return (
        len(text) <= 64 and text.replace(".", "").isdigit() and ".." not in text and text[0] != "." and text[-1] != "."
    )


def _is_date(text: str) -> bool:
    return _DA.fullmatch(text) is not None or parse_date(text) is not None


def _is_time(text: str) -> bool:
    return _TM.fullmatch(text) is not None or parse_time(text) is not None


DECODERS: dict[str, Decoder] = {
    "AE": _make_plain_text("AE"),
    "AS": _make_plain_text("AS", _AS.fullmatch, "age"),
    "AT": _decode_at,
    "CS": _make_plain_text("CS"),
    "DA": _make_plain_text("DA", _is_date, "date"),
    "DS": _make_number_text("DS", parse_decimal),
    "DT": _make_plain_text("DT", _DT.fullmatch, "date-time"),
    "IS": _make_number_text("IS", parse_integer),
    "PN": _decode_pn,
    "TM": _make_plain_text("TM", _is_time, "time"),
    "UI": _make_plain_text("UI", _is_uid, "UID"),
    "UR": _decode_ur,
    **{vr: _make_charset_text(vr) for vr in ("LO", "LT", "SH", "ST", "UC", "UT")},
    **{
        vr: _make_binary_number(vr, code)
        for vr, code in zip(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), "dfihqIHQ", strict=True)
    },
    **{vr: _make_binary(vr) for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN")},
}
