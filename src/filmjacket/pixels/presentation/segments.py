"""Segmentations over images: binary, fractional and label maps (PS3.3 A.51, C.8.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_items, get_text
from filmjacket.pixels.palette import map_palette, read_palette
from filmjacket.pixels.presentation.canvas import line_width
from filmjacket.pixels.presentation.colours import DISTINCT, lab_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.canvas import Canvas
    from filmjacket.pixels.presentation.colours import Colour
    from filmjacket.pixels.presentation.layout import Layout
    from filmjacket.pixels.presentation.overlaid import Ground
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.pixels.render import Frame, RenderedImage
    from filmjacket.web.rendering import RenderRequest

_TYPE: Final = "00620001"
_SEGMENTS: Final = "00620002"
_NUMBER: Final = "00620004"
_REFERENCED_NUMBER: Final = "0062000B"
_MAXIMUM: Final = "0062000E"
_LAB: Final = "0062000D"

FILL: Final = 0.4
"""Opacity inside of a segment."""
_MAX_LABELS: Final = 256


@dataclass(frozen=True, slots=True)
class SegmentFrame:
    """A frame of a segmentation and where it is."""

    frame: Frame
    placed: Placed | None


def show_segments(ground: Ground, frames: Sequence[SegmentFrame], request: RenderRequest) -> RenderedImage:
    """The ground with the segments of all these frames, filled lightly and with an outline."""
    canvas, layout = ground.canvas(request)
    # The largest first, so that none is hidden below another.
    for segment in sorted(frames, key=lambda segment: -np.count_nonzero(segment.frame.array(0))):
        for weight, colour in _segments(segment.frame):
            fitted, covered = ground.fitted(weight, segment.placed, smooth=weight.dtype.kind == "f")
            shown = np.where(covered, np.rint(np.asarray(fitted, np.float64) * 255.0), 0).astype(np.uint8)
            if shown.any():
                _paint(canvas, layout, shown, colour)
    return ground.finished(canvas, request)


def segment_colours(attributes: Attributes) -> dict[int, Colour]:
    """Colours of segments by number: Recommended Display CIELab Value, else one of their own."""
    colours: dict[int, Colour] = {}
    for place, item in enumerate(get_items(attributes, _SEGMENTS)):
        number = get_integer(item, _NUMBER)
        if number is not None:
            colours[number] = lab_colour(item, _LAB) or DISTINCT[place % len(DISTINCT)]
    return colours


def _paint(canvas: Canvas, layout: Layout, shown: NDArray[np.uint8], colour: Colour) -> None:
    mask = layout.show(shown)
    canvas.paint(mask, colour, FILL)
    inside = mask > 127
    inner = inside
    for _ in range(max(1, round(line_width(canvas.size)))):
        inner = _eroded(inner)
    canvas.paint((inside & ~inner) * np.uint8(255), colour)


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What has all four neighbours; beyond the edge of the picture a segment goes on."""
    padded = np.pad(mask, 1, mode="edge")
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask


def _segments(frame: Frame) -> Iterator[tuple[NDArray[Any], Colour]]:
    """Each segment of a frame: how much of each pixel it is, True or up to 1, and its colour."""
    attributes, array = frame.attributes, frame.array(0)
    kind = (get_text(attributes, _TYPE) or "").strip().upper()
    colours = segment_colours(attributes)
    if kind == "LABELMAP":
        yield from _labels(frame, array, colours)
        return
    number = get_integer(attributes, _REFERENCED_NUMBER)
    colour = colours.get(number or 0) or DISTINCT[((number or 1) - 1) % len(DISTINCT)]
    if kind == "FRACTIONAL":
        yield np.clip(array / (get_integer(attributes, _MAXIMUM) or 255), 0.0, 1.0), colour
    else:
        yield array != 0, colour


def _labels(
    frame: Frame, array: NDArray[Any], colours: dict[int, Colour]
) -> Iterator[tuple[NDArray[np.bool_], Colour]]:
    """Segments of a label map: each value is one, 0 and padding are none (PS3.3 C.8.20.2)."""
    colour_of = _palette_colour(frame)
    low, high = frame.description.padding or (0, 0)
    values, counts = np.unique(array, return_counts=True)
    for value in values[np.argsort(-counts, kind="stable")][:_MAX_LABELS].tolist():
        if value == 0 or low <= value <= high:
            continue
        yield array == value, colour_of(value) or colours.get(value) or DISTINCT[(value - 1) % len(DISTINCT)]


def _palette_colour(frame: Frame) -> Callable[[int], Colour | None]:
    palette = read_palette(frame.attributes, frame.bulk) if frame.description.photometric == "PALETTE COLOR" else None
    if palette is None:
        return lambda _value: None

    def colour(value: int) -> Colour:
        mapped = map_palette(np.array([[value]], np.uint16), palette)[0, 0]
        shift = 8 * (mapped.dtype.itemsize - 1)
        red, green, blue = (int(part) >> shift for part in mapped)
        return red, green, blue

    return colour
