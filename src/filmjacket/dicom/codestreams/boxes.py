"""Boxes of the ISO base media family: JP2, JPX, JPH, JPEG XL containers, MP4 (ISO/IEC 14496-12 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams.description import malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BOXES = 10_000
"""Boxes of one level that are looked at; a box has at least 8 bytes, so this only bounds hostile files."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its payload is `data[start:end]`; `end` is None for a box that goes to the end of the stream."""

    kind: bytes
    start: int
    end: int | None

    def payload(self, data: bytes) -> bytes:
        """Return what is there of the payload."""
        return data[self.start : self.end]


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes of one level whose header is in `data[start:end]`; the last one may run past its end."""
    stop = len(data) if end is None else min(end, len(data))
    for _ in range(MAX_BOXES):
        if start + 8 > stop:
            return
        size, header = int.from_bytes(data[start : start + 4], "big"), 8
        kind = data[start + 4 : start + 8]
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
            if start + header > stop:
                return
        if size == 0:
            yield Box(kind, start + header, end)
            return
        if size < header:
            raise malformed(f"a box at byte {start} is shorter than its header", section="ISO/IEC 14496-12 4.2")
        if end is not None and start + size > end:
            raise malformed(f"a box at byte {start} runs past the box around it", section="ISO/IEC 14496-12 4.2")
        yield Box(kind, start + header, start + size)
        start += size


def find(data: bytes, kind: bytes, start: int = 0, end: int | None = None) -> Box | None:
    """Return the first box of a kind, None when there is none."""
    return next((box for box in walk(data, start, end) if box.kind == kind), None)
