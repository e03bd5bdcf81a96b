"""A volume in memory: values on a regular grid that is placed in the patient, and sampling of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[Any]
    Floats: TypeAlias = NDArray[Any]  # of 32 bits: sampled values
    Matrix: TypeAlias = NDArray[Any]  # of 64 bits: points and directions
    Check: TypeAlias = Callable[[], None]


def never() -> None:
    """The check of work that nobody gives up."""


@dataclass(frozen=True, slots=True)
class Volume:
    """`values[slice, row, column] * slope + intercept` are real values (Hounsfield units for example).

    A voxel centre is at `matrix @ (slice, row, column) + origin` in patient coordinates, millimetres. The axes need
    not be at right angles to each other: a stack of a tilted gantry is oblique. `source` is the series, instance and
    frame of the middle slice, which speaks for all of them.
    """

    values: Values
    slope: float
    intercept: float
    matrix: Matrix
    origin: Matrix
    modality: str = ""
    window: tuple[float, float, str] | None = None
    inverse: bool = False
    source: tuple[str, str, int] = ("", "", 1)

    @property
    def nbytes(self) -> int:
        """Memory of the values."""
        return int(self.values.nbytes)

    @property
    def inverse_matrix(self) -> Matrix:
        """From millimetres to slices, rows and columns."""
        return np.linalg.inv(self.matrix)

    @property
    def spacing(self) -> Matrix:
        """Distance of neighbours along the three axes."""
        return np.linalg.norm(self.matrix, axis=0)

    @property
    def corners(self) -> Matrix:
        """The eight corners of the box, half a voxel outside of the outermost centres."""
        last = np.array(self.values.shape, float) - 0.5
        index = np.array([[-0.5 if not bit >> axis & 1 else last[axis] for axis in range(3)] for bit in range(8)])
        return index @ self.matrix.T + self.origin

    @property
    def center(self) -> Matrix:
        """Middle of the box."""
        return self.corners.mean(axis=0)

    def index_of(self, points: Matrix) -> Matrix:
        """(slice, row, column) of points in the patient, with fractions."""
        return (points - self.origin) @ self.inverse_matrix.T

    def real(self, values: Floats) -> Floats:
        """Real values of sampled ones."""
        return values * np.float32(self.slope) + np.float32(self.intercept)


def sample(values: Values, k: Floats, r: Floats, c: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Trilinear interpolation at (slice, row, column) and which of the points are inside the box.

    Up to half a voxel outside of the outermost centres the outermost values count.
    """
    inside = np.ones(np.broadcast_shapes(k.shape, r.shape, c.shape), bool)
    index: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = []
    stride = 1
    for axis, position in ((2, c), (1, r), (0, k)):
        size = values.shape[axis]
        # A hair of tolerance: a plane that ends on the border of the box belongs to it.
        inside &= (position >= -0.5001) & (position <= size - 0.4999)
        clipped = np.clip(position, 0, size - 1)
        low = np.minimum(clipped.astype(np.int64), max(size - 2, 0))
        index.append((low * stride, np.minimum(low + 1, size - 1) * stride, (clipped - low).astype(np.float32)))
        stride *= size
    flat = values.reshape(-1)
    (c0, c1, fc), (r0, r1, fr), (k0, k1, fk) = index

    def row(base: NDArray[np.int64]) -> Floats:
        low = flat.take(base + c0).astype(np.float32)
        return low + (flat.take(base + c1) - low) * fc

    def plane(base: NDArray[np.int64]) -> Floats:
        low = row(base + r0)
        return low + (row(base + r1) - low) * fr

    low = plane(k0)
    return low + (plane(k1) - low) * fk, inside
