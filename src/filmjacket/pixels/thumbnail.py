"""Small pictures of frames, without anything in them that tells who the patient is (PS3.18 10.4.1.1.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from filmjacket.pixels.render import RenderedImage, render
from filmjacket.pixels.viewport import place, show
from filmjacket.web.rendering import RenderRequest, Viewport

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.pixels.render import Frame

COARSE_SIDE: Final = 64
COARSE_REDUCTION: Final = 10
"""Letters have 10 to 25 rows in pictures of ultrasound and screens. A tenth of that nobody can read; at a sixth, as was
tried, the larger ones still can be."""
SMALLEST_SIDE: Final = 16


def frame_thumbnail(frame: Frame, viewport: Viewport) -> RenderedImage:
    """A frame with its own window, neither overlays nor annotation."""
    return render(frame, RenderRequest(viewport=viewport, icc="no"), overlays=False)


def coarse_frame_thumbnail(frame: Frame, viewport: Viewport) -> RenderedImage:
    """The same, so coarse that burned-in text cannot be read, whatever its size in the end."""
    description = frame.description
    return coarse(lambda small: frame_thumbnail(frame, small), (description.rows, description.columns), viewport)


def coarse_picture(picture: RenderedImage, size: tuple[int, int], viewport: Viewport) -> RenderedImage:
    """The same for a picture that is there already: a frame of a video, for example."""
    return coarse(lambda small: _fitted(picture, small), size, viewport)


def coarse(make: Callable[[Viewport], RenderedImage], size: tuple[int, int], viewport: Viewport) -> RenderedImage:
    """A picture of a source with `size` (rows, columns) that is made small, and then as large as is asked for."""
    side = min(COARSE_SIDE, max(SMALLEST_SIDE, max(size) // COARSE_REDUCTION))
    side = min(side, viewport.width, viewport.height)
    made = make(Viewport(side, side))
    return _fitted(made, viewport)


def _fitted(picture: RenderedImage, viewport: Viewport) -> RenderedImage:
    rows, columns = picture.array.shape[:2]
    placement = place(viewport, rows, columns, picture.pixel_aspect)
    return replace(picture, array=show(picture.array, placement, rows, columns), pixel_aspect=1.0)
