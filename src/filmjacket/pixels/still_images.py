"""PNG and GIF, which DICOM has no transfer syntax for, decoded to native pixels (PS3.18 10.5.2, notes 1 to 5).

Palettes become RGB, transparency and alpha are dropped, fewer than 8 bits are spread to 8, an animated GIF is decoded
frame by frame onto its canvas. What an image will take in memory is known, and bounded, before anything is decoded.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import imagecodecs
import numpy as np

from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_DECODED_BYTES: Final = 256 * 1024 * 1024
"""Native pixels of one image, all frames: 89 million pixels in colour, more than phones take without stitching. A file
of a few kilobytes can announce a thousand times that."""

MAX_ENCODED_BYTES: Final = MAX_DECODED_BYTES
"""Of the file: one that is longer than its pixels is not looked at."""

PIECE_BYTES: Final = 1024 * 1024

PNG: Final = "image/png"
GIF: Final = "image/gif"

# One at a time for each process: a decoded image is in memory as a whole, and threads are many.
_DECODING = threading.Lock()
_GIF_HEADER = 13
_GIF_TABLE = 768
_GIF_DESCRIPTOR = 10
_TABLE_FLAG = 0x80


@dataclass(frozen=True, slots=True)
class NativePixels:
    """Decoded frames, interleaved by pixel, samples in little endian order."""

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    pixels: memoryview

    @property
    def length(self) -> int:
        """Bytes of all frames."""
        return len(self.pixels)

    def chunks(self) -> Iterator[bytes]:
        """The bytes, a piece at a time."""
        for start in range(0, len(self.pixels), PIECE_BYTES):
            yield bytes(self.pixels[start : start + PIECE_BYTES])


def decode_still_image(encoded: bytes, media_type: str) -> NativePixels:
    """Decode a PNG or GIF file. DicomError when it is neither, is damaged, or would take too much memory."""
    with _DECODING:
        try:
            array = _decode_gif(encoded) if media_type == GIF else _decode_png(encoded)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise _damaged(media_type) from error
    if array.dtype.byteorder == ">" or (array.dtype.itemsize > 1 and not np.little_endian):
        array = array.byteswap()
    frames, rows, columns, samples = array.shape
    return NativePixels(
        rows, columns, samples, 8 * array.dtype.itemsize, frames, np.ascontiguousarray(array).data.cast("B")
    )


def _decode_png(encoded: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a PNG as (1, rows, columns, samples) without alpha."""
    if encoded[:8] != b"\x89PNG\r\n\x1a\n" or len(encoded) < 33:
        raise _damaged(PNG)
    columns, rows = int.from_bytes(encoded[16:20], "big"), int.from_bytes(encoded[20:24], "big")
    sample_bytes = 2 if encoded[24] == 16 else 1
    _check_room(rows * columns * 4 * sample_bytes)
    decoded = imagecodecs.png_decode(encoded)
    if decoded.ndim == 2:
        decoded = decoded[..., None]
    samples = 1 if decoded.shape[2] < 3 else 3
    return decoded[None, ..., :samples]


def _decode_gif(encoded: bytes) -> NDArray[np.uint8]:
    """Return a GIF as (frames, rows, columns, 3)."""
    if encoded[:4] != b"GIF8" or len(encoded) < _GIF_HEADER:
        raise _damaged(GIF)
    columns, rows = int.from_bytes(encoded[6:8], "little"), int.from_bytes(encoded[8:10], "little")
    _check_room(rows * columns * 3 * max(_gif_frames(encoded), 1))
    decoded = imagecodecs.gif_decode(encoded)
    return decoded if decoded.ndim == 4 else decoded[None]


def _gif_frames(encoded: bytes) -> int:
    """Count the images of a GIF by stepping over its blocks (GIF89a 15 to 26)."""
    position = _GIF_HEADER + _table_bytes(encoded[10])
    frames = 0
    while position < len(encoded) and encoded[position] in {0x21, 0x2C}:
        if encoded[position] == 0x2C:
            frames += 1
            # The packed field ends the image descriptor; a colour table and the LZW code size follow.
            packed = encoded[position + 9 : position + 10]
            position += 11 + _table_bytes(packed[0] if packed else 0)
        else:
            position += 2
        while position < len(encoded) and encoded[position]:
            position += encoded[position] + 1
        position += 1
    return frames


def _table_bytes(packed: int) -> int:
    return 3 * 2 ** ((packed & 7) + 1) if packed & _TABLE_FLAG else 0


def _check_room(length: int) -> None:
    if not 0 < length <= MAX_DECODED_BYTES:
        raise DicomError(
            f"the image would take {length} bytes as native pixels, more than {MAX_DECODED_BYTES}",
            section="PS3.18 10.5.2",
            offender="PixelData",
            accepted=("a smaller image", "image/jpeg", "image/jp2"),
        )


def _damaged(media_type: str) -> DicomError:
    return DicomError(
        f"the {media_type} part is damaged, cut short or something else",
        section="PS3.18 10.5.2",
        offender="PixelData",
        accepted=(media_type,),
    )


def encode_png(array: NDArray[np.uint8]) -> bytes:
    """Grey values or RGB as a PNG file; filter and strategy for speed, pictures of patients are no line art."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(array), level=4, filter=imagecodecs.PNG.FILTER.PAETH))


def encode_gif(indices: NDArray[np.uint8], colours: NDArray[np.uint8]) -> bytes:
    """Indices into 256 colours as a GIF file of one image."""
    # The codec's own buffer is too small for noise, which LZW makes longer.
    room = _longest_gif(indices.size)
    return bytes(imagecodecs.gif_encode(np.ascontiguousarray(indices), colormap=colours, out=room))


def _longest_gif(pixels: int) -> int:
    """Bytes that a GIF of one image never exceeds (GIF89a Appendix F).

    At worst each pixel takes a code of 12 bits; the table of 4096 codes is cleared each time that it is full.
    """
    codes = pixels + pixels // 2048 + 4
    data = codes * 12 // 8 + 2
    blocks = data + data // 255 + 2
    return _GIF_HEADER + _GIF_TABLE + _GIF_DESCRIPTOR + blocks + 64  # extensions, code size, trailer
