"""Pictures as files of the rendered media types (PS3.18 8.7.4)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.pixels.description import PixelDescription
from filmjacket.pixels.encoders import DEFAULT_QUALITY, JPEG_BASELINE, encode_frame
from filmjacket.pixels.still_images import encode_gif, encode_png

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.pixels.render import RenderedImage

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
JP2: Final = "image/jp2"
JPH: Final = "image/jph"
JXL: Final = "image/jxl"

_SYNTAXES: Final = {
    JPEG: JPEG_BASELINE,
    JP2: "1.2.840.10008.1.2.4.91",
    JPH: "1.2.840.10008.1.2.4.203",
    JXL: "1.2.840.10008.1.2.4.112",
}
"""The codestreams of the lossy types are those of transfer syntaxes."""
_ICC_MARKER: Final = b"ICC_PROFILE\0"
_SEGMENT: Final = 65519
"""Bytes of a profile in one APP2 segment (ICC.1:2022 B.4)."""
_SRGB: Final = 16
_GREY: Final = 17
"""Enumerated colour spaces of ISO 15444-1 Table I.10."""


def encode_image(image: RenderedImage, media_type: str, quality: int | None = None) -> bytes:
    """A picture as a file; `quality`, 1 to 100, counts for types that lose something."""
    return _ENCODERS[media_type](image, quality or DEFAULT_QUALITY)


def codestream(array: NDArray[np.uint8], media_type: str, quality: int) -> bytes:
    """The codestream of a picture without the file around it."""
    return encode_frame(array, _description(array), _SYNTAXES[media_type], quality=quality)


def indexed(array: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture as indices into at most 256 colours, which are those that suit it best, and the colours."""
    if array.ndim == 2:
        return array, np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    from PIL import Image  # noqa: PLC0415 - only colour in GIF needs it

    made = Image.fromarray(array).quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(made.getpalette("RGB"), np.uint8).reshape(-1, 3)[:256]
    palette[: len(colours)] = colours
    return np.asarray(made), palette


def _jpeg(image: RenderedImage, quality: int) -> bytes:
    """Baseline, 8 bits, Huffman coded, sequential (8.7.4.1); the shape of pixels in the JFIF header."""
    stream = codestream(image.array, JPEG, quality)
    end = 2
    if stream[2:4] == b"\xff\xe0" and stream[6:11] == b"JFIF\0":
        end = 4 + int.from_bytes(stream[4:6], "big")
        if image.pixel_aspect != 1:
            # Units 0: the two densities are only a proportion. A pixel that is high has few of them in an inch.
            density = struct.pack(">BHH", 0, round(1000 * image.pixel_aspect), 1000)
            stream = stream[:13] + density + stream[18:]
    return stream[:end] + _icc_segments(image.icc_profile) + stream[end:]


def _icc_segments(profile: bytes | None) -> bytes:
    pieces = [] if profile is None else [profile[at : at + _SEGMENT] for at in range(0, len(profile), _SEGMENT)]
    if len(pieces) > 255:
        return b""  # 16 MiB, more than the format has room for
    return b"".join(
        b"\xff\xe2" + struct.pack(">H", len(piece) + 16) + _ICC_MARKER + bytes((number, len(pieces))) + piece
        for number, piece in enumerate(pieces, 1)
    )


def _png(image: RenderedImage, _quality: int) -> bytes:
    file = encode_png(image.array)
    head = 8 + 25  # signature and IHDR
    extra = b""
    if image.icc_profile is not None:
        extra += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(image.icc_profile))
    if image.pixel_aspect != 1:
        extra += _chunk(b"pHYs", struct.pack(">IIB", round(1000 * image.pixel_aspect), 1000, 0))
    return file[:head] + extra + file[head:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _gif(image: RenderedImage, _quality: int) -> bytes:
    return encode_gif(*indexed(image.array))


def _boxed(media_type: str, brand: bytes) -> Callable[[RenderedImage, int], bytes]:
    """JPEG 2000 and HTJ2K in the boxes of ISO 15444-1 Annex I."""

    def encode(image: RenderedImage, quality: int) -> bytes:
        rows, columns = image.array.shape[:2]
        components = 1 if image.array.ndim == 2 else 3
        header = struct.pack(">IIHBBBB", rows, columns, components, 7, 7, 0, 0)
        return (
            _box(b"jP  ", b"\r\n\x87\n")
            + _box(b"ftyp", brand + bytes(4) + brand)
            + _box(b"jp2h", _box(b"ihdr", header) + _box(b"colr", _colour_box(image, components)))
            + _box(b"jp2c", codestream(image.array, media_type, quality))
        )

    return encode


def _colour_box(image: RenderedImage, components: int) -> bytes:
    profile = image.icc_profile
    if profile is None:
        return struct.pack(">BBBI", 1, 0, 0, _SRGB if components == 3 else _GREY)
    # Restricted profiles, of matrix and curves, are for all readers, others (method 3) for those of part 2.
    return struct.pack(">BBB", 2 if b"rXYZ" in profile[:1024] and b"A2B0" not in profile[:1024] else 3, 0, 0) + profile


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def _jxl(image: RenderedImage, quality: int) -> bytes:
    return codestream(image.array, JXL, quality)


def _description(array: NDArray[Any]) -> PixelDescription:
    samples = 1 if array.ndim == 2 else 3
    return PixelDescription(
        rows=array.shape[0],
        columns=array.shape[1],
        samples=samples,
        photometric="MONOCHROME2" if samples == 1 else "RGB",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        signed=False,
        planar=0,
        frames=1,
        kind="integer",
        transfer_syntax="1.2.840.10008.1.2.1",
        padding=None,
        lossy=False,
    )


_ENCODERS: Final[dict[str, Callable[[RenderedImage, int], bytes]]] = {
    JPEG: _jpeg,
    PNG: _png,
    GIF: _gif,
    JP2: _boxed(JP2, b"jp2 "),
    JPH: _boxed(JPH, b"jph "),
    JXL: _jxl,
}
