"""Frames of a stack into one volume, slice by slice: real values in 16 bits each, on a regular grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.errors import BadRequest, TooLarge
from filmjacket.pixels.volume_grid import Volume, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.pixels.description import PixelDescription
    from filmjacket.pixels.volume_grid import Check, Floats, Values
    from filmjacket.pixels.volume_input import Plane, Stack

    ReadPlane = Callable[[Plane], tuple["NDArray[Any]", PixelDescription]]

_FULL: Final = 65535
_HALF: Final = 32768
EVEN: Final = 0.01
"""Deviation from even distances, in distances, below which slices are taken as they are."""


def check_size(stack: Stack, maximum_bytes: int) -> None:
    """Raise `TooLarge` for a stack whose volume would take more than that."""
    needed = stack.voxels * 2
    if needed > maximum_bytes:
        raise TooLarge(
            f"The volume takes {needed // 2**20} MiB; this server holds up to {maximum_bytes // 2**20} MiB "
            "(setting volumes.maximum_bytes).",
            section="10.4.3.1",
            offender="target URI",
            accepted=("a target or an attribute match with fewer frames",),
        )


def load_volume(stack: Stack, read: ReadPlane, check: Check = never) -> Volume:
    """Read every plane once. Stored values become 16 bit ones over the range that they can have.

    What is wider than 16 bits or floating point keeps 32 bit floats.
    """
    first, last = stack.planes[0], stack.planes[-1]
    slope, intercept, dtype = _coding(stack, read)
    shape = (stack.slices, *first.size)
    values = np.empty(shape, dtype)
    if _is_even(stack):
        for number, plane in enumerate(stack.planes):
            check()
            values[number] = _coded(_real(plane, read), slope, intercept, dtype)
    else:
        _resampled(stack, read, values, (slope, intercept), check)
    step = (np.array(last.position) - np.array(first.position)) / max(shape[0] - 1, 1)
    down, across = np.array(first.column) * first.spacing[0], np.array(first.row) * first.spacing[1]
    middle = stack.planes[len(stack.planes) // 2]
    return Volume(
        values,
        slope,
        intercept,
        np.stack((step, down, across), axis=1),
        np.array(first.position, float),
        first.modality,
        middle.window,
        first.photometric == "MONOCHROME1",
        (middle.series_uid, middle.sop_uid, middle.frame),
    )


def _is_even(stack: Stack) -> bool:
    first = stack.planes[0].depth
    step = (stack.planes[-1].depth - first) / (len(stack.planes) - 1)
    return stack.slices == len(stack.planes) and all(
        abs(plane.depth - first - number * step) <= EVEN * step for number, plane in enumerate(stack.planes)
    )


def _coding(stack: Stack, read: ReadPlane) -> tuple[float, float, str]:
    """slope, intercept and type of the values: 16 bits hold all that the planes can say."""
    _, description = read(stack.planes[0])
    planes = stack.planes
    if description.kind != "integer" or description.bits_stored > 16:
        return 1.0, 0.0, "f4"
    low = -(1 << (description.bits_stored - 1)) if description.signed else 0
    high = low + (1 << description.bits_stored) - 1
    if len({(plane.slope, plane.intercept) for plane in planes}) == 1:
        slope, intercept = planes[0].slope, planes[0].intercept
        # Unsigned values of 16 bits are moved down by half of their range.
        return (slope, intercept, "i2") if high < _HALF else (slope, intercept + _HALF * slope, "i2")
    ends = [plane.slope * end + plane.intercept for plane in planes for end in (low, high)]
    slope = (max(ends) - min(ends)) / _FULL
    return slope, min(ends) + _HALF * slope, "i2"


def _real(plane: Plane, read: ReadPlane) -> Floats:
    """Modality values of a plane; padding becomes the least of the others (PS3.3 C.7.5.1.1.2)."""
    array, description = read(plane)
    if array.shape != plane.size:
        raise BadRequest("A frame of the volume has another size than its series.", section="PS3.3 C.11.23.1")
    real = array.astype(np.float32)
    if description.padding is not None:
        low, high = description.padding
        padded = (real >= low) & (real <= high)
        if padded.any():
            real[padded] = real[~padded].min() if not padded.all() else 0
    return real * np.float32(plane.slope) + np.float32(plane.intercept)


def _coded(real: Floats, slope: float, intercept: float, dtype: str) -> Values:
    if dtype == "f4":
        return real
    return np.clip(np.rint((real - np.float32(intercept)) / np.float32(slope)), -_HALF, _HALF - 1).astype(np.int16)


def _resampled(stack: Stack, read: ReadPlane, values: Values, coding: tuple[float, float], check: Check) -> None:
    """Slices at even distances, each interpolated between its two neighbours."""
    planes = stack.planes
    first = planes[0].depth
    step = (planes[-1].depth - first) / (len(values) - 1)
    kept: dict[int, Floats] = {}
    below = 0
    for number in range(len(values)):
        check()
        depth = first + number * step
        while below < len(planes) - 2 and planes[below + 1].depth <= depth:
            below += 1
        kept = {n: kept[n] if n in kept else _real(planes[n], read) for n in (below, below + 1)}
        distance = planes[below + 1].depth - planes[below].depth
        fraction = np.float32(min(max((depth - planes[below].depth) / distance, 0.0), 1.0))
        mixed = kept[below] * (1 - fraction) + kept[below + 1] * fraction
        values[number] = _coded(mixed, *coding, values.dtype.str[1:])


def default_window(volume: Volume) -> tuple[float, float, str]:
    """The window stored with the middle slice, else one over nearly all values, outliers left out."""
    if volume.window is not None:
        return volume.window
    step = max(1, math.isqrt(volume.values.size // 500_000)) if volume.values.size > 500_000 else 1
    some = volume.real(volume.values[:, ::step, ::step].astype(np.float32).reshape(-1))
    low, high = (float(value) for value in np.percentile(some, (1, 99.5)))
    width = max(high - low, 1.0)
    return low + width / 2, width, "LINEAR"
