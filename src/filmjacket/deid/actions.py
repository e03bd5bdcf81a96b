"""What becomes of each attribute: Table E.1-1 of PS3.15, and rules for whatever it does not list.

Whether an attribute may be removed or has to stay, with an empty or a dummy value, depends on its type in the IOD; the
choice here keeps every IOD valid: of `X/Z` it is Z, of anything with D it is D, of `X/Z/U*` the items stay, cleaned.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

from filmjacket.dicom import dictionary
from filmjacket.dicom.tags import is_private

WELL_KNOWN_ROOT: Final = "1.2.840.10008."
"""UIDs of the standard itself: SOP classes, transfer syntaxes, coding schemes."""


class Action(StrEnum):
    """What is done with one attribute."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    NEW_UID = "U"
    KEEP = "K"
    """Of a sequence: its items are cleaned by the same rules."""


_CHOICES: Final = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.NEW_UID,
    "Z/D": Action.DUMMY,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.KEEP,
}

_BY_VR: Final = {
    **dict.fromkeys(("LT", "ST", "UT", "UR", "UN"), Action.REMOVE),
    **dict.fromkeys(("PN", "DA", "DT", "TM", "AS", "AE"), Action.DUMMY),
}
"""Attributes of PS3.6 that the table does not list, where the VR alone may hold something about a person: free text,
names, moments, ages, and what nobody can read."""

_KEPT: Final = frozenset((
    "00080005",  # Specific Character Set
    "00080016",  # SOP Class UID, as all UIDs below: of classes, not of instances
    "0008001A",  # Related General SOP Class UID
    "0008001B",  # Original Specialized SOP Class UID
    "00081150",  # Referenced SOP Class UID
    "0008010C",  # Coding Scheme UID
    "0008010D",  # Context Group Extension Creator UID
    "00080117",  # Context UID
    "00080118",  # Mapping Resource UID
))  # fmt: skip

# Curves and overlays, repeating groups (PS3.6 6): graphics and labels that were drawn over the image.
_REPEATING: Final = ("50", "60")


@cache
def action_of(tag: str, vr: str) -> Action:
    """What is done with an attribute. Private ones go, those that PS3.6 does not know too."""
    if tag in _KEPT:
        return Action.KEEP
    if is_private(tag) or tag[:2] in _REPEATING:
        return Action.REMOVE
    listed = table().get(tag)
    if listed is not None:
        return _CHOICES[listed]
    if dictionary.keyword_of(tag) is None:
        return Action.REMOVE
    if vr == "UI":
        return Action.NEW_UID
    return _BY_VR.get(vr, Action.KEEP)


@cache
def table() -> dict[str, str]:
    """Tag to action as PS3.15 Table E.1-1 writes it, column "Basic Prof."."""
    text = files("filmjacket.deid").joinpath("basic_profile.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {tag: action for tag, action, _ in rows}
