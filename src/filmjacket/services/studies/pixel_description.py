"""Image Pixel Description attributes completed, and put right, from the pixel data themselves (PS3.18 10.5.2).

What is missing is filled in. What is there and cannot be true is replaced; the values that the client gave are
reported, so that the stored object can keep them (Original Attributes Sequence). What a stream does not determine -
signedness, fewer bits stored than its precision, MONOCHROME1, the colour space of a JPEG - is the client's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer, get_text, get_values
from filmjacket.dicom.sop_classes import is_multi_frame
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.dicom.codestreams import StreamDescription

SOP_CLASS_UID = "00080016"
FRAME_TIME = "00181063"
SAMPLES_PER_PIXEL = "00280002"
PHOTOMETRIC_INTERPRETATION = "00280004"
PLANAR_CONFIGURATION = "00280006"
NUMBER_OF_FRAMES = "00280008"
FRAME_INCREMENT_POINTER = "00280009"
ROWS = "00280010"
COLUMNS = "00280011"
BITS_ALLOCATED = "00280100"
BITS_STORED = "00280101"
HIGH_BIT = "00280102"
PIXEL_REPRESENTATION = "00280103"
LOSSY_IMAGE_COMPRESSION = "00282110"
LOSSY_IMAGE_COMPRESSION_RATIO = "00282112"
LOSSY_IMAGE_COMPRESSION_METHOD = "00282114"
ORIGINAL_ATTRIBUTES = "04000561"

MODIFYING_SYSTEM = "Filmjacket"

_GREY = frozenset(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"))
_COLOUR = frozenset(("RGB", "YBR_FULL", "YBR_FULL_422"))

# What a JPEG 2000 family stream says of its colour transform binds its decoder (PS3.5 8.2.4); what colours the
# components of the older ones are is said only by the data set (PS3.5 8.2.1, 8.2.2, 8.2.3).
_BINDING = frozenset((Kind.JPEG_2000, Kind.JPEG_2000_PART_2, Kind.HTJ2K))
_TRANSFORMED = frozenset(("YBR_ICT", "YBR_RCT"))


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """What is known of the pixels without asking the client; 0, "" and None are not known.

    `exact`: the server made the pixels itself, so that every attribute is known. `stored_bytes` is the size of what
    is stored, for the compression ratio.
    """

    rows: int = 0
    columns: int = 0
    samples: int = 0
    photometric: str = ""
    accepted_photometrics: frozenset[str] = frozenset()
    bits_allocated: int = 0
    bits_stored: int = 0
    pixel_representation: int = 0
    planar_configuration: int | None = None
    frames: int | None = None
    frame_time_ms: float | None = None
    lossy: bool = False
    lossy_method: str | None = None
    stored_bytes: int = 0
    exact: bool = False


def facts_of_stream(description: StreamDescription, *, frames: int | None, stored_bytes: int) -> PixelFacts:
    """What a described stream implies; `frames` is how many there are, if the parts tell."""
    return PixelFacts(
        rows=description.rows,
        columns=description.columns,
        samples=description.samples_per_pixel,
        photometric=description.photometric_interpretation,
        accepted_photometrics=_accepted_photometrics(description),
        bits_allocated=description.bits_allocated,
        bits_stored=description.bits_stored,
        pixel_representation=description.pixel_representation,
        planar_configuration=description.planar_configuration,
        frames=frames,
        frame_time_ms=description.frame_time_ms,
        lossy=description.lossy,
        lossy_method=description.lossy_method,
        stored_bytes=stored_bytes,
    )


def _accepted_photometrics(description: StreamDescription) -> frozenset[str]:
    found = description.photometric_interpretation
    syntax = transfer_syntaxes.get(description.transfer_syntax or "")
    if description.samples_per_pixel == 1:
        return _GREY | {found}
    if syntax is None or syntax.video or not found:
        return frozenset((found,))
    if syntax.kind not in _BINDING:
        return _COLOUR | {found}
    return frozenset((found,)) if found in _TRANSFORMED else _COLOUR | {found}


def complete_description(attributes: Attributes, facts: PixelFacts) -> Attributes:
    """Fill in and put right `attributes`; returns the elements that were replaced, as the client gave them.

    Raises `DicomError` when the number of frames is another one than the client says: pixels are missing then.
    """
    editor = _Editor(attributes)
    _describe_size(editor, facts)
    _describe_samples(editor, facts)
    _describe_frames(editor, facts)
    if facts.lossy:
        _describe_loss(editor, facts)
    return editor.replaced


class _Editor:
    """Changes attributes and remembers what they were."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.replaced: Attributes = {}

    def fill(self, tag: str, vr: str, value: object) -> None:
        """Set an attribute that is missing or empty."""
        if not get_values(self.attributes, tag):
            self.attributes[tag] = {"vr": vr, "Value": [value]}

    def correct(self, tag: str, vr: str, value: object, is_true: Callable[[Any], bool]) -> bool:
        """Set an attribute that is missing, empty or untrue; tells whether it was untrue."""
        if not get_values(self.attributes, tag):
            self.attributes[tag] = {"vr": vr, "Value": [value]}
            return False
        given = get_text(self.attributes, tag) if vr == "CS" else get_integer(self.attributes, tag)
        if given is not None and is_true(given):
            return False
        self.replaced[tag] = self.attributes[tag]
        self.attributes[tag] = {"vr": vr, "Value": [value]}
        return True


