"""Colour spaces of stored pixels to RGB (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.errors import DicomError
from filmjacket.pixels.forms import decoded_photometric
from filmjacket.pixels.palette import map_palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.pixels.description import PixelDescription
    from filmjacket.pixels.palette import Palette

# Cr -> R, Cb -> G, Cr -> G, Cb -> B of ITU-R BT.601, and what luminance and chrominance are stretched by.
_RED_CR: Final = 1.402
_GREEN_CB: Final = 0.344136286
_GREEN_CR: Final = 0.714136286
_BLUE_CB: Final = 1.772


def to_rgb(array: NDArray[Any], description: PixelDescription, palette: Palette | None) -> NDArray[Any]:
    """Stored values of a colour frame, as `decode_frame` gives them, as RGB that fills 8 or 16 bits.

    8 bits when the samples, or the entries of the palette, have no more; else 16. PALETTE COLOR needs its palette.
    """
    photometric = decoded_photometric(description)
    if photometric == "PALETTE COLOR":
        if palette is None:
            raise DicomError(
                "Photometric Interpretation is PALETTE COLOR, but there is no palette in the data set",
                section="PS3.3 C.7.6.3.1.2",
                offender="RedPaletteColorLookupTableData",
            )
        return map_palette(array, palette)
    if description.samples != 3:
        raise DicomError(
            f"{photometric} has no colours; it is shown through its VOI LUT",
            section="PS3.3 C.7.6.3.1.2",
            offender="PhotometricInterpretation",
        )
    bits = description.bits_stored
    if photometric == "YBR_FULL":
        array = ybr_to_rgb(array, bits)
    elif photometric == "YBR_PARTIAL_422":
        array = partial_to_rgb(array, bits)
    return fill_bits(array, bits)


def ybr_to_rgb(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """RGB of YBR_FULL in the same number of bits (PS3.3 C.7.6.3.1.2)."""
    half, top = float(1 << (bits - 1)), float((1 << bits) - 1)
    parts = array.astype(np.float32 if bits <= 16 else np.float64)
    return _from_ybr(parts[..., 0], parts[..., 1] - half, parts[..., 2] - half, top, array.dtype)


def partial_to_rgb(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """RGB of YBR_PARTIAL_422: black is 16, white 235, chrominance 16 to 240 of 255 (PS3.3 C.7.6.3.1.2)."""
    scale, top = float(1 << bits) / 256.0, float((1 << bits) - 1)
    parts = array.astype(np.float32 if bits <= 16 else np.float64)
    luminance = (parts[..., 0] - 16.0 * scale) * (255.0 / 219.0)
    blue, red = ((parts[..., channel] - 128.0 * scale) * (255.0 / 224.0) for channel in (1, 2))
    return _from_ybr(luminance, blue, red, top, array.dtype)


def _from_ybr(
    luminance: NDArray[Any], blue: NDArray[Any], red: NDArray[Any], top: float, dtype: np.dtype[Any]
) -> NDArray[Any]:
    out = np.empty((*luminance.shape, 3), dtype)
    channels = (luminance + _RED_CR * red, luminance - _GREEN_CB * blue - _GREEN_CR * red, luminance + _BLUE_CB * blue)
    for place, channel in enumerate(channels):
        out[..., place] = np.clip(np.rint(channel), 0.0, top)
    return out


def rgb_to_ybr(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """YBR_FULL of RGB in the same number of bits (PS3.3 C.7.6.3.1.2)."""
    half, top = float(1 << (bits - 1)), float((1 << bits) - 1)
    red, green, blue = (array[..., channel].astype(np.float64) for channel in range(3))
    out = np.empty(array.shape, array.dtype)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    channels = (luminance, (blue - luminance) / _BLUE_CB + half, (red - luminance) / _RED_CR + half)
    for place, channel in enumerate(channels):
        out[..., place] = np.clip(np.rint(channel), 0.0, top)
    return out


def fill_bits(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Unsigned samples of so many bits spread over 8 or 16: the highest value becomes 255 or 65535."""
    wanted = 8 if bits <= 8 else 16
    unsigned = array.view(f"u{array.dtype.itemsize}")
    if bits == wanted:
        return unsigned if unsigned.dtype.itemsize == wanted // 8 else unsigned.astype(f"u{wanted // 8}")
    if bits > 16:
        return (unsigned >> (bits - 16)).astype(np.uint16)
    top, full = (1 << bits) - 1, (1 << wanted) - 1
    return ((unsigned.astype(np.uint32) & top) * full // top).astype(f"u{wanted // 8}")
