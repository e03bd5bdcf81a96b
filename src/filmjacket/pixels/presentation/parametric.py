"""Parametric maps over images: false colours of the values that they hold (PS3.3 A.75, C.7.6.16.2.11).

The window of the request is one of real world values; without it the window of the map counts, which is one of its
stored values, without that the range from the lowest to the highest value of the frame.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_items
from filmjacket.pixels.grayscale import Span, VoiWindow, read_grayscale, read_voi
from filmjacket.pixels.palette import read_palette
from filmjacket.pixels.presentation.colours import hot_iron
from filmjacket.pixels.presentation.scope import numbers_of
from filmjacket.pixels.presentation.softcopy import palette_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.overlaid import Ground
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.pixels.render import Frame, RenderedImage
    from filmjacket.web.rendering import RenderRequest

_MAPPINGS: Final = "00409096"
_INTERCEPT: Final = "00409224"
_SLOPE: Final = "00409225"
_TABLE: Final = "00409212"
_FIRST: Final = ("00409216", "00409214")
_FUNCTION: Final = "00281056"

OPACITY: Final = 0.7
"""Of the map over an image."""
_RISE: Final = 4.0
"""The lowest quarter of the range lets the image through: most of a map is background."""


def show_map(ground: Ground, frame: Frame, placed: Placed | None, request: RenderRequest) -> RenderedImage:
    """The ground with a frame of a map over it; over black the map alone."""
    # The window of the request is for the map, not for the image below it.
    canvas, layout = ground.canvas(replace(request, window=None))
    share, valid = _share(frame, request)
    palette = read_palette(frame.attributes, frame.bulk)
    colours = hot_iron() if palette is None else palette_colours(palette)
    fitted, covered = ground.fitted(np.where(valid, share, 0.0), placed, smooth=True)
    there, _ = ground.fitted(valid.astype(np.float64), placed, smooth=True)
    weight = np.ones(ground.size) if ground.frame is None else OPACITY * np.clip(fitted * _RISE, 0.0, 1.0)
    weight = np.where(covered, weight * there, 0.0)
    shade = layout.show(colours[np.rint(np.clip(fitted, 0.0, 1.0) * 255.0).astype(np.intp)])
    canvas.blend(shade, layout.show(np.rint(weight * 255.0).astype(np.uint8)))
    return ground.finished(canvas, request)


def real_world(array: NDArray[Any], attributes: Attributes) -> NDArray[Any]:
    """Real world values of stored values, by the first mapping of the frame (PS3.3 C.7.6.16.2.11.1.2)."""
    for item in get_items(attributes, _MAPPINGS)[:1]:
        table = numbers_of(item, _TABLE)
        first = next((values[0] for tag in _FIRST if (values := numbers_of(item, tag))), 0.0)
        if table:
            places = np.clip(np.rint(array - first), 0, len(table) - 1).astype(np.intp)
            return np.array(table)[places]
        slope, intercept = numbers_of(item, _SLOPE), numbers_of(item, _INTERCEPT)
        return array * (slope or [1.0])[0] + (intercept or [0.0])[0]
    return array


def _share(frame: Frame, request: RenderRequest) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Each value as a share of the range that is shown, and which values are any."""
    array = frame.array(0).astype(np.float64)
    valid = np.isfinite(array)
    if frame.description.padding is not None:
        low, high = frame.description.padding
        valid &= (array < low) | (array > high)
    array = np.where(valid, array, 0.0)
    if request.window is not None:
        window = VoiWindow(request.window.center, request.window.width, request.window.function)
        return window.map(real_world(array, frame.attributes)), valid
    grayscale = read_grayscale(frame.attributes, frame.description, frame.bulk)
    voi = read_voi(frame.attributes, frame.bulk, True)  # noqa: FBT003 - values of maps may be negative
    if isinstance(voi, VoiWindow):
        return voi.map(grayscale.modality(array)), valid
    values = real_world(array, frame.attributes)
    inside = values[valid]
    span = Span(float(inside.min()), float(inside.max())) if inside.size else Span(0.0, 1.0)
    return span.map(values), valid