def _describe_size(editor: _Editor, facts: PixelFacts) -> None:
    for tag, value in ((ROWS, facts.rows), (COLUMNS, facts.columns), (SAMPLES_PER_PIXEL, facts.samples)):
        if value:
            editor.correct(tag, "US", value, value.__eq__)


def _describe_samples(editor: _Editor, facts: PixelFacts) -> None:
    """Colour space, bits and planes (PS3.3 C.7.6.3.1)."""
    if facts.photometric:
        accepted = facts.accepted_photometrics | {facts.photometric}
        editor.correct(PHOTOMETRIC_INTERPRETATION, "CS", facts.photometric, accepted.__contains__)
    if not facts.bits_stored:
        return
    exact, allocated, stored = facts.exact, facts.bits_allocated, facts.bits_stored
    editor.correct(BITS_ALLOCATED, "US", allocated, allocated.__eq__ if exact else allocated.__le__)
    changed = editor.correct(BITS_STORED, "US", stored, stored.__eq__ if exact else stored.__ge__)
    high_bit = (get_integer(editor.attributes, BITS_STORED) or stored) - 1
    editor.correct(HIGH_BIT, "US", high_bit, high_bit.__eq__ if exact or changed else lambda _: True)
    representation = facts.pixel_representation
    editor.correct(PIXEL_REPRESENTATION, "US", representation, representation.__eq__ if exact else lambda _: True)
    planes = facts.planar_configuration
    if planes is not None:
        editor.correct(PLANAR_CONFIGURATION, "US", planes, planes.__eq__ if exact else lambda _: True)


def _describe_frames(editor: _Editor, facts: PixelFacts) -> None:
    """Number of Frames (PS3.3 C.7.6.6.1.1) and, of a stream that has a rate, Frame Time (C.7.6.5.1.1)."""
    attributes = editor.attributes
    if facts.frames is None:
        return
    given = get_integer(attributes, NUMBER_OF_FRAMES)
    if given is not None and given != facts.frames:
        raise DicomError(
            f"NumberOfFrames is {given}, but there are {facts.frames} frames in the parts of the pixel data",
            section="PS3.18 10.5.2",
            offender="NumberOfFrames",
            accepted=("one part for each frame",),
        )
    if facts.frames > 1 or is_multi_frame(get_text(attributes, SOP_CLASS_UID) or ""):
        editor.fill(NUMBER_OF_FRAMES, "IS", facts.frames)
    if facts.frames > 1 and facts.frame_time_ms:
        editor.fill(FRAME_TIME, "DS", float(f"{facts.frame_time_ms:.6g}"))
        editor.fill(FRAME_INCREMENT_POINTER, "AT", FRAME_TIME)


def _describe_loss(editor: _Editor, facts: PixelFacts) -> None:
    """That, how and how much was lost (PS3.3 C.7.6.1.1.5)."""
    editor.correct(LOSSY_IMAGE_COMPRESSION, "CS", "01", "01".__eq__)
    pixels = facts.rows * facts.columns * facts.samples * (facts.frames or 0)
    if pixels and facts.stored_bytes:
        ratio = pixels * facts.bits_allocated / 8 / facts.stored_bytes
        editor.fill(LOSSY_IMAGE_COMPRESSION_RATIO, "DS", float(f"{ratio:.4g}"))
    if facts.lossy_method:
        editor.fill(LOSSY_IMAGE_COMPRESSION_METHOD, "CS", facts.lossy_method)


def original_attributes_item(replaced: Attributes, moment: datetime) -> Attributes:
    """An item of the Original Attributes Sequence (PS3.3 C.12.1.1.9) for values that were put right."""
    return {
        "04000550": {"vr": "SQ", "Value": [replaced]},
        "04000562": {"vr": "DT", "Value": [moment.strftime("%Y%m%d%H%M%S.%f%z")]},
        "04000563": {"vr": "LO", "Value": [MODIFYING_SYSTEM]},
        "04000564": {"vr": "LO"},
        "04000565": {"vr": "CS", "Value": ["CORRECT"]},
    }


def add_original_attributes(attributes: Attributes, item: Attributes) -> None:
    """Append an item to the Original Attributes Sequence of a data set; earlier items stay."""
    element: Element = attributes.get(ORIGINAL_ATTRIBUTES, {"vr": "SQ"})
    attributes[ORIGINAL_ATTRIBUTES] = {"vr": "SQ", "Value": [*element.get("Value", []), item]}
