"""Data sets that requesters send, brought to one form: Unicode, VRs of PS3.6, one value where one is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom import tags
from filmjacket.dicom.attributes import walk
from filmjacket.dicom.element_values import ValueFault, bring_to_one_form
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.attributes import Attributes, Element, ElementPath

SPECIFIC_CHARACTER_SET: Final = "00080005"
UTF_8: Final[Element] = {"vr": "CS", "Value": ["ISO_IR 192"]}
# Group lengths and commands, file meta information, pixel data: of messages and files.
_FOREIGN: Final = frozenset({"0000", "0002", "7FE0"})


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
        names = _tags_of(path)
        try:
            bring_to_one_form(names[-1], element)
        except ValueFault as error:
            raise fault(section, names, error.problem, *error.accepted) from None
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
