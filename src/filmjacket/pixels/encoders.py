"""Stored values to codestreams of each transfer syntax (PS3.5 8.2, A.4). Used through `filmjacket.pixels.codecs`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import imagecodecs as typed_imagecodecs
import numpy as np

from filmjacket.dicom.transfer_syntaxes import (
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)
from filmjacket.errors import DicomError
from filmjacket.pixels.deflated import deflate_frame
from filmjacket.pixels.forms import (
    DEFLATED_FRAME,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR,
    JPEG_XL,
    JPEG_XL_LOSSLESS,
    RLE,
    check_encodable,
    decoded_photometric,
)
from filmjacket.pixels.frames import frame_bytes
from filmjacket.pixels.photometric import ybr_to_rgb
from filmjacket.pixels.rle import rle_encode
from filmjacket.pixels.transcoded_attributes import LOSSY_METHODS, coded_bits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.pixels.description import PixelDescription

# Their stubs say int where the codecs take float, and bytearray for what is bytes.
imagecodecs: Any = typed_imagecodecs

DEFAULT_QUALITY: Final = 90
THUMBNAIL: Final = 64
"""The lowest resolution of an HTJ2K RPCL image has at most so many pixels in its shorter side (PS3.5 A.4.11)."""
_LEVELS: Final = 5
_START_OF_LOSSLESS_FRAME: Final = 0xC3
_START_OF_SCAN: Final = 0xDA


def encode_frame(
    array: NDArray[Any], description: PixelDescription, transfer_syntax: str, *, quality: int | None = None
) -> bytes:
    """One frame of stored values, as `decode_frame` gives them, in a transfer syntax of `ENCODABLE`.

    `quality`, 1 to 100, is for lossy ones; without it the loss is small. Raises `NotAcceptable` for what the syntax
    has no form for.
    """
    check_encodable(description, transfer_syntax)
    rgb = decoded_photometric(description) == "RGB" and description.samples == 3
    native = np.ascontiguousarray(array).astype(description.dtype, copy=False)
    if transfer_syntax in LOSSY_METHODS:
        native, description = _lossy_cells(native, description, transfer_syntax)
    try:
        return _ENCODERS[transfer_syntax](native, description, rgb, quality or DEFAULT_QUALITY)
    except (RuntimeError, ValueError, MemoryError) as error:
        name = TRANSFER_SYNTAXES[transfer_syntax].name
        raise DicomError(
            f"the frame could not be encoded in {name}", section="PS3.5 8.2", offender="PixelData"
        ) from error


def recompress_jpeg(stream: bytes) -> bytes:
    """A lossy JPEG stream as JPEG XL of which it can be restored to the byte (PS3.5 A.4.12)."""
    try:
        return imagecodecs.jpegxl_encode_jpeg(stream, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise DicomError(
            "the JPEG stream of the frame cannot be recompressed", section="PS3.5 8.2.15", offender="PixelData"
        ) from error


def restore_jpeg(stream: bytes) -> bytes:
    """The JPEG stream that `recompress_jpeg` was given."""
    try:
        return imagecodecs.jpegxl_decode_jpeg(stream, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise DicomError(
            "the JPEG XL stream of the frame holds no JPEG stream", section="PS3.5 8.2.15", offender="PixelData"
        ) from error


def _lossy_cells(
    array: NDArray[Any], description: PixelDescription, transfer_syntax: str
) -> tuple[NDArray[Any], PixelDescription]:
    """Frames in the cells that `coded_bits` gives them: codecs spoil few bits in wide cells, or refuse them.

    Values stay as they are, for units and windows refer to them; those of colours fill the bits of the stream.
    """
    allocated, stored = coded_bits(description, transfer_syntax)
    coded = replace(description, bits_allocated=allocated)
    if description.samples == 3 and not description.signed and stored > description.bits_stored:
        return _spread(array, description, stored).astype(coded.dtype), replace(coded, bits_stored=stored)
    if stored < 8 * array.dtype.itemsize:
        low = -(1 << (stored - 1)) if description.signed else 0
        array = np.clip(array, low, low + (1 << stored) - 1)
    return array.astype(coded.dtype, copy=False), coded


def _spread(array: NDArray[Any], description: PixelDescription, bits: int) -> NDArray[Any]:
    """Colours of Bits Stored over more bits: white stays white, chrominance in the middle stays there."""
    top, full = (1 << description.bits_stored) - 1, (1 << bits) - 1
    values = array * (full / top)
    if decoded_photometric(description) != "RGB":
        values[..., 1:] += (1 << (bits - 1)) - (1 << (description.bits_stored - 1)) * (full / top)
    return np.clip(np.rint(values), 0, full)


def _native(array: NDArray[Any], description: PixelDescription, _rgb: object, _quality: int) -> bytes:
    return frame_bytes(array, description)


def _deflated(array: NDArray[Any], description: PixelDescription, _rgb: object, _quality: int) -> bytes:
    return deflate_frame(frame_bytes(array, description))


def _rle(array: NDArray[Any], _description: PixelDescription, _rgb: object, _quality: int) -> bytes:
    return rle_encode(array, partial(imagecodecs.packbits_encode, axis=-1))


def _jpeg(array: NDArray[Any], description: PixelDescription, rgb: bool, quality: int) -> bytes:  # noqa: FBT001 - one row of a table
    if description.samples == 1:
        return imagecodecs.jpeg8_encode(array, quality, bitspersample=12 if description.bits_stored > 8 else None)
    source = "RGB" if rgb else "YCBCR"
    return imagecodecs.jpeg8_encode(array, quality, colorspace=source, outcolorspace="YCBCR", subsampling="422")


def _jpeg_lossless(
    predictor: int,
    array: NDArray[Any],
    description: PixelDescription,
    rgb: bool,  # noqa: FBT001
    _quality: int,
) -> bytes:
    # "YCBCR" adds a JFIF segment, at which many decoders try to make RGB, and spoils more than 8 bits.
    space = "RGB" if rgb else "UNKNOWN"
    colour = {"colorspace": space, "outcolorspace": space} if description.samples == 3 else {}
    # Two's complement takes all bits of a cell; the process has no precision of 1 (ISO/IEC 10918-1 Table B.2), and the
    # codec none of up to 8 bits in wide cells.
    width = 8 * array.dtype.itemsize
    precision = width if description.signed else max(description.bits_stored, 2 if width == 8 else 9)
    stream: bytes = imagecodecs.jpeg8_encode(
        _unsigned(array), lossless=True, predictor=predictor, bitspersample=precision, **colour
    )
    return stream if rgb or description.samples == 1 else _numbered_from_one(stream)


def _numbered_from_one(stream: bytes) -> bytes:
    """A JPEG stream whose components are 1, 2 and 3, as is usual for luminance and chrominance, not 0, 1 and 2."""
    numbered, position, marker = bytearray(stream), 2, 0
    while marker != _START_OF_SCAN:
        marker = numbered[position + 1]
        for component in range(3):
            if marker == _START_OF_LOSSLESS_FRAME:
                numbered[position + 10 + 3 * component] = component + 1
            elif marker == _START_OF_SCAN:
                numbered[position + 5 + 2 * component] = component + 1
        position += 2 + int.from_bytes(numbered[position + 2 : position + 4], "big")
    return bytes(numbered)


def _jpeg_ls(near: bool, array: NDArray[Any], description: PixelDescription, _rgb: object, quality: int) -> bytes:  # noqa: FBT001
    # A difference of 0 to 20, 90 stands for the 2 that is usual; a small share of what few bits can tell apart.
    error = min(max((100 - quality) // 5, 1), (1 << description.bits_stored) // 32) if near else 0
    return imagecodecs.jpegls_encode(_unsigned(array), level=error)


def _jpeg_2000(reversible: bool, array: NDArray[Any], description: PixelDescription, rgb: bool, quality: int) -> bytes:  # noqa: FBT001
    return imagecodecs.jpeg2k_encode(
        array,
        level=0 if reversible else 20 + 0.35 * quality,
        codecformat="j2k",
        reversible=reversible,
        bitspersample=description.bits_stored,
        mct=rgb,
        numthreads=1,
    )


def _htj2k(reversible: bool, array: NDArray[Any], description: PixelDescription, rgb: bool, quality: int) -> bytes:  # noqa: FBT001
    # OpenJPH writes its progression RPCL; the resolutions reach down to a thumbnail.
    shorter, levels = min(description.rows, description.columns), _LEVELS
    while shorter >> levels > THUMBNAIL:
        levels += 1
    options: dict[str, Any] = {"resolutions": levels, "rgb": rgb, "tlm": True, "reversible": reversible}
    if not reversible:
        # The step of quantization, as a share of the range of all the bits of a cell.
        unused = 8 * array.dtype.itemsize - description.bits_stored
        options["level"] = 0.002 * 2 ** ((100 - quality) / 10 - unused)
    if description.samples == 3 and not rgb:
        # Components that are not to be transformed come plane by plane.
        return imagecodecs.htj2k_encode(np.ascontiguousarray(array.transpose(2, 0, 1)), planar=True, **options)
    return imagecodecs.htj2k_encode(array, **options)


def _jpeg_xl(lossless: bool, array: NDArray[Any], description: PixelDescription, rgb: bool, quality: int) -> bytes:  # noqa: FBT001
    loss: dict[str, Any] = {"lossless": True} if lossless else {"lossless": False, "distance": (100 - quality) / 10}
    if not lossless and description.samples == 3 and not rgb:
        array = ybr_to_rgb(array, description.bits_stored)
    if description.bits_stored <= 8 and not description.signed:
        array = array.astype(np.uint8, copy=False)  # the codec refuses few bits in wide cells
    return imagecodecs.jpegxl_encode(
        _unsigned(array),
        effort=3,
        bitspersample=None if description.signed else description.bits_stored,
        usecontainer=False,
        numthreads=1,
        **loss,
    )


def _unsigned(array: NDArray[Any]) -> NDArray[Any]:
    """Two's complement of signed values in all the bits of a cell, for codings that know no sign (PS3.5 8.2.3)."""
    return array.view(f"u{array.dtype.itemsize}")


