"""The meaning of every matching type (PS3.4 C.2.2.2; PS3.18 8.3.4.1), over plain data sets.

The search of the index must answer as `matches` does; a property test holds the two together. Choices where the
standard leaves one:

* an attribute that is absent or empty matches no key but the universal one;
* person names match without regard to case and accents, any component group for any group of the key, unless
  the key itself has groups (`=`), which are then matched group by group;
* all other text is case-sensitive, and the spaces around it do not count where PS3.5 6.2 calls them padding;
* single dates and times are equal when their earliest readings are (`2230` is `223000`).
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from filmjacket.dicom.attributes import get_items, get_text, get_texts, get_values
from filmjacket.dicom.date_time import Span, parse_date, parse_datetime, parse_offset, parse_time
from filmjacket.web.person_names import fold_name, folded_groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes

TIMEZONE_OFFSET_FROM_UTC = "00080201"
_LEADING_SPACES_COUNT = frozenset({"LT", "ST", "UC", "UT"})
_NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})

ValueTest: TypeAlias = "Callable[[object], bool]"
"""Tells whether one value of an attribute satisfies a key."""


class MatchKind(StrEnum):
    """The matching types of PS3.4 C.2.2.2, combined date-time of PS3.18 8.3.4.1.1, private creators."""

    UNIVERSAL = "universal"
    SINGLE = "single"
    WILDCARD = "wildcard"
    ANY_OF = "any-of"
    RANGE = "range"
    COMBINED = "combined-date-time"
    SEQUENCE = "sequence"
    CREATOR = "private-creator"


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One attribute to match, in the data set it is found in.

    `values` holds the text of a SINGLE or WILDCARD key (of a person name one text for each group given), the
    choices of ANY_OF, or the creator. `span` holds the sortable ends of a RANGE; `paired` and `paired_span` the
    time attribute of COMBINED and its ends. `items` are the keys that one item of a SEQUENCE must satisfy
    together. `creator` names the owner of a private attribute, whose block may differ in each data set.
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


def matches(attributes: Attributes, key: MatchKey) -> bool:
    """Tell whether a data set satisfies one key."""
    if key.kind is MatchKind.UNIVERSAL:
        return True
    if key.kind is MatchKind.SEQUENCE:
        # PS3.4 C.2.2.2.6: all keys must be satisfied inside one and the same item.
        found = get_items(attributes, resolve_tag(attributes, key.tag, key.creator) or key.tag)
        return any(matches_all(item, key.items) for item in found)
    if key.kind is MatchKind.COMBINED:
        return _matches_combined(attributes, key)
    if key.kind is MatchKind.CREATOR:
        return resolve_tag(attributes, key.tag, key.values[0]) is not None
    tag = resolve_tag(attributes, key.tag, key.creator)
    if tag is None:
        return False
    if key.vr == "DT":
        return _matches_date_time(attributes, tag, key)
    if attributes[tag].get("vr") in {"UN", "OB"}:
        return _matches_undecoded(attributes[tag], key)
    test = value_test(key)
    return any(test(value) for value in get_values(attributes, tag) if value is not None)


def matches_all(attributes: Attributes, keys: tuple[MatchKey, ...]) -> bool:
    """Tell whether a data set satisfies every key."""
    return all(matches(attributes, key) for key in keys)


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
    """Return the test of one value for a SINGLE, WILDCARD, ANY_OF or RANGE key that is not a date-time."""
    if key.vr == "PN":
        return _name_test(key)
    if key.vr in {"DA", "TM"}:
        return _date_or_time_test(key)
    if key.vr in _NUMBERS:
        return _number_test(key.vr, key.values)
    if key.kind is MatchKind.ANY_OF:
        return lambda value: normal_text(key.vr, value) in key.values
    return _text_test(key)


def wildcard_expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern with `*` and `?` (PS3.4 C.2.2.2.4).

    Each run between two asterisks is found at its first place and never tried again (atomic groups), which is
    enough for these patterns and keeps the time proportional to text times pattern whatever is asked.
    """
    first, *rest = [
        "".join("." if character == "?" else re.escape(character) for character in run)
        for run in re.split(r"\*+", pattern)
    ]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


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


def normal_date_or_time(vr: str, value: object) -> str | None:
    """Return the sortable start of a DA or TM value, None when the value has another form."""
    if not isinstance(value, str):
        return None
    if vr == "DA":
        return parse_date(value)
    span = parse_time(value)
    return span.first if span else None


def inside(text: str, span: Span) -> bool:
    """Tell whether a sortable text lies in a closed interval."""
    return (span.first is None or span.first <= text) and (span.last is None or text <= span.last)


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


def _name_test(key: MatchKey) -> ValueTest:
    tests = [_name_group_test(group) for group in key.values]
    if len(tests) == 1:
        (any_group,) = tests
        return lambda value: any(group is not None and any_group(group) for group in folded_groups(value))

    def by_group(value: object) -> bool:
        found = folded_groups(value)
        return all(
            not wanted or (group is not None and test(group))
            for wanted, test, group in zip(key.values, tests, found, strict=False)
        )

    return by_group


def _name_group_test(wanted: str) -> Callable[[str], bool]:
    if "*" in wanted or "?" in wanted:
        expression = wildcard_expression(wanted)
        return lambda group: expression.fullmatch(group) is not None
    return lambda group: group == wanted


def _date_or_time_test(key: MatchKey) -> ValueTest:
    def test(value: object) -> bool:
        text = normal_date_or_time(key.vr, value)
        if text is None:
            return False
        return text == key.values[0] if key.span is None else inside(text, key.span)

    return test


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


def _matches_combined(attributes: Attributes, key: MatchKey) -> bool:
    """PS3.18 8.3.4.1.1: the ranges of a date and a time attribute are one range of date-times."""
    assert key.span is not None  # noqa: S101 - the query grammar makes no other COMBINED key
    assert key.paired_span is not None  # noqa: S101 - as above
    first = None if key.span.first is None else f"{key.span.first}{key.paired_span.first}"
    last = None if key.span.last is None else f"{key.span.last}{key.paired_span.last}"
    dates = [parse_date(text) for text in get_texts(attributes, key.tag)]
    times = [normal_date_or_time("TM", text) for text in get_texts(attributes, key.paired)]
    return any(
        date is not None and time is not None and inside(date + time, Span(first, last))
        for date in dates
        for time in times
    )


def _matches_date_time(attributes: Attributes, tag: str, key: MatchKey) -> bool:
    own = parse_offset(get_text(attributes, TIMEZONE_OFFSET_FROM_UTC) or "")
    for text in get_texts(attributes, tag):
        stored = parse_datetime(text, default_offset=key.offset if own is None else own)
        if stored is None or stored.first is None:
            continue
        if key.span is None:
            if stored.first == key.values[0]:
                return True
        elif inside(stored.first, key.span):
            return True
    return False


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
    "matches",
    "matches_all",
    "normal_date_or_time",
    "normal_number",
    "normal_text",
    "resolve_tag",
    "value_test",
    "wildcard_expression",
]
