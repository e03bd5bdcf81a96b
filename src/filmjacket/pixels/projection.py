"""Projections of a whole volume along parallel rays: largest, smallest and mean value (PS3.18 8.3.5.3.2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from filmjacket.pixels.mpr import AVERAGE, MAXIMUM
from filmjacket.pixels.shear import clip_mask, shear_of, warp
from filmjacket.pixels.volume_grid import never

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.pixels.camera import View
    from filmjacket.pixels.volume_grid import Check, Floats, Volume


def project(volume: Volume, view: View, *, method: str, check: Check = never) -> tuple[Floats, NDArray[np.bool_]]:
    """Real values of the projection on the grid of the view, and which pixels have a ray through the volume.

    What is behind the viewpoint is not seen.
    """
    shear = shear_of(volume, view)
    near = nearest(volume, view)
    start = 0.0 if method == AVERAGE else -np.inf if method == MAXIMUM else np.inf
    picture = np.full(shear.shape, start, np.float32)
    count = np.zeros(shear.shape, np.int32)
    for m, plane in shear.slices():
        check()
        where = shear.rectangle(m)
        values = shear.shifted(m, plane.astype(np.float32))
        seen = True if near is None else clip_mask(shear, view, m, where, near, math.inf)
        count[where] += seen
        if method == AVERAGE:
            picture[where] += values * seen
        else:
            larger = np.maximum if method == MAXIMUM else np.minimum
            larger(picture[where], np.where(seen, values, np.float32(start)), out=picture[where])
    if method == AVERAGE:
        picture /= np.maximum(count, 1)
    picture[count == 0] = 0
    values = volume.real(warp(shear, view, picture))
    # A pixel that is partly outside is shown only if most of it is inside.
    covered = warp(shear, view, (count > 0).astype(np.float32)) > 0.5
    values[~covered] = 0
    return values, covered


def nearest(volume: Volume, view: View) -> float | None:
    """The viewpoint, in millimetres behind the look-at point (negative), if a part of the volume is behind it."""
    camera = view.camera
    viewpoint = -float(np.linalg.norm(camera.look_at - camera.position))
    first = float(((volume.corners - camera.look_at) @ camera.direction).min())
    return viewpoint if first < viewpoint - 1e-6 else None
