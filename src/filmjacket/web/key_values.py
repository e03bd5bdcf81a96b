"""The value of a search key: text of the request to `MatchKey`, by VR (PS3.4 C.2.2.2; PS3.18 8.3.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filmjacket.dicom import dictionary
from filmjacket.dicom.date_time import Span, parse_date, parse_datetime, parse_range, parse_time
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, MatchingKind
from filmjacket.errors import BadRequest
from filmjacket.web.matching import MatchKey, MatchKind, fold_name, normal_number, normal_text
from filmjacket.web.person_names import key_words
from filmjacket.web.search_tables import ANY_OF_CODES
from filmjacket.web.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Callable

SECTION = "PS3.18 8.3.4.1"

# A list of UIDs is the one key that may be long; no URL that a proxy lets through holds more.
MAXIMUM_CHOICES = 4096
# The longest text VR that is searched (LT) holds 10,240 characters; databases bound their patterns, too.
MAXIMUM_VALUE_LENGTH = 8192

_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_INTEGER_VRS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
# Integers that a 64-bit database column can be compared with; no VR but UV holds more.
_LARGEST_INTEGER = 2**63 - 1

# PS3.4 C.2.2.2.8: what Multiple Value Matching is for; UIDs are listed, meaning any of them.
_MULTIPLE_VALUE_VRS = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})
_SEPARATORS = re.compile(r"[,\\]")
# PS3.4 C.2.2.2.7: two quotation marks ask for an empty value.
_EMPTY = '""'


@dataclass(frozen=True, slots=True)
class Manner:
    """How the request wants its keys read: the flags of PS3.18 8.3.4, and the zone it names, in minutes."""

    fuzzy: bool = False
    empty: bool = False
    multiple: bool = False
    zone: int | None = None


def refusal(name: str, message: str, *accepted: str) -> BadRequest:
    """Return the 400 for a search parameter; the value is patient data and stays out of it."""
    return BadRequest(f"{name}: {message}", section=SECTION, offender=name, accepted=accepted)


def parse_key_value(name: str, tag: str, vr: str, choices: list[str], manner: Manner) -> MatchKey:
    """Return the key for one attribute of the request; `choices` are its comma-separated, decoded values.

    `vr` is "" where only the stored data set knows it.
    """
    if any(len(choice) > MAXIMUM_VALUE_LENGTH for choice in choices):
        raise refusal(name, f"the value has more than {MAXIMUM_VALUE_LENGTH} characters.")
    if manner.empty and [choice.strip(" ") for choice in choices] == [_EMPTY]:
        return MatchKey(tag, vr, MatchKind.EMPTY)
    if manner.multiple and vr in _MULTIPLE_VALUE_VRS and dictionary.is_multi_valued(tag):
        return _all_of(name, tag, vr, [part for choice in choices for part in _SEPARATORS.split(choice)], manner)
    if vr == "UI" or tag in ANY_OF_CODES:
        return _any_of(name, tag, vr, [part for choice in choices for part in _SEPARATORS.split(choice)])
    if len(choices) > 1:
        raise refusal(name, "takes one value; a comma inside a value is sent percent-encoded.", "%2C")
    return _one(name, tag, vr, choices[0], manner)


def _one(name: str, tag: str, vr: str, text: str, manner: Manner) -> MatchKey:
    if not text.strip(" "):
        return MatchKey(tag, vr, MatchKind.UNIVERSAL)
    matching = VALUE_REPRESENTATIONS[vr].matching if vr in VALUE_REPRESENTATIONS else MatchingKind.WILDCARD
    if matching is MatchingKind.SEQUENCE:
        raise refusal(name, "a sequence is matched by the attributes in its items.", f"{name}.{{attribute}}")
    if matching is MatchingKind.NONE:
        raise refusal(name, f"an attribute of VR {vr} cannot be matched.")
    if matching is MatchingKind.RANGE:
        return replace(_MOMENTS[vr](name, tag, text, manner.zone or 0), zone=manner.zone)
    if matching is MatchingKind.WILDCARD:
        return _text(tag, vr, text, fuzzy=manner.fuzzy)
    return _single(name, tag, vr, text)


def _all_of(name: str, tag: str, vr: str, parts: list[str], manner: Manner) -> MatchKey:
    """Every value of the key must be one of the attribute's, in any order (PS3.4 C.2.2.2.8)."""
    values = tuple(dict.fromkeys(part.strip(" ") for part in parts if part.strip(" ")))
    if len(values) > MAXIMUM_CHOICES:
        raise refusal(name, f"lists more than {MAXIMUM_CHOICES} values.")
    if len(values) > 1 and any(map(has_wildcards, values)):
        raise refusal(name, "a list of values holds no wildcards.", "value,value")
    keys = tuple(_one(name, tag, vr, value, manner) for value in values) or (MatchKey(tag, vr, MatchKind.UNIVERSAL),)
    return keys[0] if len(keys) == 1 else MatchKey(tag, vr, MatchKind.ALL_OF, items=keys)


