"""Bulk data: the value behind any `BulkDataURI`, nested and private ones too (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.encapsulation import strip_item_headers
from filmjacket.errors import NotFound
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.frames import find_instance, frame_parts
from filmjacket.services.studies.stored_bytes import read_range, read_value
from filmjacket.web import negotiate
from filmjacket.web.bulk_uri import bulk_url
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import OCTET_STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.header import BulkValue
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef


def retrieve_bulk_data(
    index: Index, blobs: Blobs, ref: ResourceRef, preferences: Preferences, base_url: str, *, path: str
) -> Download:
    """The bulk value at an attribute path of one instance, as little endian bytes or as compressed frames.

    Raises `NotFound` if the instance has no bulk value there, `NotAcceptable` for a representation that
    cannot be had.
    """
    instance = find_instance(index, ref)
    value = next((value for value in instance.layout.bulk if value.path == path), None)
    if value is None:
        raise NotFound(
            "The instance has no bulk value at this path.",
            section="10.4.1.1.5",
            offender="target URI",
            accepted=tuple(value.path for value in instance.layout.bulk[:20]),
        )
    if value.encapsulated and _is_framed(instance, value):
        return _compressed_frames(index, blobs, instance, _frames_of(instance), preferences, base_url)
    stored = instance.transfer_syntax if value.encapsulated else None
    plan = negotiate.choose_bulk(preferences, single=True, stored=stored)
    part = _value_part(blobs, instance, value, plan.content_type, base_url)
    return multi_part([part], plan.media_type) if plan.multipart else single_part(part)


def retrieve_bulk_collection(
    index: Index, blobs: Blobs, instances: Sequence[StoredInstance], preferences: Preferences, base_url: str
) -> Download:
    """Every bulk value of the instances: what `application/octet-stream` on an instance resource means (10.4.4).

    Raises `NotAcceptable` if a value is compressed, and `NotFound` if there is no bulk value at all.
    """
    parts: list[Part] = []
    for instance in instances:
        for value in instance.layout.bulk:
            stored = instance.transfer_syntax if value.encapsulated else None
            plan = negotiate.choose_bulk(preferences, single=False, stored=stored)
            if value.encapsulated and _is_framed(instance, value):
                frames = range(1, _frames_of(instance) + 1)
                parts += frame_parts(index, blobs, instance, frames, plan.content_type, base_url)
            else:
                parts.append(_value_part(blobs, instance, value, plan.content_type, base_url))
    if not parts:
        raise NotFound("The resource has no bulk data.", section="10.4.1.1.5", offender="target URI")
    return multi_part(parts, OCTET_STREAM)


def _is_framed(instance: StoredInstance, value: BulkValue) -> bool:
    pixel = instance.layout.pixel
    return pixel is not None and pixel.tag == value.path and instance.layout.framed


def _frames_of(instance: StoredInstance) -> int:
    return instance.layout.pixel.frames if instance.layout.pixel is not None else 0


def _compressed_frames(
    index: Index, blobs: Blobs, instance: StoredInstance, frames: int, preferences: Preferences, base_url: str
) -> Download:
    """Compressed pixel data are one part a frame (8.7.3.3.2)."""
    plan = negotiate.choose_bulk(preferences, single=frames == 1, stored=instance.transfer_syntax)
    parts = frame_parts(index, blobs, instance, range(1, frames + 1), plan.content_type, base_url)
    return multi_part(parts, plan.media_type) if plan.multipart else single_part(parts[0])


def _value_part(blobs: Blobs, instance: StoredInstance, value: BulkValue, content_type: str, base_url: str) -> Part:
    location = bulk_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid, value.path)
    if value.encapsulated:
        return Part(
            content_type,
            location,
            None,
            lambda: strip_item_headers(read_range(blobs, instance, value.offset, value.length)),
        )
    whole = (value.offset, value.length)
    return Part(
        content_type,
        location,
        value.length,
        lambda: read_value(blobs, instance, value.vr, whole),
        etag(instance.blob.sha256, content_type, value.path),
        lambda first, count: read_value(blobs, instance, value.vr, whole, (first, count)),
    )
