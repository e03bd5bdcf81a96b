"""Lines, areas, masks and text over a picture, with smooth edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw

from filmjacket.pixels.fonts import font_for
from filmjacket.pixels.presentation.colours import as_rgb, is_grey, mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from filmjacket.pixels.presentation.colours import Colour

_FINE: Final = 4
_FINE_PIXELS: Final = 1 << 20
"""Areas up to this size are drawn four times as large and made smaller: edges are smooth then."""
SMALLEST_TEXT: Final = 9
_LINE: Final = 1.25
_MAX_LINES: Final = 60
_MAX_LETTERS: Final = 200


class Canvas:
    """A picture that is drawn on; it stays grey as long as all colours are."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self._grey = array.ndim == 2
        self._pixels = as_rgb(array)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._pixels.shape[:2]
        return rows, columns

    @property
    def array(self) -> NDArray[np.uint8]:
        """The picture."""
        return np.ascontiguousarray(self._pixels[..., 0]) if self._grey else self._pixels

    def paint(
        self, mask: NDArray[np.uint8], colour: Colour, opacity: float = 1.0, at: tuple[int, int] = (0, 0)
    ) -> None:
        """Lay a colour over the picture where a mask, 0 to 255, says so; `at` is its top row and left column."""
        if not mask.any():
            return
        self._grey = self._grey and is_grey(colour)
        top, left = at
        below = self._pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
        weight = mask[: below.shape[0], : below.shape[1], None] * (opacity / 255.0)
        below[...] = np.rint(below * (1.0 - weight) + np.array(colour, np.float64) * weight)

    def blend(self, colours: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Lay a picture in RGB over this one of the same size where a mask, 0 to 255, says so."""
        self._grey = False
        self._pixels = mixed(self._pixels, colours, mask / 255.0)

    def area(self, outlines: Sequence[NDArray[Any]], colour: Colour, opacity: float = 1.0) -> None:
        """Fill polygons; where two of them overlap is outside, as in a ring."""
        self._draw(outlines, colour, opacity, 0.0)

    def line(self, points: NDArray[Any], colour: Colour, width: float = 1.0, opacity: float = 1.0) -> None:
        """Draw a line through points, (column, row) each."""
        self._draw([points], colour, opacity, max(width, 1.0))

    def _draw(self, shapes: Sequence[NDArray[Any]], colour: Colour, opacity: float, width: float) -> None:
        if not shapes:
            return
        every = np.concatenate(shapes)
        rows, columns = self.size
        margin = width / 2 + 2
        left, top = (max(0, math.floor(low - margin)) for low in every.min(axis=0))
        right, bottom = (
            min(limit, math.ceil(high + margin)) for high, limit in zip(every.max(axis=0), (columns, rows), strict=True)
        )
        if left >= right or top >= bottom:
            return
        area = (right - left) * (bottom - top)
        fine = _FINE if area <= _FINE_PIXELS else 2 if area <= 4 * _FINE_PIXELS else 1
        size = ((right - left) * fine, (bottom - top) * fine)
        image = Image.new("L", size, 0)
        for shape in shapes:
            # Pillow's coordinates are those of the centres of pixels.
            moved: list[tuple[float, float]] = [
                (float((x - left) * fine - 0.5), float((y - top) * fine - 0.5)) for x, y in shape
            ]
            if width:
                _stroke(image, moved, width * fine)
            else:
                _fill(image, moved)
        if fine > 1:
            image = image.resize((right - left, bottom - top), Image.Resampling.BOX)
        self.paint(np.asarray(image), colour, opacity, (top, left))

    def text(self, lines: Sequence[str], box: tuple[float, float, float, float], colour: Colour, justify: str) -> None:
        """Write lines into a box of (left, top, right, bottom), as large as they fit but no larger than is usual."""
        lines = [line[:_MAX_LETTERS] for line in lines[:_MAX_LINES]]
        left, top, right, bottom = box
        usual = text_size(self.size)
        # A box is a recommendation: text that nobody can read in it goes beyond it.
        smallest = max(SMALLEST_TEXT, usual * 2 // 3)
        size = max(smallest, int(min(usual, (bottom - top) / (len(lines) * _LINE) if lines else 0)))
        while size > smallest and any(text_width(line, size) > right - left for line in lines):
            size -= 1
        for place, line in enumerate(lines):
            free = (right - left) - text_width(line, size)
            shift = {"CENTER": free / 2, "RIGHT": free}.get(justify, 0.0)
            self._write(line, (left + shift, top + place * size * _LINE), size, colour)

    def _write(self, line: str, at: tuple[float, float], size: int, colour: Colour) -> None:
        font, drawable = font_for(line, size)
        rows, columns = self.size
        # What would be beyond the picture is moved into it: a text that nobody can read is of no use.
        width, height = math.ceil(font.getlength(drawable)) + 4, math.ceil(size * _LINE) + 4
        left = max(0, min(round(at[0]) - 2, columns - width))
        top = max(0, min(round(at[1]) - 2, rows - height))
        for stroke, shade in ((max(1, size // 12), (0, 0, 0)), (0, colour)):
            image = Image.new("L", (width, height), 0)
            ImageDraw.Draw(image).text((2, 2), drawable, fill=255, font=font, stroke_width=stroke, anchor="la")
            self.paint(np.asarray(image), shade, 0.6 if stroke else 1.0, (top, left))


def text_size(size: tuple[int, int]) -> int:
    """The usual size of text in a picture of (rows, columns)."""
    return max(SMALLEST_TEXT + 2, min(64, min(size) // 28))


def line_width(size: tuple[int, int]) -> float:
    """The usual width of lines in a picture of (rows, columns)."""
    return max(1.0, min(size) / 500)


def text_width(line: str, size: int) -> float:
    """Columns that a line takes."""
    font, drawable = font_for(line, size)
    return font.getlength(drawable)


def _stroke(image: Image.Image, points: list[tuple[float, float]], width: float) -> None:
    drawing = ImageDraw.Draw(image)
    radius = width / 2
    if len(points) > 1:
        drawing.line(points, fill=255, width=max(1, round(width)), joint="curve")
    if len(points) < _FEW_POINTS:
        for x, y in points:
            drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


_FEW_POINTS: Final = 200
"""Lines through more points are curves, which need no round ends."""


def _fill(image: Image.Image, points: list[tuple[float, float]]) -> None:
    from PIL import ImageChops  # noqa: PLC0415 - only areas need it

    if len(points) < 3:
        return
    single = Image.new("L", image.size, 0)
    ImageDraw.Draw(single).polygon(points, fill=255)
    image.paste(ImageChops.difference(image, single))
