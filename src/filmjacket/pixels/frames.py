"""Native frames and arrays of stored values, both ways (PS3.5 8.1.1, 8.2; PS3.3 C.7.6.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.pixels.description import PixelDescription


def native_frame(raw: bytes, description: PixelDescription, bit_offset: int = 0) -> NDArray[Any]:
    """Stored values of one uncompressed frame in little endian, that begins at a bit of its first byte.

    (rows, columns) or (rows, columns, samples), in `description.dtype`. What High Bit and Bits Stored leave unused,
    overlays of old for example, is masked; the sign is extended. Chrominance is brought to the size of luminance.
    Raises `DicomError` when bytes are missing.
    """
    bits = description.native_frame_bits
    subsampled = description.subsampled_frame_bits
    if subsampled != bits and 8 * len(raw) < bits:
        return _values(_upsampled(_samples(raw, description, subsampled, bit_offset), description), description)
    samples = _samples(raw, description, bits, bit_offset)
    return _values(shape_samples(samples, description, description.planar), description)


def frame_bytes(array: NDArray[Any], description: PixelDescription) -> bytes:
    """A frame of stored values as native little endian bytes, colour by pixel (PS3.5 8.1.1).

    Bits Allocated 1 is packed from the lowest bit on, the last byte filled up with zeros.
    """
    if description.bits_allocated == 1:
        return np.packbits(array.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    little = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, dtype=little).tobytes()


def shape_samples(samples: NDArray[Any], description: PixelDescription, planar: int) -> NDArray[Any]:
    """Samples in the order of Planar Configuration as (rows, columns) or (rows, columns, samples)."""
    rows, columns, count = description.rows, description.columns, description.samples
    if count == 1:
        return samples.reshape(rows, columns)
    if planar:
        return np.ascontiguousarray(samples.reshape(count, rows, columns).transpose(1, 2, 0))
    return samples.reshape(rows, columns, count)


def reduced(array: NDArray[Any], description: PixelDescription, reduction: int) -> NDArray[Any]:
    """The array at 1/2^n of its size, rounded up: means of the pixels that are joined, of palette indices the first."""
    if reduction <= 0:
        return array
    step = 1 << min(reduction, 16)
    if description.photometric == "PALETTE COLOR" or description.kind != "integer":
        return np.ascontiguousarray(array[::step, ::step])
    down, across = (np.fromiter(range(0, size, step), np.int64) for size in array.shape[:2])
    totals = np.add.reduceat(np.add.reduceat(array, down, axis=0, dtype=np.int64), across, axis=1)
    counts = np.multiply.outer(np.diff(down, append=array.shape[0]), np.diff(across, append=array.shape[1]))
    return (totals // (counts if array.ndim == 2 else counts[..., None])).astype(array.dtype)


def used_bits(cells: NDArray[Any], description: PixelDescription) -> NDArray[Any]:
    """Values of unsigned pixel cells: the bits from High Bit down, sign extended (PS3.5 8.1.1)."""
    width = 8 * cells.dtype.itemsize
    stored = description.bits_stored
    above, below = width - 1 - description.high_bit, description.high_bit + 1 - stored
    values = cells.view(description.dtype)
    if description.kind != "integer" or (stored == width and not description.signed):
        return values
    if not description.signed:
        shifted = values >> below if below else values
        return shifted & values.dtype.type((1 << stored) - 1) if above else shifted
    # Left until the sign is the highest bit, then back: the arithmetic shift extends it.
    return (values << above) >> (above + below) if above + below else values


def _samples(raw: bytes, description: PixelDescription, bits: int, bit_offset: int) -> NDArray[Any]:
    """Pixel cells of a frame as unsigned numbers in the byte order of this machine."""
    if 8 * len(raw) < bit_offset + bits:
        raise DicomError(
            f"a frame of {description.rows} x {description.columns} pixels takes {(bits + 7) // 8} bytes, "
            f"{len(raw)} are there",
            section="PS3.5 8.1.1",
            offender="PixelData",
        )
    allocated = description.bits_allocated
    if allocated in {8, 16, 32, 64} and bit_offset == 0:
        cells = np.frombuffer(raw, f"<u{allocated // 8}", bits // allocated)
        return cells.astype(cells.dtype.newbyteorder("="), copy=False)
    packed = np.frombuffer(raw, np.uint8, (bit_offset + bits + 7) // 8)
    loose = np.unpackbits(packed, count=bit_offset + bits, bitorder="little")[bit_offset:]
    if allocated == 1:
        return loose
    # Any other number of bits: each cell is filled up with zeros to a whole number.
    width = 8 * description.sample_bytes
    cells = np.zeros((bits // allocated, width), np.uint8)
    cells[:, :allocated] = loose.reshape(-1, allocated)
    return np.packbits(cells, axis=1, bitorder="little").view(f"<u{width // 8}")[:, 0].astype(f"=u{width // 8}")


def _values(cells: NDArray[Any], description: PixelDescription) -> NDArray[Any]:
    return used_bits(cells, description)


def _upsampled(cells: NDArray[Any], description: PixelDescription) -> NDArray[Any]:
    """Y1 Y2 Cb Cr of two neighbours each as three samples a pixel (PS3.3 C.7.6.3.1.2, YBR_FULL_422).

    Chrominance is sited on the first of two pixels; it is repeated, as decoders of it have always done.
    """
    rows, columns = description.rows, description.columns
    groups = cells.reshape(rows, -1, 4)
    out = np.empty((rows, 2 * groups.shape[1], 3), cells.dtype)
    out[:, 0::2, 0] = groups[:, :, 0]
    out[:, 1::2, 0] = groups[:, :, 1]
    out[..., 1] = np.repeat(groups[:, :, 2], 2, axis=1)
    out[..., 2] = np.repeat(groups[:, :, 3], 2, axis=1)
    return np.ascontiguousarray(out[:, :columns])
