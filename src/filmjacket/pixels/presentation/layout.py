"""Where the displayed area of an image is in its picture: crop, scale, rotation, flip (PS3.3 C.10.4, C.10.6).

Choices where the standard leaves one: what is displayed beyond the image is black; the size of the display is not
known, so TRUE SIZE is SCALE TO FIT; without a viewport one pixel of the image is one of the picture, and pixels that
are not square are enlarged in their shorter direction; MAGNIFY is cut from the top left hand corner on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.errors import DicomError
from filmjacket.pixels.presentation.scope import item_for, numbers_of
from filmjacket.pixels.viewport import pixel_aspect, scaled
from filmjacket.web.rendering import MAX_VIEWPORT, MAX_VIEWPORT_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.scope import Source
    from filmjacket.web.rendering import Viewport

_AREAS: Final = "0070005A"
_TOP_LEFT: Final = "00700052"
_BOTTOM_RIGHT: Final = "00700053"
_SIZE_MODE: Final = "00700100"
_SPACING: Final = "00700101"
_ASPECT: Final = "00700102"
_MAGNIFICATION: Final = "00700103"
_FLIP: Final = "00700041"
_ROTATION: Final = "00700042"
_FURTHEST: Final = 1e6
_MAX_ASPECT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Layout:
    """A region of an image and how it becomes a picture: scaled, turned clockwise by quarters, flipped, cut.

    Coordinates of the image have their origin at the top left hand corner of its first pixel.
    """

    left: float
    top: float
    width: float
    height: float
    across: float
    down: float
    quarters: int = 0
    flip: bool = False
    limit: tuple[int, int] | None = None

    @property
    def scaled(self) -> tuple[int, int]:
        """Rows and columns of the scaled region before it is turned."""
        return max(1, round(self.height * self.down)), max(1, round(self.width * self.across))

    @property
    def turned(self) -> tuple[int, int]:
        """Rows and columns of the displayed area in the picture, before it is cut."""
        rows, columns = self.scaled
        return (columns, rows) if self.quarters % 2 else (rows, columns)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        rows, columns = self.turned
        return (min(rows, self.limit[0]), min(columns, self.limit[1])) if self.limit else (rows, columns)

    def points(self, coordinates: NDArray[Any]) -> NDArray[np.float64]:
        """Places in the picture, (column, row) each, of places in the image."""
        rows, columns = self.scaled
        x = (coordinates[:, 0] - self.left) * (columns / self.width)
        y = (coordinates[:, 1] - self.top) * (rows / self.height)
        turned = [(x, y), (rows - y, x), (columns - x, rows - y), (y, columns - x)][self.quarters]
        made = np.stack(turned, axis=1)
        if self.flip:
            made[:, 0] = self.turned[1] - made[:, 0]
        return np.clip(made, -_FURTHEST, _FURTHEST)

    def fractions(self, coordinates: NDArray[Any]) -> NDArray[np.float64]:
        """Places in the picture of fractions of the displayed area, as it is displayed (units DISPLAY)."""
        rows, columns = self.turned
        return np.clip(coordinates * np.array([columns, rows], np.float64), -_FURTHEST, _FURTHEST)

    def show(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture of an image of grey values, of RGB, or of a mask."""
        rows, columns = image.shape[:2]
        x0, y0 = max(self.left, 0.0), max(self.top, 0.0)
        x1, y1 = min(self.left + self.width, columns), min(self.top + self.height, rows)
        made = np.zeros((*self.scaled, *image.shape[2:]), np.uint8)
        if x0 < x1 and y0 < y1:
            step_x, step_y = made.shape[1] / self.width, made.shape[0] / self.height
            left, right = (round((x - self.left) * step_x) for x in (x0, x1))
            top, bottom = (round((y - self.top) * step_y) for y in (y0, y1))
            if left < right and top < bottom:
                made[top:bottom, left:right] = scaled(image, (x0, y0, x1, y1), (right - left, bottom - top))
        made = np.rot90(made, -self.quarters)
        if self.flip:
            made = made[:, ::-1]
        return np.ascontiguousarray(made[: self.size[0], : self.size[1]])


def layout_of(attributes: Attributes, source: Source, viewport: Viewport | None) -> Layout:
    """The layout that a presentation state asks for. Raises `DicomError` for an area of no size."""
    description = source.frame.description
    area = item_for(attributes, _AREAS, source.uid, source.frame.number) or {}
    left, top, width, height = _region(area, description.rows, description.columns)
    aspect = _aspect(area, source.frame.attributes)
    across, down = (1.0, aspect) if aspect >= 1 else (1.0 / aspect, 1.0)
    quarters = ((get_integer(attributes, _ROTATION) or 0) // 90) % 4
    magnify = (get_text(area, _SIZE_MODE) or "").strip() == "MAGNIFY"
    columns, rows = width * across, height * down
    if quarters % 2:
        columns, rows = rows, columns
    if magnify:
        ratio = (numbers_of(area, _MAGNIFICATION) or [1.0])[0]
        factor = ratio if np.isfinite(ratio) and ratio > 0 else 1.0
    elif viewport is not None:
        factor = min(viewport.width / columns, viewport.height / rows)
    else:
        factor = 1.0
    factor = min(factor, MAX_VIEWPORT / max(columns, rows), float(np.sqrt(MAX_VIEWPORT_PIXELS / (columns * rows))))
    flip = (get_text(attributes, _FLIP) or "").strip().upper() == "Y"
    limit = (viewport.height, viewport.width) if viewport is not None else None
    return Layout(left, top, width, height, across * factor, down * factor, quarters, flip, limit)


def _region(area: Attributes, rows: int, columns: int) -> tuple[float, float, float, float]:
    """Left, top, width, height. The corners are pixels of the image, named by what they are in the picture."""
    first, second = numbers_of(area, _TOP_LEFT), numbers_of(area, _BOTTOM_RIGHT)
    if len(first) != 2 or len(second) != 2:
        return 0.0, 0.0, float(columns), float(rows)
    (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(first, second, strict=True))
    if max(map(abs, (x0, x1, y0, y1))) > _FURTHEST:
        raise DicomError(
            "the displayed area of the presentation state is millions of pixels away from its image",
            section="PS3.3 C.10.4",
            offender="DisplayedAreaSelectionSequence",
        )
    return x0 - 1.0, y0 - 1.0, x1 - x0 + 1.0, y1 - y0 + 1.0


def _aspect(area: Attributes, attributes: Attributes) -> float:
    """Height of a pixel by its width."""
    for tag in (_SPACING, _ASPECT):
        pair = numbers_of(area, tag)
        if len(pair) == 2 and min(pair) > 0 and 1 / _MAX_ASPECT <= pair[0] / pair[1] <= _MAX_ASPECT:
            return pair[0] / pair[1]
    return pixel_aspect(attributes)
