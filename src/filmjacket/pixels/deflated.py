"""Deflated Image Frame Compression: each frame is one raw deflate stream (PS3.5 A.4.13, 8.2.16)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from filmjacket.pixels.description import PixelDescription

_LEVEL = 6


def inflate_frame(stream: bytes, description: PixelDescription) -> bytes:
    """The native bytes of a frame; never more than a frame has, whatever the stream would make."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    needed = (description.native_frame_bits + 7) // 8
    try:
        # One byte for the padding to even length, one to tell that there is more.
        raw = inflater.decompress(stream, needed + 2)
    except zlib.error as error:
        raise _refused("it is not raw deflate") from error
    if len(raw) > needed + 1:
        raise _refused(f"it makes more than the {needed} bytes of a frame")
    if not inflater.eof:
        raise _refused("it is cut short")
    return raw


def deflate_frame(raw: bytes) -> bytes:
    """A frame deflated, padded to even length."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    stream = deflater.compress(raw) + deflater.flush()
    return stream + b"\0" if len(stream) % 2 else stream


def _refused(text: str) -> DicomError:
    return DicomError(
        f"the deflated stream of the frame is malformed: {text}", section="PS3.5 A.4.13", offender="PixelData"
    )
