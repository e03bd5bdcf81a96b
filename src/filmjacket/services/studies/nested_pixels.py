"""Compressed pixel data inside of sequence items, icons above all: described by their item, decoded to native values.

Only one frame is known there: an Icon Image has no Number of Frames (PS3.3 C.7.6.1.1.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer
from filmjacket.dicom.encapsulation import strip_item_headers
from filmjacket.dicom.layout import PixelLayout
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.dicom.writer import BulkStream, element_bytes, native_element
from filmjacket.errors import DicomError
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.forms import reach_of, sent_frame_bits
from filmjacket.services.studies.stored_bytes import read_range
from filmjacket.web.reach import Reach

if TYPE_CHECKING:
    from filmjacket.archive.ports import Blobs
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.layout import BulkValue
    from filmjacket.pixels.description import PixelDescription
    from filmjacket.pixels.wall import CodecWall

ICON_IMAGE_SEQUENCE: Final = "00880200"

_PIXEL_DATA: Final = "7FE00010"
_FRAMES: Final = "00280008"


@dataclass(frozen=True, slots=True)
class NestedPixels:
    """Encapsulated pixel data of an item, `attributes` of it; no `description` if they cannot be decoded."""

    instance: StoredInstance
    value: BulkValue
    attributes: Attributes
    reach: Reach
    description: PixelDescription | None

    @property
    def native_bytes(self) -> int:
        """Length of the decoded value; 0 if there is none."""
        return 0 if self.description is None else (sent_frame_bits(self.description) + 7) // 8

    @property
    def item(self) -> str:
        """Path of the item."""
        return self.value.path.rpartition(".")[0]

    def decode(self, blobs: Blobs, wall: CodecWall) -> bytes:
        """The native value in little endian. Raises `DicomError` for a stream that cannot be decoded."""
        from filmjacket.pixels.recode import recode_frame  # noqa: PLC0415 - codecs are loaded by those who need them

        if self.description is None:
            raise DicomError(self.reach.obstacle, section="PS3.5 A.4", offender="PixelData")
        items = read_range(blobs, self.instance, self.value.offset, self.value.length)
        stream = b"".join(strip_item_headers(items))
        return wall.run(recode_frame, stream, self.description, EXPLICIT_VR_LITTLE_ENDIAN)

    def native_elements(self, pixels: bytes) -> dict[str, bytes]:
        """What the item has otherwise when its pixels are native: whole elements by tag, b"" for one that goes."""
        from filmjacket.pixels.transcoded_attributes import changed_attributes  # noqa: PLC0415 - used with codecs only

        if self.description is None:
            return self.without_pixels()
        syntax = EXPLICIT_VR_LITTLE_ENDIAN
        changes = changed_attributes(self.attributes, self.description, syntax, ratio=1, stored_ratio=None)
        elements = {tag: b"" if to is None else element_bytes(tag, to) for tag, to in changes.items()}
        vr = "OW" if self.description.bits_allocated > 8 else "OB"
        elements[_PIXEL_DATA] = b"".join(native_element(_PIXEL_DATA, vr, BulkStream(len(pixels), (pixels,))))
        return elements

    def without_pixels(self) -> dict[str, bytes]:
        """What the item has otherwise when its pixels go, in the same form."""
        return {self.value.path.rpartition(".")[2]: b""}

    @property
    def is_icon(self) -> bool:
        """Whether the item is the one of an Icon Image Sequence, which means nothing without its pixels."""
        return f".{self.item}".endswith(f".{ICON_IMAGE_SEQUENCE}.0")


def is_nested(value: BulkValue) -> bool:
    """Whether a value is encapsulated inside of an item."""
    return value.encapsulated and "." in value.path


def describe_nested(attributes: Attributes, instance: StoredInstance, value: BulkValue) -> NestedPixels:
    """What there is to know of a nested value of an instance with these attributes."""
    item = _item_at(attributes, value.path)
    syntax = transfer_syntaxes.get(instance.transfer_syntax)
    obstacle = ""
    if not value.path.endswith(f".{_PIXEL_DATA}"):
        obstacle = "it is no Pixel Data"
    elif syntax is None or not syntax.encapsulated:
        obstacle = "the transfer syntax of the instance does not say how it is compressed"
    elif (get_integer(item, _FRAMES) or 1) != 1:
        obstacle = "it has several frames in an item"
    layout = PixelLayout(_PIXEL_DATA, value.vr, True, value.offset, value.length, 1, 0)  # noqa: FBT003 - a record
    if not obstacle:
        found = reach_of(item, instance.transfer_syntax, layout, framed=True)
        if EXPLICIT_VR_LITTLE_ENDIAN in found.lossless:
            reach = Reach(instance.transfer_syntax, encapsulated=True, lossless=(EXPLICIT_VR_LITTLE_ENDIAN,))
            description = describe_pixels(item, instance.transfer_syntax, layout)
            return NestedPixels(instance, value, item, reach, description)
        obstacle = found.obstacle or "it has no native form"
    reach = Reach(instance.transfer_syntax, encapsulated=True, obstacle=obstacle)
    return NestedPixels(instance, value, item, reach, None)


def _item_at(attributes: Attributes, path: str) -> Attributes:
    """The item that holds the value at a path."""
    steps = path.split(".")
    for tag, number in zip(steps[:-1:2], steps[1::2], strict=True):
        attributes = attributes[tag]["Value"][int(number)]
    return attributes
