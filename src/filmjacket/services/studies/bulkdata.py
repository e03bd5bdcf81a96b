"""Bulk data: the value behind any `BulkDataURI`, nested and private ones too (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.header import BulkValue
from filmjacket.dicom.json_model import decode_attributes
from filmjacket.dicom.transfer_syntaxes import ENCAPSULATED_UNCOMPRESSED
from filmjacket.errors import NotFound
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.fragments import FragmentedStream
from filmjacket.services.studies.frames import find_instance, frame_parts, frames_payload, padded_frame_bytes
from filmjacket.services.studies.stored_bytes import read_value
from filmjacket.web.bulk_uri import bulk_url
from filmjacket.web.conditional import etag
from filmjacket.web.negotiate_bulk import choose_bulk
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate_bulk import BulkPlan

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
    def stored(self) -> str | None:
        """The transfer syntax of an encapsulated value, None for others."""
        return self.instance.transfer_syntax if self.value.encapsulated else None

    def url(self, base_url: str) -> str:
        """The BulkDataURI of the value."""
        instance = self.instance
        return bulk_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid, self.value.path)


def retrieve_bulk_data(
    index: Index, blobs: Blobs, ref: ResourceRef, preferences: Preferences, base_url: str, *, path: str
) -> Download:
    """The bulk value at an attribute path of one instance, as little endian bytes or as compressed frames.

    Raises `NotFound` if the instance has no bulk value there, `NotAcceptable` for a representation that
    cannot be had.
    """
    instance = find_instance(index, ref)
    value = next((value for value in bulk_values(instance) if value.path == path), None)
    if value is None:
        raise NotFound(
            "The instance has no bulk value at this path.",
            section="10.4.1.1.5",
            offender="target URI",
            accepted=tuple(value.path for value in instance.layout.bulk[:20]),
        )
    item = bulk_item(index, instance, value)
    plan = choose_bulk(preferences, single=item.frames <= 1, stored=item.stored, document_type=item.document_type)
    if item.frames:
        payload = frames_payload(index, blobs, instance, range(1, item.frames + 1), plan, base_url)
    else:
        part = value_part(blobs, item, plan, base_url)
        payload = multi_part([part], plan.media_type) if plan.multipart else single_part(part)
    # A range of a multipart payload counts boundaries and headers (8.4.2), but clients that ask for a range of a value
    # mean its bytes and cannot read a piece of a multipart payload: they get it whole, as RFC 9110 14.2 allows.
    return replace(payload, ranged=None) if plan.multipart else payload


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
    for documents in index.metadata(ResourceRef(instance.study_uid, instance.series_uid, instance.sop_uid)):
        attributes = decode_attributes(documents[0].document)
        media_type = get_text(attributes, _DOCUMENT_TYPE)
        length = get_integer(attributes, _DOCUMENT_LENGTH)
        return BulkItem(instance, value, document_type=media_type, document_length=length)
    return BulkItem(instance, value)


def item_parts(index: Index, blobs: Blobs, item: BulkItem, plan: BulkPlan, base_url: str) -> Iterator[Part]:
    """The parts of a bulk value in a collection: each has the BulkDataURI as its Content-Location (10.4.3.3.3)."""
    if not item.frames:
        yield value_part(blobs, item, plan, base_url)
        return
    url = item.url(base_url)
    numbers = range(1, item.frames + 1)
    yield from frame_parts(index, blobs, item.instance, numbers, plan.content_type, lambda _: url)


def value_part(blobs: Blobs, item: BulkItem, plan: BulkPlan, base_url: str) -> Part:
    """A bulk value as one part."""
    instance, value = item.instance, item.value
    location = item.url(base_url)
    tag = etag(instance.blob.sha256, plan.content_type, value.path)
    if value.encapsulated:
        stream = FragmentedStream(blobs, instance, (value.offset, value.length))
        ranged = stream.ranged if stream.seekable else None
        return Part(plan.content_type, location, stream.length, stream.chunks, tag, ranged)
    whole = (value.offset, value.length)
    length = value.length
    if plan.media_type == item.document_type and item.document_length == length - 1:
        length -= 1  # the padding to even length is none of the document's (PS3.3 C.24.2)

    def read(first: int, count: int) -> Iterator[bytes]:
        return read_value(blobs, instance, value.vr, whole, (first, count))

    return Part(plan.content_type, location, length, partial(read, 0, length), tag, read)
