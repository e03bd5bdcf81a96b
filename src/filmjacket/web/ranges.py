"""Byte ranges of a representation (PS3.18 8.4.2, RFC 9110 14)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from filmjacket.errors import RangeNotSatisfiable

MAX_RANGES: Final = 32
"""Ranges in one request; a header with more is ignored, as RFC 9110 14.2 advises against abuse."""

_UNIT = re.compile(r"\s*bytes\s*=(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"(\d{0,19})-(\d{0,19})", re.ASCII)


def parse_range(header: str | None, complete_length: int) -> tuple[tuple[int, int], ...] | None:
    """(first, last) byte positions of each range that can be served, both inclusive.

    None means: answer with the whole representation. That is so without the header, for another unit, for one
    that cannot be read, and for overlapping ranges, which only cost (14.2). Raises `RangeNotSatisfiable` if
    every range lies behind the end.
    """
    found = _UNIT.fullmatch(header or "")
    if found is None:
        return None
    ranges: list[tuple[int, int]] = []
    elements = [element.strip() for element in found[1].split(",", MAX_RANGES + 1)]
    if len(elements) > MAX_RANGES:
        return None
    for element in filter(None, elements):
        bounds = _bounds(element, complete_length)
        if bounds is None:
            return None
        ranges.append(bounds)
    if not ranges:
        return None
    satisfiable = tuple(entry for entry in ranges if entry[0] <= entry[1])
    if not satisfiable:
        raise RangeNotSatisfiable(
            f"The representation has {complete_length} bytes, none of them in the range.",
            complete_length=complete_length,
        )
    return None if _overlap(satisfiable) else satisfiable


def _bounds(element: str, complete_length: int) -> tuple[int, int] | None:
    """First and last position; last before first if no byte is meant; None if all of it is to be sent."""
    found = _RANGE.fullmatch(element)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        if complete_length == 0 and int(found[2]) > 0:
            return None  # the last bytes of nothing are all of it, and Content-Range could not say so (14.1.2)
        return max(complete_length - int(found[2]), 0), complete_length - 1
    first = int(found[1])
    last = int(found[2]) if found[2] else complete_length - 1
    if found[2] and last < first:
        return None
    return first, min(last, complete_length - 1)


def _overlap(ranges: tuple[tuple[int, int], ...]) -> bool:
    ordered = sorted(ranges)
    return any(later[0] <= earlier[1] for earlier, later in pairwise(ordered))


def content_range(first: int, last: int, complete_length: int) -> str:
    """Value of `Content-Range` for one served range."""
    return f"bytes {first}-{last}/{complete_length}"
