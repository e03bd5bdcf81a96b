"""Which content coding an answer gets: `Accept-Encoding` (PS3.18 8.4.1, 8.4.2; RFC 9110 12.5.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from filmjacket.web.quality_list import parse_quality_list

IDENTITY: Final = "identity"
GZIP: Final = "gzip"
ZSTD: Final = "zstd"

SMALLEST_CODED: Final = 1024
"""Answers below this many bytes fill one network packet either way and are sent as they are."""

_PREFERENCE: Final = (ZSTD, GZIP, IDENTITY)
"""Ours, among codings of equal quality: fewest bytes first, each of them costs less time than sending plain text."""

_ALIASES: Final = {"x-gzip": GZIP}
_ANY: Final = "*"

# A coding that no client of ten years ago knew has to be named; `*` alone is taken for what everybody has.
_MEANT_BY_WILDCARD: Final = frozenset({GZIP, IDENTITY})
# An identity that is not mentioned is acceptable (12.5.3), and wanted less than anything that is.
_UNMENTIONED: Final = 0.0005


@lru_cache(maxsize=128)
def acceptable_codings(accept_encoding: str | None) -> tuple[str, ...]:
    """The acceptable ones of our codings, best first; empty if `identity` is refused and we have no other.

    Without the header only `identity`: everything would be allowed then, but who knows nothing of codings says so
    by silence.
    """
    if accept_encoding is None:
        return (IDENTITY,)
    listed = {_ALIASES.get(name, name): quality for name, quality in parse_quality_list(accept_encoding).items()}
    qualities = {coding: _quality(coding, listed) for coding in _PREFERENCE}
    # Sorting is stable: among equals our preference decides.
    return tuple(sorted((coding for coding in _PREFERENCE if qualities[coding] > 0), key=lambda name: -qualities[name]))


def _quality(coding: str, listed: dict[str, float]) -> float:
    if coding in listed:
        return listed[coding]
    if _ANY in listed and coding in _MEANT_BY_WILDCARD:
        return listed[_ANY]
    return _UNMENTIONED if coding == IDENTITY else 0.0
