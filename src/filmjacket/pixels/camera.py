"""Where a volume is looked at from, and the grid of pixels that the picture has (PS3.18 8.3.5.3; PS3.3 C.11.30).

Projection is orthographic. The look-at point is in the middle of the picture, which shows as much as the whole volume
takes when seen in that direction; a region of the viewport shows less of it, larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.pixels.volume_grid import Matrix, Volume
    from filmjacket.pixels.volume_input import Vector
    from filmjacket.web.rendering import Viewport

SIDES: Final[dict[str, tuple[Vector, Vector]]] = {
    "a": ((0, 1, 0), (0, 0, 1)),
    "p": ((0, -1, 0), (0, 0, 1)),
    "r": ((1, 0, 0), (0, 0, 1)),
    "l": ((-1, 0, 0), (0, 0, 1)),
    "h": ((0, 0, -1), (0, -1, 0)),
    "f": ((0, 0, 1), (0, -1, 0)),
}
"""Direction of view and up of `orientation`: the camera is on that side of the patient (8.3.5.3.3). Patient
coordinates grow to the left, to posterior and to the head (PS3.3 C.7.6.2.1.1)."""

PARALLEL: Final = 1e-4
LARGEST_SIDE: Final = 1024
"""Pixels of the longer side of a picture whose size nobody asked for."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Viewpoint Position, LookAt Point and Up Direction (PS3.3 C.11.30.1)."""

    position: Matrix
    look_at: Matrix
    up: Matrix

    @property
    def direction(self) -> Matrix:
        """Unit vector into the picture."""
        return _unit(self.look_at - self.position)

    @property
    def upright(self) -> Matrix:
        """Unit vector to the top of the picture."""
        direction = self.direction
        return _unit(self.up - direction * (self.up @ direction))

    @property
    def right(self) -> Matrix:
        """Unit vector to the right of the picture."""
        return np.cross(self.direction, self.upright)


@dataclass(frozen=True, slots=True)
class View:
    """A camera and its grid of pixels: the left top corner in millimetres from the look-at point, right and down."""

    camera: Camera
    left: float
    top: float
    pixel_width: float
    pixel_height: float
    columns: int
    rows: int
    flip_x: bool = False
    flip_y: bool = False

    @property
    def first(self) -> Matrix:
        """Centre of the first pixel, in the plane of the look-at point."""
        camera = self.camera
        x, y = self.left + self.pixel_width / 2, self.top + self.pixel_height / 2
        return camera.look_at + camera.right * x - camera.upright * y

    @property
    def across(self) -> Matrix:
        """From a pixel to its right neighbour."""
        return self.camera.right * self.pixel_width

    @property
    def down(self) -> Matrix:
        """From a pixel to the one below."""
        return self.camera.upright * -self.pixel_height


def camera_from_side(side: str, volume: Volume) -> Camera:
    """The camera of an `orientation`, looking at the middle of the volume."""
    direction, up = SIDES[side]
    center = volume.center
    return Camera(center - np.array(direction, float) * _distance(volume), center, np.array(up, float))


def camera_from_points(
    position: Sequence[float] | None,
    look_at: Sequence[float] | None,
    up: Sequence[float] | None,
    volume: Volume,
    *,
    default_side: str,
) -> Camera:
    """The camera of a viewpoint; what is missing of it is chosen.

    Without a look-at point the middle of the volume is looked at, without a position from the default side, and
    without an up direction the head is up, or anterior where the view is along the body. Raises `BadRequest` when
    there is no direction of view or of up.
    """
    default = camera_from_side(default_side, volume)
    target = default.look_at if look_at is None else np.array(look_at, float)
    eye = target - default.direction * _distance(volume) if position is None else np.array(position, float)
    if np.linalg.norm(target - eye) < PARALLEL:
        raise _no_view("viewpointposition", "the viewpoint is at the point looked at")
    direction = _unit(target - eye)
    upward = np.array((0.0, 0.0, 1.0) if up is None else up, float)
    if up is None and abs(direction[2]) > 0.95:
        upward = np.array((0.0, -1.0, 0.0))
    if np.linalg.norm(np.cross(direction, upward)) < PARALLEL * max(float(np.linalg.norm(upward)), PARALLEL):
        raise _no_view("viewpointup", "up is along the direction of view, or no direction at all")
    return Camera(eye, target, upward)


def view_of(camera: Camera, volume: Volume, viewport: Viewport | None) -> View:
    """The grid of pixels: as fine as the finest axis of the volume, or what a viewport makes of that (8.3.5.1.3)."""
    return views_of((camera,), volume, viewport)[0]


