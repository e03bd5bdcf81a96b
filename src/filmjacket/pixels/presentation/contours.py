"""Contours of RT Structure Sets over images (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.pixels.presentation.canvas import line_width
from filmjacket.pixels.presentation.colours import DISTINCT
from filmjacket.pixels.presentation.scope import frame_numbers, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.canvas import Canvas
    from filmjacket.pixels.presentation.colours import Colour
    from filmjacket.pixels.presentation.layout import Layout
    from filmjacket.pixels.presentation.overlaid import Ground
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.web.rendering import RenderRequest

_ROI_CONTOURS: Final = "30060039"
_COLOUR: Final = "3006002A"
_CONTOURS: Final = "30060040"
_TYPE: Final = "30060042"
_DATA: Final = "30060050"
_IMAGES: Final = "30060016"
_UID: Final = "00081155"

CLOSED: Final = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))
FILL: Final = 0.15
"""Opacity inside of a closed contour."""


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """A contour: of which region, in which colour, of which type, its points in the patient, and its images."""

    region: int
    colour: Colour
    kind: str
    points: NDArray[np.float64]
    images: tuple[tuple[str, tuple[int, ...]], ...]


def read_contours(attributes: Attributes) -> Iterator[Contour]:
    """All contours of a structure set that have points."""
    for place, region in enumerate(get_items(attributes, _ROI_CONTOURS)):
        colour = _colour(region, place)
        for item in get_items(region, _CONTOURS):
            values = numbers_of(item, _DATA)
            count = len(values) // 3
            points = np.array(values[: 3 * count], np.float64).reshape(count, 3)
            if not count or not np.isfinite(points).all():
                continue
            kind = (get_text(item, _TYPE) or "CLOSED_PLANAR").strip().upper()
            images = tuple((get_text(image, _UID) or "", frame_numbers(image)) for image in get_items(item, _IMAGES))
            yield Contour(place, colour, kind, points, images)


def show_contours(ground: Ground, contours: Sequence[Contour], request: RenderRequest) -> RenderedImage:
    """The ground, which must have a place in the patient, with contours in the colours of their regions."""
    canvas, layout = ground.canvas(request)
    placed = ground.placed
    if placed is None:
        return ground.finished(canvas, request)
    for _, group in groupby(contours, key=lambda contour: contour.region):
        region = list(group)
        closed = [_on_picture(contour.points, placed, layout) for contour in region if contour.kind in CLOSED]
        if closed:
            # A contour inside of another one is a hole (PS3.3 C.8.8.6.3).
            canvas.area(closed, region[0].colour, FILL)
        for contour in region:
            _outline(canvas, layout, placed, contour)
    return ground.finished(canvas, request)


def _outline(canvas: Canvas, layout: Layout, placed: Placed, contour: Contour) -> None:
    points, width = _on_picture(contour.points, placed, layout), line_width(canvas.size) * 1.3
    if contour.kind in CLOSED:
        canvas.line(np.concatenate([points, points[:1]]), contour.colour, width)
        return
    near = _gaps(contour, placed) <= placed.half
    if contour.kind == "POINT" or len(points) == 1:
        for point in points:
            _cross(canvas, point, contour.colour, width)
    elif contour.kind == "OPEN_PLANAR":
        canvas.line(points, contour.colour, width)
    else:
        # OPEN_NONPLANAR goes through many slices: of each only what is there.
        for on, run in groupby(zip(near.tolist(), points, strict=True), key=lambda pair: pair[0]):
            if on:
                canvas.line(np.stack([point for _, point in run]), contour.colour, width)


def _cross(canvas: Canvas, at: NDArray[np.float64], colour: Colour, width: float) -> None:
    arm = max(3.0, 4 * width)
    for step in (np.array([arm, arm]), np.array([arm, -arm])):
        canvas.line(np.stack([at - step, at + step]), colour, width)


def _on_picture(points: NDArray[np.float64], placed: Placed, layout: Layout) -> NDArray[np.float64]:
    return layout.points(placed.pixels(points) + 0.5)


def _gaps(contour: Contour, placed: Placed) -> NDArray[np.float64]:
    return np.abs((contour.points - placed.position) @ placed.normal)


def _colour(region: Attributes, place: int) -> Colour:
    values = numbers_of(region, _COLOUR)
    if len(values) != 3:
        return DISTINCT[place % len(DISTINCT)]
    red, green, blue = (min(max(round(value), 0), 255) for value in values)
    return red, green, blue
