"""Overlay planes 60xx: bit maps to be shown over the image (PS3.3 C.9.2), also those in unused bits of old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_bytes, get_integer, get_text, get_values
from filmjacket.pixels.overlays_embedded import GROUPS, embedded_position

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

    Bulk = Callable[[str], bytes]

WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class Overlay:
    """Where a plane lies on a frame, and its bits; `row` and `column` count from 0 and may be negative."""

    group: str
    kind: str
    row: int
    column: int
    bits: NDArray[np.bool_]


def has_overlays(attributes: Attributes) -> bool:
    """Tell whether a data set has any plane at all."""
    return any(f"{group}0010" in attributes for group in GROUPS)


def read_overlays(
    attributes: Attributes, number: int, bulk: Bulk, cells: Callable[[], NDArray[Any] | None]
) -> list[Overlay]:
    """The planes of the frame with this 1-based number; what contradicts itself is left out.

    `cells` gives the pixel cells of the frame with all their bits, None if those cannot be had: planes without data
    of their own are in them (retired in 2004).
    """
    found = (_read(attributes, group, number, bulk, cells) for group in GROUPS if f"{group}0010" in attributes)
    return [overlay for overlay in found if overlay is not None]


def burn_in(image: NDArray[np.uint8], overlays: list[Overlay]) -> NDArray[np.uint8]:
    """The image with the planes in white."""
    if not overlays:
        return image
    made = image.copy()
    rows, columns = made.shape[:2]
    for overlay in overlays:
        top, left = max(overlay.row, 0), max(overlay.column, 0)
        bits = overlay.bits[top - overlay.row :, left - overlay.column :][
            : max(rows - top, 0), : max(columns - left, 0)
        ]
        made[top : top + bits.shape[0], left : left + bits.shape[1]][bits] = WHITE
    return made


def _read(
    attributes: Attributes, group: str, number: int, bulk: Bulk, cells: Callable[[], NDArray[Any] | None]
) -> Overlay | None:
    rows, columns = (get_integer(attributes, f"{group}{element}") or 0 for element in ("0010", "0011"))
    if rows <= 0 or columns <= 0:
        return None
    first = get_integer(attributes, f"{group}0051") or 1
    planes = get_integer(attributes, f"{group}0015") or 1
    plane = number - first if f"{group}0015" in attributes else 0
    if not 0 <= plane < planes:
        return None
    raw = get_bytes(attributes, f"{group}3000", bulk)
    if raw is not None:
        bits = _unpacked(raw, plane, (rows, columns))
    else:
        bits = _embedded(attributes, group, (rows, columns), cells)
    origin = [value for value in get_values(attributes, f"{group}0050") if isinstance(value, int)]
    row, column = (origin[0] - 1, origin[1] - 1) if len(origin) == 2 else (0, 0)
    kind = (get_text(attributes, f"{group}0040") or "G").strip()
    return None if bits is None else Overlay(group, kind, row, column, bits)


def _unpacked(raw: bytes, plane: int, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    count = shape[0] * shape[1]
    start = plane * count
    packed = np.frombuffer(raw, np.uint8)[start // 8 : (start + count + 7) // 8]
    bits = np.unpackbits(packed, bitorder="little")[start % 8 :][:count]
    return bits.reshape(shape).astype(np.bool_) if len(bits) == count else None


def _embedded(
    attributes: Attributes, group: str, shape: tuple[int, int], cells_of: Callable[[], NDArray[Any] | None]
) -> NDArray[np.bool_] | None:
    """A plane in a bit of the pixel cells that the pixels do not use (PS3.3-2003 C.9.2.1)."""
    position = embedded_position(attributes, group)
    cells = None if position is None else cells_of()
    if position is None or cells is None or position >= 8 * cells.dtype.itemsize:
        return None
    if cells.shape[0] < shape[0] or cells.shape[1] < shape[1]:
        return None
    return ((cells[: shape[0], : shape[1]] >> position) & 1).astype(np.bool_)
