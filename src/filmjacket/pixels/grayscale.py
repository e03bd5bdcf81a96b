"""Grey values as a workstation shows them: modality, VOI and presentation LUT (PS3.4 N.2, PS3.3 C.11).

Rules, with their reasons in docs/explanation/rendering.md:

* the first Window Center and Width of the frame, else the first VOI LUT, else for up to 8 bits everything, for more
  the range from the lowest to the highest value of the frame that is no padding;
* a window whose width is 0 or less, or less than 1 for LINEAR, counts as not there, so does a Rescale Slope of 0;
* MONOCHROME1 and Presentation LUT Shape INVERSE both say that low values are white: together they invert once;
* padding is black, whatever is inverted.

Everything happens in a table of all stored values once; a frame then takes one look-up for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.pixels.lookup_tables import LookupTable, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.description import PixelDescription

    Bulk = Callable[[str], bytes]

_SOP_CLASS: Final = "00080016"
_RELATIONSHIP: Final = "00281040"
_CENTER: Final = "00281050"
_WIDTH: Final = "00281051"
_INTERCEPT: Final = "00281052"
_SLOPE: Final = "00281053"
_FUNCTION: Final = "00281056"
_MODALITY_LUT: Final = "00283000"
_VOI_LUT: Final = "00283010"
_PRESENTATION_LUT: Final = "20500010"
_SHAPE: Final = "20500020"

LINEAR: Final = "LINEAR"
LINEAR_EXACT: Final = "LINEAR_EXACT"
SIGMOID: Final = "SIGMOID"
FUNCTIONS: Final = frozenset((LINEAR, LINEAR_EXACT, SIGMOID))

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# X-ray angiography and fluoroscopy: the Modality LUT leads back to X-ray intensity, for subtraction; what is shown are
# the stored values (PS3.3 C.8.7.1.1.2).
_X_RAY: Final = frozenset(_STORAGE + suffix for suffix in ("12.1", "12.1.1", "12.2", "12.2.1", "12.3"))

FULL: Final = 65535.0
"""White, before it is brought to the bits of the picture."""


@dataclass(frozen=True, slots=True)
class VoiWindow:
    """A window on modality values."""

    center: float
    width: float
    function: str = LINEAR

    @property
    def usable(self) -> bool:
        """Whether the function is defined for the width (PS3.3 C.11.2.1.2)."""
        return self.width >= 1 if self.function == LINEAR else self.width > 0

    def map(self, values: NDArray[Any]) -> NDArray[Any]:
        """Output from 0 to 1 (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
        if self.function == SIGMOID:
            exponent = np.clip(-4.0 * (values - self.center) / self.width, -700.0, 700.0)
            return 1.0 / (1.0 + np.exp(exponent))
        if self.function == LINEAR_EXACT:
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width == 1:
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1.0) + 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Span:
    """Everything from a lowest to a highest modality value: what is shown where nobody says what to show."""

    low: float
    high: float

    def map(self, values: NDArray[Any]) -> NDArray[Any]:
        """Output from 0 to 1; an image of one value is black."""
        return np.clip((values - self.low) / ((self.high - self.low) or 1.0), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Grayscale:
    """The transformation of stored values of a frame to grey values; equal ones give equal pictures.

    `voi` is None as long as it is up to the values of the frame (`with_range`).
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    voi: VoiWindow | LookupTable | Span | None = None
    presentation_lut: LookupTable | None = None
    inverse: bool = False
    padding: tuple[float, float] | None = None

    def modality(self, values: NDArray[Any]) -> NDArray[Any]:
        """Modality values: what windows are made for."""
        if self.modality_lut is not None:
            return self.modality_lut.map(values)
        if (self.slope, self.intercept) == (1.0, 0.0):
            return values
        return values * self.slope + self.intercept

    def full(self, values: NDArray[Any]) -> NDArray[Any]:
        """Grey values from 0 (black) to 65535 (white) of stored values."""
        modality = self.modality(values)
        if isinstance(self.voi, LookupTable):
            grey = self.voi.map(modality) / self.voi.top
        else:
            grey = (self.voi or Span(0.0, 1.0)).map(modality)
        if self.presentation_lut is not None:
            table = self.presentation_lut
            grey = table.map(table.first + grey * (table.last - table.first)) / table.top
        if self.inverse:
            grey = 1.0 - grey
        if self.padding is not None:
            low, high = self.padding
            grey = np.where((values >= low) & (values <= high), 0.0, grey)
        return np.nan_to_num(grey, nan=0.0) * FULL


def read_grayscale(attributes: Attributes, description: PixelDescription, bulk: Bulk) -> Grayscale:
    """The transformation that the attributes of a frame ask for; `bulk` gives the bytes behind an attribute path."""
    slope, intercept = _number(attributes, _SLOPE), _number(attributes, _INTERCEPT)
    table = _first_table(attributes, _MODALITY_LUT, bulk, signed=description.signed)
    if table is not None and _shown_as_stored(attributes):
        table = None
    shape = get_text(attributes, _SHAPE)
    made = Grayscale(
        slope=slope or 1.0,
        intercept=intercept or 0.0,
        modality_lut=table,
        presentation_lut=_first_table(attributes, _PRESENTATION_LUT, bulk, signed=False),
        inverse=description.photometric == "MONOCHROME1" or shape == "INVERSE",
        padding=description.padding,
    )
    return replace(
        made, voi=read_voi(attributes, bulk, _signed_modality(made, description)) or _everything(made, description)
    )


def read_voi(attributes: Attributes, bulk: Bulk, signed: bool) -> VoiWindow | LookupTable | None:  # noqa: FBT001 - of the values that a table maps
    """The first window of the attributes, else their first VOI LUT, else None (PS3.3 C.11.2.1)."""
    function = (get_text(attributes, _FUNCTION) or LINEAR).strip().upper()
    center, width = _number(attributes, _CENTER), _number(attributes, _WIDTH)
    if center is not None and width is not None:
        window = VoiWindow(center, width, function if function in FUNCTIONS else LINEAR)
        if window.usable:
            return window
    return _first_table(attributes, _VOI_LUT, bulk, signed=signed)


def with_range(grayscale: Grayscale, array: NDArray[Any]) -> Grayscale:
    """The transformation with a VOI: from the lowest to the highest value of the frame, padding left out."""
    if grayscale.voi is not None:
        return grayscale
    values = array
    if grayscale.padding is not None:
        low, high = grayscale.padding
        values = array[(array < low) | (array > high)]
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return replace(grayscale, voi=Span(0.0, 1.0))
    ends = grayscale.modality(np.array([values.min(), values.max()], np.float64))
    if grayscale.modality_lut is not None:
        ends = grayscale.modality(np.unique(values).astype(np.float64))
    return replace(grayscale, voi=Span(float(ends.min()), float(ends.max())))


def to_grey(array: NDArray[Any], grayscale: Grayscale) -> NDArray[np.uint8]:
    """Stored values of a frame as 8-bit grey values."""
    grayscale = with_range(grayscale, array)
    if array.dtype.kind == "f" or array.dtype.itemsize > 2:
        return _rounded(grayscale.full(array.astype(np.float64)))
    return look_up(array, _table(grayscale, array.dtype.str))


def look_up(array: NDArray[Any], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One look-up for each pixel: `table` has an entry for each pattern of bits of the array's type."""
    if array.dtype.itemsize == 1:
        return np.frombuffer(array.tobytes().translate(table.tobytes()), np.uint8).reshape(array.shape)
    flat = np.ascontiguousarray(array).view(np.uint16).reshape(-1)
    out = np.empty(flat.shape, np.uint8)
    for start in range(0, flat.size, _BLOCK):
        # By blocks, so that the places, 8 bytes each, stay in the cache of the processor.
        places = flat[start : start + _BLOCK].astype(np.intp)
        np.take(table, places, out=out[start : start + _BLOCK], mode="wrap")
    return out.reshape(array.shape)


_BLOCK: Final = 32768


@lru_cache(maxsize=128)
def _table(grayscale: Grayscale, dtype: str) -> NDArray[np.uint8]:
    """Grey value of every pattern of bits of a type; slices of a series share it."""
    unsigned = np.arange(256 ** int(dtype[2:]), dtype=f"u{dtype[2:]}")
    return _rounded(grayscale.full(unsigned.view(dtype).astype(np.float64)))


def _rounded(full: NDArray[Any]) -> NDArray[np.uint8]:
    return np.rint(full * (255.0 / FULL)).astype(np.uint8)


def _everything(grayscale: Grayscale, description: PixelDescription) -> Span | None:
    """Up to 8 bits every value that could be is shown as it is; of more bits hardly any image uses all."""
    if description.kind != "integer" or description.bits_stored > 8:
        return None
    half = 1 << (description.bits_stored - 1)
    ends = (-half, half - 1) if description.signed else (0, 2 * half - 1)
    values = grayscale.modality(np.arange(ends[0], ends[1] + 1, dtype=np.float64))
    return Span(float(values.min()), float(values.max()))


def _signed_modality(grayscale: Grayscale, description: PixelDescription) -> bool:
    """Whether modality values may be negative, and with them the first value that a VOI LUT maps."""
    if grayscale.modality_lut is not None:
        return False
    lowest = -(1 << (description.bits_stored - 1)) if description.signed and description.kind == "integer" else 0
    return (
        min(lowest * grayscale.slope, ((1 << description.bits_stored) - 1) * grayscale.slope) + grayscale.intercept < 0
    )


def _shown_as_stored(attributes: Attributes) -> bool:
    return get_text(attributes, _SOP_CLASS) in _X_RAY and get_text(attributes, _RELATIONSHIP) in {"LOG", "DISP"}


def _first_table(attributes: Attributes, sequence: str, bulk: Bulk, *, signed: bool) -> LookupTable | None:
    items = get_items(attributes, sequence)
    return read_table(items[0], bulk, signed=signed) if items else None


def _number(attributes: Attributes, tag: str) -> float | None:
    values = get_values(attributes, tag)
    try:
        number = float(values[0]) if values else None
    except (TypeError, ValueError):
        return None
    return number if number is not None and np.isfinite(number) else None
