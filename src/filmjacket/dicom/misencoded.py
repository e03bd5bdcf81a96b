"""Elements that are encoded unlike the rest of their data set, and how to tell.

Real writers switch to Implicit VR inside of sequences, put two odd bytes in place of the VR, or invent VRs. Each
possible reading of the eight header bytes is a candidate; the one whose value ends where another element begins
is the right one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from filmjacket.dicom.encoding import (
    IMPLICIT_VRS,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
)
from filmjacket.dicom.limits import LOOK_AHEAD

if TYPE_CHECKING:
    from filmjacket.dicom.encoding import Encoding

_MAX_NEXT_LENGTH = 1 << 24  # an element found by looking ahead has no longer value unless its VR is explicit
_INTERCHANGEABLE = (frozenset(("OB", "OW", "UN")), frozenset(("US", "SS", "OW")))


class Candidate(NamedTuple):
    """One way to read an element: `certain` needs no look at what follows, `warning` says what is odd about it."""

    vr: str
    header: int
    length: int
    warning: str
    certain: bool = False


def candidates_in_explicit(encoding: Encoding, buffer: bytes, position: int) -> list[Candidate]:
    """Return the readings of an element of an explicit VR data set whose VR is not known, likeliest first."""
    key, code, short = encoding.unpack_short(buffer, position)
    length = encoding.unpack_implicit(buffer, position)[1]
    tag = encoding.names[key]
    vr = IMPLICIT_VRS[False][tag]
    if code.isalpha() and code.isupper():
        # PS3.5 7.1.2: VRs that are yet to come have a 32-bit length.
        new: list[Candidate] = []
        if short == 0 and len(buffer) >= position + 12:
            new = [Candidate(vr, 12, encoding.unpack_length(buffer, position + 8)[0], "unknown VR")]
        return [*new, Candidate(vr, 8, short, "unknown VR"), Candidate(vr, 8, length, "no VR")]
    bad = Candidate(vr, 8, short, "the VR is not two letters")
    if LOOK_AHEAD < length < UNDEFINED_LENGTH:
        return [bad, Candidate(vr, 8, length, "no VR", certain=vr != "UN")]
    return [Candidate(vr, 8, length, "no VR"), bad]


def candidates_in_implicit(encoding: Encoding, buffer: bytes, position: int, vr: str) -> list[Candidate]:
    """Return the readings of an element of an implicit VR data set whose length may be a VR in truth.

    `vr` is that of the dictionary.
    """
    implicit = Candidate(vr, 8, encoding.unpack_implicit(buffer, position)[1], "", certain=True)
    code = buffer[position + 4 : position + 6]
    name = SHORT_VRS.get(code) or LONG_VRS.get(code, "")
    if vr not in {name, "UN"} and not any(vr in group and name in group for group in _INTERCHANGEABLE):
        return [implicit]
    text = "an explicit VR in an implicit VR data set"
    order = "big" if encoding.big_endian else "little"
    short = int.from_bytes(buffer[position + 6 : position + 8], order)
    if code in SHORT_VRS:
        return [Candidate(name, 8, short, text), implicit]
    if short or len(buffer) < position + 12:
        return [implicit]
    length = encoding.unpack_length(buffer, position + 8)[0]
    # Nothing but Pixel Data is that long, and there the VR letters make an odd length, which is not allowed.
    certain = LOOK_AHEAD < length < UNDEFINED_LENGTH and vr != "UN"
    return [Candidate(name, 12, length, text, certain=certain), implicit]


def looks_like_element(encoding: Encoding, buffer: bytes, position: int, after: str) -> bool:
    """Tell whether an element that may follow the tag `after`, or a delimiter, begins at a position."""
    key, code, _ = encoding.unpack_short(buffer, position)
    tag = encoding.names[key]
    if tag in {ITEM_DELIMITER, SEQUENCE_DELIMITER}:
        return True
    if not after < tag < ITEM:
        return False
    if code in SHORT_VRS or code in LONG_VRS:
        return True
    length = encoding.unpack_implicit(buffer, position)[1]
    return IMPLICIT_VRS[False][tag] != "UN" and (length < _MAX_NEXT_LENGTH or length == UNDEFINED_LENGTH)


def looks_like_item(encoding: Encoding, buffer: bytes, position: int) -> bool:
    """Tell whether an item, or the end of a sequence without any, begins at a position."""
    if len(buffer) < position + 8:
        return False
    return encoding.names[encoding.unpack_implicit(buffer, position)[0]] in {ITEM, SEQUENCE_DELIMITER}
