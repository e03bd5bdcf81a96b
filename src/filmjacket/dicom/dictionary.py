"""The data dictionary of PS3.6 and known private dictionaries.

The tables are loaded at the first look-up, so that the protocol core stays light to import.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from filmjacket.dicom import dictionary_data

# Answers that are remembered; a bound, because tags and creators arrive from outside.
_REMEMBERED = 32_768


class Entry(NamedTuple):
    """What PS3.6 says about a tag: VR (may be ambiguous, as in "US or SS"), VM, keyword."""

    vr: str
    vm: str
    keyword: str


def warm_up() -> None:
    """Load the dictionary now rather than with the first request."""
    find_entry("00100010")


@lru_cache(maxsize=_REMEMBERED)
def find_entry(tag: str) -> Entry | None:
    """Return the dictionary entry of a public tag (repeating groups included), or None."""
    number = int(tag, 16)
    row = dictionary_data.public().get(number)
    if row is None and not number >> 16 & 1:
        row = next((row for same, varies, row in _masks() if (number ^ same) & varies == 0), None)
    return None if row is None else Entry(row[0], row[1], row[4])


@lru_cache(maxsize=_REMEMBERED)
def vr_of(tag: str, *, signed: bool = False) -> str | None:
    """Return the VR of a public tag or private creator element, None when the dictionary does not know it.

    An ambiguous VR is resolved as the Implicit VR encoding is (PS3.5 A.1): "OB or OW" and LUT data are OW,
    "US or SS" is SS when Pixel Representation says that pixels are `signed`.
    """
    if int(tag[3], 16) & 1:
        # A private data element has no public VR; (gggg,0010-00FF) names a creator (PS3.5 7.8.1).
        return "LO" if tag[4:6] == "00" and tag[6] != "0" else None
    if tag.endswith("0000"):
        return "UL"
    entry = find_entry(tag)
    if entry is None:
        return None
    if " or " not in entry.vr:
        return entry.vr if len(entry.vr) == 2 else None
    if "OW" in entry.vr:
        return "OW"
    return "SS" if signed else "US"


@lru_cache(maxsize=_REMEMBERED)
def private_vr(creator: str, tag: str) -> str | None:
    """Return the VR that a known private dictionary gives to a private element, None when there is none."""
    rows = dictionary_data.private().get(creator, {})
    group, element = tag[:4].upper(), tag[4:].upper()
    # Some entries name a block or a group, most do not (PS3.5 7.8.1).
    spelt = (f"{group}{element}", f"{group}xx{element[2:]}", f"{group[:2]}xxxx{element[2:]}")
    row = next((rows[key] for key in spelt if key in rows), None)
    return row[0] if row is not None and len(row[0]) == 2 else None


def keyword_of(tag: str) -> str | None:
    """Return the keyword of a public tag (PS3.6), None for private and unknown ones."""
    entry = find_entry(tag)
    return (entry.keyword or None) if entry else None


@lru_cache(maxsize=_REMEMBERED)
def tag_of(keyword: str) -> str | None:
    """Return the tag that a keyword names, None when PS3.6 has no such keyword."""
    # Retired entries of PS3.6 that lost their name have an empty keyword.
    tag = _tags().get(keyword) if keyword else None
    return None if tag is None else f"{tag:08X}"


def is_multi_valued(tag: str) -> bool:
    """Tell whether the Value Multiplicity of PS3.6 allows several values; unknown tags might have them."""
    entry = find_entry(tag)
    return entry is None or entry.vm != "1"


@cache
def _tags() -> dict[str, int]:
    return {row[4]: tag for tag, row in dictionary_data.public().items()}


@cache
def _masks() -> tuple[tuple[int, int, dictionary_data.Row], ...]:
    """Repeating groups: the digits that are the same, a mask of them, and the row."""
    return tuple(
        (int(spelt.replace("x", "0"), 16), int("".join("0" if digit == "x" else "F" for digit in spelt), 16), row)
        for spelt, row in dictionary_data.repeaters().items()
    )
