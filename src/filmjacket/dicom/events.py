"""What the scanner reports: one flat tuple for each thing it meets, cheap to make by the hundred thousand."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

Event: TypeAlias = tuple[int, str, str, int, int, bytes]
"""(kind, tag, VR as stored, offset, length, bytes). Offsets count from the first byte of the file; in a deflated file
from the same place as if the data set were not deflated."""

VALUE: Final = 0
"""An element with its whole value field; the offset is that of the value."""
FLOW: Final = 1
"""An element whose value is not kept; offset and length are those of the value."""
DATA: Final = 2
"""Bytes of the value or fragment that was announced last; only when the scanner passes values through."""
SEQUENCE: Final = 3
"""The value of a sequence begins. The VR is UN when the sequence was hidden in one (PS3.5 6.2.2)."""
SEQUENCE_END: Final = 4
ITEM: Final = 5
"""An item of the innermost sequence begins; the next one, or the end of the sequence, ends it."""
ENCAPSULATED: Final = 6
"""The value of encapsulated Pixel Data begins (PS3.5 A.4)."""
OFFSET_TABLE: Final = 7
"""The first item of encapsulated Pixel Data, the Basic Offset Table; offset of its value."""
FRAGMENT: Final = 8
"""A further item; offset of its value, length, and its first bytes."""
ENCAPSULATED_END: Final = 9
"""The delimiter of encapsulated Pixel Data; offset of the delimiter."""

ITEM_EVENT: Final[Event] = (ITEM, "", "", 0, 0, b"")
SEQUENCE_END_EVENT: Final[Event] = (SEQUENCE_END, "", "", 0, 0, b"")

FRAGMENT_HEAD: Final = 12
"""How many first bytes of a fragment are reported, enough for every start marker."""


class ScanWarning(NamedTuple):
    """Something that the standard forbids and the scanner could read nevertheless; no values in the text."""

    offset: int
    tag: str
    text: str
