"""Reports, encapsulated documents and waveforms as rendered resources (PS3.18 8.7.4, category Text)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket import __version__
from filmjacket.dicom.attributes import get_integer
from filmjacket.reports.encapsulated import STORED_TYPES
from filmjacket.services.studies.bulkdata import bulk_values, read_bulk_value
from filmjacket.services.studies.documents import document_types, is_document, is_waveform, render_document
from filmjacket.services.studies.download import Download, Part, single_part
from filmjacket.services.studies.stored_bytes import read_value
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.web.conditional import etag
from filmjacket.web.targets import instance_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.studies.documents import RenderedDocument
    from filmjacket.services.studies.studio import Studio

CODABLE: Final = frozenset(("text/html", "text/plain", "text/xml", "image/svg+xml"))
"""Texts, which a content coding makes smaller."""

_DOCUMENT: Final = "00420011"


def types_of_document(studio: Studio, instance: StoredInstance) -> tuple[str, ...]:
    """The media types that a document can be had in, the default first; () for what is no document."""
    sop_class = instance.sop_class_uid
    if not is_document(sop_class):
        return ()
    # Only of waveforms it matters what is in them.
    return document_types(sop_class, read_attributes(studio.index, instance) if is_waveform(sop_class) else {})


def check_document(studio: Studio, instance: StoredInstance, media_type: str, base_url: str) -> None:
    """Raise what making a document would: `NotAcceptable` or `DicomError`."""
    attributes = read_attributes(studio.index, instance)
    if _stored(studio, instance, attributes, media_type, base_url) is None:
        _rendered(studio, instance, attributes, media_type, base_url)


def document_download(
    studio: Studio, instance: StoredInstance, media_type: str, base_url: str, has: Callable[[str], bool]
) -> Download:
    """A document as the whole payload; nothing is read for a client that `has` its entity tag."""
    codable = media_type in CODABLE
    tag = document_tag(instance, media_type, base_url)
    if has(tag):
        location = _location(instance, base_url)
        return Download(media_type, None, iter(()), location=location, etag=tag, codable=codable)
    return replace(single_part(document_part(studio, instance, media_type, base_url)), codable=codable)


def document_tag(instance: StoredInstance, media_type: str, base_url: str) -> str:
    """The entity tag of a document; there are links in it, and another version may write it differently."""
    how = hashlib.sha256(f"{__version__}\n{base_url}\n{instance.sop_uid}\n{media_type}".encode()).hexdigest()
    return etag(instance.blob.sha256, how[:24])


def document_part(studio: Studio, instance: StoredInstance, media_type: str, base_url: str) -> Part:
    """A document in one of its types. Raises `NotAcceptable` or `DicomError` for what cannot be shown."""
    attributes = read_attributes(studio.index, instance)
    tag = document_tag(instance, media_type, base_url)
    stored = _stored(studio, instance, attributes, media_type, base_url)
    if stored is not None:
        return stored
    location = _location(instance, base_url)
    made = _rendered(studio, instance, attributes, media_type, base_url)
    if media_type in CODABLE:
        return Part(made.content_type, location, None, lambda: made.chunks, tag)
    file = studio.cache.get_or_make(tag, lambda: b"".join(made.chunks))
    ranged = partial(_slice, file)
    return Part(made.content_type, location, len(file), lambda: (file,), tag, ranged)


def _rendered(
    studio: Studio, instance: StoredInstance, attributes: Attributes, media_type: str, base_url: str
) -> RenderedDocument:
    bulk = partial(read_bulk_value, studio.blobs, instance)
    return render_document(attributes, media_type, bulk=bulk, base_url=base_url, ref=instance.ref)


def _stored(
    studio: Studio, instance: StoredInstance, attributes: Attributes, media_type: str, base_url: str
) -> Part | None:
    """An encapsulated document as it is stored, without the byte that pads it; read while it is sent."""
    if STORED_TYPES.get(instance.sop_class_uid) != media_type:
        return None
    value = next((value for value in bulk_values(instance) if value.path == _DOCUMENT), None)
    if value is None or not value.length:
        return None
    padded = get_integer(attributes, "00420015") == value.length - 1
    length = value.length - padded

    def ranged(first: int, count: int) -> Iterator[bytes]:
        return read_value(studio.blobs, instance, value.vr, (value.offset, value.length), (first, count))

    location, tag = _location(instance, base_url), document_tag(instance, media_type, base_url)
    return Part(media_type, location, length, lambda: ranged(0, length), tag, ranged)


def _slice(file: bytes, first: int, count: int) -> tuple[bytes]:
    return (file[first : first + count],)


def _location(instance: StoredInstance, base_url: str) -> str:
    return instance_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid)
