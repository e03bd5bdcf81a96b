"""What lies over an image, in the layout of that image: segmentations, maps and contours share this."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from filmjacket.pixels.presentation.canvas import Canvas
from filmjacket.pixels.presentation.colours import as_rgb
from filmjacket.pixels.presentation.layout import Layout
from filmjacket.pixels.presentation.planes import resampled
from filmjacket.pixels.render import RenderedImage, appearance
from filmjacket.pixels.viewport import pixel_aspect, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.pixels.render import Frame
    from filmjacket.web.rendering import RenderRequest


@dataclass(frozen=True, slots=True)
class Ground:
    """What something is shown over: a frame, or black of the size and with the attributes of what is shown.

    `placed` is where it is in the patient, None if that is not known.
    """

    frame: Frame | None
    attributes: Attributes
    size: tuple[int, int]
    placed: Placed | None

    def layout(self, request: RenderRequest) -> Layout:
        """The layout that the viewport of a request asks for."""
        rows, columns = self.size
        if request.viewport is None:
            return Layout(0.0, 0.0, columns, rows, 1.0, 1.0)
        placement = place(request.viewport, rows, columns, pixel_aspect(self.attributes))
        left, top, right, bottom = placement.region
        width, height = right - left, bottom - top
        return Layout(
            left,
            top,
            width,
            height,
            placement.columns / width,
            placement.rows / height,
            # Upside down is half a turn and a flip.
            2 if placement.flip_y else 0,
            placement.flip_x != placement.flip_y,
        )

    def canvas(self, request: RenderRequest) -> tuple[Canvas, Layout]:
        """The picture of the ground in RGB, to draw on."""
        layout = self.layout(request)
        if self.frame is None:
            array: NDArray[np.uint8] = np.zeros(self.size, np.uint8)
        else:
            # Colours are managed at the end, for the ground and what is over it.
            plain = replace(request, icc=None, viewport=None, annotation=())
            array = appearance(self.frame, plain).array
        return Canvas(layout.show(as_rgb(array))), layout

    def finished(self, canvas: Canvas, request: RenderRequest) -> RenderedImage:
        """The picture with annotation and profile."""
        aspect = pixel_aspect(self.attributes) if request.viewport is None else 1.0
        image = RenderedImage(canvas.array, pixel_aspect=aspect)
        if request.icc not in {None, "no"}:
            from filmjacket.pixels.icc import managed  # noqa: PLC0415 - loaded by those who need it

            colours = managed(as_rgb(image.array), None, request.icc)
            image = replace(image, array=colours.array, icc_profile=colours.profile)
        if not request.annotation:
            return image
        from filmjacket.pixels.annotate import annotate  # noqa: PLC0415 - fonts are loaded by those who need them

        return replace(image, array=annotate(image.array, self.attributes, request.annotation))

    def fitted(
        self, array: NDArray[Any], placed: Placed | None, *, smooth: bool
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """An array on the pixels of the ground, and which of them it covers.

        By geometry where both have one; else it is taken to show the same area as the ground.
        """
        if placed is not None and self.placed is not None and not _same_grid(placed, self.placed):
            return resampled(array, placed, self.placed, smooth=smooth)
        covered = np.ones(self.size, np.bool_)
        if array.shape[:2] == self.size:
            return array, covered
        row, column = (np.arange(size) * count // size for size, count in zip(self.size, array.shape[:2], strict=True))
        return array[row[:, None], column[None, :]], covered


def _same_grid(one: Placed, other: Placed) -> bool:
    """Whether pixels are over pixels, as far as a hundredth of one."""
    if one.size != other.size or not np.allclose(one.spacing, other.spacing, rtol=1e-3):
        return False
    corner = np.array([[0.0, 0.0], [one.size[1] - 1.0, one.size[0] - 1.0]])
    points = one.position + corner[:, :1] * one.spacing[0] * one.row + corner[:, 1:] * one.spacing[1] * one.column
    return bool(np.abs(other.pixels(points) - corner).max() < 0.01)