def views_of(cameras: Sequence[Camera], volume: Volume, viewport: Viewport | None) -> list[View]:
    """The same grid for every camera of an animation: large enough for each of them."""
    corners = volume.corners
    width = max(float(np.ptp(corners @ camera.right)) for camera in cameras)
    height = max(float(np.ptp(corners @ camera.upright)) for camera in cameras)
    fine = max(float(volume.spacing.min()), max(width, height) / LARGEST_SIDE)
    columns, rows = (max(1, math.ceil(extent / fine - 1e-6)) for extent in (width, height))
    whole = View(cameras[0], -columns * fine / 2, -rows * fine / 2, fine, fine, columns, rows)
    view = whole if viewport is None else _through(whole, viewport)
    return [replace(view, camera=camera) for camera in cameras]


def _through(whole: View, viewport: Viewport) -> View:
    """The region of a viewport, scaled up or down until it meets the viewport, never distorted (8.3.5.1.3)."""
    right = whole.columns if viewport.w is None else viewport.x + viewport.w
    bottom = whole.rows if viewport.h is None else viewport.y + viewport.h
    width, height = min(right, whole.columns) - viewport.x, min(bottom, whole.rows) - viewport.y
    if width <= 0 or height <= 0:
        raise BadRequest(
            f"The region of the viewport is outside of the picture, which is {whole.columns} x {whole.rows} pixels.",
            section="8.3.5.1.3",
            offender="viewport",
            accepted=("viewport=512,512",),
        )
    scale = min(viewport.width / width, viewport.height / height)
    columns, rows = (max(1, round(side * scale)) for side in (width, height))
    return replace(
        whole,
        left=whole.left + viewport.x * whole.pixel_width,
        top=whole.top + viewport.y * whole.pixel_height,
        pixel_width=width * whole.pixel_width / columns,
        pixel_height=height * whole.pixel_height / rows,
        columns=columns,
        rows=rows,
        flip_x=viewport.flip_x,
        flip_y=viewport.flip_y,
    )


def swivel(camera: Camera, degrees: float, step: float) -> Iterator[Camera]:
    """Cameras on an arc around the up direction: range / step of them (8.3.5.3.8).

    A full circle begins at the viewpoint, an arc has it in its middle.
    """
    count = frames_of(degrees, step)
    start = 0.0 if degrees >= 360 else -(count - 1) * step / 2
    axis = camera.upright
    offset = camera.position - camera.look_at
    for number in range(count):
        yield replace(camera, position=camera.look_at + _turned(offset, axis, math.radians(start + number * step)))


def along(camera: Camera, curve: Sequence[Vector], step: float) -> Iterator[Camera]:
    """Cameras that look along a curve of straight pieces: curve length / step of them (8.3.5.3.9).

    Each looks from behind at its point of the curve; planes are across the curve. Up stays as it is as far as it can.
    """
    points = np.array(curve, float)
    pieces = np.diff(points, axis=0)
    lengths = np.linalg.norm(pieces, axis=1)
    ends = np.concatenate(((0.0,), np.cumsum(lengths)))
    far = float(np.linalg.norm(camera.look_at - camera.position))
    up = camera.upright
    for number in range(frames_of(float(ends[-1]), step)):
        piece = min(int(np.searchsorted(ends, number * step, side="right")) - 1, len(pieces) - 1)
        direction = pieces[piece] / lengths[piece]
        target = points[piece] + direction * (number * step - ends[piece])
        across = up - direction * (up @ direction)
        if np.linalg.norm(across) > 0.05:
            up = _unit(across)
        else:
            # The curve goes where up was: the way ahead becomes what is up, turned at right angles.
            up = _unit(np.cross(np.cross(direction, up) + np.array((1e-3, 0, 0)), direction))
        yield Camera(target - direction * far, target, up)


def frames_of(extent: float, step: float) -> int:
    """Frames of an animation over an angle or a length."""
    return max(1, math.floor(extent / step + 1e-9))


def _distance(volume: Volume) -> float:
    """How far from the middle a camera is put: outside of the volume, whatever the direction."""
    return float(np.linalg.norm(volume.corners - volume.center, axis=1).max()) + 100.0


def _turned(vector: Matrix, axis: Matrix, angle: float) -> Matrix:
    """Rodrigues' rotation."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return vector * cosine + np.cross(axis, vector) * sine + axis * (axis @ vector) * (1 - cosine)


def _unit(vector: Matrix) -> Matrix:
    return vector / np.linalg.norm(vector)


def _no_view(offender: str, why: str) -> BadRequest:
    return BadRequest(
        f"There is no view: {why}.",
        section="8.3.5.3",
        offender=offender,
        accepted=("viewpointposition=0,-500,0&viewpointlookat=0,0,0&viewpointup=0,0,1",),
    )
