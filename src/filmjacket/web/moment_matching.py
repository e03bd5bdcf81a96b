"""Dates, times and date-times in matching, and the time zones they are meant in (PS3.4 C.2.2.2.5; PS3.18 8.3.4.1).

The rule for Timezone Offset From UTC (0008,0201): in a query it says which zone the query's dates and times are in,
and is never matched. Only then are stored values moved: a date and a time that belong together are moved together
from the zone that their own data set states; a time without a date goes round the clock; a date without a time, and
whatever has no stated zone, stays as it is. Date-times are instants and are always compared as such; one without an
offset is meant in the zone its data set states, or else in the query's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from filmjacket.dicom import dictionary
from filmjacket.dicom.attributes import get_text, get_values
from filmjacket.dicom.date_time import Span, parse_date, parse_datetime, parse_offset, parse_time

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.matching import MatchKey

TIMEZONE_OFFSET_FROM_UTC = "00080201"
# A time that stands alone is moved on this day, which is then forgotten.
_ANY_DAY = "20000102"


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


def partner_of(tag: str) -> str | None:
    """Return the time attribute that belongs to a date attribute, or the date that belongs to a time."""
    keyword = dictionary.keyword_of(tag) or ""
    for own, other in (("Date", "Time"), ("Time", "Date")):
        if keyword.endswith(own):
            return dictionary.tag_of(keyword.removesuffix(own) + other)
    return None


def zone_of(attributes: Attributes, inherited: int | None) -> int | None:
    """Return the minutes of the zone that a data set states; an item is in that of its data set (PS3.3 C.12.1.1.8)."""
    own = parse_offset(get_text(attributes, TIMEZONE_OFFSET_FROM_UTC) or "")
    return inherited if own is None else own


def matches_moment(attributes: Attributes, tag: str, key: MatchKey, zone: int | None) -> bool:
    """Tell whether a DA or TM attribute satisfies a key for one moment or a range; `zone` is the data set's."""
    shift = _shift(key, zone)
    if not shift:
        found = (normal_date_or_time(key.vr, value) for value in get_values(attributes, tag))
    else:
        found = (moved[key.vr == "TM"] for moved in _moved(attributes, tag, key.vr, shift))
    return any(_satisfies(moment, key) for moment in found if moment is not None)


def matches_combined(attributes: Attributes, key: MatchKey, zone: int | None) -> bool:
    """PS3.18 8.3.4.1.1: the ranges of a date and a time attribute are one range of date-times."""
    assert key.span is not None  # noqa: S101 - the query grammar makes no other COMBINED key
    assert key.paired_span is not None  # noqa: S101 - as above
    first = None if key.span.first is None else f"{key.span.first}{key.paired_span.first}"
    last = None if key.span.last is None else f"{key.span.last}{key.paired_span.last}"
    shift = _shift(key, zone)
    if shift:
        pairs = _moved(attributes, key.tag, "DA", shift)
    else:
        times = [normal_date_or_time("TM", value) for value in get_values(attributes, key.paired)]
        dates = [normal_date_or_time("DA", value) for value in get_values(attributes, key.tag)]
        pairs = [(date, time) for date in dates for time in times]
    return any(date is not None and time is not None and inside(date + time, Span(first, last)) for date, time in pairs)


def matches_date_time(attributes: Attributes, tag: str, key: MatchKey, zone: int | None) -> bool:
    """Tell whether a DT attribute satisfies a key, as instants."""
    for value in get_values(attributes, tag):
        if not isinstance(value, str):
            continue
        stored = parse_datetime(value, default_offset=key.offset if zone is None else zone)
        if stored is not None and stored.first is not None and _satisfies(stored.first, key):
            return True
    return False


def _satisfies(moment: str, key: MatchKey) -> bool:
    return moment == key.values[0] if key.span is None else inside(moment, key.span)


def _shift(key: MatchKey, zone: int | None) -> int:
    """Return the minutes to add to stored moments, 0 when they stay as they are."""
    return 0 if key.zone is None or zone is None else key.zone - zone


def _moved(attributes: Attributes, tag: str, vr: str, shift: int) -> list[tuple[str | None, str | None]]:
    """Return the (date, time) pairs of an attribute and its partner in the query's zone."""
    partner = partner_of(tag) or ""
    own, others = get_values(attributes, tag), get_values(attributes, partner)
    pairs: list[tuple[str | None, str | None]] = []
    for place, value in enumerate(own):
        moment = normal_date_or_time(vr, value)
        other_vr = "TM" if vr == "DA" else "DA"
        # Several values belong together by their places; one that stands alone belongs to all.
        other = others[min(place, len(others) - 1)] if others else None
        other = normal_date_or_time(other_vr, other)
        date, time = (moment, other) if vr == "DA" else (other, moment)
        pairs.append(_move(date, time, shift))
    return pairs


def _move(date: str | None, time: str | None, shift: int) -> tuple[str | None, str | None]:
    if time is None:
        return date, None
    # datetime knows no second 60 (PS3.5 Table 6.2-1); it stays one through the move.
    leap = time[4:6] == "60"
    whole = (date or _ANY_DAY) + (time[:4] + "59" + time[6:] if leap else time)
    try:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC) + timedelta(minutes=shift)
    except OverflowError:
        return date, time
    moved = f"{moment:%H%M}60{moment:.%f}" if leap else f"{moment:%H%M%S.%f}"
    return (f"{moment.year:04}{moment:%m%d}" if date else None), moved
