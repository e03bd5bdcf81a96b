"""Spans: ranges of stored files that somebody is going to read."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """`length` bytes from `offset` of the blob with this key."""

    key: str
    offset: int
    length: int
