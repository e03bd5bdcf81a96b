"""Lookup tables of Modality LUT, VOI LUT and Presentation LUT Sequences (PS3.3 C.11.1, C.11.2, C.11.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_bytes, get_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

    Bulk = Callable[[str], bytes]

_DESCRIPTOR: Final = "00283002"
_DATA: Final = "00283006"
MAX_ENTRIES: Final = 65536


@dataclass(frozen=True, slots=True)
class LookupTable:
    """Entries for input values from `first` on, as `bits` bit numbers; values outside take the first or last one.

    The bytes rather than an array, so that it can be compared and hashed.
    """

    first: int
    bits: int
    entries: bytes

    @property
    def array(self) -> NDArray[np.uint16]:
        """The entries."""
        return np.frombuffer(self.entries, "<u2")

    @property
    def top(self) -> int:
        """The highest value that an entry of so many bits has."""
        return (1 << self.bits) - 1

    @property
    def last(self) -> int:
        """The last input value with an entry of its own."""
        return self.first + len(self.entries) // 2 - 1

    def map(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Output of input values, rounded to whole ones first."""
        entries = self.array
        places = np.clip(np.rint(values) - self.first, 0, len(entries) - 1).astype(np.intp)
        return entries[places].astype(np.float64)


def read_table(item: Attributes, bulk: Bulk, *, signed: bool) -> LookupTable | None:
    """The table of an item of a LUT sequence; None if it contradicts itself.

    `signed` is what its input is: the second value of the descriptor comes with the sign of it, whatever its VR
    (PS3.3 C.11.1.1, C.11.2.1.1).
    """
    descriptor = get_values(item, _DESCRIPTOR)
    if len(descriptor) != 3 or not all(isinstance(value, int) for value in descriptor):
        return None
    count, first, bits = descriptor
    count = (count & 0xFFFF) or MAX_ENTRIES
    first = first - 65536 if signed and first > 32767 else first + 65536 if not signed and first < 0 else first
    entries = _entries(item, bulk, count)
    if entries is None:
        return None
    highest = int(entries.max(initial=0))
    # 3.3 says 8 or 16, devices write 10 or 12 and mean the range that the entries have.
    bits = min(max(bits, 8, highest.bit_length()), 16)
    return LookupTable(int(first), int(bits), entries.astype("<u2").tobytes())


def _entries(item: Attributes, bulk: Bulk, count: int) -> NDArray[np.uint16] | None:
    """LUT Data as words; bytes where the length says that there are that many."""
    values = get_values(item, _DATA)
    if values:
        if not all(isinstance(value, int) for value in values):
            return None
        words = np.array(values, np.int64).astype(np.uint16)
        return words[:count] if len(words) >= count else None
    raw = get_bytes(item, _DATA, bulk)
    if raw is None:
        return None
    if len(raw) >= 2 * count:
        return np.frombuffer(raw, "<u2", count)
    return np.frombuffer(raw, "u1", count).astype(np.uint16) if len(raw) >= count else None
