"""Colours of presentation states and of what lies over images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from filmjacket.dicom.attributes import get_integer, get_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

Colour: TypeAlias = tuple[int, int, int]

WHITE: Final[Colour] = (255, 255, 255)
BLACK: Final[Colour] = (0, 0, 0)

DISTINCT: Final[tuple[Colour, ...]] = (
    (230, 75, 60),
    (70, 190, 90),
    (80, 140, 255),
    (250, 205, 50),
    (190, 100, 230),
    (60, 205, 215),
    (250, 140, 50),
    (240, 110, 180),
    (165, 215, 65),
    (175, 130, 95),
    (130, 130, 240),
    (245, 175, 155),
)
"""For things without a colour of their own: bright enough on black, apart from each other."""

# White of the profile connection space, and XYZ under D50 to linear sRGB (inverse of the matrix in color_profiles).
_D50: Final = (0.9642, 1.0, 0.8249)
_TO_SRGB: Final = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


def lab_colour(attributes: Attributes, tag: str) -> Colour | None:
    """The sRGB colour of an attribute with a CIELab value, None if it has none (PS3.3 C.10.7.1.1)."""
    values = get_values(attributes, tag)
    if len(values) != 3 or not all(isinstance(value, int) for value in values):
        return None
    lightness = values[0] * 100.0 / 65535.0
    a, b = (value * 255.0 / 65535.0 - 128.0 for value in values[1:])
    return lab_to_srgb(lightness, a, b)


def lab_to_srgb(lightness: float, a: float, b: float) -> Colour:
    """The nearest sRGB colour of L*, a*, b* under D50."""
    y = (lightness + 16.0) / 116.0
    parts = (y + a / 500.0, y, y - b / 200.0)
    xyz = [
        white * (part**3 if part > 6.0 / 29.0 else (part - 4.0 / 29.0) * 3.0 * (6.0 / 29.0) ** 2)
        for part, white in zip(parts, _D50, strict=True)
    ]
    linear = np.clip(_TO_SRGB @ np.array(xyz), 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value) * 255.0) for value in encoded)
    return red, green, blue


def grey_colour(attributes: Attributes, tag: str) -> Colour | None:
    """The grey of an attribute with a P-Value of 16 bits, None if it has none."""
    value = get_integer(attributes, tag)
    if value is None:
        return None
    grey = round(min(max(value, 0), 65535) / 257)
    return grey, grey, grey


def is_grey(colour: Colour) -> bool:
    """Tell whether a grey picture can hold the colour."""
    return colour[0] == colour[1] == colour[2]


def hot_iron() -> NDArray[np.uint8]:
    """The 256 colours of the well-known palette Hot Iron (PS3.6 B.1.1)."""
    steps = np.arange(256)
    red = np.minimum(steps * 2, 255)
    green = np.clip((steps - 128) * 2, 0, 255)
    blue = np.clip((steps - 192) * 4, 0, 255)
    made = np.stack([red, green, blue], axis=1).astype(np.uint8)
    made[-1] = 255
    return made


def as_rgb(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture in RGB, a copy that may be drawn on."""
    return np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array.copy()


def mixed(under: NDArray[np.uint8], over: NDArray[Any], opacity: NDArray[Any] | float) -> NDArray[np.uint8]:
    """RGB with other colours over it; `opacity` is 0 to 1, for the whole or for each pixel."""
    weight = opacity[..., None] if isinstance(opacity, np.ndarray) else opacity
    return np.rint(under * (1.0 - weight) + over * weight).astype(np.uint8)
