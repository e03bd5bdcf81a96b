"""Palette Color Lookup Tables, plain, segmented and supplemental (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from filmjacket.dicom.attributes import get_bytes, get_values
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

    Bulk = Callable[[str], bytes]

_DESCRIPTORS: Final = ("00281101", "00281102", "00281103")
_TABLES: Final = ("00281201", "00281202", "00281203")
_SEGMENTED: Final = ("00281221", "00281222", "00281223")
_NAMES: Final = ("Red", "Green", "Blue")
MAX_ENTRIES: Final = 65536
_DISCRETE: Final = 0
_LINEAR: Final = 1
_INDIRECT: Final = 2


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of stored values: `entries` is (number, 3) of 8 or 16 bits, the first is for the value `first`."""

    first: int
    bits: int
    entries: NDArray[np.uint8] | NDArray[np.uint16]


def read_palette(attributes: Attributes, bulk: Bulk) -> Palette | None:
    """The palette of a data set, None if it has none; `bulk` gives the bytes behind a BulkDataURI's path.

    Raises `DicomError` when a table contradicts its descriptor.
    """
    if not all(get_values(attributes, tag) for tag in _DESCRIPTORS):
        return None
    tables = [_channel(attributes, channel, bulk) for channel in range(3)]
    if any(table is None for table in tables):
        return None
    found = cast("list[tuple[int, int, NDArray[np.uint16]]]", tables)
    bits = 8 if all(width == 8 for _, width, _ in found) else 16
    length = min(len(entries) for _, _, entries in found)
    channels = [
        entries[:length] * np.uint16(257) if bits == 16 and width == 8 else entries[:length]
        for _, width, entries in found
    ]
    return Palette(found[0][0], bits, np.stack(channels, axis=1).astype(f"u{bits // 8}"))


def map_palette(array: NDArray[Any], palette: Palette) -> NDArray[Any]:
    """Colours of stored values, (rows, columns, 3), in the depth of the palette (PS3.3 C.7.6.3.1.5)."""
    last = len(palette.entries) - 1
    # Values in front of the first one mapped take its colour, those behind the last one the last colour.
    if array.dtype.itemsize <= 2:
        table = _full_table(palette, signed=array.dtype.kind == "i", bits=8 * array.dtype.itemsize)
        return np.take(table, array.view(f"u{array.dtype.itemsize}"), axis=0)
    return palette.entries[np.clip(array.astype(np.int64) - palette.first, 0, last)]


def is_mapped(array: NDArray[Any], palette: Palette) -> NDArray[np.bool_]:
    """Which pixels a supplemental palette colours: from its first value on (PS3.3 C.8.16.2.1.1.1, C.11.15.1.1)."""
    return array >= palette.first


def _full_table(palette: Palette, *, signed: bool, bits: int) -> NDArray[Any]:
    values = np.arange(1 << bits, dtype=np.int32)
    if signed:
        values = np.where(values >> (bits - 1), values - (1 << bits), values)
    return palette.entries[np.clip(values - palette.first, 0, len(palette.entries) - 1)]


def _channel(attributes: Attributes, channel: int, bulk: Bulk) -> tuple[int, int, NDArray[np.uint16]] | None:
    count, first, bits = _descriptor(attributes, channel)
    plain = _bytes_of(attributes, _TABLES[channel], bits, bulk)
    if plain is not None:
        return first, bits, _plain(plain, count, bits, _NAMES[channel])
    segmented = _bytes_of(attributes, _SEGMENTED[channel], bits, bulk)
    if segmented is None:
        return None
    entries = expand_segments(segmented, bits)
    if len(entries) < count:
        raise _wrong(_NAMES[channel], f"its segments make {len(entries)} entries instead of {count}")
    return first, bits, entries[:count]


def _descriptor(attributes: Attributes, channel: int) -> tuple[int, int, int]:
    """Number of entries, first stored value mapped, bits (PS3.3 C.7.6.3.1.5); 0 entries are 65536."""
    values = get_values(attributes, _DESCRIPTORS[channel])
    if len(values) != 3 or not all(isinstance(value, int) for value in values):
        raise _wrong(_NAMES[channel], "its descriptor has not three numbers")
    count, first, bits = cast("list[int]", values)
    count &= 0xFFFF
    # The second value has the VR of the pixels; read with the other one it has another sign (PS3.3 C.7.6.3.1.5).
    if _is_signed(attributes) and first > 32767:
        first -= 65536
    elif not _is_signed(attributes) and first < 0:
        first += 65536
    return count or MAX_ENTRIES, first, 8 if bits <= 8 else 16


