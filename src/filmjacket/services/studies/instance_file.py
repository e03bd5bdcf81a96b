"""One instance as a Part 10 file: a data set joined with the parts that it refers to (PS3.18 10.5.2, 10.5.4).

Text is written as UTF-8, which holds every character that JSON and XML can; ISO_IR 192 in place of another Specific
Character Set (0008,0005) loses nothing. The file meta information follows from the parts, never from metadata.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_integer, get_text, get_values, walk
from filmjacket.dicom.pixel_layout import PIXEL_TAGS, native_frame_bits, number_of_frames
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS
from filmjacket.dicom.writer import BulkStream, EncapsulatedFrames, write_file
from filmjacket.errors import DicomError
from filmjacket.services.studies.bulk_parts import is_plain_bytes
from filmjacket.services.studies.pixel_description import (
    add_original_attributes,
    complete_description,
    original_attributes_item,
)
from filmjacket.services.studies.pixel_parts import canonical_type, native_content, pixel_content
from filmjacket.web.media_types import OCTET_STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.dicom.writer import BulkContent
    from filmjacket.services.studies.bulk_parts import BulkParts, PartSpool, SpooledPart

PIXEL_DATA = "7FE00010"
ENCAPSULATED_DOCUMENT = "00420011"
MIME_TYPE_OF_DOCUMENT = "00420012"
DOCUMENT_LENGTH = "00420015"
SOP_CLASS_UID = "00080016"
SOP_INSTANCE_UID = "00080018"

PIXEL_DESCRIPTION = "ImagePixelDescription"
DOCUMENT_TYPE = "MIMETypeOfEncapsulatedDocument"

MAX_SHOWN = 36
"""Characters from the end of a reference that a message shows: with its words it fits an Error Comment of 64."""


@dataclass(frozen=True, slots=True)
class PartSource:
    """Where the bulk data of a request are, and what relative references of one data set are relative to."""

    spool: PartSpool
    bulk: BulkParts
    base: str | None

    def find(self, reference: str) -> list[SpooledPart]:
        """The parts of a reference. Raises `DicomError` if there are none."""
        parts = self.bulk.find(reference, self.base)
        if not parts:
            raise DicomError(
                f"no part for BulkDataURI {reference[-MAX_SHOWN:]}",
                section="PS3.18 8.6.1.2",
                offender="BulkDataURI",
                accepted=("a part whose Content-Location is the BulkDataURI",),
            )
        return parts


@dataclass(frozen=True, slots=True)
class ComposedFile:
    """The bytes of a file, still to be made, and the items of what was put right."""

    chunks: Iterator[bytes]
    coercions: tuple[Attributes, ...]


def compose_file(attributes: Attributes, source: PartSource, now: Callable[[], datetime]) -> ComposedFile:
    """Join a data set, which is changed, with its parts. `DicomError` now or later names what cannot be."""
    _check_identity(attributes)
    composer = _Composer(attributes, source)
    composer.take_references()
    coercions: tuple[Attributes, ...] = ()
    if composer.replaced:
        coercions = (original_attributes_item(composer.replaced, now()),)
        add_original_attributes(attributes, coercions[0])
    chunks = write_file(attributes, transfer_syntax=composer.transfer_syntax, bulk=composer.values.__getitem__)
    return ComposedFile(chunks, coercions)


def _check_identity(attributes: Attributes) -> None:
    for keyword, tag in (("SOPClassUID", SOP_CLASS_UID), ("SOPInstanceUID", SOP_INSTANCE_UID)):
        if not get_text(attributes, tag):
            raise DicomError(f"{keyword} is missing or empty", section="PS3.10 7.1", offender=keyword)


class _Composer:
    """Bulk values of one data set, known to the writer by their path."""

    def __init__(self, attributes: Attributes, source: PartSource) -> None:
        self._attributes = attributes
        self._source = source
        self.values: dict[str, BulkContent] = {}
        self.transfer_syntax = EXPLICIT_VR_LITTLE_ENDIAN
        self.replaced: Attributes = {}

    def take_references(self) -> None:
        """Find the content of every reference; the pixels first, because they decide the transfer syntax."""
        references = [(path, element) for path, element in walk(self._attributes) if "BulkDataURI" in element]
        found = [(path, element, self._source.find(element["BulkDataURI"])) for path, element in references]
        for path, element, parts in sorted(found, key=lambda one: one[0] != (PIXEL_DATA,)):
            name = ".".join(map(str, path))
            self.values[name] = self._content(path, element, parts)
            element["BulkDataURI"] = name

    def _content(self, path: tuple[str | int, ...], element: Element, parts: Sequence[SpooledPart]) -> BulkContent:
        if path == (PIXEL_DATA,):
            return self._pixel_data(element, parts)
        if path == (ENCAPSULATED_DOCUMENT,):
            return self._document(parts)
        if path[-1] == PIXEL_DATA and not is_plain_bytes(parts[0]):
            return self._nested_pixel_data(parts)
        content = self._value(path, parts)
        if path[-1] in PIXEL_TAGS and len(path) == 1:
            _check_native_length(self._attributes, content)
        elif VALUE_REPRESENTATIONS[element["vr"]].uses_charset:
            return BulkStream(content.length, _checked_text(content.chunks, str(path[-1])))
        return content

    def _pixel_data(self, element: Element, parts: Sequence[SpooledPart]) -> BulkContent:
        pixels = pixel_content(self._source.spool, parts, self._attributes)
        self.transfer_syntax = pixels.transfer_syntax
        self.replaced |= complete_description(self._attributes, pixels.facts)
        if pixels.vr is not None:
            element["vr"] = pixels.vr
        if isinstance(pixels.content, BulkStream):
            _check_native_length(self._attributes, pixels.content)
        elif not native_frame_bits(self._attributes):
            raise _undescribed()
        return pixels.content

    def _nested_pixel_data(self, parts: Sequence[SpooledPart]) -> BulkContent:
        """Pixels of an icon: compressed only as the image itself is (PS3.3 C.7.6.1.1.6)."""
        pixels = pixel_content(self._source.spool, parts, {})
        encapsulated = isinstance(pixels.content, EncapsulatedFrames)
        if encapsulated and TRANSFER_SYNTAXES[pixels.transfer_syntax].kind is not self._kind:
            raise DicomError(
                "pixel data of an item are compressed in another way than the image",
                section="PS3.3 C.7.6.1.1.6",
                offender="PixelData",
                accepted=(OCTET_STREAM,),
            )
        return pixels.content

    @property
    def _kind(self) -> object:
        return TRANSFER_SYNTAXES[self.transfer_syntax].kind

    def _document(self, parts: Sequence[SpooledPart]) -> BulkContent:
        """An encapsulated document has its own media type or none in particular (PS3.18 10.5.2)."""
        content = self._value((ENCAPSULATED_DOCUMENT,), parts, any_type=True)
        declared, given = canonical_type(parts[0]), get_text(self._attributes, MIME_TYPE_OF_DOCUMENT)
        if given is None and declared != OCTET_STREAM:
            self._attributes[MIME_TYPE_OF_DOCUMENT] = {"vr": "LO", "Value": [declared]}
        elif given is not None and declared not in {OCTET_STREAM, given.partition(";")[0].strip().lower()}:
            raise DicomError(
                f"the document is {declared[:40]}, not what (0042,0012) says",
                section="PS3.18 10.5.2",
                offender=DOCUMENT_TYPE,
                accepted=(given[:64], OCTET_STREAM),
            )
        length = get_integer(self._attributes, DOCUMENT_LENGTH)
        if length != content.length:
            if get_values(self._attributes, DOCUMENT_LENGTH):
                self.replaced[DOCUMENT_LENGTH] = self._attributes[DOCUMENT_LENGTH]
            self._attributes[DOCUMENT_LENGTH] = {"vr": "UL", "Value": [content.length]}
        return content

    def _value(
        self, path: tuple[str | int, ...], parts: Sequence[SpooledPart], *, any_type: bool = False
    ) -> BulkStream:
        if len(parts) > 1:
            raise DicomError(
                f"{len(parts)} parts for the one value of {path[-1]}",
                section="PS3.18 10.5.2",
                offender=str(path[-1]),
                accepted=("one part for each bulk value",),
            )
        if not any_type and not is_plain_bytes(parts[0]):
            raise DicomError(
                f"{path[-1]} cannot be {canonical_type(parts[0])[:40]}",
                section="PS3.18 8.7.3",
                offender=str(path[-1]),
                accepted=(OCTET_STREAM,),
            )
        content = native_content(self._source.spool, parts).content
        if not isinstance(content, BulkStream):
            raise TypeError(type(content))
        return content


def _undescribed() -> DicomError:
    return DicomError(
        "these pixel data need Rows, Columns and BitsAllocated", section="PS3.3 C.7.6.3", offender=PIXEL_DESCRIPTION
    )


def _check_native_length(attributes: Attributes, content: BulkStream) -> None:
    """Uncompressed pixels do not describe themselves, and there must be as many as the data set says."""
    bits = native_frame_bits(attributes)
    if not bits:
        raise _undescribed()
    expected = (number_of_frames(attributes) * bits + 7) // 8
    if content.length < expected:
        raise DicomError(
            f"{content.length} bytes of pixel data, the attributes ask for {expected}",
            section="PS3.3 C.7.6.3",
            offender=PIXEL_DESCRIPTION,
        )


def _checked_text(chunks: Iterable[bytes], tag: str) -> Iterator[bytes]:
    """Pass bytes on that are UTF-8, as all text of the file is. Raises `DicomError` for others."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            decoder.decode(chunk)
            yield chunk
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise DicomError(f"text of {tag} is not UTF-8", section="PS3.18 F.2", offender=tag) from None
