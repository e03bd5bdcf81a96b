"""What the Image Pixel Module says about frames, contradictions resolved by rule (PS3.3 C.7.6.3, PS3.5 8).

The rules and their reasons are in docs/explanation/pixels.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer, get_text, get_values
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError, NotAcceptable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.layout import PixelLayout

    PixelArray: TypeAlias = NDArray[Any]

PixelKind: TypeAlias = Literal["integer", "float", "double"]

_SAMPLES = "00280002"
_PHOTOMETRIC = "00280004"
_PLANAR = "00280006"
_ROWS = "00280010"
_COLUMNS = "00280011"
_BITS_ALLOCATED = "00280100"
_BITS_STORED = "00280101"
_HIGH_BIT = "00280102"
_PIXEL_REPRESENTATION = "00280103"
_PADDING = "00280120"
_PADDING_LIMIT = "00280121"
_FLOAT_PADDING = ("00280122", "00280124")
_DOUBLE_PADDING = ("00280123", "00280125")
_LOSSY = "00282110"

_KINDS: Final[dict[str, tuple[PixelKind, int]]] = {
    "7FE00008": ("float", 32),
    "7FE00009": ("double", 64),
}
"""Float Pixel Data and Double Float Pixel Data with the bits of a sample (PS3.3 C.7.6.24, C.7.6.25)."""

GREY: Final = frozenset(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"))
"""Photometric interpretations of one sample for each pixel."""

COLOUR: Final = frozenset(
    (
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_PARTIAL_422",
        "YBR_PARTIAL_420",
        "YBR_ICT",
        "YBR_RCT",
        "XYB",
    )
)
"""Photometric interpretations of three samples for each pixel."""

RETIRED: Final = frozenset(("HSV", "ARGB", "CMYK"))
"""Retired in PS3.3 2001 to 2004: how they are to be shown was never defined, no current object may have them."""

SUBSAMPLED: Final = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))
"""Native pixel data where two pixels share one pair of chrominance samples (PS3.3 C.7.6.3.1.2)."""

MAX_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """Everything that is needed to turn the bytes of one frame into values.

    `bits_stored` and `high_bit` always fit into `bits_allocated`. `padding` is the range of Pixel Padding Value to
    Pixel Padding Range Limit, low value first, in the sign of the pixels.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: int
    frames: int
    kind: PixelKind
    transfer_syntax: str
    padding: tuple[float, float] | None
    lossy: bool

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample in an array: 1, 2, 4 or 8."""
        return next(size for size in (1, 2, 4, 8) if self.bits_allocated <= 8 * size)

    @property
    def dtype(self) -> str:
        """The numpy type of an array of stored values, in the byte order of this machine."""
        letter = "f" if self.kind != "integer" else "i" if self.signed else "u"
        return f"{letter}{self.sample_bytes}"

    @property
    def array_bytes(self) -> int:
        """What one decoded frame takes in memory."""
        return self.rows * self.columns * self.samples * self.sample_bytes

    @property
    def native_frame_bits(self) -> int:
        """Bits of one native frame with all its samples (PS3.5 8.1.1)."""
        return self.rows * self.columns * self.samples * self.bits_allocated

    @property
    def subsampled_frame_bits(self) -> int:
        """Bits of one native frame that keeps two of three samples (PS3.3 C.7.6.3.1.2), else `native_frame_bits`."""
        if self.photometric in SUBSAMPLED and self.samples == 3:
            return self.rows * (self.columns + self.columns % 2) * 2 * self.bits_allocated
        return self.native_frame_bits

    @property
    def coding(self) -> Kind:
        """How frames are coded."""
        syntax = transfer_syntaxes.get(self.transfer_syntax)
        if syntax is None:
            raise NotAcceptable(
                "The transfer syntax of the instance is private; its pixels cannot be decoded.",
                section="8.7.3.5.2",
                offender="transfer syntax",
            )
        return syntax.kind


def describe_pixels(attributes: Attributes, transfer_syntax: str, layout: PixelLayout) -> PixelDescription:
    """Describe the frames of a data set. Raises `DicomError` when it cannot describe an image at all."""
    kind, bits = _KINDS.get(layout.tag, ("integer", 0))
    bits_allocated = bits or _bits_allocated(attributes)
    samples, photometric = _colours(attributes)
    bits_stored, high_bit = stored_bits(attributes, bits_allocated) if kind == "integer" else (bits, bits - 1)
    signed = kind != "integer" or get_integer(attributes, _PIXEL_REPRESENTATION) == 1
    return PixelDescription(
        rows=_size(attributes, _ROWS, "Rows"),
        columns=_size(attributes, _COLUMNS, "Columns"),
        samples=samples,
        photometric=photometric,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=high_bit,
        signed=signed,
        planar=1 if samples > 1 and get_integer(attributes, _PLANAR) == 1 else 0,
        frames=layout.frames,
        kind=kind,
        transfer_syntax=transfer_syntax,
        padding=_padding(attributes, kind, bits_allocated, signed=signed),
        lossy=_lossy(attributes, transfer_syntax),
    )


def _size(attributes: Attributes, tag: str, name: str) -> int:
    size = get_integer(attributes, tag) or 0
    if not 0 < size < 65536:
        raise DicomError(
            f"the data set has pixel data, but its {name} is {size or 'missing'}: it describes no image",
            section="PS3.3 C.7.6.3",
            offender=name,
            accepted=("1 to 65535",),
        )
    return size


def _bits_allocated(attributes: Attributes) -> int:
    bits = get_integer(attributes, _BITS_ALLOCATED)
    if bits is None:
        # Bits Stored is one or more bytes in that case: the only other thing that is known.
        bits = -(-(get_integer(attributes, _BITS_STORED) or 0) // 8) * 8
    if not 0 < bits <= MAX_BITS:
        raise DicomError(
            f"Bits Allocated is {bits or 'missing'}: the samples cannot be told apart",
            section="PS3.3 C.7.6.3.1.1",
            offender="BitsAllocated",
            accepted=("1", "8", "16", "32", "64"),
        )
    return bits


def _colours(attributes: Attributes) -> tuple[int, str]:
    """Samples per Pixel and Photometric Interpretation; the number of samples decides where they disagree."""
    photometric = (get_text(attributes, _PHOTOMETRIC) or "").strip().upper()
    samples = get_integer(attributes, _SAMPLES) or (3 if photometric in COLOUR else 1)
    if photometric in RETIRED or samples not in {1, 3}:
        raise NotAcceptable(
            f"An image of {samples} samples per pixel in {photometric or 'no photometric interpretation'} cannot be "
            "shown or converted: HSV, ARGB and CMYK are retired without a definition of their colours.",
            section="PS3.3 C.7.6.3.1.2",
            offender="PhotometricInterpretation",
            accepted=(*sorted(GREY), *sorted(COLOUR)),
        )
    if samples == 1:
        return 1, photometric if photometric in GREY else "MONOCHROME2"
    return 3, photometric if photometric in COLOUR else "RGB"


def stored_bits(attributes: Attributes, allocated: int) -> tuple[int, int]:
    """Bits Stored and High Bit; what does not fit into Bits Allocated counts as not said (PS3.5 8.1.1)."""
    stored = get_integer(attributes, _BITS_STORED) or 0
    if not 0 < stored <= allocated:
        stored = allocated
    high = get_integer(attributes, _HIGH_BIT)
    if high is None or not stored - 1 <= high < allocated:
        high = stored - 1
    return stored, high


def _padding(
    attributes: Attributes, kind: PixelKind, bits_allocated: int, *, signed: bool
) -> tuple[float, float] | None:
    """Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2), whatever VR they came in."""
    if kind != "integer":
        tags = _FLOAT_PADDING if kind == "float" else _DOUBLE_PADDING
        values = [value for tag in tags for value in get_values(attributes, tag)[:1] if isinstance(value, (int, float))]
    else:
        # An implicit VR file does not say whether the value is signed; the pixels do (PS3.5 A.1 Note).
        found = (get_integer(attributes, tag) for tag in (_PADDING, _PADDING_LIMIT))
        values = [_in_sign_of_pixels(value, bits_allocated, signed=signed) for value in found if value is not None]
    return (float(min(values)), float(max(values))) if values else None


def _in_sign_of_pixels(value: int, bits: int, *, signed: bool) -> int:
    width = max(bits, 16)
    value &= (1 << width) - 1
    return value - (1 << width) if signed and value >> (width - 1) else value


def _lossy(attributes: Attributes, transfer_syntax: str) -> bool:
    """Tell whether something was lost: said so (PS3.3 C.7.6.1.1.5), or by a coding that always loses."""
    syntax = transfer_syntaxes.get(transfer_syntax)
    always = syntax is not None and syntax.lossy and (syntax.kind is Kind.JPEG or syntax.video)
    return always or get_text(attributes, _LOSSY) == "01"
