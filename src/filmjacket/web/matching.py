"""The meaning of every matching type (PS3.4 C.2.2.2; PS3.18 8.3.4.1), over plain data sets.

The search of the index must answer as `matches` does; a property test holds the two together. Choices where the
standard leaves one:

* an attribute that is absent or empty matches no key but the universal one;
* person names match without regard to case and accents, any component group for any group of the key, unless
  the key itself has groups (`=`), which are then matched group by group;
* fuzzy matching of a person name (8.3.4.2) wants every word of the key to begin, or to sound like, some word of
  the name (`filmjacket.web.person_names`, `filmjacket.web.phonetics`);
* all other text is case-sensitive, and the spaces around it do not count where PS3.5 6.2 calls them padding;
* single dates and times are equal when their earliest readings are (`2230` is `223000`);
* an attribute is empty when it is absent, has no value, or has values of padding and delimiters alone; inside a
  sequence without items every attribute is absent.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.dicom.date_time import Span
from filmjacket.web.moment_matching import (
    inside,
    matches_combined,
    matches_date_time,
    matches_moment,
    normal_date_or_time,
    zone_of,
)
from filmjacket.web.person_names import fold_name, fuzzy_test, literal_test
from filmjacket.web.wildcards import wildcard_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes

_LEADING_SPACES_COUNT = frozenset({"LT", "ST", "UC", "UT"})
NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})

ValueTest: TypeAlias = "Callable[[object], bool]"
"""Tells whether one value of an attribute satisfies a key."""


class MatchKind(StrEnum):
    """The matching types of PS3.4 C.2.2.2, those of PS3.18 8.3.4 that a flag turns on, private creators."""

    UNIVERSAL = "universal"
    SINGLE = "single"
    WILDCARD = "wildcard"
    ANY_OF = "any-of"
    RANGE = "range"
    COMBINED = "combined-date-time"
    FUZZY = "fuzzy"
    EMPTY = "empty-value"
    ALL_OF = "multiple-value"
    SEQUENCE = "sequence"
    CREATOR = "private-creator"


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One attribute to match, in the data set it is found in.

    `values` holds the text of a SINGLE, WILDCARD or FUZZY key (of a person name one text for each group given),
    the choices of ANY_OF, or the creator. `span` holds the sortable ends of a RANGE; `paired` and `paired_span`
    the time attribute of COMBINED and its ends. `items` are the keys that one item of a SEQUENCE must satisfy
    together, or that the values of an ALL_OF attribute must satisfy one by one. `creator` names the owner of a
    private attribute, whose block may differ in each data set. `offset` is the zone, in minutes, of a date-time
    that states none; `zone` that of the query's dates and times, None when the query names none.
    """

    tag: str
    vr: str
    kind: MatchKind
    values: tuple[str, ...] = ()
    span: Span | None = None
    paired: str = ""
    paired_span: Span | None = None
    items: tuple[MatchKey, ...] = ()
    creator: str = ""
    offset: int = 0
    zone: int | None = None


def matches(attributes: Attributes, key: MatchKey, zone: int | None = None) -> bool:
    """Tell whether a data set satisfies one key; `zone` is the time zone of the data set that an item belongs to."""
    if key.kind in _KINDS:
        return _KINDS[key.kind](attributes, key, zone_of(attributes, zone))
    tag = resolve_tag(attributes, key.tag, key.creator)
    if tag is None:
        return False
    if key.vr in _MOMENTS:
        return _MOMENTS[key.vr](attributes, tag, key, zone_of(attributes, zone))
    if attributes[tag].get("vr") in {"UN", "OB"}:
        return _matches_undecoded(attributes[tag], key)
    test = value_test(key)
    return any(test(value) for value in get_values(attributes, tag) if value is not None)


def matches_all(attributes: Attributes, keys: tuple[MatchKey, ...], zone: int | None = None) -> bool:
    """Tell whether a data set satisfies every key."""
    return all(matches(attributes, key, zone) for key in keys)


def is_empty(attributes: Attributes, key: MatchKey) -> bool:
    """Tell whether the attribute of a key is absent or holds nothing but padding and delimiters."""
    tag = resolve_tag(attributes, key.tag, key.creator)
    if tag is None:
        return True
    element = attributes[tag]
    if "InlineBinary" in element or "BulkDataURI" in element:
        return False
    return not any(_says_something(key.vr, value) for value in element.get("Value", []))


def resolve_tag(attributes: Attributes, tag: str, creator: str) -> str | None:
    """Return the tag under which a data set holds the attribute, or None when it does not.

    A private attribute is looked up by its group, creator and low byte: PS3.5 7.8.1 lets every data set choose
    its own block.
    """
    if not creator:
        return tag if tag in attributes else None
    group = tag[:4]
    for block in (name[6:8] for name in attributes if name.startswith(group + "00")):
        if get_text(attributes, f"{group}00{block}") != creator:
            continue
        if tag[4:6] == "00":
            return f"{group}00{block}"
        if f"{group}{block}{tag[6:]}" in attributes:
            return f"{group}{block}{tag[6:]}"
    return None


