"""The data dictionary of PS3.6 and known private dictionaries: a typed border around pydicom.

pydicom is imported at the first look-up, so that the protocol core stays light to import.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

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
    from pydicom.datadict import get_entry  # noqa: PLC0415 - half a second that not every process needs

    try:
        vr, vm, _, _, keyword = get_entry(int(tag, 16))
    except KeyError:
        return None
    return Entry(vr, vm, keyword)


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
    from pydicom.datadict import private_dictionary_VR  # noqa: PLC0415 - as above

    try:
        vr = private_dictionary_VR(int(tag, 16), creator)
    except KeyError:
        return None
    return vr if len(vr) == 2 else None


def keyword_of(tag: str) -> str | None:
    """Return the keyword of a public tag (PS3.6), None for private and unknown ones."""
    entry = find_entry(tag)
    return (entry.keyword or None) if entry else None


@lru_cache(maxsize=_REMEMBERED)
def tag_of(keyword: str) -> str | None:
    """Return the tag that a keyword names, None when PS3.6 has no such keyword."""
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415 - as above

    # Retired entries of PS3.6 that lost their name have an empty keyword.
    tag = tag_for_keyword(keyword) if keyword else None
    return None if tag is None else f"{tag:08X}"


def is_multi_valued(tag: str) -> bool:
    """Tell whether the Value Multiplicity of PS3.6 allows several values; unknown tags might have them."""
    entry = find_entry(tag)
    return entry is None or entry.vm != "1"
