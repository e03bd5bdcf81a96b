"""PNG streams: size, depth and colour type (ISO/IEC 15948, RFC 2083). DICOM has no transfer syntax for them."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import (
    HEAD_BYTES,
    StreamDescription,
    check_size,
    malformed,
    planar_configuration_for,
)
from filmjacket.dicom.codestreams.reader import ByteReader

START = b"\x89PNG\r\n\x1a\n"

# Colour type -> samples without alpha, Photometric Interpretation, depths allowed (ISO/IEC 15948 Table 11.1).
_COLOUR_TYPES: dict[int, tuple[int, str, frozenset[int]]] = {
    0: (1, "MONOCHROME2", frozenset((1, 2, 4, 8, 16))),
    2: (3, "RGB", frozenset((8, 16))),
    3: (1, "PALETTE COLOR", frozenset((1, 2, 4, 8))),
    4: (1, "MONOCHROME2", frozenset((8, 16))),
    6: (3, "RGB", frozenset((8, 16))),
}
_ALPHA = frozenset((4, 6))
MAX_CHUNKS = 10_000
"""Chunks in front of the pixels that are stepped over; a file has a dozen."""


def describe(head: bytes) -> StreamDescription:
    """Describe a PNG image as it will be once it is decoded; its depth is kept, transparency is dropped."""
    reader = ByteReader(head, "the PNG header chunk (IHDR)", len(START))
    if reader.number(4) != 13 or reader.take(4) != b"IHDR":
        raise malformed("the first chunk of the PNG stream is not a header chunk (IHDR)", section="ISO/IEC 15948 5.6")
    columns, rows, depth, colour_type = reader.number(4), reader.number(4), reader.number(1), reader.number(1)
    samples, photometric, depths = _COLOUR_TYPES.get(colour_type, (0, "", frozenset[int]()))
    if depth not in depths:
        raise malformed(
            f"PNG has no colour type {colour_type} with {depth} bits a sample", section="ISO/IEC 15948 11.2.2"
        )
    check_size(rows, columns)
    reader.skip(7)
    transparent, animated = _look_ahead(reader)
    warnings: list[str] = []
    if transparent or colour_type in _ALPHA:
        warnings.append("transparency is not kept (PS3.18 Table 10.5.2-1)")
    if animated:
        warnings.append("only the default image of the animated PNG is looked at")
    return StreamDescription(
        media_type="image/png",
        transfer_syntax=None,
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        bits_allocated=16 if depth == 16 else 8,
        bits_stored=depth,
        planar_configuration=planar_configuration_for(samples),
        warnings=tuple(warnings),
    )


def _look_ahead(reader: ByteReader) -> tuple[bool, bool]:
    """Return whether a transparency and an animation chunk precede the pixels."""
    found: set[bytes] = set()
    reader.structure = "the run of PNG chunks in front of the image data (IDAT)"
    for _ in range(MAX_CHUNKS):
        length, kind = reader.number(4), reader.take(4)
        if kind == b"IDAT":
            break
        found.add(kind)
        if kind == b"IEND":
            raise malformed("the PNG stream has no image data (IDAT)", section="ISO/IEC 15948 5.6")
        if length + 4 > reader.left and len(reader.data) >= HEAD_BYTES:
            break
        reader.skip(length + 4)
    return b"tRNS" in found, b"acTL" in found
