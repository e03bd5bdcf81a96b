"""RLE Lossless, the encoder: byte planes, each row packed by itself (PS3.5 Annex G)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    PackRows = Callable[[NDArray[np.uint8]], bytes]

HEADER_BYTES = 64
MAX_SEGMENTS = 15


def rle_encode(array: NDArray[Any], pack_rows: PackRows) -> bytes:
    """An RLE frame of a (rows, columns) or (rows, columns, samples) array; `pack_rows` packs the bits of each row.

    Segments are in the order of samples, the most significant byte of each first (PS3.5 G.2).
    """
    planes = array[..., None] if array.ndim == 2 else array
    size = planes.dtype.itemsize
    big = np.ascontiguousarray(planes, dtype=planes.dtype.newbyteorder(">"))
    cells = big.view(np.uint8).reshape(*planes.shape, size)
    segments: list[bytes] = []
    for sample in range(planes.shape[2]):
        for place in range(size):
            packed = pack_rows(np.ascontiguousarray(cells[:, :, sample, place]))
            # Segments are of even length (PS3.5 G.3.1); 128 is the byte that does nothing.
            segments.append(packed + b"\0" if len(packed) % 2 else packed)
    if len(segments) > MAX_SEGMENTS:
        raise ValueError(f"RLE has room for {MAX_SEGMENTS} segments, not for {len(segments)}")
    offsets: list[int] = []
    position = HEADER_BYTES
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    header = struct.pack("<16I", len(segments), *offsets, *(0,) * (MAX_SEGMENTS - len(segments)))
    return b"".join((header, *segments))