def _is_signed(attributes: Attributes) -> bool:
    return get_values(attributes, "00280103")[:1] == [1]


def _bytes_of(attributes: Attributes, tag: str, bits: int, bulk: Bulk) -> bytes | None:
    """The value of a table as little endian bytes, however the metadata hold it."""
    raw = get_bytes(attributes, tag, bulk)
    values = get_values(attributes, tag)
    if raw is not None or not values:
        return raw
    if attributes[tag].get("vr") in {"US", "SS", "OW"}:
        return np.array(values, dtype=np.int64).astype("<u2").tobytes()
    return np.array(values, dtype=np.int64).astype(f"<u{bits // 8}").tobytes()


def _plain(raw: bytes, count: int, bits: int, name: str) -> NDArray[np.uint16]:
    """Entries of a table that is not segmented.

    8-bit entries are two in a word, or, against the standard and often, one in a word with the value in its low or
    its high byte: the length tells.
    """
    if bits == 16 and len(raw) >= 2 * count:
        return np.frombuffer(raw, "<u2", count).astype(np.uint16)
    if bits == 8 and len(raw) >= 2 * count:
        words = np.frombuffer(raw, "<u2", count)
        return words.astype(np.uint16) if int(words.max(initial=0)) < 256 else (words >> 8).astype(np.uint16)
    if len(raw) >= count:
        entries = np.frombuffer(raw, "u1", count).astype(np.uint16)
        # A table of bytes under a descriptor of 16 bits: spread to the depth that the descriptor announces.
        return entries * np.uint16(257) if bits == 16 else entries
    raise _wrong(name, f"it holds {len(raw)} bytes where {count} entries of {bits} bits are announced")


def expand_segments(raw: bytes, bits: int) -> NDArray[np.uint16]:
    """Entries of a segmented table: discrete, linear and indirect segments (PS3.3 C.7.9.2)."""
    width = bits // 8
    values = np.frombuffer(raw[: len(raw) // width * width], f"<u{width}").astype(np.uint16)
    expansion = _Expansion(values.tolist(), bits)
    expansion.run(0, len(values), indirect=False)
    return np.concatenate(expansion.made) if expansion.made else np.empty(0, np.uint16)


class _Expansion:
    """Makes entries out of segments; those that an indirect segment points to once more (PS3.3 C.7.9.2.3)."""

    def __init__(self, values: list[int], bits: int) -> None:
        self.made: list[NDArray[np.uint16]] = []
        self._values = values
        self._bits = bits
        self._entries = 0

    def run(self, position: int, segments: int, *, indirect: bool) -> None:
        """Expand so many segments from a position on."""
        while segments > 0 and position + 1 < len(self._values):
            opcode, length = self._values[position : position + 2]
            if (opcode, length) == (0, 0):
                return  # padding
            step = 2 + {_DISCRETE: length, _LINEAR: 1, _INDIRECT: 32 // self._bits}.get(opcode, 0)
            body = self._values[position + 2 : position + step]
            if len(body) != step - 2 or step == 2 or (opcode == _INDIRECT and indirect):
                raise _wrong("segmented", f"segment type {opcode} at entry {position} is not whole or not known")
            self._take(opcode, length, body)
            position += step
            segments -= 1

    def _take(self, opcode: int, length: int, body: list[int]) -> None:
        if opcode == _INDIRECT:
            offset = sum(value << (self._bits * place) for place, value in enumerate(body))
            self.run(offset // (self._bits // 8), length, indirect=True)
            return
        if opcode == _DISCRETE:
            entries = np.array(body, np.uint16)
        elif self.made:
            # From the value behind the last one, in equal steps, up to and with the end point.
            entries = np.rint(np.linspace(int(self.made[-1][-1]), body[0], length + 1)[1:]).astype(np.uint16)
        else:
            raise _wrong("segmented", "it begins with a linear segment, which has no value to begin from")
        self._entries += len(entries)
        if self._entries > MAX_ENTRIES:
            raise _wrong("segmented", f"it makes more than {MAX_ENTRIES} entries")
        if len(entries):
            self.made.append(entries)


def _wrong(name: str, text: str) -> DicomError:
    return DicomError(
        f"the {name} Palette Color Lookup Table cannot be used: {text}",
        section="PS3.3 C.7.6.3.1.5",
        offender=f"{name}PaletteColorLookupTableData",
    )
