"""Icons for what has no picture, or none that may be shown: reports, curves, plans, videos (drawn, so of any size)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from filmjacket.pixels.render import RenderedImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageDraw import ImageDraw as Draw

    Point = tuple[float, float]

GRID: Final = 256
"""Side of the square that glyphs are drawn in."""
_LARGEST: Final = 1024

_GROUND: Final = "#151b23"
_PAPER: Final = "#e8edf2"
_FOLD: Final = "#b3bfcc"
_INK: Final = "#8b99a8"


_BEAT: Final = (
    (0, 0), (14, 0), (20, -12), (26, 0), (34, 0), (38, 10), (46, -68), (54, 26), (59, 0), (70, 0), (78, -18), (88, 0),
)  # fmt: skip
"""P wave, QRS complex and T wave."""
_LABELLED: Final = 80
"""Smaller icons have no label: nobody could read it."""


def draw_icon(kind: str, label: str, side: int) -> RenderedImage:
    """The icon of a kind, a square with a short label."""
    glyph, colour = ICONS.get(kind, ICONS["other"])
    # Drawn larger and made smaller: Pillow's lines have no smooth edges of their own.
    scale = 4 if side * 2 <= _LARGEST else 2
    drawn = side * scale
    image = Image.new("RGB", (drawn, drawn), _GROUND)
    pen = _Pen(ImageDraw.Draw(image), drawn / GRID)
    glyph(pen, colour)
    if label and side >= _LABELLED:
        pen.label(label, colour)
    return RenderedImage(np.asarray(image.resize((side, side), Image.Resampling.LANCZOS)))


class _Pen:
    """Draws on the grid, whatever the size of the picture."""

    def __init__(self, draw: Draw, scale: float) -> None:
        self._draw = draw
        self._scale = scale

    def polygon(self, points: list[Point], fill: str) -> None:
        """A filled shape."""
        self._draw.polygon(self._at(points), fill)

    def line(self, points: list[Point], fill: str, width: float) -> None:
        """A line with round corners and ends."""
        self._draw.line(self._at(points), fill, round(width * self._scale), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc((x, y), width / 2, fill)

    def disc(self, center: Point, radius: float, fill: str) -> None:
        """A filled circle."""
        self._draw.ellipse(self._box(center, radius), fill)

    def ring(self, center: Point, radius: float, fill: str, width: float, *, squeeze: float = 1.0) -> None:
        """A circle, or with `squeeze` an ellipse that is lower than wide."""
        x, y = center
        box = (x - radius, y - radius * squeeze, x + radius, y + radius * squeeze)
        self._draw.ellipse(tuple(side * self._scale for side in box), None, fill, round(width * self._scale))

    def box(self, corners: tuple[float, float, float, float], radius: float, fill: str) -> None:
        """A filled rectangle with round corners."""
        self._draw.rounded_rectangle(tuple(side * self._scale for side in corners), radius * self._scale, fill)

    def label(self, text: str, colour: str) -> None:
        """A short text in a pill below the glyph."""
        font = ImageFont.load_default(24 * self._scale)
        width = self._draw.textlength(text, font) / self._scale
        left, right = 128 - width / 2 - 16, 128 + width / 2 + 16
        self.box((left, 200, right, 236), 18, colour)
        self._draw.text((128 * self._scale, 218 * self._scale), text, _GROUND, font, anchor="mm")

    def _at(self, points: list[Point]) -> list[Point]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def _box(self, center: Point, radius: float) -> tuple[float, ...]:
        x, y = center
        return tuple(side * self._scale for side in (x - radius, y - radius, x + radius, y + radius))


def _page(pen: _Pen, colour: str, *, key: bool = False) -> None:
    pen.polygon([(74, 28), (150, 28), (182, 60), (182, 180), (74, 180)], _PAPER)
    pen.polygon([(150, 28), (182, 60), (150, 60)], _FOLD)
    if key:
        pen.polygon(_star((128, 120), 40, 17), colour)
        return
    pen.box((90, 76, 150, 86), 5, colour)
    for row, right in enumerate((166, 158, 166, 132)):
        pen.box((90, 98 + 20 * row, right, 106 + 20 * row), 4, _INK)


def _star(center: Point, outer: float, inner: float) -> list[Point]:
    angles = -np.pi / 2 + np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, inner, outer)
    x, y = center[0] + radii * np.cos(angles), center[1] + radii * np.sin(angles)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _curve(pen: _Pen, colour: str) -> None:
    for y in range(48, 181, 22):
        pen.line([(36, y), (220, y)], "#263140", 1.5)
    for x in range(36, 221, 23):
        pen.line([(x, 48), (x, 180)], "#263140", 1.5)
    points = [(36 + offset + x, 128 + y) for offset in (0, 92) for x, y in _BEAT]
    pen.line([*points, (220, 128)], colour, 5)


def _sound(pen: _Pen, colour: str) -> None:
    for place, height in enumerate((22, 50, 92, 130, 74, 110, 48, 84, 30)):
        x = 52 + 19 * place
        pen.box((x - 6, 108 - height / 2, x + 6, 108 + height / 2), 6, colour)


def _contours(pen: _Pen, colour: str) -> None:
    pen.ring((128, 106), 82, _INK, 4, squeeze=0.86)
    pen.ring((110, 96), 36, colour, 6, squeeze=1.15)
    pen.ring((160, 122), 24, "#f2b25c", 6)
    pen.disc((110, 96), 5, colour)
    pen.disc((160, 122), 4, "#f2b25c")


def _beams(pen: _Pen, colour: str) -> None:
    pen.ring((128, 106), 78, _INK, 4, squeeze=0.9)
    for start in ((128, 22), (46, 52), (210, 52)):
        pen.line([start, (128, 112)], colour, 5)
    pen.disc((128, 112), 20, "#f2b25c")
    pen.disc((128, 112), 8, _GROUND)


def _film(pen: _Pen, colour: str) -> None:
    pen.box((38, 44, 218, 180), 14, "#2b3644")
    for x in range(54, 214, 24):
        pen.box((x, 52, x + 12, 62), 3, _GROUND)
        pen.box((x, 162, x + 12, 172), 3, _GROUND)
    pen.disc((128, 112), 40, colour)
    pen.polygon([(114, 90), (114, 134), (152, 112)], _GROUND)


def _picture(pen: _Pen, colour: str) -> None:
    pen.box((40, 40, 216, 180), 14, "#2b3644")
    pen.disc((86, 84), 15, "#f2b25c")
    pen.polygon([(54, 166), (110, 100), (146, 142), (164, 122), (204, 166)], colour)


def _hidden(pen: _Pen, colour: str) -> None:
    pen.box((40, 40, 216, 180), 14, "#2b3644")
    pen.ring((128, 90), 27, colour, 9)
    pen.box((90, 92, 166, 158), 12, colour)
    pen.disc((128, 118), 9, _GROUND)
    pen.line([(128, 120), (128, 138)], _GROUND, 6)


def _layers(pen: _Pen, colour: str) -> None:
    for y, fill in ((142, "#3d4a5a"), (114, _INK), (86, colour)):
        pen.polygon([(128, y - 44), (210, y), (128, y + 44), (46, y)], _GROUND)
        pen.polygon([(128, y - 38), (200, y), (128, y + 38), (56, y)], fill)


def _axes(pen: _Pen, colour: str) -> None:
    pen.ring((112, 122), 56, _INK, 5)
    pen.ring((150, 92), 56, colour, 5)
    pen.line([(112, 122), (150, 92)], _PAPER, 4)
    for center in ((112, 122), (150, 92)):
        pen.disc(center, 7, _PAPER)


def _cube(pen: _Pen, colour: str) -> None:
    pen.polygon([(128, 30), (198, 68), (128, 106), (58, 68)], _PAPER)
    pen.polygon([(58, 68), (128, 106), (128, 184), (58, 146)], colour)
    pen.polygon([(198, 68), (128, 106), (128, 184), (198, 146)], "#3d4a5a")


def _bits(pen: _Pen, colour: str) -> None:
    for row in range(5):
        for column in range(7):
            one = (row * 7 + column * column) % 3 == 0
            pen.disc((52 + 25.5 * column, 50 + 29 * row), 9 if one else 5, colour if one else "#3d4a5a")


ICONS: Final[dict[str, tuple[Callable[[_Pen, str], None], str]]] = {
    "report": (_page, "#5db3e8"),
    "document": (_page, "#e8796f"),
    "key-object": (partial(_page, key=True), "#f2b25c"),
    "waveform": (_curve, "#63d2a1"),
    "sound": (_sound, "#63d2a1"),
    "structures": (_contours, "#63d2a1"),
    "plan": (_beams, "#e8796f"),
    "video": (_film, "#5db3e8"),
    "image": (_picture, "#5db3e8"),
    "hidden": (_hidden, "#f2b25c"),
    "presentation": (_layers, "#b48ef0"),
    "registration": (_axes, "#b48ef0"),
    "surface": (_cube, "#5db3e8"),
    "raw": (_bits, "#8fa3b8"),
    "other": (_bits, "#8fa3b8"),
}
"""Kind to what draws it and its colour."""
