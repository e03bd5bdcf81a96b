"""Payloads as a row of segments with known lengths, of which any range can be read without the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


WORTH_SENDING = 64 * 1024
"""Pieces of this size go out as they are; smaller ones are joined, since each costs a thread hop and a system call."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Some bytes of a payload: how many, and what reads `(first, count)` of them."""

    length: int
    read: Callable[[int, int], Iterable[bytes]]


def of_bytes(content: bytes) -> Segment:
    """A segment that is at hand."""
    return Segment(len(content), lambda first, count: (content[first : first + count],))


def made_when_read(length: int, make: Callable[[], bytes]) -> Segment:
    """A segment of known length whose bytes are only worked out if they are asked for."""
    return Segment(length, lambda first, count: (make()[first : first + count],))


def read_segments(segments: Iterable[Segment], first: int, count: int) -> Iterator[bytes]:
    """Bytes `[first, first + count)` of the payload; segments outside of the range are not read."""
    position, end = 0, first + count
    for segment in segments:
        if position >= end:
            return
        start, stop = max(first - position, 0), min(end - position, segment.length)
        if start < stop:
            yield from segment.read(start, stop - start)
        position += segment.length


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes with small chunks joined and large ones not copied."""
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        if len(chunk) < WORTH_SENDING:
            pending.append(chunk)
            size += len(chunk)
            if size < WORTH_SENDING:
                continue
            chunk = b""  # noqa: PLW2901 - it is one of those that are joined
        if pending:
            yield b"".join(pending)
            pending, size = [], 0
        if chunk:
            yield chunk
    if pending:
        yield b"".join(pending)
