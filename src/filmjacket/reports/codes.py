"""Coded entries: what a person reads of them, and what stays behind it (PS3.3 8.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_text

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_VALUES: Final = ("00080100", "00080119", "00080120")  # Code Value, Long Code Value, URN Code Value
_SCHEME: Final = "00080102"
_MEANING: Final = "00080104"

# UCUM codes that are read as they are written; others, as "[hnsf'U]" or "{ratio}", are read by their meaning.
_PLAIN_UNIT: Final = re.compile(r"[A-Za-z%/.]+(?:-?[1-4])?(?:/[A-Za-z]+(?:-?[1-4])?)?", re.ASCII)
_POWERS: Final = str.maketrans("-1234", "⁻¹²³⁴")
_UNITS: Final = {"um": "µm", "us": "µs", "ug": "µg", "Cel": "°C", "deg": "°", "uGy": "µGy", "uV": "µV"}


@dataclass(frozen=True, slots=True)
class Code:
    """A coded entry; parts that are missing are empty."""

    value: str
    scheme: str
    meaning: str

    @property
    def text(self) -> str:
        """What a person reads: the meaning, for want of one the code itself."""
        return self.meaning or self.value or "(no meaning)"

    @property
    def note(self) -> str:
        """The code behind the meaning, in the notation of PS3.16: `(121071, DCM)`."""
        return f"({self.value}, {self.scheme})" if self.value or self.scheme else ""

    def is_one_of(self, codes: frozenset[tuple[str, str]]) -> bool:
        """Tell whether value and scheme are in a set."""
        return (self.value, self.scheme) in codes


def code_of(item: Attributes) -> Code:
    """The coded entry that the attributes of a code sequence item make."""
    value = next((text for text in (get_text(item, tag) for tag in _VALUES) if text), "")
    return Code(value, get_text(item, _SCHEME) or "", get_text(item, _MEANING) or "")


def get_code(attributes: Attributes, tag: str) -> Code | None:
    """The first item of a code sequence; None when there is none."""
    items = get_items(attributes, tag)
    return code_of(items[0]) if items else None


def unit_text(unit: Code | None) -> str:
    """A unit of measurement as it is printed after a number; empty for none and for "no units"."""
    if unit is None or (unit.value == "1" and unit.scheme == "UCUM"):
        return ""
    if unit.scheme == "UCUM" and _PLAIN_UNIT.fullmatch(unit.value):
        known = _UNITS.get(unit.value)
        return known or re.sub(r"-?[1-4]", lambda power: power[0].translate(_POWERS), unit.value).replace(".", "·")
    return unit.text
