"""What the Image Pixel Module says after frames are coded anew (PS3.5 8.2, PS3.3 C.7.6.3, C.7.6.1.1.5).

Everything else stays, the SOP Instance UID too: what is sent represents the resource at its URL (PS3.18 8.7.3.5). A
lossy form is only sent to those who name it, and says that it is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from filmjacket.dicom.attributes import get_integer, get_text, get_values
from filmjacket.pixels.forms import (
    HTJ2K,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LS_NEAR,
    JPEG_XL,
    RLE,
    encoded_photometric,
)
from filmjacket.web.reach import RECOMPRESSED

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.pixels.description import PixelDescription

LOSSY_METHODS: Final = {
    JPEG_BASELINE: "ISO_10918_1",
    JPEG_EXTENDED: "ISO_10918_1",
    JPEG_LS_NEAR: "ISO_14495_1",
    JPEG_2000: "ISO_15444_1",
    HTJ2K: "ISO_15444_15",
    JPEG_XL: "ISO_18181_1",
}
"""Defined terms of Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1)."""

_WHOLE_CELLS: Final = frozenset((JPEG_BASELINE, JPEG_LS_NEAR, HTJ2K))
"""Lossy codings whose streams have 8 or 16 bits whatever Bits Stored is: values overshoot it by what is lost."""
_EXTENDED_BITS: Final = 12

_PHOTOMETRIC: Final = "00280004"
_PLANAR: Final = "00280006"
_BITS_ALLOCATED: Final = "00280100"
_BITS_STORED: Final = "00280101"
_HIGH_BIT: Final = "00280102"
_LOSSY: Final = "00282110"
_RATIO: Final = "00282112"
_METHOD: Final = "00282114"
# They point into the stored file.
_OFFSET_TABLES: Final = ("7FE00001", "7FE00002")


def changed_attributes(
    attributes: Attributes,
    description: PixelDescription,
    transfer_syntax: str,
    *,
    ratio: float,
    stored_ratio: float | None,
) -> dict[str, Element | None]:
    """The top-level attributes that are set, or removed where None, when frames go from what is stored to a syntax.

    `ratio` is that of the native size to the new one, approximately; `stored_ratio` to the stored one if that is lossy.
    """
    changes: dict[str, Element | None] = dict.fromkeys(_OFFSET_TABLES)
    if RECOMPRESSED.get(description.transfer_syntax) != transfer_syntax:
        changes |= _description(attributes, description, transfer_syntax)
    losses: list[tuple[str, float]] = []
    if stored_ratio is not None and not says_lossy(attributes):
        # The stored stream said it; the new one would not.
        losses.append((LOSSY_METHODS[description.transfer_syntax], stored_ratio))
    if transfer_syntax in LOSSY_METHODS and RECOMPRESSED.get(description.transfer_syntax) != transfer_syntax:
        losses.append((LOSSY_METHODS[transfer_syntax], ratio))
    if losses:
        methods, ratios = _loss_so_far(attributes, description.transfer_syntax)
        changes[_LOSSY] = {"vr": "CS", "Value": ["01"]}
        changes[_METHOD] = {"vr": "CS", "Value": [*methods, *(method for method, _ in losses)]}
        changes[_RATIO] = {"vr": "DS", "Value": [*ratios, *(round(value, 2) for _, value in losses)]}
    return changes


def coded_bits(description: PixelDescription, transfer_syntax: str) -> tuple[int, int]:
    """Bits Allocated and Bits Stored of integer frames in a transfer syntax.

    Of a lossy one as its stream has them (PS3.5 8.2.1 demands it for JPEG). Decoders limit values to the precision of
    the stream; a reader that masked them to fewer Bits Stored would make black of white.
    """
    stored = description.bits_stored
    if transfer_syntax not in LOSSY_METHODS:
        return 1 if description.bits_allocated == 1 else 8 * description.sample_bytes, stored
    allocated = 8 if stored <= 8 else 16
    if transfer_syntax == JPEG_EXTENDED:
        return allocated, _EXTENDED_BITS
    return allocated, allocated if transfer_syntax in _WHOLE_CELLS else stored


def says_lossy(attributes: Attributes) -> bool:
    """Whether a data set says that something was lost before."""
    return get_text(attributes, _LOSSY) == "01"


def _description(
    attributes: Attributes, description: PixelDescription, transfer_syntax: str
) -> dict[str, Element | None]:
    changes: dict[str, Element | None] = {
        _PHOTOMETRIC: {"vr": "CS", "Value": [encoded_photometric(description, transfer_syntax)]}
    }
    if description.samples > 1:
        # RLE is by planes (PS3.5 8.2.2), all others are written pixel by pixel.
        changes[_PLANAR] = {"vr": "US", "Value": [1 if transfer_syntax == RLE else 0]}
    if description.kind == "integer":
        allocated, stored = coded_bits(description, transfer_syntax)
        for tag, value in ((_BITS_ALLOCATED, allocated), (_BITS_STORED, stored), (_HIGH_BIT, stored - 1)):
            if get_integer(attributes, tag) != value:
                changes[tag] = {"vr": "US", "Value": [value]}
    return changes


def _loss_so_far(attributes: Attributes, stored: str) -> tuple[list[Any], list[Any]]:
    """Methods and ratios of before, which go together one by one (PS3.3 C.7.6.1.1.5.2).

    A single ratio without a method is that of the stored syntax.
    """
    methods, ratios = get_values(attributes, _METHOD), get_values(attributes, _RATIO)
    if not methods and len(ratios) == 1 and stored in LOSSY_METHODS:
        return [LOSSY_METHODS[stored]], ratios
    return methods, ratios
