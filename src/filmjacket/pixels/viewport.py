"""Which part of a frame is shown, how large, and which way round (PS3.18 8.3.5.1.3).

The region is cut to the image. It is scaled until its width or height is that of the viewport, never padded, never
distorted: pixels that are not square are shown in their own proportion (PS3.3 C.7.6.3.1.7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_values
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.rendering import Viewport

_ASPECT_RATIO: Final = "00280034"
_SPACINGS: Final = ("00280030", "00181164", "00182010")
"""Pixel Spacing, Imager Pixel Spacing, Nominal Scanned Pixel Spacing."""

_SQUARE: Final = 0.01
"""Proportions that differ less from 1 are those of square pixels, written with few digits."""
_MAX_ASPECT: Final = 20.0
MAX_REDUCTION: Final = 5


@dataclass(frozen=True, slots=True)
class Placement:
    """A region of the source in pixels, (left, top, right, bottom), and the size of its picture."""

    region: tuple[float, float, float, float]
    columns: int
    rows: int
    flip_x: bool = False
    flip_y: bool = False

    @property
    def reduction(self) -> int:
        """How often the source can be halved without losing what the picture shows."""
        left, top, right, bottom = self.region
        factor = min((right - left) / self.columns, (bottom - top) / self.rows)
        return max(0, min(MAX_REDUCTION, int(math.log2(factor)))) if factor > 0 else 0


def pixel_aspect(attributes: Attributes) -> float:
    """Height of a pixel divided by its width; 1 where nothing credible is said."""
    ratio = _pair(attributes, _ASPECT_RATIO)
    spacing = next((pair for pair in (_pair(attributes, tag) for tag in _SPACINGS) if pair), None)
    # Spacing is between rows first, hence the height of a pixel; Pixel Aspect Ratio is vertical first.
    height, width = ratio or spacing or (1.0, 1.0)
    aspect = height / width
    if abs(aspect - 1.0) < _SQUARE or not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
        return 1.0
    return aspect


def place(viewport: Viewport, rows: int, columns: int, aspect: float) -> Placement:
    """The picture of an image in a viewport. Raises `BadRequest` for a region outside of the image."""
    right = columns if viewport.w is None else min(viewport.x + viewport.w, columns)
    bottom = rows if viewport.h is None else min(viewport.y + viewport.h, rows)
    if viewport.x >= right or viewport.y >= bottom:
        raise BadRequest(
            f"The region of the viewport is outside of the image, which has {columns} columns and {rows} rows.",
            section="8.3.5.1.3",
            offender="viewport",
            accepted=(f"viewport={viewport.width},{viewport.height},0,0,{columns},{rows}",),
        )
    width, height = right - viewport.x, (bottom - viewport.y) * aspect
    scale = min(viewport.width / width, viewport.height / height)
    return Placement(
        (viewport.x, viewport.y, right, bottom),
        max(1, min(viewport.width, round(width * scale))),
        max(1, min(viewport.height, round(height * scale))),
        viewport.flip_x,
        viewport.flip_y,
    )


def show(image: NDArray[np.uint8], placement: Placement, rows: int, columns: int) -> NDArray[np.uint8]:
    """The picture: the region, scaled and turned.

    `image` may be a reduced one; `rows` and `columns` are those of the source, which the region is in.
    """
    down, across = image.shape[0] / rows, image.shape[1] / columns
    left, top, right, bottom = placement.region
    box = (left * across, top * down, min(right * across, image.shape[1]), min(bottom * down, image.shape[0]))
    made = scaled(image, box, (placement.columns, placement.rows))
    if placement.flip_x:
        made = made[:, ::-1]
    if placement.flip_y:
        made = made[::-1]
    return np.ascontiguousarray(made)


def scaled(image: NDArray[Any], box: tuple[float, float, float, float], size: tuple[int, int]) -> NDArray[Any]:
    """The box (left, top, right, bottom) of an image at a size (columns, rows)."""
    whole = all(value.is_integer() for value in map(float, box))
    if whole and (box[2] - box[0], box[3] - box[1]) == size:
        left, top, right, bottom = map(int, box)
        return image[top:bottom, left:right]
    from PIL import Image  # noqa: PLC0415 - only pictures of another size need it

    smaller = size[0] < box[2] - box[0] or size[1] < box[3] - box[1]
    # Lanczos would put rings around every pixel of an enlarged edge.
    filtering = Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, filtering, box=box))


def _pair(attributes: Attributes, tag: str) -> tuple[float, float] | None:
    values = get_values(attributes, tag)
    try:
        first, second = (float(value) for value in values[:2])
    except (TypeError, ValueError):
        return None
    usable = math.isfinite(first) and math.isfinite(second) and first > 0 and second > 0
    return (first, second) if usable else None
