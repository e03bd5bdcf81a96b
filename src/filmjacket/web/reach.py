"""Transfer syntaxes that an instance, and its frames, can be had in (PS3.18 8.7.3, Tables 8.7.3-2 and 8.7.3-5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

_BELOW: Final = "1.2.840.10008.1.2."

NEVER_SENT: Final = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})
"""Transfer syntaxes that "shall not be used" with web services (8.7.3.1)."""

LOSSLESS: Final = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    *(_BELOW + suffix for suffix in ("4.201", "4.202", "4.90", "4.80", "4.70", "4.57", "5", "4.110")),
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    _BELOW + "8.1",
    ENCAPSULATED_UNCOMPRESSED,
)
"""Transfer syntaxes that images can be converted to without loss, in the order in which clients should prefer them:
native, then compressed ones by how fast and widely they are decoded."""

LOSSY: Final = tuple(_BELOW + suffix for suffix in ("4.50", "4.51", "4.81", "4.91", "4.203", "4.112"))
"""Transfer syntaxes that something is lost in: only for those who ask for them by name."""

RECOMPRESSED: Final = {_BELOW + "4.50": _BELOW + "4.111", _BELOW + "4.111": _BELOW + "4.50"}
"""Transfer syntaxes whose streams can be turned into each other to the byte (PS3.5 A.4.12)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an instance stored in `stored` can be converted to.

    `lossless` are transfer syntaxes without any loss beyond what the stored form has, preferred first; `lossy` those
    for requesters who name them. `encapsulated` is about its pixel data. With `oversized` frames are readable, but too
    many for the 32-bit length of native pixel data. `obstacle` says why images cannot be converted.
    """

    stored: str
    encapsulated: bool
    lossless: tuple[str, ...] = ()
    lossy: tuple[str, ...] = ()
    oversized: bool = False
    obstacle: str = ""

    @classmethod
    def at_best(cls, stored: str, *, encapsulated: bool) -> Reach:
        """What would be possible if nothing were in the way, for judging what need not be looked at closer."""
        lossless = LOSSLESS if stored not in RECOMPRESSED else (*LOSSLESS, RECOMPRESSED[stored])
        return cls(stored, encapsulated, lossless, LOSSY)

    @property
    def sendable(self) -> bool:
        """Whether the stored form may be used with web services (8.7.3.1)."""
        syntax = transfer_syntaxes.get(self.stored)
        return self.stored not in NEVER_SENT and (syntax is None or (syntax.explicit and not syntax.big_endian))

    @property
    def available(self) -> tuple[str, ...]:
        """Transfer syntaxes that can be had without loss (0008,3002), the stored one first if it may be sent."""
        first = (self.stored,) if self.sendable else (EXPLICIT_VR_LITTLE_ENDIAN,)
        return tuple(dict.fromkeys((*first, *self.lossless)))
