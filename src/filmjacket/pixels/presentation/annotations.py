"""Graphic and text annotation of presentation states (PS3.3 C.10.5, C.10.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_items, get_text
from filmjacket.pixels.presentation.canvas import line_width, text_size, text_width
from filmjacket.pixels.presentation.colours import WHITE, grey_colour, lab_colour
from filmjacket.pixels.presentation.scope import applies, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.canvas import Canvas
    from filmjacket.pixels.presentation.colours import Colour
    from filmjacket.pixels.presentation.layout import Layout

_LAYERS: Final = "00700060"
_LAYER: Final = "00700002"
_ORDER: Final = "00700062"
_LAYER_GREY: Final = "00700066"
_LAYER_RGB: Final = "00700067"
_LAYER_LAB: Final = "00700401"

_ANNOTATIONS: Final = "00700001"
_TEXTS: Final = "00700008"
_GRAPHICS: Final = "00700009"
_GRAPHIC_UNITS: Final = "00700005"
_GRAPHIC_DATA: Final = "00700022"
_GRAPHIC_TYPE: Final = "00700023"
_FILLED: Final = "00700024"
_LINE_STYLE: Final = "00700232"
_FILL_STYLE: Final = "00700233"
_TEXT_STYLE: Final = "00700231"
_ON_COLOUR: Final = "00700251"
_ON_OPACITY: Final = "00700284"
_TEXT_COLOUR: Final = "00700241"
_THICKNESS: Final = "00700253"
_DASHING: Final = "00700254"

_BOX_UNITS: Final = "00700003"
_ANCHOR_UNITS: Final = "00700004"
_TEXT: Final = "00700006"
_BOX_TOP_LEFT: Final = "00700010"
_BOX_BOTTOM_RIGHT: Final = "00700011"
_JUSTIFICATION: Final = "00700012"
_ANCHOR: Final = "00700014"
_ANCHOR_VISIBLE: Final = "00700015"

_ARC: Final = 180
"""Pieces that a circle or an ellipse is drawn with."""
_SMOOTH: Final = 16
"""Pieces between two points of a curve."""
_MAX_POINTS: Final = 20_000
_MAX_OBJECTS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Layer:
    """A graphic layer: its place among the others, and its colour."""

    order: int
    colour: Colour


def read_layers(attributes: Attributes) -> dict[str, Layer]:
    """The graphic layers of a state by name."""
    return {
        (get_text(item, _LAYER) or "").strip(): Layer(get_integer(item, _ORDER) or 0, _colour_of_layer(item))
        for item in get_items(attributes, _LAYERS)
    }


UNKNOWN_LAYER: Final = Layer(1 << 30, WHITE)
"""For what is in a layer that is not there: on top, in white."""


def _colour_of_layer(item: Attributes) -> Colour:
    retired = numbers_of(item, _LAYER_RGB)
    if len(retired) == 3 and "00700401" not in item:
        red, green, blue = (min(max(round(value), 0), 255) for value in retired)
        return red, green, blue
    return lab_colour(item, _LAYER_LAB) or grey_colour(item, _LAYER_GREY) or WHITE


def annotation_drawings(
    attributes: Attributes, layout: Layout, uid: str, frame: int
) -> Iterator[tuple[int, Callable[[Canvas], None]]]:
    """What is to be drawn over a frame, with the order of its layer."""
    layers = read_layers(attributes)
    count = 0
    for annotation in get_items(attributes, _ANNOTATIONS):
        if not applies(annotation, uid, frame):
            continue
        layer = layers.get((get_text(annotation, _LAYER) or "").strip(), UNKNOWN_LAYER)
        for sequence, draw in ((_GRAPHICS, _draw_graphic), (_TEXTS, _draw_text)):
            for item in get_items(annotation, sequence):
                count += 1
                if count > _MAX_OBJECTS:
                    return
                yield layer.order, _Drawing(draw, item, layout, layer.colour)


@dataclass(frozen=True, slots=True)
class _Drawing:
    draw: Callable[[Canvas, Attributes, Layout, Colour], None]
    item: Attributes
    layout: Layout
    colour: Colour

    def __call__(self, canvas: Canvas) -> None:
        self.draw(canvas, self.item, self.layout, self.colour)


def _draw_graphic(canvas: Canvas, item: Attributes, layout: Layout, colour: Colour) -> None:
    values = numbers_of(item, _GRAPHIC_DATA)[: 2 * _MAX_POINTS]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return
    points = np.array(values[: len(values) // 2 * 2], np.float64).reshape(-1, 2)
    kind = (get_text(item, _GRAPHIC_TYPE) or "").strip().upper()
    shape = _SHAPES.get(kind)
    if shape is None:
        return
    place = layout.fractions if (get_text(item, _GRAPHIC_UNITS) or "").strip() == "DISPLAY" else layout.points
    style = _first(item, _LINE_STYLE)
    usual = line_width(canvas.size)
    width = usual * min(max((numbers_of(style, _THICKNESS) or [1.0])[0], 1.0), 20.0)
    line_colour = lab_colour(style, _ON_COLOUR) or colour
    opacity = min(max((numbers_of(style, _ON_OPACITY) or [1.0])[0], 0.0), 1.0)
    if kind == "POINT":
        _draw_point(canvas, place(points)[0], line_colour, usual)
        return
    # Circles of the image are ellipses where its pixels are not square: they are made of points first.
    outline = place(shape(points))
    if (get_text(item, _FILLED) or "").strip().upper() == "Y":
        fill = _first(item, _FILL_STYLE)
        fill_opacity = min(max((numbers_of(fill, _ON_OPACITY) or [1.0])[0], 0.0), 1.0)
        canvas.area([outline], lab_colour(fill, _ON_COLOUR) or colour, fill_opacity)
    if (get_text(style, _DASHING) or "").strip() == "DASHED":
        for dash in _dashes(outline, 6 * width):
            canvas.line(dash, line_colour, width, opacity)
    else:
        canvas.line(outline, line_colour, width, opacity)


def _first(item: Attributes, sequence: str) -> Attributes:
    return next(iter(get_items(item, sequence)), None) or {}


def _draw_point(canvas: Canvas, at: NDArray[Any], colour: Colour, width: float) -> None:
    """A cross, its centre on the point."""
    arm = max(3.0, 4 * width)
    for step in (np.array([arm, 0.0]), np.array([0.0, arm])):
        canvas.line(np.stack([at - step, at + step]), colour, width)


def _polyline(points: NDArray[Any]) -> NDArray[Any]:
    return points


def _circle(points: NDArray[Any]) -> NDArray[Any]:
    """Centre and a point on the circle."""
    if len(points) < 2:
        return points
    radius = float(np.hypot(*(points[1] - points[0])))
    angles = np.linspace(0.0, 2 * math.pi, _ARC + 1)
    return points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _ellipse(points: NDArray[Any]) -> NDArray[Any]:
    """Ends of the major axis, then of the minor axis."""
    if len(points) < 4:
        return points
    centre = (points[0] + points[1]) / 2
    angles = np.linspace(0.0, 2 * math.pi, _ARC + 1)[:, None]
    return centre + np.cos(angles) * (points[1] - points[0]) / 2 + np.sin(angles) * (points[3] - points[2]) / 2


def _interpolated(points: NDArray[Any]) -> NDArray[Any]:
    """A smooth curve through all points (Catmull-Rom), closed if the last is the first."""
    if len(points) < 3:
        return points
    closed = bool(np.allclose(points[0], points[-1]))
    before = points[-2] if closed else 2 * points[0] - points[1]
    behind = points[1] if closed else 2 * points[-1] - points[-2]
    held = np.concatenate([before[None], points, behind[None]])
    t = np.linspace(0.0, 1.0, _SMOOTH, endpoint=False)[:, None]
    pieces = [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        for a, b, c, d in zip(held, held[1:], held[2:], held[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])


_SHAPES: Final = {
    "POINT": _polyline,
    "POLYLINE": _polyline,
    "CIRCLE": _circle,
    "ELLIPSE": _ellipse,
    "INTERPOLATED": _interpolated,
}
"""Points of a graphic as points of a line (PS3.3 C.10.5.1.2)."""


def _dashes(points: NDArray[Any], length: float) -> Iterator[NDArray[Any]]:
    """Every other piece of a line, all of one length."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if not 0 < along[-1] < 1000 * length:
        yield points
        return
    for start in np.arange(0.0, along[-1], 2 * length):
        end = min(start + length, along[-1])
        inner = along[(along > start) & (along < end)]
        at = np.concatenate([[start], inner, [end]])
        yield np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)


