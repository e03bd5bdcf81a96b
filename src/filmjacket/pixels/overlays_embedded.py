"""Overlay planes without data of their own: one bit of every pixel cell that the pixels leave unused (retired)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer
from filmjacket.dicom.pixel_layout import BITS_ALLOCATED
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.pixels.description import stored_bits

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.description import PixelDescription

GROUPS: Final = tuple(f"{group:04X}" for group in range(0x6000, 0x6020, 2))

_MOST_BITS: Final = 64
_WHOLE_CELLS: Final = frozenset((Kind.UNCOMPRESSED, Kind.DEFLATED_FRAME, Kind.RLE))


def embedded_position(attributes: Attributes, group: str) -> int | None:
    """The bit of the pixel cells that a plane is in; None if it is in none, or in one that belongs to the pixels."""
    if f"{group}0010" not in attributes or f"{group}3000" in attributes:
        return None
    allocated, position = (get_integer(attributes, f"{group}{element}") for element in ("0100", "0102"))
    if position is None or (allocated, position) == (1, 0):  # what is said of a plane with data of its own
        return None
    cell = get_integer(attributes, BITS_ALLOCATED) or _MOST_BITS
    stored, high = stored_bits(attributes, cell)
    return position if 0 <= position < cell and not high - stored < position <= high else None


def has_embedded_overlays(attributes: Attributes) -> bool:
    """Tell whether any plane lies in the cells of the pixels."""
    return any(embedded_position(attributes, group) is not None for group in GROUPS)


def whole_cells(description: PixelDescription) -> PixelDescription | None:
    """The same frames described so that decoding gives cells with all their bits; None if the coding loses some.

    Codestreams have no cells: their samples are values, hence bits of a cell only if those begin at its lowest bit.
    What is above the precision of the stream was not there when it was made, and comes as zeros.
    """
    syntax = transfer_syntaxes.get(description.transfer_syntax)
    if description.kind != "integer" or syntax is None or syntax.lossy:
        return None
    if syntax.kind not in _WHOLE_CELLS and description.high_bit != description.bits_stored - 1:
        return None
    bits = description.bits_allocated
    return replace(description, bits_stored=bits, high_bit=bits - 1, signed=False)
