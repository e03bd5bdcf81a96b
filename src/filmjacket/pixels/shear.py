"""Parallel rays through a volume, slice by slice (shear-warp factorisation, Lacroute and Levoy 1994).

Seen along parallel rays, the slices of a volume are one picture moved a little further with each slice. So each slice
is shifted by a part of a voxel, which takes four weights for all of its voxels, and added to an intermediate picture;
this one is brought onto the grid of the view in the end. Every voxel is touched once, in the order of memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from filmjacket.pixels.camera import View
    from filmjacket.pixels.volume_grid import Floats, Matrix, Values, Volume

_BLOCK: Final = 16
"""Slices that are brought into the order of memory together when they lie across it."""


@dataclass(frozen=True, slots=True)
class Shear:
    """A volume as slices across the axis that is most in the direction of view.

    `axes` are the axis of the slices, of their rows and of their columns; `order` the slices from front to back.
    A ray that meets slice 0 at (u, v) meets slice m at (u + m su, v + m sv). The intermediate picture begins at `low`.
    """

    volume: Volume
    axes: tuple[int, int, int]
    su: float
    sv: float
    low: tuple[int, int]
    shape: tuple[int, int]
    forward: bool
    step: float

    @property
    def order(self) -> range:
        """Slices from front to back."""
        count = self.volume.values.shape[self.axes[0]]
        return range(count) if self.forward else range(count - 1, -1, -1)

    def rectangle(self, m: int) -> tuple[slice, slice]:
        """Where slice `m` is in the intermediate picture, with a border of the fraction of its shift."""
        rows, columns = (self.volume.values.shape[axis] for axis in self.axes[1:])
        u, v = math.floor(-m * self.su) - self.low[0], math.floor(-m * self.sv) - self.low[1]
        return slice(u, u + rows + 1), slice(v, v + columns + 1)

    def shifted(self, m: int, plane: Floats) -> Floats:
        """Slice `m` shifted onto the intermediate picture: (rows + 1, columns + 1), its own border repeated."""
        fu, fv = (np.float32(-m * s - math.floor(-m * s)) for s in (self.su, self.sv))
        out = np.empty((plane.shape[0] + 1, plane.shape[1]), np.float32)
        out[0], out[-1] = plane[0], plane[-1]
        np.multiply(plane[1:], 1 - fu, out=out[1:-1])
        out[1:-1] += plane[:-1] * fu
        result = np.empty((out.shape[0], out.shape[1] + 1), np.float32)
        result[:, 0], result[:, -1] = out[:, 0], out[:, -1]
        np.multiply(out[:, 1:], 1 - fv, out=result[:, 1:-1])
        result[:, 1:-1] += out[:, :-1] * fv
        return result

    def slices(self) -> Iterator[tuple[int, Values]]:
        """Every slice from front to back with its number."""
        values = np.transpose(self.volume.values, self.axes)
        block: Values | None = None
        start = stop = 0
        for m in self.order:
            if block is None or not start <= m < stop:
                start = m if self.forward else max(0, m - _BLOCK + 1)
                stop = min(start + _BLOCK, len(values)) if self.forward else m + 1
                block = np.ascontiguousarray(values[start:stop])
            yield m, block[m - start]

    def depths(self, view: View) -> tuple[float, float, float, float]:
        """Millimetres behind the look-at point of (u, v) on slice m: a + b m + c u + d v, counted from `low`."""
        camera, volume = view.camera, self.volume
        direction = camera.direction
        vectors = [volume.matrix[:, axis] for axis in self.axes]
        along = vectors[0] + vectors[1] * self.su + vectors[2] * self.sv
        first = volume.origin + vectors[1] * self.low[0] + vectors[2] * self.low[1] - camera.look_at
        a, b, c, d = (float(vector @ direction) for vector in (first, along, vectors[1], vectors[2]))
        return a, b, c, d


def shear_of(volume: Volume, view: View) -> Shear:
    """How the rays of a view go through a volume."""
    direction: Matrix = volume.inverse_matrix @ view.camera.direction
    axis = int(np.argmax(np.abs(direction)))
    second, third = (other for other in range(3) if other != axis)
    axes = (axis, second, third)
    su, sv = (float(direction[other] / direction[axis]) for other in axes[1:])
    count, rows, columns = (volume.values.shape[other] for other in axes)
    low = [min(0, math.floor(-(count - 1) * s)) for s in (su, sv)]
    high = [max(0, math.floor(-(count - 1) * s)) for s in (su, sv)]
    shape = (high[0] - low[0] + rows + 1, high[1] - low[1] + columns + 1)
    vectors = [volume.matrix[:, other] for other in axes]
    step = float(np.linalg.norm(vectors[0] + vectors[1] * su + vectors[2] * sv))
    return Shear(volume, axes, su, sv, (low[0], low[1]), shape, bool(direction[axis] > 0), step)


def warp(shear: Shear, view: View, picture: Floats, outside: float = 0.0) -> Floats:
    """The intermediate picture, of one or more channels, on the grid of the view: bilinear."""
    volume = shear.volume
    inverse = volume.inverse_matrix
    start = volume.index_of(view.first)
    across, down = inverse @ view.across, inverse @ view.down
    i, j = np.arange(view.rows)[:, None], np.arange(view.columns)[None, :]
    axis, row, column = shear.axes
    m, u, v = (start[a] + i * down[a] + j * across[a] for a in (axis, row, column))
    u, v = u - m * shear.su - shear.low[0], v - m * shear.sv - shear.low[1]
    rows, columns = picture.shape[:2]
    inside = (u >= 0) & (u <= rows - 1) & (v >= 0) & (v <= columns - 1)
    u, v = np.clip(u, 0, rows - 1), np.clip(v, 0, columns - 1)
    u0, v0 = np.minimum(u.astype(np.int64), max(rows - 2, 0)), np.minimum(v.astype(np.int64), max(columns - 2, 0))
    fu, fv = (u - u0).astype(np.float32), (v - v0).astype(np.float32)
    u1, v1 = np.minimum(u0 + 1, rows - 1), np.minimum(v0 + 1, columns - 1)
    if picture.ndim == 3:
        fu, fv, inside = fu[..., None], fv[..., None], inside[..., None]
    top = picture[u0, v0] * (1 - fv) + picture[u0, v1] * fv
    bottom = picture[u1, v0] * (1 - fv) + picture[u1, v1] * fv
    result = np.where(inside, top * (1 - fu) + bottom * fu, np.float32(outside))
    return flipped(result.astype(np.float32, copy=False), view)


def flipped(picture: Floats, view: View) -> Floats:
    """As the viewport has it."""
    return picture[:: -1 if view.flip_y else 1, :: -1 if view.flip_x else 1]


def clip_mask(
    shear: Shear, view: View, m: int, rectangle: tuple[slice, slice], near: float, far: float
) -> NDArray[np.bool_]:
    """Which pixels of slice `m` are between two distances behind the look-at point."""
    a, b, c, d = shear.depths(view)
    rows, columns = rectangle
    # `depths` counts rays: (u, v) there is where the ray meets slice 0.
    u = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    v = np.arange(columns.start, columns.stop, dtype=np.float64)[None, :]
    depth = (u * c + v * d) + (a + b * m)
    return (depth >= near) & (depth <= far)
