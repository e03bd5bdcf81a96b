"""RLE frames: the header of 64 bytes says how many byte planes there are (PS3.5 Annex G), nothing of their size."""

from __future__ import annotations

import struct
from itertools import pairwise

from filmjacket.dicom.codestreams.description import StreamDescription, not_in_dicom

HEADER_BYTES = 64

# Segments -> samples, Bits Allocated. The data set may know better: 3 segments never are one sample of 24 bits
# (PS3.5 Table 8.2.2-1), but Bits Stored can be less.
_LAYOUTS: dict[int, tuple[int, int]] = {1: (1, 8), 2: (1, 16), 3: (3, 8), 4: (1, 32), 6: (3, 16), 12: (3, 32)}


def is_rle(head: bytes) -> bool:
    """Tell whether a stream begins with an RLE header: ascending offsets, the first one behind it (PS3.5 G.5)."""
    if len(head) < HEADER_BYTES:
        return False
    count, *offsets = struct.unpack_from("<16I", head)
    if not 1 <= count <= 15 or offsets[0] != HEADER_BYTES or any(offsets[count:]):
        return False
    return all(a < b for a, b in pairwise(offsets[:count]))


def describe(head: bytes) -> StreamDescription:
    """Describe an RLE frame as far as its header goes: without rows and columns."""
    count = head[0]
    if count not in _LAYOUTS:
        raise not_in_dicom(
            f"an RLE frame of {count} segments is neither grey nor colour",
            "1, 2 or 4 segments (grey), 3, 6 or 12 (colour)",
            section="PS3.5 8.2.2",
        )
    samples, bits = _LAYOUTS[count]
    return StreamDescription(
        media_type="image/dicom-rle",
        transfer_syntax="1.2.840.10008.1.2.5",
        rows=0,
        columns=0,
        samples_per_pixel=samples,
        photometric_interpretation="MONOCHROME2" if samples == 1 else "RGB",
        bits_allocated=bits,
        bits_stored=bits,
        # RLE is always colour-by-plane (PS3.5 8.2.2 Note 3).
        planar_configuration=None if samples == 1 else 1,
        warnings=("an RLE stream does not say its rows and columns",),
    )
