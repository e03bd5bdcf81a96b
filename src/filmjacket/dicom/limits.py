"""Limits of the readers, each with its reason, and the refusal when one is passed.

They bound memory and time for bytes from strangers; no file of a real modality comes near them.
"""

from __future__ import annotations

from filmjacket.errors import DicomError

MAX_DEPTH = 64
"""Sequences within sequences. Deep structured reports nest about 20; a JSON document nests three levels for each
and its encoder ends at 254."""

MAX_META_BYTES = 1024 * 1024
"""File Meta Information. It has some 300 bytes; Private Information (0002,0102) may add a certificate or two."""

MAX_EVENTS = 2_000_000
"""Elements, items and ends of items of one data set. An enhanced header has about 25 for a frame, so this is an image
of 80,000 frames with functional groups for each; in memory they take up to 0.6 GB, which one request may not pass."""

MAX_HEADER_BYTES = 128 * 1024 * 1024
"""Bytes of one data set that are kept or looked at, values that flow through left out."""

MAX_FRAGMENTS = 2_000_000
"""Fragments of encapsulated Pixel Data: 16 bytes of memory each, twenty for every frame of a 100,000-frame slide."""

MAX_OFFSET_TABLE_BYTES = 8 * MAX_FRAGMENTS
"""A table has 4 (Basic) or 8 (Extended Offset Table) bytes for a frame, and a frame at least one fragment."""

MAX_TEXT_BYTES = 1024 * 1024
"""A value that metadata must hold inline because PS3.18 10.4 allows its VR no bulk data. In Explicit VR most
of them end at 65,534 bytes; UR and Implicit VR do not."""

LOOK_AHEAD = 64 * 1024
"""How far to look for the next element when it is unclear how one is encoded: just over a 16-bit length."""


class OverLimit(DicomError):
    """413: readable so far, but larger than a reader of this server goes."""

    status = 413
    reason_code = "dicom-over-limit"