def _draw_text(canvas: Canvas, item: Attributes, layout: Layout, colour: Colour) -> None:
    lines = (get_text(item, _TEXT) or "").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n ").split("\n")
    style = _first(item, _TEXT_STYLE)
    colour = lab_colour(style, _TEXT_COLOUR) or colour
    anchor = _place(item, (_ANCHOR,), _ANCHOR_UNITS, layout)
    corners = _place(item, (_BOX_TOP_LEFT, _BOX_BOTTOM_RIGHT), _BOX_UNITS, layout)
    if corners is not None:
        low, high = corners.min(axis=0), corners.max(axis=0)
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    elif anchor is not None:
        box = _beside(anchor[0], lines, canvas)
    else:
        return
    rows, columns = canvas.size
    if box[0] >= columns or box[1] >= rows or box[2] <= 0 or box[3] <= 0:
        return  # it is beside what is displayed
    if anchor is not None and corners is not None and (get_text(item, _ANCHOR_VISIBLE) or "").strip() == "Y":
        nearest = np.clip(anchor[0], box[:2], box[2:])
        canvas.line(np.stack([nearest, anchor[0]]), colour, line_width(canvas.size))
    justify = (get_text(item, _JUSTIFICATION) or "LEFT").strip().upper()
    canvas.text(lines, box, colour, justify)


def _place(item: Attributes, tags: tuple[str, ...], units: str, layout: Layout) -> NDArray[Any] | None:
    values = [numbers_of(item, tag) for tag in tags]
    if any(len(pair) != 2 or not all(map(math.isfinite, pair)) for pair in values):
        return None
    points = np.array(values, np.float64)
    return layout.fractions(points) if (get_text(item, units) or "").strip() == "DISPLAY" else layout.points(points)


def _beside(anchor: NDArray[Any], lines: list[str], canvas: Canvas) -> tuple[float, float, float, float]:
    size = text_size(canvas.size)
    width = max(text_width(line, size) for line in lines) + 2
    left, top = float(anchor[0]) + size / 3, float(anchor[1]) - size / 2
    return left, top, left + width, top + len(lines) * size * 1.25
