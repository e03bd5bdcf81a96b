"""Data sets that requesters send, brought to one form: Unicode, VRs of PS3.6, one value where one is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom import dictionary, tags
from filmjacket.dicom.attributes import walk
from filmjacket.dicom.date_time import parse_date, parse_datetime, parse_time
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS
from filmjacket.errors import BadRequest
from filmjacket.web.person_names import GROUPS, fold_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.dicom.attributes import Attributes, Element, ElementPath

SPECIFIC_CHARACTER_SET: Final = "00080005"
UTF_8: Final[Element] = {"vr": "CS", "Value": ["ISO_IR 192"]}
# Group lengths and commands, file meta information, pixel data: of messages and files.
_FOREIGN: Final = frozenset({"0000", "0002", "7FE0"})
_LENGTHS: Final = {"AE": 16, "AS": 4, "CS": 16, "LO": 64, "SH": 16}
"""Most characters of a value (PS3.5 Table 6.2-1)."""
_SEVERAL_LINES: Final = frozenset({"LT", "ST", "UT"})
_LONGEST_GROUP: Final = 64
"""Most characters of one component group of a person name (PS3.5 6.2)."""
_FORMS: Final[dict[str, Callable[[str], object]]] = {
    "DA": parse_date,
    "TM": parse_time,
    "DT": parse_datetime,
    "UI": lambda text: is_tolerable_uid(text) or None,
}


def has_value(attributes: Attributes, tag: str) -> bool:
    """Tell whether an attribute is there and not empty; an item of a sequence is a value."""
    element = attributes.get(tag, {})
    return any(value not in (None, "") for value in element.get("Value", ())) or "InlineBinary" in element


def described(*path: str) -> str:
    """An attribute by its keywords, for people."""
    return ".".join(tags.keyword_of(tag) or tag for tag in path)


def fault(section: str, path: tuple[str, ...], problem: str, *accepted: str) -> BadRequest:
    """The refusal of an attribute; it names the attribute and never the value."""
    name = described(*path)
    return BadRequest(f"{name}: {problem}.", section=section, offender=name, accepted=accepted)


def in_one_form(attributes: Attributes, section: str) -> Attributes:
    """Return a checked data set in the form in which it is kept. Raises `BadRequest` for the first fault.

    What it was encoded in does not matter any more: the text is Unicode (PS3.18 F.2.1.1).
    """
    kept = {tag: element for tag, element in attributes.items() if tag[:4] not in _FOREIGN}
    kept.pop(SPECIFIC_CHARACTER_SET, None)
    for path, element in walk(kept):
        _normalise(_tags_of(path), element, section)
    return kept


def with_character_set(attributes: Attributes) -> Attributes:
    """Return a data set as it is sent: it says so if it has more than ASCII (type 1C)."""
    return attributes if _is_ascii(attributes) else {**attributes, SPECIFIC_CHARACTER_SET: UTF_8}


def _is_ascii(attributes: Attributes) -> bool:
    return all(text.isascii() for _, element in walk(attributes) for text in _texts(element))


def _texts(element: Element) -> Iterator[str]:
    for value in element.get("Value", ()) if element.get("vr") != "SQ" else ():
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (text for text in cast("dict[str, object]", value).values() if isinstance(text, str))


def _tags_of(path: ElementPath) -> tuple[str, ...]:
    return tuple(part for part in path if isinstance(part, str))


def _normalise(path: tuple[str, ...], element: Element, section: str) -> None:
    tag = path[-1]
    if "BulkDataURI" in element:
        raise fault(section, path, "the value has to be in the payload itself", "Value", "InlineBinary")
    entry = None if tags.is_private(tag) else dictionary.find_entry(tag)
    if entry is not None and entry.vr in VALUE_REPRESENTATIONS and entry.vr != element["vr"]:
        if VALUE_REPRESENTATIONS[entry.vr].json is not VALUE_REPRESENTATIONS[element["vr"]].json and "Value" in element:
            raise fault(section, path, f"the VR is {entry.vr}", entry.vr)
        element["vr"] = entry.vr
    values = element.get("Value", [])
    if element["vr"] == "SQ":
        return
    if entry is not None and entry.vm == "1" and len(values) > 1:
        raise fault(section, path, "it has one value", "one value")
    element_values = [_checked(path, element["vr"], value, section) for value in values]
    if any(value is not None for value in element_values):
        element["Value"] = element_values
    else:
        element.pop("Value", None)


def _checked(path: tuple[str, ...], vr: str, value: object, section: str) -> object:
    if vr == "PN" and isinstance(value, dict):
        return _checked_name(path, cast("dict[str, str]", value), section)
    if not isinstance(value, str):
        return value
    text = value.strip(" \0") if vr in {*_LENGTHS, *_FORMS, "PN"} else value
    if len(text) > _LENGTHS.get(vr, len(text)):
        raise fault(section, path, f"a value of VR {vr} has at most {_LENGTHS[vr]} characters")
    if text and vr in _FORMS and _FORMS[vr](text) is None:
        raise fault(section, path, f"the value is none of VR {vr} (PS3.5 6.2)")
    if any(letter < " " and not (vr in _SEVERAL_LINES and letter in "\t\n\f\r") for letter in text):
        raise fault(section, path, "control characters are not allowed (PS3.5 6.1.3)")
    return text or None


def _checked_name(path: tuple[str, ...], value: dict[str, str], section: str) -> dict[str, str] | None:
    groups = {group: value[group].strip(" ") for group in GROUPS if value.get(group)}
    for text in groups.values():
        if len(text) > _LONGEST_GROUP:
            raise fault(section, path, f"a component group has at most {_LONGEST_GROUP} characters")
        if any(letter < " " for letter in text):
            raise fault(section, path, "control characters are not allowed (PS3.5 6.1.3)")
    # Carets alone are no name.
    return {group: text for group, text in groups.items() if fold_name(text)} or None
