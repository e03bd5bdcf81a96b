"""Planes and slabs through a volume at any angle (PS3.18 8.3.5.3; PS3.3 C.11.26): trilinear, in patient coordinates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.pixels.volume_grid import never, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.pixels.camera import View
    from filmjacket.pixels.volume_grid import Check, Floats, Matrix, Volume

AVERAGE: Final = "average_ip"
MAXIMUM: Final = "maximum_ip"
MINIMUM: Final = "minimum_ip"

CHUNK: Final = 1 << 16
"""Points that are sampled at a time: what eight neighbours of them take stays in the cache of a processor."""
MOST_LAYERS: Final = 256


def reformat(
    volume: Volume, view: View, *, slab: float = 0.0, method: str = AVERAGE, check: Check = never
) -> tuple[Floats, NDArray[np.bool_]]:
    """Real values of the plane through the look-at point and which pixels are inside the volume.

    With a `slab` thickness in millimetres the samples of each pixel from half of it in front of the plane to half of
    it behind are averaged, or the largest or smallest of them is taken; those outside of the volume do not count.
    """
    rows_at_once = max(1, CHUNK // view.columns)
    result = np.zeros((view.rows, view.columns), np.float32)
    covered = np.zeros((view.rows, view.columns), bool)
    depths = layers(volume, slab)
    for first in range(0, view.rows, rows_at_once):
        last = min(first + rows_at_once, view.rows)
        result[first:last], covered[first:last] = _rows(volume, view, (first, last), depths, method, check)
    values = volume.real(result)
    values[~covered] = 0
    return _flipped(values, view), _flipped(covered, view)


def layers(volume: Volume, slab: float) -> Matrix:
    """Distances from the plane at which a slab is sampled: as fine as the finest axis of the volume."""
    if slab <= 0:
        return np.zeros(1)
    count = min(MOST_LAYERS, max(2, math.ceil(slab / float(volume.spacing.min())) + 1))
    return np.linspace(-slab / 2, slab / 2, count)


def _rows(
    volume: Volume, view: View, rows: tuple[int, int], depths: Matrix, method: str, check: Check
) -> tuple[Floats, NDArray[np.bool_]]:
    inverse = volume.inverse_matrix
    start = volume.index_of(view.first)
    across, down, deep = (inverse @ vector for vector in (view.across, view.down, view.camera.direction))
    i = np.arange(*rows, dtype=np.float64)[:, None]
    j = np.arange(view.columns, dtype=np.float64)[None, :]
    total: Floats | None = None
    count = np.zeros((rows[1] - rows[0], view.columns), np.int32)
    for depth in depths:
        check()
        k, r, c = (start[axis] + depth * deep[axis] + i * down[axis] + j * across[axis] for axis in range(3))
        values, inside = sample(volume.values, k, r, c)
        total = _first(values, inside, method) if total is None else _combined(total, values, inside, method)
        count += inside
    if total is None:
        raise AssertionError("a slab has at least one layer")
    if method == AVERAGE:
        total /= np.maximum(count, 1)
    return total, count > 0


_NEUTRAL: Final = {AVERAGE: 0.0, MAXIMUM: -np.inf, MINIMUM: np.inf}


def _first(values: Floats, inside: NDArray[np.bool_], method: str) -> Floats:
    return np.where(inside, values, np.float32(_NEUTRAL[method]))


def _combined(total: Floats, values: Floats, inside: NDArray[np.bool_], method: str) -> Floats:
    values = _first(values, inside, method)
    if method == AVERAGE:
        return total + values
    return np.maximum(total, values) if method == MAXIMUM else np.minimum(total, values)


def _flipped(array: NDArray[Any], view: View) -> NDArray[Any]:
    return array[:: -1 if view.flip_y else 1, :: -1 if view.flip_x else 1]
