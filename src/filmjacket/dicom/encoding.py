"""How data elements are encoded: explicit or implicit VR, byte order, and telling them apart (PS3.5 7.1, A.1-A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, pack
from typing import TYPE_CHECKING

from filmjacket.dicom.dictionary import vr_of
from filmjacket.dicom.vr import LONG_LENGTH_VRS, VALUE_REPRESENTATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

UNDEFINED_LENGTH = 0xFFFFFFFF
"""A length that says "until the delimiter" (PS3.5 7.1.1)."""

ITEM = "FFFEE000"
ITEM_DELIMITER = "FFFEE00D"
SEQUENCE_DELIMITER = "FFFEE0DD"

SHORT_VRS = {name.encode(): name for name in VALUE_REPRESENTATIONS if name not in LONG_LENGTH_VRS}
"""VRs with a 16-bit length in explicit VR encodings (PS3.5 Table 7.1-2)."""

LONG_VRS = {name.encode(): name for name in LONG_LENGTH_VRS}
"""VRs with two reserved bytes and a 32-bit length in explicit VR encodings (PS3.5 Table 7.1-1)."""

# Tags come from outside: the caches below stop to grow here.
_REMEMBERED = 32_768


class _TagNames(dict[bytes, str]):
    """Four bytes of a tag -> its eight hexadecimal digits; remembers what it worked out."""

    def __init__(self, *, big_endian: bool) -> None:
        super().__init__()
        self._big_endian = big_endian

    def __missing__(self, key: bytes) -> str:
        name = (key if self._big_endian else key[1::-1] + key[3:1:-1]).hex().upper()
        if len(self) < _REMEMBERED:
            self[key] = name
        return name


class _ImplicitVrs(dict[str, str]):
    """Tag -> VR that an element without one has: of PS3.6, else UN (PS3.5 6.2.2)."""

    def __init__(self, *, signed: bool) -> None:
        super().__init__()
        self._signed = signed

    def __missing__(self, tag: str) -> str:
        vr = vr_of(tag, signed=self._signed) or "UN"
        if len(self) < _REMEMBERED:
            self[tag] = vr
        return vr


IMPLICIT_VRS = {signed: _ImplicitVrs(signed=signed) for signed in (False, True)}
"""By Pixel Representation, on which "US or SS" depends."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """VR explicit or not, and byte order, with what reads it.

    `item_key` is the tag of an item as bytes; with one of `sequence_starts` the value of a sequence begins.
    """

    explicit: bool
    big_endian: bool
    names: dict[bytes, str]
    unpack_short: Callable[[bytes, int], tuple[bytes, bytes, int]]
    unpack_implicit: Callable[[bytes, int], tuple[bytes, int]]
    unpack_length: Callable[[bytes, int], tuple[int]]
    item_key: bytes
    sequence_starts: tuple[bytes, bytes]

    def __str__(self) -> str:
        return f"{'Explicit' if self.explicit else 'Implicit'} VR {'Big' if self.big_endian else 'Little'} Endian"


def _encoding(*, explicit: bool, big_endian: bool) -> Encoding:
    order = ">" if big_endian else "<"
    item, end = (pack(order + "2H", 0xFFFE, element) for element in (0xE000, 0xE0DD))
    return Encoding(
        explicit,
        big_endian,
        _TagNames(big_endian=big_endian),
        Struct(order + "4s2sH").unpack_from,
        Struct(order + "4sI").unpack_from,
        Struct(order + "I").unpack_from,
        item,
        (item, end),
    )


EXPLICIT_LITTLE = _encoding(explicit=True, big_endian=False)
IMPLICIT_LITTLE = _encoding(explicit=False, big_endian=False)
EXPLICIT_BIG = _encoding(explicit=True, big_endian=True)
# Not a transfer syntax of the standard; some files without File Meta have it.
IMPLICIT_BIG = _encoding(explicit=False, big_endian=True)

# The first element of a data set is hardly ever longer: Length to End, Specific Character Set, Image Type.
_FIRST_VALUE = 1024


def detect_encoding(head: bytes) -> Encoding | None:
    """Tell from its first bytes how a data set is encoded; None when they are not unmistakable.

    Unmistakable is a public tag of PS3.6 in a low group, followed by a known VR or by a length that a first
    element can have; or a sequence of undefined length.
    """
    if len(head) < 8:
        return None
    for explicit, implicit in ((EXPLICIT_LITTLE, IMPLICIT_LITTLE), (EXPLICIT_BIG, IMPLICIT_BIG)):
        key, code, _ = explicit.unpack_short(head, 0)
        tag = explicit.names[key]
        length = implicit.unpack_implicit(head, 0)[1]
        if length == UNDEFINED_LENGTH and len(head) >= 12 and implicit.names[head[8:12]] == ITEM:
            return implicit
        if not ("0003" < tag[:4] < "0100") or vr_of(tag) is None:
            continue
        if code in SHORT_VRS or (code in LONG_VRS and head[6:8] == b"\0\0"):
            return explicit
        if length <= _FIRST_VALUE:
            return implicit
    return None
