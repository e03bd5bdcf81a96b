"""ICC profiles of the colour spaces that `iccprofile` names, written by rule, the same bytes each time (ICC.1:2001-04).

Matrix and curves, version 2: what every colour management reads.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SRGB: Final = "srgb"
ADOBE_RGB: Final = "adobergb"
ROMM_RGB: Final = "rommrgb"

_D50: Final = (0.9642, 1.0, 0.8249)
_SAMPLES: Final = 1024


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _adobe_rgb(value: float) -> float:
    return value ** (563 / 256)


def _romm_rgb(value: float) -> float:
    return value / 16 if value < 16 * 0.001953 else value**1.8


# Red, green and blue as XYZ under D50, those of sRGB and Adobe RGB adapted with the Bradford matrix
# (IEC 61966-2-1, Adobe RGB (1998) 4.3, ISO 22028-2).
_SPACES: Final[dict[str, tuple[str, tuple[tuple[float, float, float], ...], Callable[[float], float]]]] = {
    SRGB: (
        "sRGB IEC61966-2.1",
        ((0.4360747, 0.2225045, 0.0139322), (0.3850649, 0.7168786, 0.0971045), (0.1430804, 0.0606169, 0.7141733)),
        _srgb,
    ),
    ADOBE_RGB: (
        "Adobe RGB (1998)",
        ((0.6097559, 0.3111242, 0.0194811), (0.2052401, 0.6256560, 0.0608902), (0.1492240, 0.0632197, 0.7448387)),
        _adobe_rgb,
    ),
    ROMM_RGB: (
        "ROMM RGB: ISO 22028-2:2013",
        ((0.7976749, 0.2880402, 0.0), (0.1351917, 0.7118741, 0.0), (0.0313534, 0.0000857, 0.8252100)),
        _romm_rgb,
    ),
}


@cache
def named_profile(name: str) -> bytes:
    """The profile of `srgb`, `adobergb` or `rommrgb`."""
    text, primaries, curve = _SPACES[name]
    table = [round(curve(place / (_SAMPLES - 1)) * 65535) for place in range(_SAMPLES)]
    tone = b"curv" + bytes(4) + struct.pack(f">I{_SAMPLES}H", _SAMPLES, *table)
    elements: list[tuple[bytes, bytes]] = [
        (b"desc", _description(text)),
        (b"cprt", b"text" + bytes(4) + b"No copyright, use freely\0"),
        (b"wtpt", _xyz(_D50)),
        *zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, primaries), strict=True),
        *((tag, tone) for tag in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    return _profile(elements)


def _profile(elements: list[tuple[bytes, bytes]]) -> bytes:
    directory = struct.pack(">I", len(elements))
    position = 128 + 4 + 12 * len(elements)
    data = b""
    places: dict[bytes, int] = {}
    for tag, content in elements:
        # Equal contents, the three curves, are written once.
        if content not in places:
            places[content] = position + len(data)
            data += content + bytes(-len(content) % 4)
        directory += tag + struct.pack(">II", places[content], len(content))
    size = 128 + len(directory) + len(data)
    head = struct.pack(">I4s4s", size, bytes(4), bytes((2, 0x10, 0, 0))) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\0") + directory + data


def _description(text: str) -> bytes:
    ascii_text = text.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(ascii_text)) + ascii_text + bytes(4 + 4 + 2 + 1 + 67)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))
