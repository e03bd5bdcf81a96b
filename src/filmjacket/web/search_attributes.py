"""Extra attributes that an administrator declares for fast search: how one is written, and what its values become.

`ProtocolName`, `00181030`, a path through sequences such as `RequestAttributesSequence.RequestedProcedureDescription`,
or a private attribute with its creator, `00091001@ACME` (its block number does not count, PS3.5 7.8.1).
"""

from __future__ import annotations

import struct
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from filmjacket.dicom import dictionary, tags
from filmjacket.dicom.attributes import get_path
from filmjacket.dicom.levels import Level, level_of
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, MatchingKind
from filmjacket.errors import BadRequest
from filmjacket.web.matching import NUMBERS, normal_number, normal_text, resolve_tag
from filmjacket.web.moment_matching import normal_date_or_time
from filmjacket.web.person_names import folded_groups
from filmjacket.web.search_tables import RETURNED_AT_EVERY_LEVEL, UNSUPPORTED_KEYS

if TYPE_CHECKING:
    from decimal import Decimal

    from filmjacket.dicom.attributes import Attributes, Element

# Required keys of PS3.18 Table 10.6.1-5, UIDs and counters: they have columns already.
ALWAYS_FAST = frozenset(
    {
        "00080016", "00080018", "00080020", "00080030", "00080050", "00080060", "00080061", "00080090", "00100010",
        "00100020", "0020000D", "0020000E", "00200010", "00200011", "00200013", "00201206", "00201208", "00201209",
        "00400244", "00400245",
    }
)  # fmt: skip
LONGEST_VALUE = 256
"""Longer values are no identifiers; indexes of some databases would refuse them."""
# Decimal arithmetic keeps 28 digits; longer numbers could be told apart no more.
_MOST_DIGITS = 28
_UNDECODED_AS_TEXT = frozenset({"", "AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_FLOATS = {"FL": "<f", "FD": "<d"}


@dataclass(frozen=True, slots=True)
class SearchAttribute:
    """An attribute to index. `name` is canonical: two ways to write one attribute have the same."""

    name: str
    path: tuple[str, ...]
    vr: str
    level: Level
    creator: str = ""


@lru_cache(maxsize=4096)
def parse_search_attribute(text: str) -> SearchAttribute:
    """Return the attribute that a setting declares; `ValueError` says why it cannot be indexed."""
    written, at, creator = text.strip().partition("@")
    try:
        path = tags.parse_path(written)
    except BadRequest:
        raise ValueError(
            f"{text!r} is no attribute: expected a keyword, a tag, a path of them, or gggg10ee@creator"
        ) from None
    if any(map(tags.is_private, path)):
        return _private(text, path, creator)
    if at:
        raise ValueError(f"{text!r} is not private and has no creator")
    if path[0] in ALWAYS_FAST or path[0] in UNSUPPORTED_KEYS or path[0] in RETURNED_AT_EVERY_LEVEL:
        raise ValueError(f"{text!r} need not, or cannot, be indexed")
    if any(dictionary.vr_of(tag) != "SQ" for tag in path[:-1]):
        raise ValueError(f"{text!r}: only a sequence holds other attributes")
    vr = dictionary.vr_of(path[-1]) or ""
    _check_vr(text, vr)
    return SearchAttribute(".".join(path), path, vr, level_of(path[0]))


def _private(text: str, path: tuple[str, ...], creator: str) -> SearchAttribute:
    (tag, *rest) = path
    if rest or not creator or tags.creator_tag_of(tag) is None:
        raise ValueError(f"{text!r}: a private attribute is declared as gggg10ee@creator, outside of sequences")
    vr = dictionary.private_vr(creator, tag) or ""
    _check_vr(text, vr)
    # Only instances hold private attributes, whatever they mean.
    return SearchAttribute(private_name(tag, creator), path, vr, Level.INSTANCE, creator)


def private_name(tag: str, creator: str) -> str:
    """Return the canonical name of a private attribute: in the first block, whichever the data set uses."""
    return f"{tag[:4]}10{tag[6:]}@{creator}"


def _check_vr(text: str, vr: str) -> None:
    matching = VALUE_REPRESENTATIONS[vr].matching if vr in VALUE_REPRESENTATIONS else MatchingKind.WILDCARD
    if vr == "DT" or matching in {MatchingKind.NONE, MatchingKind.SEQUENCE}:
        raise ValueError(f"{text!r} has VR {vr}, which is not indexed")


def indexed_values(attributes: Attributes, attribute: SearchAttribute) -> tuple[set[str], bool]:
    """Return the values of an attribute as they are indexed, and whether all of them could be."""
    if attribute.creator:
        tag = resolve_tag(attributes, attribute.path[0], attribute.creator)
        elements = [] if tag is None else [attributes[tag]]
    else:
        elements = get_path(attributes, attribute.path)
    found: set[str] = set()
    whole = True
    for element in elements:
        if element.get("vr") in {"UN", "OB"} and attribute.vr not in _UNDECODED_AS_TEXT:
            # Dates and times of unknown VR match nothing; others must be looked at.
            whole = whole and attribute.vr in {"DA", "TM"}
            continue
        for text in _texts(element, attribute.vr):
            if len(text) > LONGEST_VALUE or "\0" in text:
                whole = False
            elif text:
                found.add(text)
    return found, whole


def _texts(element: Element, vr: str) -> list[str]:
    if element.get("vr") in {"UN", "OB"}:
        return _undecoded(element)
    return [text for value in element.get("Value", []) if value is not None for text in _indexed(value, vr)]


def _indexed(value: object, vr: str) -> list[str]:
    if vr == "PN":
        return [group for group in folded_groups(value) if group]
    if isinstance(value, dict):
        return [normal_text(vr, cast("dict[str, str]", value).get("Alphabetic", ""))]
    if vr in {"DA", "TM"}:
        return [normal_date_or_time(vr, value) or ""]
    if vr in NUMBERS:
        number = normal_number(value)
        return [] if number is None else [indexed_number(vr, number)]
    return [normal_text(vr, value)]


def indexed_number(vr: str, number: Decimal) -> str:
    """Return a number as it is indexed: the same text for the same number, however it was written."""
    if vr in _FLOATS:
        try:
            return struct.pack(_FLOATS[vr], float(number) + 0.0).hex()
        except (OverflowError, struct.error):
            return f"{number.normalize()}"
    if len(number.as_tuple().digits) > _MOST_DIGITS:
        # Too long to be kept, which the caller notes.
        return "9" * (LONGEST_VALUE + 1)
    return "0" if not number else f"{number.normalize()}"


def _undecoded(element: Element) -> list[str]:
    """A value of unknown VR is compared as the text that its bytes may be (PS3.5 6.2.2)."""
    encoded = element.get("InlineBinary")
    try:
        text = b64decode(encoded, validate=True).decode("utf-8") if isinstance(encoded, str) else ""
    except (Base64Error, UnicodeDecodeError):
        return []
    return [value.strip(" \0") for value in text.split("\\")]
