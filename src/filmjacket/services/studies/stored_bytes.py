"""Bytes of stored instances by position, whatever wraps them in the file.

Positions are those of `filmjacket.dicom.header.Layout`: places in the stored file or, for Deflated Explicit VR
Little Endian, places in the inflated data set counted as if it stood in the file uncompressed.
"""

from __future__ import annotations

import zlib
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket.dicom import transfer_syntaxes
from filmjacket.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.archive.ports import BlobReader
    from filmjacket.archive.records import StoredInstance

STEP = 2**20
WORD_SIZES: dict[str, int] = {
    **dict.fromkeys(("OW", "US", "SS", "AT"), 2),
    **dict.fromkeys(("OL", "OF", "UL", "SL", "FL"), 4),
    **dict.fromkeys(("OD", "OV", "UV", "SV", "FD"), 8),
}


def read_range(blobs: BlobReader, instance: StoredInstance, offset: int, length: int) -> Iterator[bytes]:
    """The bytes `[offset, offset + length)` in chunks. Raises `NotFound` if the blob does not hold them."""
    if not instance.layout.deflated:
        if length <= STEP:
            return iter((blobs.read(instance.blob.key, offset, length),))
        return blobs.chunks(instance.blob.key, offset, length)
    start = instance.layout.dataset_offset
    inflated = _inflate(blobs.chunks(instance.blob.key, start))
    return _slice(inflated, offset - start, length)


def read_value(
    blobs: BlobReader,
    instance: StoredInstance,
    vr: str,
    value: tuple[int, int],
    part: tuple[int, int] | None = None,
) -> Iterator[bytes]:
    """Bytes of a value in little endian order, which is the only one that web services use (8.7.3.1).

    `value` is (offset, length) of the whole value, `part` (start, length) inside it; without it all is read.
    """
    value_offset, value_length = value
    start, length = part or (0, value_length)
    syntax = transfer_syntaxes.get(instance.transfer_syntax)
    size = WORD_SIZES.get(vr, 1)
    if syntax is None or not syntax.big_endian or size == 1:
        return read_range(blobs, instance, value_offset + start, length)
    first = start - start % size
    last = min(start + length + (-(start + length) % size), value_length)
    words = swap_words(read_range(blobs, instance, value_offset + first, last - first), size)
    return words if (first, last) == (start, start + length) else _slice(words, start - first, length)


def swap_words(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Reverse the byte order of every `size`-byte word across chunk borders; a rest shorter than a word is kept."""
    rest = b""
    for chunk in chunks:
        whole = rest + chunk
        cut = len(whole) - len(whole) % size
        rest = whole[cut:]
        swapped = bytearray(whole[:cut])
        for position in range(size):
            swapped[position::size] = whole[size - 1 - position : cut : size]
        yield bytes(swapped)
    if rest:
        yield rest


def _inflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in chunks:
        pending = chunk
        while pending:
            piece = inflater.decompress(pending, STEP)
            pending = inflater.unconsumed_tail
            if piece:
                yield piece


def _slice(chunks: Iterable[bytes], start: int, length: int) -> Iterator[bytes]:
    position, end = 0, start + length
    for chunk in chunks:
        first, last = max(start - position, 0), min(end - position, len(chunk))
        if first < last:
            yield chunk[first:last]
        position += len(chunk)
        if position >= end:
            return
    raise NotFound("The stored bytes end before the value does.")


def shift_bits(chunks: Iterable[bytes], skip: int, bits: int) -> Iterator[bytes]:
    """`bits` bits after the first `skip` (0-7) ones of a bit-packed stream, packed from bit 0 on (PS3.5 8.1.1).

    The last byte is filled up with zero bits.
    """
    if skip == 0:
        yield from _mask_tail(chunks, bits)
        return
    wanted = (bits + 7) // 8
    made = 0
    carry: int | None = None
    for chunk in chain(chunks, (b"\0",)):
        if made >= wanted:
            return
        stream = chunk if carry is None else bytes((carry,)) + chunk
        value = int.from_bytes(stream, "little") >> skip
        out = value.to_bytes(len(stream), "little")[: len(stream) - 1]
        carry = stream[-1]
        out = out[: wanted - made]
        made += len(out)
        yield _masked(out, bits) if made == wanted else out


def _mask_tail(chunks: Iterable[bytes], bits: int) -> Iterator[bytes]:
    wanted = (bits + 7) // 8
    made = 0
    for chunk in chunks:
        made += len(chunk)
        yield _masked(chunk, bits) if made == wanted else chunk


def _masked(chunk: bytes, bits: int) -> bytes:
    spare = -bits % 8
    if not spare or not chunk:
        return chunk
    return chunk[:-1] + bytes((chunk[-1] & (0xFF >> spare),))


def joined_bits(frames: Iterable[bytes], bits: int) -> Iterator[bytes]:
    """Frames of `bits` bits each, one behind the other without padding between them (PS3.5 8.1.1)."""
    if bits % 8 == 0:
        yield from frames
        return
    rest, held = 0, 0
    for frame in frames:
        rest |= (int.from_bytes(frame, "little") & ((1 << bits) - 1)) << held
        held += bits
        whole = held // 8
        yield (rest & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
        rest >>= 8 * whole
        held -= 8 * whole
    if held:
        yield rest.to_bytes(1, "little")
