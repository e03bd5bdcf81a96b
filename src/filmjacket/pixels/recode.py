"""One frame from one transfer syntax to another, in one go: what a codec worker is asked to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, Kind
from filmjacket.pixels.codecs import decode_frame, encode_frame, recompress_jpeg, restore_jpeg
from filmjacket.pixels.forms import JPEG_BASELINE, JPEG_XL_RECOMPRESSION
from filmjacket.pixels.frames import native_frame
from filmjacket.web.reach import RECOMPRESSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.pixels.description import PixelDescription

_RECOMPRESSORS: Final[dict[str, Callable[[bytes], bytes]]] = {
    JPEG_BASELINE: restore_jpeg,
    JPEG_XL_RECOMPRESSION: recompress_jpeg,
}


def recode_frame(stream: bytes, description: PixelDescription, transfer_syntax: str, bit_offset: int = 0) -> bytes:
    """A frame as it is stored in another transfer syntax, compressed or native.

    A native frame begins at a bit of its first byte. Raises as `decode_frame` and `encode_frame` do.
    """
    if RECOMPRESSED.get(description.transfer_syntax) == transfer_syntax:
        return _RECOMPRESSORS[transfer_syntax](stream)
    if (
        transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    ):  # frames of it are native: all of the data set is deflated
        transfer_syntax = EXPLICIT_VR_LITTLE_ENDIAN
    if description.coding is Kind.UNCOMPRESSED:
        array = native_frame(stream, description, bit_offset)
    else:
        array = decode_frame(stream, description)
    return encode_frame(array, description, transfer_syntax)
