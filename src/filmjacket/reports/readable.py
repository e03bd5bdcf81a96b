"""Values of DICOM attributes as people read them: dates, times, names, numbers (PS3.5 6.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom.attributes import get_text, get_values

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_DATE: Final = re.compile(r"(\d{4})[.-]?(\d\d)?[.-]?(\d\d)?", re.ASCII)
_TIME: Final = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(\.\d{1,6})?", re.ASCII)
_DATE_TIME: Final = re.compile(r"(\d{4,8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?", re.ASCII)
_AGE: Final = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_AGE_UNITS: Final = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
_SEXES: Final = {"M": "male", "F": "female", "O": "other"}


def date_text(value: str) -> str:
    """`2026-11-22`; what is no date as it stands."""
    match = _DATE.fullmatch(value.strip())
    return "-".join(part for part in match.groups() if part) if match else value


def time_text(value: str) -> str:
    """`17:30:05`, as exact as the value is; fractions of nothing but zeros are dropped."""
    match = _TIME.fullmatch(value.strip())
    if not match:
        return value
    hour, minute, second, fraction = match.groups()
    rest = (fraction or "").rstrip("0.")
    return ":".join(part for part in (hour, minute, second) if part) + (rest if second else "")


def date_time_text(value: str) -> str:
    """`2026-11-22 17:30:05 +0100`."""
    match = _DATE_TIME.fullmatch(value.strip())
    if not match:
        return value
    day, clock, zone = match.groups()
    parts = (date_text(day), time_text(clock) if clock else "", zone or "")
    return " ".join(part for part in parts if part)


def moment_of(attributes: Attributes, date_tag: str, time_tag: str) -> str:
    """A date and the time that belongs to it, to the second, as one text; empty when neither is there."""
    day, clock = get_text(attributes, date_tag), get_text(attributes, time_tag)
    return " ".join(part for part in (date_text(day or ""), time_text((clock or "").partition(".")[0])) if part)


def age_text(value: str) -> str:
    """`45 years` for an AS value."""
    match = _AGE.fullmatch(value.strip())
    return f"{int(match[1])} {_AGE_UNITS[match[2]]}" if match else value


def sex_text(value: str) -> str:
    """The word for a Patient's Sex."""
    return _SEXES.get(value.strip(), value)


def name_text(value: object) -> str:
    """A person name: `Adams, John Robert, Rev. B.A.`, other writings behind it in parentheses."""
    if isinstance(value, str):
        return _group_text(value)
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    groups = cast("dict[str, object]", value)
    texts = [_group_text(str(groups[name])) for name in ("Alphabetic", "Ideographic", "Phonetic") if groups.get(name)]
    texts = [text for text in texts if text]
    return f"{texts[0]} ({' / '.join(texts[1:])})" if len(texts) > 1 else "".join(texts)


def get_name(attributes: Attributes, tag: str) -> str:
    """The person names of an attribute, empty when there is none."""
    return "; ".join(filter(None, (name_text(value) for value in get_values(attributes, tag))))


def _group_text(group: str) -> str:
    family, given, middle, prefix, suffix = ([part.strip() for part in group.split("^", 4)] + [""] * 5)[:5]
    given = " ".join(part for part in (given, middle) if part)
    title = " ".join(part for part in (prefix, suffix.replace("^", " ")) if part)
    return ", ".join(part for part in (family, given, title) if part)
