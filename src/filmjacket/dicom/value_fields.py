"""Attribute objects of the DICOM JSON Model to value fields in little endian (PS3.5 6.2, 7.1.1)."""

from __future__ import annotations

import struct
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from filmjacket.dicom.shape import PERSON_NAME_GROUPS, refusal
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, JsonKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Element

# PS3.5 Table 6.2-1: a decimal string has at most 16 bytes.
_DS_LENGTH = 16
_STRUCT_CODES = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}


def encode_value(tag: str, element: Element) -> bytes:
    """Return the value field of an inline attribute that is no sequence, padded to even length.

    Text is UTF-8. DicomError names an attribute whose value its VR cannot hold.
    """
    vr: str = element["vr"]
    row = VALUE_REPRESENTATIONS[vr]
    try:
        if "InlineBinary" in element:
            field = a2b_base64(element["InlineBinary"])
        else:
            members: list[Any] = element.get("Value", [])
            field = _ENCODERS[row.json](vr, members) if members else b""
    except (struct.error, OverflowError, ValueError, TypeError, AttributeError, KeyError, Base64Error):
        raise refusal(tag, f"its content cannot be encoded as {vr}", section="PS3.5 6.2") from None
    return field + row.padding if len(field) % 2 else field


def format_decimal(number: float) -> str:
    """Return a number as exactly as the 16 characters of a decimal string allow (PS3.5 6.2, DS)."""
    text = repr(number)
    if isinstance(number, float) and text.endswith(".0"):
        text = text[:-2]
    if len(text) <= _DS_LENGTH:
        return text
    for digits in range(15, 0, -1):
        text = f"{number:.{digits}g}"
        if len(text) <= _DS_LENGTH:
            break
    return text


def _encode_text(vr: str, members: list[Any]) -> bytes:  # noqa: ARG001 - one table, one signature
    return "\\".join("" if member is None else member for member in members).encode("utf-8")


def _encode_number_text(vr: str, members: list[Any]) -> bytes:
    return "\\".join(_number_text(vr, member) for member in members).encode("utf-8")


def _number_text(vr: str, member: float | str | None) -> str:
    if member is None or isinstance(member, str):
        # Text is what the sender wrote: no number, or one that must not lose a digit.
        return member or ""
    return str(int(member)) if vr == "IS" else format_decimal(member)


def _encode_person_names(vr: str, members: list[Any]) -> bytes:  # noqa: ARG001 - as above
    return "\\".join(_person_name(member) for member in members).encode("utf-8")


def _person_name(member: dict[str, str] | None) -> str:
    return "=".join((member or {}).get(group, "") for group in PERSON_NAME_GROUPS).rstrip("=")


def _encode_numbers(vr: str, members: list[Any]) -> bytes:
    code = _STRUCT_CODES[vr]
    if code not in "df":
        members = [int(member) for member in members]
    return struct.pack(f"<{len(members)}{code}", *members)


def _encode_tags(vr: str, members: list[Any]) -> bytes:  # noqa: ARG001 - as above
    return b"".join(struct.pack("<HH", int(member[:4], 16), int(member[4:], 16)) for member in members)


def _encode_binary(vr: str, members: list[Any]) -> bytes:
    raise TypeError(vr, len(members))


_ENCODERS: dict[JsonKind, Callable[[str, list[Any]], bytes]] = {
    JsonKind.STRING: _encode_text,
    JsonKind.NUMBER: _encode_numbers,
    JsonKind.NUMBER_TEXT: _encode_number_text,
    JsonKind.PERSON_NAME: _encode_person_names,
    JsonKind.TAG: _encode_tags,
    JsonKind.BINARY: _encode_binary,
}
