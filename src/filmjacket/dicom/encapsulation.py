"""Encapsulated Pixel Data: items, fragments, offset tables, frames (PS3.5 A.4).

Frames are found from the lengths of items, never by searching for delimiters, which may occur inside of a
codestream.
"""

from __future__ import annotations

import struct
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ITEM_HEADER = 8
"""Bytes of tag and length in front of each fragment."""

_ITEM_KEY = b"\xfe\xff\x00\xe0"
_JPEG_START = (b"\xff\xd8",)
_J2K_START = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_START_MARKERS: dict[Kind, tuple[bytes, ...]] = {
    Kind.JPEG: _JPEG_START,
    Kind.JPEG_LS: _JPEG_START,
    Kind.JPEG_2000: _J2K_START,
    Kind.JPEG_2000_PART_2: _J2K_START,
    Kind.HTJ2K: _J2K_START,
    Kind.JPEG_XL: (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    # The RLE header: 1 to 15 segments, the first one behind the 64 bytes of the header (PS3.5 G.5).
    Kind.RLE: tuple(struct.pack("<2I", segments, 64) for segments in range(1, 16)),
}


def starts_frame(kind: Kind, head: bytes) -> bool:
    """Tell whether the first bytes of a fragment are the beginning of a codestream, hence of a frame."""
    return head.startswith(_START_MARKERS.get(kind, ()))


def frame_spans(fragments: Fragments, frames: int, *, basic_table: bytes = b"", extended_table: bytes = b"") -> bytes:
    """Return packed (offset, length) pairs of every frame, b"" when the frames cannot be told apart.

    The evidence in this order: one frame or one fragment a frame, then a table whose entries are fragments, then
    the start markers.
    """
    count = len(fragments)
    if count == 0 or count < frames:
        return b""
    if frames == 1:
        return _pack(fragments, [0])
    if count == frames:
        return _pack(fragments, range(count))
    for width, table in (("I", basic_table), ("Q", extended_table)):
        starts = _starts_by_table(fragments, _unpack(width, table))
        if len(starts) == frames:
            return _pack(fragments, starts)
    starts = [number for number in range(count) if fragments.starts[number]]
    if len(starts) == frames and starts[0] == 0:
        return _pack(fragments, starts)
    return b""


class Fragments:
    """Fragments of one Pixel Data element: where their items begin, how long they are, which begin a frame."""

    __slots__ = ("items", "lengths", "starts")

    def __init__(self) -> None:
        self.items = array("Q")
        self.lengths = array("Q")
        self.starts = bytearray()

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: int, length: int, *, starts: bool) -> None:
        """Add a fragment: offset of its item header, length of its value."""
        self.items.append(item)
        self.lengths.append(length)
        self.starts.append(starts)

    @property
    def end(self) -> int:
        """Offset behind the last fragment."""
        return self.items[-1] + ITEM_HEADER + self.lengths[-1] if self.items else 0


def _unpack(width: str, table: bytes) -> Sequence[int]:
    size = struct.calcsize(width)
    return struct.unpack(f"<{len(table) // size}{width}", table[: len(table) // size * size])


def _starts_by_table(fragments: Fragments, offsets: Sequence[int]) -> list[int]:
    """Return the fragment numbers that the offsets of a table point to; [] unless every entry is right.

    Offsets count from the first byte of the first fragment's item tag (PS3.5 A.4).
    """
    if not offsets or offsets[0] != 0:
        return []
    number_of = {item - fragments.items[0]: number for number, item in enumerate(fragments.items)}
    starts = [number_of.get(offset, -1) for offset in offsets]
    return starts if -1 not in starts and all(a < b for a, b in pairwise(starts)) else []


def _pack(fragments: Fragments, starts: Sequence[int]) -> bytes:
    packed = array("Q")
    ends = [*(fragments.items[start] for start in starts[1:]), fragments.end]
    for start, end in zip(starts, ends, strict=True):
        packed.append(fragments.items[start])
        packed.append(end - fragments.items[start])
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        packed.byteswap()
    return packed.tobytes()


def unpack_spans(spans: bytes) -> list[tuple[int, int]]:
    """Return (offset, length) of each frame from the packed form."""
    return list(struct.iter_unpack("<2Q", spans))


def split_items(span: bytes) -> list[tuple[int, int]]:
    """Return (offset, length) of the value of each item in a range of whole items."""
    values: list[tuple[int, int]] = []
    position = 0
    while position < len(span):
        length = item_length(span[position : position + ITEM_HEADER])
        position += ITEM_HEADER
        if position + length > len(span):
            raise _not_items("an item runs past the end of the range")
        values.append((position, length))
        position += length
    return values


def strip_item_headers(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield only the values of a stream of whole items: the codestream that the fragments make up."""
    header = b""
    left = 0
    for chunk in chunks:
        position = 0
        while position < len(chunk):
            if left:
                value = chunk[position : position + left]
                left -= len(value)
                position += len(value)
                yield value
                continue
            piece = chunk[position : position + ITEM_HEADER - len(header)]
            header += piece
            position += len(piece)
            if len(header) == ITEM_HEADER:
                left, header = item_length(header), b""
    if left or header:
        raise _not_items("the last item is cut off")


def item_length(header: bytes) -> int:
    """Return the length of the value behind an item header; raises `DicomError` for anything else."""
    if len(header) < ITEM_HEADER or header[:4] != _ITEM_KEY:
        raise _not_items("not an item")
    return int.from_bytes(header[4:], "little")


def _not_items(text: str) -> DicomError:
    return DicomError(f"encapsulated Pixel Data: {text}", section="PS3.5 A.4", offender="PixelData")
