"""GIF streams: size, frames and transparency, found by walking the blocks. DICOM has no transfer syntax for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from filmjacket.dicom.codestreams.description import StreamDescription, check_size, cut_short, malformed
from filmjacket.dicom.codestreams.reader import ByteReader
from filmjacket.errors import DicomError

STARTS = (b"GIF87a", b"GIF89a")

MAX_BLOCKS = 100_000
"""Blocks that are counted; twice as many as there can be frames in the head."""

_EXTENSION = 0x21
_IMAGE = 0x2C
_TRAILER = 0x3B
_GRAPHIC_CONTROL = 0xF9


@dataclass(slots=True)
class _Blocks:
    """What the blocks say; `ended` when the trailer was reached."""

    images: int = 0
    transparent: bool = False
    delays: set[int] = field(default_factory=set[int])
    ended: bool = False


def describe(head: bytes, *, whole: bool) -> StreamDescription:
    """Describe a GIF image; `whole` tells that the head is all of it, so that the frames can be counted."""
    reader = ByteReader(head, "the logical screen descriptor of the GIF stream", len(STARTS[0]))
    columns, rows = (int.from_bytes(reader.take(2), "little") for _ in range(2))
    check_size(rows, columns)
    packed = reader.number(1)
    reader.skip(2)
    _skip_colour_table(reader, packed)
    found = _Blocks()
    try:
        for _ in range(MAX_BLOCKS):
            if found.ended or (whole and not reader.left):
                break
            _read_block(reader, found)
        else:
            whole = False
    except DicomError:
        if whole or not found.images:
            raise
    if not found.images:
        raise malformed("the GIF stream has no image")
    frames = found.images if whole or found.ended else None
    delay = found.delays.pop() if len(found.delays) == 1 else 0
    return StreamDescription(
        media_type="image/gif",
        transfer_syntax=None,
        rows=rows,
        columns=columns,
        samples_per_pixel=1,
        photometric_interpretation="PALETTE COLOR",
        bits_allocated=8,
        bits_stored=8,
        frames=frames,
        frame_time_ms=10.0 * delay if delay and frames != 1 else None,
        warnings=("transparency is not kept (PS3.18 Table 10.5.2-1)",) if found.transparent else (),
    )


def _skip_colour_table(reader: ByteReader, packed: int) -> None:
    if packed & 0x80:
        reader.structure = "a colour table of the GIF stream"
        reader.skip(3 << (packed & 7) + 1)


def _read_block(reader: ByteReader, found: _Blocks) -> None:
    reader.structure = f"the block behind image {found.images} of the GIF stream"
    kind = reader.number(1)
    if kind == _TRAILER:
        found.ended = True
    elif kind == _EXTENSION:
        label, first = reader.number(1), _skip_sub_blocks(reader)
        if label == _GRAPHIC_CONTROL and len(first) == 4:
            found.transparent |= bool(first[0] & 1)
            found.delays.add(int.from_bytes(first[1:3], "little"))
    elif kind == _IMAGE:
        reader.skip(8)
        _skip_colour_table(reader, reader.number(1))
        reader.structure = f"image {found.images + 1} of the GIF stream"
        reader.skip(1)
        found.images += 1
        _skip_sub_blocks(reader)
    else:
        raise malformed(f"a GIF stream has no block {kind:02X}H")


def _skip_sub_blocks(reader: ByteReader) -> bytes:
    """Step over sub-blocks up to the empty one that ends them; return the first one."""
    first = b""
    data, position, end = reader.data, reader.position, reader.end
    while position < end and (size := data[position]):
        first = first or data[position + 1 : position + 1 + size]
        position += 1 + size
    if position >= end:
        raise cut_short(reader.structure)
    reader.position = position + 1
    return first