def _any_of(name: str, tag: str, vr: str, parts: list[str]) -> MatchKey:
    values = tuple(dict.fromkeys(part.strip(" ") for part in parts if part.strip(" ")))
    if not values:
        return MatchKey(tag, vr, MatchKind.UNIVERSAL)
    if len(values) > MAXIMUM_CHOICES:
        raise refusal(name, f"lists more than {MAXIMUM_CHOICES} values.")
    if vr == "UI":
        # PS3.4 C.2.2.2.4 leaves UI out of wildcard matching.
        if not all(_UID.fullmatch(value) and len(value) <= 64 for value in values):
            raise refusal(name, "is matched by whole UIDs (PS3.5 9.1), without wildcards.", "uid", "uid,uid")
        return MatchKey(tag, vr, MatchKind.ANY_OF, values)
    if len(values) == 1:
        return _text(tag, vr, values[0])
    if any(map(has_wildcards, values)):
        raise refusal(name, "a list of codes holds no wildcards.", "code,code")
    return MatchKey(tag, vr, MatchKind.ANY_OF, values)


def _text(tag: str, vr: str, text: str, *, fuzzy: bool = False) -> MatchKey:
    if not text.strip("* "):
        return MatchKey(tag, vr, MatchKind.UNIVERSAL)
    if vr == "PN":
        return _name(tag, text, fuzzy=fuzzy)
    value = re.sub(r"\*+", "*", normal_text(vr, text))
    return MatchKey(tag, vr, MatchKind.WILDCARD if has_wildcards(value) else MatchKind.SINGLE, (value,))


def _name(tag: str, text: str, *, fuzzy: bool) -> MatchKey:
    groups = [re.sub(r"\*+", "*", fold_name(group)) for group in text.split("=")[:3]]
    # A group that is empty or `*` asks for nothing, like a universal key.
    values = tuple("" if group == "*" else group for group in groups) if len(groups) > 1 else (groups[0],)
    if (len(values) > 1 and not any(values)) or values == ("*",):
        return MatchKey(tag, "PN", MatchKind.UNIVERSAL)
    if fuzzy and all(key_words(value) for value in values if value) and any(values):
        return MatchKey(tag, "PN", MatchKind.FUZZY, values)
    kind = MatchKind.WILDCARD if any(map(has_wildcards, values)) else MatchKind.SINGLE
    return MatchKey(tag, "PN", kind, values)


def _single(name: str, tag: str, vr: str, text: str) -> MatchKey:
    value = text.strip(" ")
    if vr == "AT":
        if not _TAG.fullmatch(value):
            raise refusal(name, "is matched by a tag of eight hexadecimal digits.", "00100020")
        value = value.upper()
    elif vr != "AS":
        number = normal_number(value) if re.fullmatch(r"[-+0-9.eE]+", value, re.ASCII) else None
        if number is None or (vr in _INTEGER_VRS and number != number.to_integral_value()):
            raise refusal(name, f"is matched by a number (VR {vr}).", "12")
        if vr in _INTEGER_VRS:
            if abs(number) > _LARGEST_INTEGER:
                raise refusal(name, f"the number is larger than VR {vr} can hold.")
            value = str(int(number))
    return MatchKey(tag, vr, MatchKind.SINGLE, (value,))


def _date(name: str, tag: str, text: str, offset: int) -> MatchKey:
    del offset
    first, hyphen, last = (part.strip(" ") for part in text.partition("-"))
    ends = [parse_date(end) if end else None for end in (first, last)]
    invalid = any(end and parsed is None for end, parsed in zip((first, last), ends, strict=True))
    if invalid or (hyphen and not (first or last)):
        raise refusal(name, "is matched by a date or a range of dates.", "20060705", "20060705-20060707")
    if not hyphen:
        return MatchKey(tag, "DA", MatchKind.SINGLE, (ends[0] or "",))
    if ends[0] and ends[1] and ends[0] > ends[1]:
        raise refusal(name, "the range ends before it begins.", "20060705-20060707")
    return MatchKey(tag, "DA", MatchKind.RANGE, span=Span(ends[0], ends[1]))


def _time(name: str, tag: str, text: str, offset: int) -> MatchKey:
    """Parse a time or a range of times; one that crosses midnight is judged after it may have met its date."""
    del offset
    first, hyphen, last = (part.strip(" ") for part in text.partition("-"))
    ends = [parse_time(end) if end else None for end in (first, last)]
    invalid = any(end and parsed is None for end, parsed in zip((first, last), ends, strict=True))
    if invalid or (hyphen and not (first or last)):
        raise refusal(name, "is matched by a time or a range of times.", "1030", "1000-1800")
    begin = ends[0].first if ends[0] else None
    if not hyphen:
        return MatchKey(tag, "TM", MatchKind.SINGLE, (begin or "",))
    return MatchKey(tag, "TM", MatchKind.RANGE, span=Span(begin, ends[1].last if ends[1] else None))


def _date_time(name: str, tag: str, text: str, offset: int) -> MatchKey:
    single = parse_datetime(text, default_offset=offset)
    if single is not None and single.first is not None:
        return MatchKey(tag, "DT", MatchKind.SINGLE, (single.first,), offset=offset)
    span = parse_range("DT", text, default_offset=offset)
    if span is None:
        raise refusal(name, "is matched by a date-time or a range.", "20060705103000+0100", "2006-2007")
    return MatchKey(tag, "DT", MatchKind.RANGE, span=span, offset=offset)


_MOMENTS: dict[str, Callable[[str, str, str, int], MatchKey]] = {"DA": _date, "TM": _time, "DT": _date_time}
