"""Collects where Pixel Data is while a header is read, and works out its frames (PS3.3 C.7.6.3, PS3.5 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.encapsulation import Fragments, frame_spans, starts_frame
from filmjacket.dicom.layout import PixelLayout
from filmjacket.dicom.limits import MAX_FRAGMENTS, OverLimit

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.transfer_syntaxes import TransferSyntax

PIXEL_TAGS = frozenset(("7FE00008", "7FE00009", "7FE00010"))
"""Float Pixel Data, Double Float Pixel Data, Pixel Data."""

EXTENDED_OFFSET_TABLE = "7FE00001"
EXTENDED_OFFSET_TABLE_LENGTHS = "7FE00002"

BITS_ALLOCATED = "00280100"

_NUMBER_OF_FRAMES = "00280008"
_SAMPLES = "00280002"
_PHOTOMETRIC = "00280004"
_ROWS = "00280010"
_COLUMNS = "00280011"
_CELLS = {16: "OW", 32: "OL", 64: "OV"}


class EncapsulatedValue:
    """One encapsulated Pixel Data element that is being read; `top` is the one of the data set itself."""

    def __init__(self, tag: str, vr: str, path: str, offset: int, *, top: bool) -> None:
        self.tag = tag
        self.vr = vr
        self.path = path
        self.offset = offset
        self.length = 0
        self.top = top
        self.table = b""
        self.fragments = Fragments()

    def take_table(self, offset: int, raw: bytes) -> None:
        """Take the Basic Offset Table; the fragments begin behind it."""
        self.offset = offset + len(raw)
        self.table = raw

    def take_fragment(self, offset: int, length: int, head: bytes, syntax: TransferSyntax | None) -> None:
        """Take a fragment with the offset of its value."""
        if not self.top:
            return
        if len(self.fragments) >= MAX_FRAGMENTS:
            raise OverLimit(
                f"Pixel Data has more than {MAX_FRAGMENTS} fragments",
                section="PS3.5 A.4",
                offender="PixelData",
            )
        self.fragments.add(offset - 8, length, starts=syntax is not None and starts_frame(syntax.kind, head))

    def end(self, offset: int) -> None:
        """Take the offset of the sequence delimiter."""
        self.length = offset - self.offset

    def layout(
        self, attributes: Attributes, syntax: TransferSyntax | None, extended_table: bytes
    ) -> tuple[PixelLayout, bytes, str]:
        """Return the layout, the spans of the frames, and a warning when frames cannot be told apart."""
        frames = number_of_frames(attributes)
        layout = PixelLayout(self.tag, self.vr, True, self.offset, self.length, frames, 0)  # noqa: FBT003 - a record
        if syntax is not None and syntax.video:
            return layout, b"", ""
        spans = frame_spans(self.fragments, frames, basic_table=self.table, extended_table=extended_table)
        warning = "" if spans else f"{frames} frames cannot be told apart in {len(self.fragments)} fragments"
        return layout, spans, warning


def word_vr(tag: str, vr: str, bits_allocated: int) -> str:
    """Return the VR whose words a big endian file has in its byte order, mostly the own one.

    OW is words of 16 bits, but every toolkit writes Pixel Data with larger cells cell by cell (PS3.5 7.3).
    """
    return _CELLS.get(bits_allocated, vr) if tag == "7FE00010" and vr in {"OB", "OW"} else vr


def number_of_frames(attributes: Attributes) -> int:
    """Return Number of Frames, 1 when it is absent or nonsense."""
    return max(get_integer(attributes, _NUMBER_OF_FRAMES) or 1, 1)


def native_frame_bits(attributes: Attributes) -> int:
    """Return the bits of one native frame; 0 when the attributes do not say."""
    samples = get_integer(attributes, _SAMPLES) or 1
    if get_text(attributes, _PHOTOMETRIC) == "YBR_FULL_422":
        # Two pixels share one pair of chrominance samples (PS3.3 C.7.6.3.1.2).
        samples = 2
    rows, columns, bits = (get_integer(attributes, tag) or 0 for tag in (_ROWS, _COLUMNS, BITS_ALLOCATED))
    return max(rows * columns * samples * bits, 0)


def native_layout(attributes: Attributes, tag: str, vr: str, offset: int, length: int) -> tuple[PixelLayout, str]:
    """Return the layout of a native value and a warning when it is too short for its frames."""
    frames = number_of_frames(attributes)
    bits = native_frame_bits(attributes)
    expected = (frames * bits + 7) // 8
    warning = f"{length} bytes where the attributes ask for {expected}" if length < expected else ""
    return PixelLayout(tag, vr, False, offset, length, frames, bits), warning  # noqa: FBT003 - a record
