"""Dates and times by meaning: values and range keys of VR DA, TM and DT (PS3.5 6.2, PS3.4 C.2.2.2.5).

Every result is text that sorts as time does: `YYYYMMDD`, `HHMMSS.ffffff`, `YYYYMMDDHHMMSS.ffffff`. What a
value leaves out makes it a span: `1030` is everything from 10:30:00.000000 to 10:30:59.999999.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_DATE = re.compile(r"(\d{4})(?:(\d\d)(\d\d)|\.(\d\d)\.(\d\d))", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DATE_TIME = re.compile(r"(\d{4}(?:\d\d){0,5})(?:\.(\d{1,6}))?([+-]\d{4})?", re.ASCII)
# Lower and upper ends of what follows the year in YYYYMMDDHHMMSS; the day depends on the month.
_FIRST = "0101000000"
_LAST = "1231235959"


@dataclass(frozen=True, slots=True)
class Span:
    """A closed interval of sortable texts; None is an open end."""

    first: str | None
    last: str | None

    def contains(self, other: Span) -> bool:
        """Tell whether a stored value (its start) lies inside this key."""
        at = other.first
        if at is None:
            return False
        return (self.first is None or self.first <= at) and (self.last is None or at <= self.last)


def parse_date(text: str) -> str | None:
    """Return `YYYYMMDD` for a DA value, also in the ACR-NEMA form `YYYY.MM.DD`; None when it is no date."""
    match = _DATE.fullmatch(text.strip())
    if not match:
        return None
    year, month, day = match[1], match[2] or match[4], match[3] or match[5]
    return year + month + day if _is_date(int(year), int(month), int(day)) else None


def parse_time(text: str) -> Span | None:
    """Return the span of a TM value, also in the ACR-NEMA form `HH:MM:SS`; None when it is no time.

    A second 60 is legal (PS3.5 Table 6.2-1) and sorts after 59.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    if hour > "23" or (minute or "") > "59" or (second or "") > "60":
        return None
    known = hour + (minute or "") + (second or "")
    first = known.ljust(6, "0")
    last = known + "235959"[len(known) :]
    return Span(f"{first}.{(fraction or '').ljust(6, '0')}", f"{last}.{(fraction or '').ljust(6, '9')}")


def parse_datetime(text: str, *, default_offset: int = 0) -> Span | None:
    """Return the span of a DT value in Coordinated Universal Time; None when it is no date-time.

    `default_offset`, in minutes, is what a value without `&ZZXX` is understood in: Timezone Offset From UTC
    (0008,0201) or the zone of the archive.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if not match:
        return None
    known, fraction, zone = match.groups()
    if fraction and len(known) != 14:
        return None
    offset = default_offset if zone is None else _offset_minutes(zone)
    first = _instant(known + _FIRST[len(known) - 4 :], (fraction or "").ljust(6, "0"), offset)
    last = _instant(_fill_last(known), (fraction or "").ljust(6, "9"), offset)
    return Span(first, last) if first and last else None


def parse_offset(text: str) -> int | None:
    """Return the minutes of a Timezone Offset From UTC (`&ZZXX`, -1200 to +1400), None when it is none."""
    match = re.fullmatch(r"[+-]\d{4}", text.strip(), re.ASCII)
    return _offset_minutes(match[0]) if match else None


def parse_range(vr: str, text: str, *, default_offset: int = 0) -> Span | None:
    """Return the span of a search key `a`, `a-b`, `a-` or `-b` for DA, TM or DT; None when it is not one.

    Both ends belong to the range (PS3.4 C.2.2.2.5). A key whose first end is after the second is none.
    """
    text = text.strip()
    if vr == "DT":
        for start, end in _split_datetimes(text):
            span = _between(vr, start, end, default_offset)
            if span:
                return span
        return _single(vr, text, default_offset)
    start, dash, end = text.partition("-")
    return _between(vr, start, end, default_offset) if dash else _single(vr, text, default_offset)


def _single(vr: str, text: str, default_offset: int) -> Span | None:
    if vr == "DA":
        day = parse_date(text)
        return Span(day, day) if day else None
    return parse_time(text) if vr == "TM" else parse_datetime(text, default_offset=default_offset)


def _between(vr: str, start: str, end: str, default_offset: int) -> Span | None:
    if not (start or end):
        return None
    lower = _single(vr, start, default_offset) if start else Span(None, None)
    upper = _single(vr, end, default_offset) if end else Span(None, None)
    if lower is None or upper is None:
        return None
    if lower.first is not None and upper.last is not None and lower.first > upper.last:
        return None
    return Span(lower.first, upper.last)


def _split_datetimes(text: str) -> list[tuple[str, str]]:
    """Return the ways to read a DT key as a range: its hyphen may be the sign of an offset (PS3.5 6.2).

    A reading that leaves a hyphen for the range comes first only where the sign cannot be meant: in
    `2005-0500` the text after the hyphen is an offset, as PS3.5 6.2 notes, so it is no range.
    """
    hyphens = [index for index, character in enumerate(text) if character == "-"]
    ways = [(text[:index], text[index + 1 :]) for index in hyphens]
    if len(hyphens) == 1 and 0 < hyphens[0] == len(text) - 5:
        zone = parse_offset(text[hyphens[0] :])
        if zone is not None:
            return []
    return ways


def _fill_last(known: str) -> str:
    filled = known + _LAST[len(known) - 4 :]
    if len(known) == 6:
        month = int(known[4:6])
        following = date(int(known[:4]) + month // 12, month % 12 + 1, 1) if 1 <= month <= 12 else None
        day = (following - timedelta(days=1)).day if following else 0
        return f"{known}{day:02}235959"
    return filled


def _instant(digits: str, fraction: str, offset: int | None) -> str | None:
    if offset is None or len(digits) != 14:
        return None
    # datetime knows no second 60; it is the last microsecond before the next minute.
    if digits[12:] == "60":
        digits, fraction = digits[:12] + "59", "999999"
    try:
        moment = datetime.strptime(f"{digits}.{fraction}", "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC)
        moment -= timedelta(minutes=offset)
    except (ValueError, OverflowError):
        return None
    return f"{moment.year:04}{moment:%m%d%H%M%S.%f}"


def _offset_minutes(zone: str) -> int | None:
    hours, minutes = int(zone[1:3]), int(zone[3:5])
    total = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    return total if minutes < 60 and -720 <= total <= 840 else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
