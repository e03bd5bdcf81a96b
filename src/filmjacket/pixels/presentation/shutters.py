"""Display shutters: what of an image is not to be seen (PS3.3 C.7.6.11, C.7.6.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_text, get_texts
from filmjacket.pixels.overlays import read_overlays
from filmjacket.pixels.presentation.colours import BLACK, grey_colour, lab_colour
from filmjacket.pixels.presentation.scope import numbers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.colours import Colour
    from filmjacket.pixels.presentation.scope import State

_SHAPE: Final = "00181600"
_LEFT: Final = "00181602"
_RIGHT: Final = "00181604"
_UPPER: Final = "00181606"
_LOWER: Final = "00181608"
_CENTRE: Final = "00181610"
_RADIUS: Final = "00181612"
_VERTICES: Final = "00181620"
_VALUE: Final = "00181622"
_OVERLAY_GROUP: Final = "00181623"
_COLOUR: Final = "00181624"


def shutter_colour(attributes: Attributes) -> Colour:
    """What the hidden part is filled with; black unless said."""
    return lab_colour(attributes, _COLOUR) or grey_colour(attributes, _VALUE) or BLACK


def hidden(state: State, rows: int, columns: int, aspect: float) -> NDArray[np.bool_] | None:
    """The pixels of an image that its shutters hide, None if there are no shutters.

    `aspect` is the height of a pixel by its width: the radius of a circle counts pixels along a row.
    """
    attributes = state.attributes
    shapes = {text.strip().upper() for text in get_texts(attributes, _SHAPE)}
    # Rows and columns of shutters begin with 1.
    row, column = np.mgrid[1 : rows + 1, 1 : columns + 1]
    mask = np.zeros((rows, columns), np.bool_)
    if "RECTANGULAR" in shapes:
        edges = [get_integer(attributes, tag) for tag in (_LEFT, _RIGHT, _UPPER, _LOWER)]
        left, right, upper, lower = (
            edge if edge is not None else usual for edge, usual in zip(edges, (1, columns, 1, rows), strict=True)
        )
        mask |= (column < left) | (column > right) | (row < upper) | (row > lower)
    centre, radius = numbers_of(attributes, _CENTRE), numbers_of(attributes, _RADIUS)
    if "CIRCULAR" in shapes and len(centre) == 2 and radius:
        mask |= ((row - centre[0]) * aspect) ** 2 + (column - centre[1]) ** 2 > radius[0] ** 2
    vertices = numbers_of(attributes, _VERTICES)
    if "POLYGONAL" in shapes and len(vertices) >= 6:
        mask |= ~_inside(np.array(vertices[: len(vertices) // 2 * 2]).reshape(-1, 2), row, column)
    if "BITMAP" in shapes:
        _add_bitmap(mask, state)
    return mask if mask.any() else None


def _inside(vertices: NDArray[np.float64], row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels whose centre is inside of a polygon or on its edge; by the number of edges that are crossed."""
    inside, edges = np.zeros(row.shape, np.bool_), np.zeros(row.shape, np.bool_)
    for (y0, x0), (y1, x1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (row >= y0) != (row >= y1)
            inside ^= crosses & (column <= x0 + (row - y0) * (x1 - x0) / (y1 - y0))
        on_edge = np.abs((column - x0) * (y1 - y0) - (row - y0) * (x1 - x0)) < 1e-6
        edges |= (
            on_edge & (row >= min(y0, y1)) & (row <= max(y0, y1)) & (column >= min(x0, x1)) & (column <= max(x0, x1))
        )
    return inside | edges


def shutter_group(attributes: Attributes) -> str | None:
    """The overlay group that is a bitmap shutter, as four digits."""
    group = get_integer(attributes, _OVERLAY_GROUP)
    shapes = {text.strip().upper() for text in get_texts(attributes, _SHAPE)}
    if "BITMAP" not in shapes or group is None:
        return None
    text = get_text(attributes, _OVERLAY_GROUP) or ""
    # VR US, a number; some write the digits of the group as if they were decimal.
    return f"{group:04X}" if 0x6000 <= group <= 0x601E else text if text.startswith("60") else None


def _add_bitmap(mask: NDArray[np.bool_], state: State) -> None:
    group = shutter_group(state.attributes)
    for overlay in read_overlays(state.attributes, 1, state.bulk, lambda: None):
        if overlay.group != group:
            continue
        top, left = max(overlay.row, 0), max(overlay.column, 0)
        bits = overlay.bits[top - overlay.row :, left - overlay.column :]
        bits = bits[: max(mask.shape[0] - top, 0), : max(mask.shape[1] - left, 0)]
        mask[top : top + bits.shape[0], left : left + bits.shape[1]] |= bits