@lru_cache(maxsize=1024)
def value_test(key: MatchKey) -> ValueTest:
    """Return the test of one value for a SINGLE, WILDCARD, FUZZY or ANY_OF key that is no date or time."""
    if key.vr == "PN":
        return fuzzy_test(key.values) if key.kind is MatchKind.FUZZY else literal_test(key.values)
    if key.vr in NUMBERS:
        return _number_test(key.vr, key.values)
    if key.kind is MatchKind.ANY_OF:
        return lambda value: normal_text(key.vr, value) in key.values
    return _text_test(key)


def normal_text(vr: str, value: object) -> str:
    """Return the text of a value as it is compared: without the spaces that are padding."""
    text = value if isinstance(value, str) else str(value)
    return text.rstrip(" ") if vr in _LEADING_SPACES_COUNT else text.strip(" ")


def normal_number(value: object) -> Decimal | None:
    """Return a number, also one that is kept as text; None when it is none or is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(value.strip(" ") if isinstance(value, str) else repr(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _matches_items(attributes: Attributes, key: MatchKey, zone: int | None) -> bool:
    """PS3.4 C.2.2.2.6: all keys must be satisfied inside one and the same item."""
    found = get_items(attributes, resolve_tag(attributes, key.tag, key.creator) or key.tag)
    # Without items the attributes inside are absent, which only a key for an empty value asks for.
    return any(matches_all(item, key.items, zone) for item in found or [{}])


_KINDS: dict[MatchKind, Callable[[Attributes, MatchKey, int | None], bool]] = {
    MatchKind.UNIVERSAL: lambda _attributes, _key, _zone: True,
    MatchKind.SEQUENCE: _matches_items,
    MatchKind.COMBINED: matches_combined,
    MatchKind.CREATOR: lambda attributes, key, _zone: resolve_tag(attributes, key.tag, key.values[0]) is not None,
    MatchKind.EMPTY: lambda attributes, key, _zone: is_empty(attributes, key),
    MatchKind.ALL_OF: lambda attributes, key, zone: matches_all(attributes, key.items, zone),
}
_MOMENTS: dict[str, Callable[[Attributes, str, MatchKey, int | None], bool]] = {
    "DA": matches_moment,
    "TM": matches_moment,
    "DT": matches_date_time,
}


def _says_something(vr: str, value: object) -> bool:
    if isinstance(value, dict):
        groups = cast("dict[str, object]", value)
        # An item of a sequence, or a person name.
        return vr == "SQ" or any(isinstance(text, str) and fold_name(text) for text in groups.values())
    if isinstance(value, str) and vr == "PN":
        return bool(fold_name(value))
    return value is not None and normal_text(vr, value) != ""


def _text_test(key: MatchKey) -> ValueTest:
    wanted = key.values[0]
    if key.kind is MatchKind.WILDCARD:
        expression = wildcard_expression(wanted)
        return lambda value: expression.fullmatch(_comparable(key.vr, value)) is not None
    return lambda value: _comparable(key.vr, value) == wanted


def _comparable(vr: str, value: object) -> str:
    if isinstance(value, dict):
        # A private attribute whose VR only the data set knows may turn out to be a person name.
        groups = cast("dict[str, str]", value)
        return groups.get("Alphabetic", "")
    return normal_text(vr, value)


def _number_test(vr: str, wanted: tuple[str, ...]) -> ValueTest:
    numbers = {Decimal(text) for text in wanted}
    if vr in {"FD", "FL"}:
        # The value went through a binary float of its VR; the key must take the same rounding.
        form = "<f" if vr == "FL" else "<d"
        encoded = {_float_bytes(form, number) for number in numbers}

        def same_float(value: object) -> bool:
            number = normal_number(value)
            return number is not None and _float_bytes(form, number) in encoded

        return same_float
    return lambda value: normal_number(value) in numbers


def _float_bytes(form: str, number: Decimal) -> bytes | Decimal:
    try:
        return struct.pack(form, float(number) + 0.0)
    except (OverflowError, struct.error):
        return number


def _matches_undecoded(element: dict[str, object], key: MatchKey) -> bool:
    """Match a value of unknown VR as the text that its bytes may be (PS3.5 6.2.2)."""
    encoded = element.get("InlineBinary")
    if not isinstance(encoded, str) or key.kind not in {MatchKind.SINGLE, MatchKind.WILDCARD}:
        return False
    try:
        text = b64decode(encoded, validate=True).decode("utf-8")
    except (Base64Error, UnicodeDecodeError):
        return False
    test = _text_test(key)
    return any(test(value.strip(" \0")) for value in text.split("\\"))


__all__ = [
    "MatchKey",
    "MatchKind",
    "Span",
    "ValueTest",
    "fold_name",
    "inside",
    "is_empty",
    "matches",
    "matches_all",
    "normal_date_or_time",
    "normal_number",
    "normal_text",
    "resolve_tag",
    "value_test",
    "wildcard_expression",
]