_ENCODERS: Final[dict[str, Callable[[NDArray[Any], PixelDescription, bool, int], bytes]]] = {
    EXPLICIT_VR_LITTLE_ENDIAN: _native,
    ENCAPSULATED_UNCOMPRESSED: _native,
    DEFLATED_FRAME: _deflated,
    RLE: _rle,
    JPEG_BASELINE: _jpeg,
    JPEG_EXTENDED: _jpeg,
    JPEG_LOSSLESS: partial(_jpeg_lossless, 4),
    JPEG_LOSSLESS_SV1: partial(_jpeg_lossless, 1),
    JPEG_LS_LOSSLESS: partial(_jpeg_ls, False),  # noqa: FBT003 - as in the table
    JPEG_LS_NEAR: partial(_jpeg_ls, True),  # noqa: FBT003
    JPEG_2000_LOSSLESS: partial(_jpeg_2000, True),  # noqa: FBT003
    JPEG_2000: partial(_jpeg_2000, False),  # noqa: FBT003
    JPEG_XL_LOSSLESS: partial(_jpeg_xl, True),  # noqa: FBT003
    JPEG_XL: partial(_jpeg_xl, False),  # noqa: FBT003
    HTJ2K_LOSSLESS: partial(_htj2k, True),  # noqa: FBT003
    HTJ2K_LOSSLESS_RPCL: partial(_htj2k, True),  # noqa: FBT003
    HTJ2K: partial(_htj2k, False),  # noqa: FBT003
}
