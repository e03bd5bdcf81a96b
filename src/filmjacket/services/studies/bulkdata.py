"""Bulk data: the value behind any `BulkDataURI`, nested and private ones too (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.header import BulkValue
from filmjacket.dicom.transfer_syntaxes import ENCAPSULATED_UNCOMPRESSED, EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.errors import NotAcceptable, NotFound
from filmjacket.services.studies.bare_stream import BareStream
from filmjacket.services.studies.coded_tags import coded_etag
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.frames import (
    choose_form,
    coded_parts,
    find_instance,
    frame_parts,
    frames_payload,
    padded_frame_bytes,
)
from filmjacket.services.studies.stored_bytes import read_value
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.web.bulk_uri import bulk_url
from filmjacket.web.conditional import etag
from filmjacket.web.negotiate_bulk import Items, Making, choose_bulk
from filmjacket.web.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.ports import BlobReader, Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.services.studies.nested_pixels import NestedPixels
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate_bulk import BulkPlan
    from filmjacket.web.refs import ResourceRef

_ENCAPSULATED_DOCUMENT = "00420011"
_DOCUMENT_TYPE = "00420012"
_DOCUMENT_LENGTH = "00420015"


@dataclass(frozen=True, slots=True)
class BulkItem:
    """A bulk value of an instance. `frames` is how many parts it makes as compressed multi-frame pixel data, else 0.

    `document_type` and `document_length` are those of an encapsulated document.
    """

    instance: StoredInstance
    value: BulkValue
    frames: int = 0
    document_type: str | None = None
    document_length: int | None = None

    @property
    def is_image(self) -> bool:
        """Whether the value is the pixel data of the instance, hence can be had in other forms."""
        pixel = self.instance.layout.pixel
        return pixel is not None and pixel.tag == self.value.path

    @property
    def items(self) -> Items:
        """Which of its forms are one item."""
        pixel = self.instance.layout.pixel
        if pixel is None or not self.is_image:
            return Items(native=True, compressed=True)
        if not self.value.encapsulated:
            return Items(native=True, compressed=pixel.frames == 1)
        padded = self.instance.transfer_syntax == ENCAPSULATED_UNCOMPRESSED and self.frames > 1
        return Items(native=not padded, compressed=self.frames <= 1)

    def choose(self, coder: Transcoder, choose: Callable[[Reach | None], BulkPlan]) -> BulkPlan:
        """The representation of the value."""
        if self.is_image:
            return choose_form(coder, self.instance, choose)
        return choose_nested_form(coder, self.instance, self.value, choose) if self.value.encapsulated else choose(None)

    @property
    def numbers(self) -> range:
        """Of the frames of pixel data."""
        pixel = self.instance.layout.pixel
        return range(1, 1 + (pixel.frames if pixel is not None else 0))

    def is_divided(self, plan: BulkPlan) -> bool:
        """Whether each frame is a part in the form that was chosen."""
        return not plan.is_native if plan.making is Making.CODED else self.frames > 0

    def url(self, base_url: str) -> str:
        """The BulkDataURI of the value."""
        instance = self.instance
        return bulk_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid, self.value.path)


def retrieve_bulk_data(
    index: Index,
    blobs: Blobs,
    ref: ResourceRef,
    preferences: Preferences,
    base_url: str,
    *,
    path: str,
    coder: Transcoder,
) -> Download:
    """The bulk value at an attribute path of one instance, as little endian bytes or as compressed frames.

    Raises `NotFound` if the instance has no bulk value there, `NotAcceptable` for a representation that
    cannot be had.
    """
    instance = find_instance(index, ref)
    value = find_bulk_value(instance, path)
    item = bulk_item(index, instance, value)
    plan = item.choose(
        coder,
        lambda reach: choose_bulk(preferences, items=item.items, reach=reach, document_type=item.document_type),
    )
    if item.is_divided(plan):
        parts = item_parts(index, blobs, coder, item, plan, base_url)
        payload = frames_payload(parts, instance, item.numbers, plan, base_url)
    else:
        part = value_part(blobs, coder, item, plan, base_url)
        payload = multi_part([part], plan.media_type) if plan.multipart else single_part(part)
    # A range of a multipart payload counts boundaries and headers (8.4.2), but clients that ask for a range of a value
    # mean its bytes and cannot read a piece of such a payload: they get it whole, as RFC 9110 14.2 allows.
    return replace(payload, ranged=None) if plan.multipart and not item.is_divided(plan) else payload


def find_bulk_value(instance: StoredInstance, path: str) -> BulkValue:
    """The bulk value at an attribute path, `00281201` for example; raises `NotFound`."""
    found = next((value for value in bulk_values(instance) if value.path == path.strip("/")), None)
    if found is None:
        raise NotFound(
            "The instance has no bulk value at this path.",
            section="10.4.1.1.5",
            offender="target URI",
            accepted=tuple(value.path for value in instance.layout.bulk[:20]),
        )
    return found


def read_bulk_value(blobs: Blobs, instance: StoredInstance, path: str) -> bytes:
    """All of a bulk value that is small enough for memory, a lookup table for example, in little endian."""
    value = find_bulk_value(instance, path)
    return b"".join(read_value(blobs, instance, value.vr, (value.offset, value.length)))


def bulk_values(instance: StoredInstance) -> tuple[BulkValue, ...]:
    """Every bulk value; pixel data always are one, even if they are so small that the metadata hold them inline."""
    pixel = pixel_value(instance)
    bulk = instance.layout.bulk
    return bulk if pixel is None or any(value.path == pixel.path for value in bulk) else (*bulk, pixel)


def pixel_value(instance: StoredInstance) -> BulkValue | None:
    """The top-level pixel data as a bulk value."""
    pixel = instance.layout.pixel
    return pixel and BulkValue(pixel.tag, pixel.vr, pixel.offset, pixel.length, pixel.encapsulated)


def bulk_item(index: Index, instance: StoredInstance, value: BulkValue) -> BulkItem:
    """What there is to know of a bulk value before it is negotiated."""
    pixel = instance.layout.pixel
    if value.encapsulated and pixel is not None and pixel.tag == value.path and instance.layout.framed:
        # Uncompressed frames are one item, whether encapsulated or not (8.7.3.3.1).
        # Padding between them is the exception: it belongs to none of them, so that each is sent by itself.
        uncompressed = instance.transfer_syntax == ENCAPSULATED_UNCOMPRESSED
        one_item = uncompressed and padded_frame_bytes(index, instance) is None
        return BulkItem(instance, value, frames=0 if one_item else pixel.frames)
    if value.path != _ENCAPSULATED_DOCUMENT:
        return BulkItem(instance, value)
    attributes = read_attributes(index, instance)
    media_type = get_text(attributes, _DOCUMENT_TYPE)
    length = get_integer(attributes, _DOCUMENT_LENGTH)
    return BulkItem(instance, value, document_type=media_type, document_length=length)


def item_parts(
    index: Index, blobs: BlobReader, coder: Transcoder, item: BulkItem, plan: BulkPlan, base_url: str
) -> Iterator[Part]:
    """The parts of a bulk value: each has the BulkDataURI as its Content-Location (10.4.3.3.3)."""
    if not item.is_divided(plan):
        yield value_part(blobs, coder, item, plan, base_url)
        return
    url = item.url(base_url)
    yield from item_frames(index, blobs, coder, item, plan, lambda _: url)


def item_frames(
    index: Index, blobs: BlobReader, coder: Transcoder, item: BulkItem, plan: BulkPlan, locate: Callable[[int], str]
) -> Iterator[Part]:
    """The frames of pixel data, one part each."""
    if plan.making is Making.CODED:
        return coded_parts(coder, item.instance, item.numbers, plan, locate)
    return frame_parts(index, blobs, item.instance, item.numbers, plan.content_type, locate)


def choose_nested_form(
    coder: Transcoder, instance: StoredInstance, value: BulkValue, choose: Callable[[Reach | None], BulkPlan]
) -> BulkPlan:
    """The representation of encapsulated pixel data in an item; only looked at closer if they have to be decoded."""
    stored = instance.transfer_syntax
    try:
        plan = choose(Reach(stored, encapsulated=True, lossless=(EXPLICIT_VR_LITTLE_ENDIAN,)))
    except NotAcceptable:
        return choose(coder.nested(instance, value).reach)
    return choose(coder.nested(instance, value).reach) if plan.making is Making.CODED else plan


def _decoded(coder: Transcoder, nested: NestedPixels) -> tuple[bytes]:
    return (coder.nested_bytes(nested),)


def value_part(blobs: BlobReader, coder: Transcoder, item: BulkItem, plan: BulkPlan, base_url: str) -> Part:
    """A bulk value as one part."""
    instance, value = item.instance, item.value
    location = item.url(base_url)
    if plan.making is Making.CODED:
        tag = coded_etag(instance, plan.content_type, value.path)
        if not item.is_image:
            nested = coder.nested(instance, value)
            made = partial(_decoded, coder, nested)
            return Part(plan.content_type, location, nested.native_bytes, made, tag, coded=True)
        length = coder.frame_stream_bytes(instance)
        return Part(plan.content_type, location, length, partial(coder.frame_stream, instance), tag, coded=True)
    tag = etag(instance.blob.sha256, plan.content_type, value.path)
    if value.encapsulated:
        stream = BareStream(blobs, instance, (value.offset, value.length))
        ranged = stream.ranged if stream.seekable else None
        if stream.is_bared:
            tag = etag(instance.blob.sha256, plan.content_type, value.path, "codestream")
        return Part(plan.content_type, location, stream.length, stream.chunks, tag, ranged)
    whole = (value.offset, value.length)
    length = value.length
    if plan.media_type == item.document_type and item.document_length == length - 1:
        length -= 1  # the padding to even length is none of the document's (PS3.3 C.24.2)

    def read(first: int, count: int) -> Iterator[bytes]:
        return read_value(blobs, instance, value.vr, whole, (first, count))

    return Part(plan.content_type, location, length, partial(read, 0, length), tag, read)
