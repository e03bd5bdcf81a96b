"""The shape of attribute objects that arrive from outside (PS3.18 F.2.2): checked, and brought to one form.

The result is what our own reader would have made: tags in upper case, no empty `Value`, `null` for empty
members, numbers in the range of their VR. Anything else is refused with the tag of the attribute at fault.
"""

from __future__ import annotations

import math
import re
import sys
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from filmjacket.dicom.limits import MAX_DEPTH
from filmjacket.dicom.tags import is_group_length, parse_tag
from filmjacket.dicom.values import MAX_SAFE_INTEGER, parse_decimal
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, JsonKind, ValueRepresentation
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes, Element

PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_CONTENT = ("Value", "InlineBinary", "BulkDataURI")
_INTEGER_RANGES = {
    "SL": (-(2**31), 2**31 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "SV": (-(2**63), 2**63 - 1),
    "UL": (0, 2**32 - 1),
    "US": (0, 2**16 - 1),
    "UV": (0, 2**64 - 1),
}
# Integers of 64 bits may come as text (PS3.18 F.2.3.1).
_WIDE_INTEGER = re.compile(r"-?[0-9]{1,20}")
# The largest finite numbers of IEEE 754 single and double precision.
_FLOAT_LIMITS = {"FL": (2 - 2**-23) * 2.0**127, "FD": sys.float_info.max}


def refusal(tag: str, problem: str, *accepted: str, section: str = "PS3.18 F.2.2") -> DicomError:
    """Return the error for an attribute of a wrong shape; the text names the tag and never the value."""
    return DicomError(f"attribute {tag}: {problem}", section=section, offender=tag, accepted=accepted)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a parsed JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a parsed JSON value is an array."""
    return isinstance(value, list)


def check_attributes(document: object) -> Attributes:
    """Return a data set in the one form that the rest of the code expects; DicomError when it is none."""
    result: Attributes = {}
    # Explicit stack: (parsed object, where its attributes go, depth).
    pending: list[tuple[object, Attributes, int]] = [(document, result, 0)]
    while pending:
        source, target, depth = pending.pop()
        if not is_object(source):
            raise DicomError("a data set is a JSON object with a member per attribute", section="PS3.18 F.2.2")
        if depth > MAX_DEPTH:
            raise DicomError(f"sequences are nested deeper than {MAX_DEPTH} levels", section="PS3.5 7.5")
        for key, member in source.items():
            tag = parse_tag(key)
            if tag is None:
                raise refusal(key[:16], "a member is named by a tag of 8 hexadecimal digits", "00100020")
            if tag in target:
                raise refusal(tag, "it is there twice")
            if is_group_length(tag):
                continue
            target[tag], items = _check_element(tag, member)
            pending.extend((item, _append_item(target[tag]), depth + 1) for item in items)
    return result


def _append_item(element: Element) -> Attributes:
    item: Attributes = {}
    element.setdefault("Value", []).append(item)
    return item


def _check_element(tag: str, member: object) -> tuple[Element, list[Any]]:
    """Return one attribute object, and the items still to be checked when it is a sequence."""
    if not is_object(member):
        raise refusal(tag, "an attribute is an object", '{"vr": "LO", "Value": ["text"]}')
    row = VALUE_REPRESENTATIONS.get(cast("str", member.get("vr")) if isinstance(member.get("vr"), str) else "")
    if row is None:
        raise refusal(tag, '"vr" is missing or none of PS3.5 6.2')
    present = [name for name in _CONTENT if member.get(name) is not None]
    if len(present) > 1:
        raise refusal(tag, f"{' and '.join(present)} exclude each other", *_CONTENT)
    element: Element = {"vr": row.name}
    if "Value" in present:
        return _check_value(tag, row, member["Value"], element)
    if present:
        element[present[0]] = _check_reference(tag, row, present[0], member[present[0]])
        if present[0] == "InlineBinary" and not element[present[0]]:
            del element[present[0]]
    return element, []


def _check_value(tag: str, row: ValueRepresentation, value: object, element: Element) -> tuple[Element, list[Any]]:
    if not is_array(value):
        raise refusal(tag, '"Value" is an array')
    if row.json is JsonKind.SEQUENCE:
        return element, value
    if row.json is JsonKind.BINARY:
        raise refusal(tag, f"{row.name} has no Value", "InlineBinary", "BulkDataURI", section="PS3.18 F.2.7")
    if not row.splits and row.uses_charset and len(value) > 1:
        raise refusal(tag, f"{row.name} has one value", section="PS3.5 6.2")
    check = _MEMBER_CHECKS[row.json]
    members = [check(tag, row, one) for one in value]
    if members not in ([], [None]):
        element["Value"] = members
    return element, []


def _check_reference(tag: str, row: ValueRepresentation, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise refusal(tag, f'"{name}" is a string')
    if name == "BulkDataURI":
        if not row.may_be_bulk or not value:
            raise refusal(tag, f"{row.name} takes no such BulkDataURI", section="PS3.18 10.4.3.3.2")
        return value
    if row.json is not JsonKind.BINARY:
        raise refusal(tag, f"{row.name} takes no InlineBinary", "Value", section="PS3.18 F.2.7")
    text = "".join(value.split())
    try:
        a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise refusal(tag, '"InlineBinary" is not base64', section="RFC 4648 4") from None
    return text


def _check_text(tag: str, row: ValueRepresentation, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise refusal(tag, f"values of {row.name} are strings", section="PS3.18 F.2.3")
    if row.splits and "\\" in value:
        raise refusal(tag, "a backslash separates values, make them members of the array", section="PS3.5 6.2")
    return value or None


def _check_number_text(tag: str, row: ValueRepresentation, value: object) -> int | float | str | None:
    if isinstance(value, str) or value is None:
        text = _check_text(tag, row, value)
        stripped = (text.strip(" ") or None) if text else None
        # What a number holds exactly enough becomes one, as in our own reader.
        number = parse_decimal(stripped) if stripped else None
        return stripped if number is None else number
    number = _check_finite(tag, row, value)
    if row.name == "IS" and isinstance(number, float):
        if not number.is_integer():
            raise refusal(tag, "values of IS are integers", section="PS3.5 6.2")
        return int(number)
    return number


def _check_number(tag: str, row: ValueRepresentation, value: object) -> int | float | str:
    limits = _INTEGER_RANGES.get(row.name)
    if limits is None:
        number = _check_finite(tag, row, value)
        if abs(number) > _FLOAT_LIMITS[row.name]:
            raise refusal(tag, f"a value is outside the range of {row.name}", section="PS3.5 6.2")
        return float(number)
    if isinstance(value, str) and row.name in {"SV", "UV"} and _WIDE_INTEGER.fullmatch(value):
        value = int(value)
    number = _check_finite(tag, row, value)
    if isinstance(number, float) and not number.is_integer():
        raise refusal(tag, f"values of {row.name} are integers", section="PS3.5 6.2")
    number = int(number)
    if not limits[0] <= number <= limits[1]:
        raise refusal(tag, f"a value is outside the range of {row.name}", section="PS3.5 6.2")
    return number if abs(number) <= MAX_SAFE_INTEGER else str(number)


def _check_finite(tag: str, row: ValueRepresentation, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(tag, f"values of {row.name} are numbers", section="PS3.18 F.2.3")
    if isinstance(value, float) and not math.isfinite(value):
        raise refusal(tag, "JSON has no NaN and no infinity", "BulkDataURI", section="PS3.18 F.2.3")
    return value


def _check_tag_value(tag: str, row: ValueRepresentation, value: object) -> str:
    parsed = parse_tag(value) if isinstance(value, str) else None
    if parsed is None:
        raise refusal(tag, f"values of {row.name} are strings of 8 hexadecimal digits", section="PS3.18 F.2.3")
    return parsed


def _check_person_name(tag: str, row: ValueRepresentation, value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not is_object(value) or not set(value) <= set(PERSON_NAME_GROUPS):
        raise refusal(tag, "a person name is an object of its groups", *PERSON_NAME_GROUPS)
    name: dict[str, str] = {}
    for group in PERSON_NAME_GROUPS:
        text = _check_text(tag, row, value.get(group))
        if text and "=" in text:
            raise refusal(tag, "an equals sign separates groups, make them members", *PERSON_NAME_GROUPS)
        if text:
            name[group] = text
    return name or None


_MEMBER_CHECKS: dict[JsonKind, Callable[[str, ValueRepresentation, object], object]] = {
    JsonKind.STRING: _check_text,
    JsonKind.NUMBER: _check_number,
    JsonKind.NUMBER_TEXT: _check_number_text,
    JsonKind.PERSON_NAME: _check_person_name,
    JsonKind.TAG: _check_tag_value,
}
