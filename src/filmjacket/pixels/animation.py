"""Multi-frame pictures: animated GIF, written frame by frame, so that it takes no more memory than one (GIF89a)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_integer, get_values
from filmjacket.errors import DicomError
from filmjacket.pixels.encode_image import indexed
from filmjacket.pixels.still_images import encode_gif

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.render import RenderedImage

DEFAULT_FRAME_TIME: Final = 100.0
"""Milliseconds between frames that are no cine: slices of a volume, tiles of a slide."""
FASTEST: Final = 20.0
"""Browsers show what is faster as if it were slow."""

_FRAME_TIME: Final = "00181063"
_FRAME_TIME_VECTOR: Final = "00181065"
_CINE_RATE: Final = "00180040"
_DISPLAY_RATE: Final = "00082144"
_DURATION: Final = "00189220"

_HEADER_BYTES: Final = 13
_LOOP: Final = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_TRAILER: Final = b"\x3b"


def frame_times(attributes: Attributes, frames: int) -> list[float]:
    """Milliseconds for which each frame is shown: Frame Time Vector, Frame Time, Cine Rate or what is usual."""
    vector = [value for value in map(_number, get_values(attributes, _FRAME_TIME_VECTOR)) if value is not None]
    if len(vector) == frames > 1:
        # The first one is the time before the first frame, which is 0 (PS3.3 C.7.6.5.1.2).
        return [*vector[1:], vector[-1]]
    single = next(iter(map(_number, get_values(attributes, _FRAME_TIME))), None)
    rate = get_integer(attributes, _CINE_RATE) or get_integer(attributes, _DISPLAY_RATE)
    time = single or (1000.0 / rate if rate and rate > 0 else 0.0) or DEFAULT_FRAME_TIME
    return [time if time > 0 else DEFAULT_FRAME_TIME] * frames


def is_cine(attributes: Attributes) -> bool:
    """Tell whether the frames follow each other in time (PS3.3 C.7.6.5)."""
    return any(get_values(attributes, tag) for tag in (_FRAME_TIME, _FRAME_TIME_VECTOR, _CINE_RATE))


def animated_gif(images: Iterable[tuple[RenderedImage, float]]) -> Iterator[bytes]:
    """Pictures of one size, each with the milliseconds that it is shown, as pieces of one GIF that plays for ever."""
    size: tuple[int, ...] | None = None
    for image, time in images:
        if size is None:
            size = image.array.shape[:2]
            rows, columns = size
            yield b"GIF89a" + struct.pack("<HHBBB", columns, rows, 0x70, 0, 0) + _LOOP
        if image.array.shape[:2] != size:
            raise DicomError("the frames have different sizes", section="8.7.4", offender="Rows")
        pixels, colours = indexed(image.array)
        yield _graphic_control(time) + _image_block(encode_gif(pixels, colours))
    yield _TRAILER


def _graphic_control(time: float) -> bytes:
    hundredths = min(round(max(time, FASTEST) / 10), 65535)
    return b"\x21\xf9\x04" + struct.pack("<BHB", 0x04, hundredths, 0) + b"\x00"


def _image_block(file: bytes) -> bytes:
    """The image of a GIF of one, with the colours of the file as its own."""
    table = 3 << ((file[10] & 7) + 1) if file[10] & 0x80 else 0
    position = _HEADER_BYTES + table
    while file[position] == 0x21:  # extensions
        position += 2
        while file[position]:
            position += file[position] + 1
        position += 1
    descriptor, rest = file[position : position + 10], file[position + 10 :]
    if descriptor[9] & 0x80:
        return descriptor + rest[: -len(_TRAILER)]
    local = bytes((descriptor[9] & 0x40 | 0x80 | (file[10] & 7),))
    return descriptor[:9] + local + file[_HEADER_BYTES : _HEADER_BYTES + table] + rest[: -len(_TRAILER)]


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
