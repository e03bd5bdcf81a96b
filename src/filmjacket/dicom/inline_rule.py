"""Which values are inline in metadata and which are bulk data (PS3.18 10.4)."""

from __future__ import annotations

from filmjacket.dicom.dictionary import vr_of
from filmjacket.dicom.limits import MAX_OFFSET_TABLE_BYTES, MAX_TEXT_BYTES
from filmjacket.dicom.pixel_layout import EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS, PIXEL_TAGS
from filmjacket.dicom.vr import BINARY_VRS, BULK_VRS

INLINE_BINARY_BYTES = 1024
"""Binary values up to this length are inline in metadata: an ICC profile or an overlay is worth a second request, a
UID-sized private blob is not."""

INLINE_TEXT_BYTES = 16_384
"""Other values that may be bulk data (PS3.18 10.4) are inline up to this length, a contour of 500 points."""

INLINE_BUDGET = 8 * 1024 * 1024
"""In a header longer than this, everything above `INLINE_BINARY_BYTES` that may be bulk data is: structure sets with
200 MB of contours stay storable in bounded memory."""


def flows(tag: str, vr: str, length: int, kept: int) -> bool:
    """Tell whether a value is too long to be inline in metadata, after `kept` bytes of header."""
    if tag in {EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS}:
        return length > MAX_OFFSET_TABLE_BYTES
    if vr == "UN":
        vr = vr_of(tag) or vr
    if vr in BINARY_VRS or tag in PIXEL_TAGS:
        return length > INLINE_BINARY_BYTES
    if vr in BULK_VRS:
        return length > (INLINE_TEXT_BYTES if kept <= INLINE_BUDGET else INLINE_BINARY_BYTES)
    return length > MAX_TEXT_BYTES
