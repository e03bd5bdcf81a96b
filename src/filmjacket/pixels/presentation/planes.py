"""Frames in the patient: where they are, which are at the same place, one resampled to another (PS3.3 C.7.6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.pixels.presentation.scope import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

_PARALLEL: Final = 0.999
_NEAR: Final = 0.05
"""Millimetres that count as no distance."""
_USUAL_DISTANCE: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A frame in patient coordinates: centre of its first pixel, unit vectors along a row and down a column.

    `spacing` is that between columns, then between rows: millimetres along `row` and along `column`.
    """

    uid: str
    frame: int
    frame_of_reference: str
    position: NDArray[np.float64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    spacing: tuple[float, float]
    size: tuple[int, int]
    thickness: float

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction that the frame looks in."""
        return np.cross(self.row, self.column)

    @property
    def half(self) -> float:
        """Half a slice in millimetres, and a little: what is within it is in the frame."""
        return self.thickness / 2 + _NEAR

    @property
    def depth(self) -> float:
        """Place along the normal."""
        return float(self.position @ self.normal)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column and row, of centres of pixels counted from 0, of points in the patient."""
        moved = points - self.position
        return np.stack([moved @ self.row / self.spacing[0], moved @ self.column / self.spacing[1]], axis=-1)


def place_frame(attributes: Attributes, uid: str, number: int) -> Placed | None:
    """Where a frame is, None if its attributes (`attributes_of_frame`) do not tell."""
    position, directions = numbers_of(attributes, "00200032"), numbers_of(attributes, "00200037")
    spacing = numbers_of(attributes, "00280030")
    rows, columns = get_integer(attributes, "00280010"), get_integer(attributes, "00280011")
    if len(position) != 3 or len(directions) != 6 or len(spacing) != 2 or min(spacing) <= 0 or not rows or not columns:
        return None
    row, column = np.array(directions[:3]), np.array(directions[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not np.isfinite([*position, *directions, *spacing]).all() or min(lengths) == 0:
        return None
    gaps = [numbers_of(attributes, tag) for tag in ("00180088", "00180050")]
    thickness = next((abs(values[0]) for values in gaps if values and values[0]), _USUAL_DISTANCE)
    return Placed(
        uid,
        number,
        get_text(attributes, "00200052") or "",
        np.array(position),
        row / lengths[0],
        column / lengths[1],
        (spacing[1], spacing[0]),
        (rows, columns),
        thickness,
    )


def parallel(one: Placed, other: Placed) -> bool:
    """Whether two frames look the same way or the opposite one, in one frame of reference."""
    related = not one.frame_of_reference or one.frame_of_reference == other.frame_of_reference
    return related and abs(float(one.normal @ other.normal)) > _PARALLEL


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """Frames to look a place up in, all at once: there may be hundreds of them, and thousands of contours."""

    frames: tuple[Placed, ...]
    normals: NDArray[np.float64]
    depths: NDArray[np.float64]
    halves: NDArray[np.float64]

    @classmethod
    def of(cls, frames: Iterable[Placed]) -> Slices:
        """Slices of frames."""
        held = tuple(frames)
        normals = np.array([frame.normal for frame in held], np.float64).reshape(-1, 3)
        depths = np.array([frame.depth for frame in held], np.float64)
        return cls(held, normals, depths, np.array([frame.half for frame in held], np.float64))

    def nearest(self, frame: Placed) -> Placed | None:
        """The nearest frame that looks the same way or the opposite one and is not further away than half a slice."""
        if not self.frames:
            return None
        gaps = np.abs(self.normals @ frame.position - self.depths)
        near = gaps <= np.maximum(self.halves, frame.half)
        near &= np.abs(self.normals @ frame.normal) > _PARALLEL
        order: list[int] = np.argsort(gaps, kind="stable").tolist()
        for place in order:
            if near[place] and parallel(frame, self.frames[place]):
                return self.frames[place]
        return None

    def through(self, points: NDArray[np.float64]) -> list[Placed]:
        """The frames that one of the points is in, within half a slice."""
        if not self.frames:
            return []
        inside = (np.abs(points @ self.normals.T - self.depths) <= self.halves).any(axis=0)
        places: list[int] = np.flatnonzero(inside).tolist()
        return [self.frames[place] for place in places]


def resampled(
    array: NDArray[Any], source: Placed, target: Placed, *, smooth: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """An array on `source` as seen on the pixels of `target`, and which of those it covers.

    `smooth` interpolates linearly; otherwise the nearest value is taken.
    """
    across, down = source.pixels(
        np.stack(
            [
                target.position,
                target.position + target.row * target.spacing[0],
                target.position + target.column * target.spacing[1],
            ]
        )
    ).T
    rows, columns = (np.arange(count, dtype=np.float64) for count in target.size)
    # Sums of one term for the row and one for the column: the mapping is affine.
    x = (across[0] + columns * (across[1] - across[0]))[None, :] + (rows * (across[2] - across[0]))[:, None]
    y = (down[0] + columns * (down[1] - down[0]))[None, :] + (rows * (down[2] - down[0]))[:, None]
    covered = (x > -0.5) & (x < array.shape[1] - 0.5) & (y > -0.5) & (y < array.shape[0] - 0.5)
    return (_linear if smooth else _closest)(array, x, y), covered


def _closest(array: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    column = np.clip(np.rint(x), 0, array.shape[1] - 1).astype(np.intp)
    row = np.clip(np.rint(y), 0, array.shape[0] - 1).astype(np.intp)
    return array[row, column]


def _linear(array: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    x, y = np.clip(x, 0, array.shape[1] - 1), np.clip(y, 0, array.shape[0] - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, array.shape[1] - 1), np.minimum(top + 1, array.shape[0] - 1)
    shape = (*x.shape, *([1] * (array.ndim - 2)))
    u, v = (x - left).reshape(shape), (y - top).reshape(shape)
    above = array[top, left] * (1 - u) + array[top, right] * u
    below = array[bottom, left] * (1 - u) + array[bottom, right] * u
    return above * (1 - v) + below * v
