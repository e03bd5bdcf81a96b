"""Values of the DICOM JSON model that somebody sends to be kept: brought to one form, and checked (PS3.5 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom import dictionary, tags
from filmjacket.dicom.date_time import parse_date, parse_datetime, parse_time
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Element

_LENGTHS: Final = {"AE": 16, "AS": 4, "CS": 16, "LO": 64, "SH": 16}
"""Most characters of a value (PS3.5 Table 6.2-1)."""
_SEVERAL_LINES: Final = frozenset({"LT", "ST", "UT"})
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_LONGEST_GROUP: Final = 64
"""Most characters of one component group of a person name (PS3.5 6.2)."""
_EXAMPLES: Final = {"DT": "20261122103000+0100", "DA": "20261122", "TM": "103000"}


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parse_integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


_FORMS: Final[dict[str, Callable[[str], object]]] = {
    "DA": parse_date,
    "TM": parse_time,
    "DT": parse_datetime,
    "DS": _parse_number,
    "IS": _parse_integer,
    "UI": lambda text: is_tolerable_uid(text) or None,
}


class ValueFault(Exception):
    """What is wrong with an attribute, without the value itself, and what would be accepted."""

    def __init__(self, problem: str, *accepted: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.accepted = accepted


def bring_to_one_form(tag: str, element: Element) -> bool:
    """Give an element the VR of PS3.6, no padding and no empty values; True if its VR was another.

    Changes the element. Raises `ValueFault`.
    """
    if "BulkDataURI" in element:
        raise ValueFault("the value has to be in the payload itself", "Value", "InlineBinary")
    entry = None if tags.is_private(tag) else dictionary.find_entry(tag)
    changed = entry is not None and entry.vr != element["vr"] and _take_vr(element, entry.vr)
    if element["vr"] == "SQ":
        return changed
    given = element.get("Value", [])
    if entry is not None and entry.vm == "1" and len(given) > 1:
        raise ValueFault("it has one value", "one value")
    values = [_checked(element["vr"], value) for value in given]
    if any(value is not None for value in values):
        element["Value"] = values
    else:
        element.pop("Value", None)
    return changed


def _take_vr(element: Element, vr: str) -> bool:
    if vr not in VALUE_REPRESENTATIONS:
        return False
    wanted, given = VALUE_REPRESENTATIONS[vr], VALUE_REPRESENTATIONS[element["vr"]]
    # Where the VR that was sent splits values at backslashes and the right one does not, the value is not known.
    if (wanted.json is not given.json and element.keys() != {"vr"}) or wanted.splits < given.splits:
        raise ValueFault(f"the VR is {vr}", vr)
    element["vr"] = vr
    return True


def _checked(vr: str, value: object) -> object:
    if vr == "PN" and isinstance(value, dict):
        return _checked_name(cast("dict[str, str]", value))
    if not isinstance(value, str):
        return value
    text = value.strip(" \0") if vr in {*_LENGTHS, *_FORMS, "PN"} else value
    if len(text) > _LENGTHS.get(vr, len(text)):
        raise ValueFault(f"a value of VR {vr} has at most {_LENGTHS[vr]} characters")
    if text and vr in _FORMS and _FORMS[vr](text) is None:
        raise ValueFault(f"the value is none of VR {vr} (PS3.5 6.2)", *filter(None, (_EXAMPLES.get(vr),)))
    _check_controls(text, "\t\n\f\r" if vr in _SEVERAL_LINES else "")
    return text or None


def _checked_name(value: dict[str, str]) -> dict[str, str] | None:
    groups = {group: value[group].strip(" ") for group in _GROUPS if value.get(group)}
    for text in groups.values():
        if len(text) > _LONGEST_GROUP:
            raise ValueFault(f"a component group has at most {_LONGEST_GROUP} characters")
        _check_controls(text, "")
    # Carets alone are no name.
    return {group: text for group, text in groups.items() if text.strip("^ ")} or None


def _check_controls(text: str, allowed: str) -> None:
    if any(letter < " " and letter not in allowed for letter in text):
        raise ValueFault("control characters are not allowed (PS3.5 6.1.3)")
