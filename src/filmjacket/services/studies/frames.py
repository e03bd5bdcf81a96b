"""Frames of stored instances: one ranged read each, as stored or as native little endian bytes (PS3.18 10.4.1.1.6).

Also called WADO-RS frame retrieval. Decoding of compressed frames belongs to `filmjacket.pixels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.encapsulation import strip_item_headers
from filmjacket.errors import NotAcceptable, NotFound
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.stored_bytes import STEP, read_range, read_value, shift_bits
from filmjacket.web import negotiate
from filmjacket.web.conditional import etag
from filmjacket.web.targets import frame_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.header import PixelLayout
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef


def retrieve_frames(
    index: Index,
    blobs: Blobs,
    ref: ResourceRef,
    preferences: Preferences,
    base_url: str,
    *,
    numbers: Sequence[int],
) -> Download:
    """The frames with these 1-based numbers, in the order asked for, one part each.

    Raises `NotFound` for an instance without pixel data or a number beyond its frames, `NotAcceptable` for a
    representation that cannot be had, and for a stream that is not divided into frames.
    """
    instance = find_instance(index, ref)
    pixel = instance.layout.pixel
    if pixel is None:
        raise NotFound("The instance has no pixel data, hence no frames.", section="10.4.1.1.6")
    if max(numbers) > pixel.frames:
        raise NotFound(
            f"Frame {max(numbers)} was asked for; the instance has {pixel.frames}.",
            section="10.4.1.1.6",
            offender="frames",
            accepted=(f"1-{pixel.frames}",),
        )
    if pixel.encapsulated and not instance.layout.framed:
        raise NotAcceptable(
            "The compressed stream of this instance, a video for example, is not divided into frames; this version can "
            "only send it whole.",
            section="8.7.3.3.2",
            offender="frames",
            accepted=(f"{base_url}/{ref.path}/bulkdata/{pixel.tag}",),
        )
    plan = negotiate.choose_frames(preferences, single=len(numbers) == 1, stored=_stored_form(instance, pixel))
    parts = frame_parts(index, blobs, instance, numbers, plan.content_type, base_url)
    return single_part(parts[0]) if not plan.multipart else multi_part(parts, plan.media_type)


def find_instance(index: Index, ref: ResourceRef) -> StoredInstance:
    """The one instance that `ref` names. Raises `NotFound`."""
    found = index.instances(ref)
    if not found:
        raise missing_resource(index, ref)
    return found[0]


def _stored_form(instance: StoredInstance, pixel: PixelLayout) -> str | None:
    return instance.transfer_syntax if pixel.encapsulated else None


def frame_parts(
    index: Index,
    blobs: Blobs,
    instance: StoredInstance,
    numbers: Sequence[int],
    content_type: str,
    base_url: str,
) -> list[Part]:
    """One part for each frame number, bytes unread."""
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    parts: list[Part] = []
    for number, content in zip(numbers, _contents(index, blobs, instance, numbers), strict=True):
        tag = etag(instance.blob.sha256, content_type, f"frame{number}")
        location = frame_url(base_url, *uids, number)
        parts.append(Part(content_type, location, content.length, content.chunks, tag, content.ranged))
    return parts


@dataclass(frozen=True, slots=True)
class _Content:
    """Bytes of a frame; the length is known for native frames and for small compressed ones."""

    length: int | None
    chunks: Callable[[], Iterable[bytes]]
    ranged: Callable[[int, int], Iterable[bytes]] | None = None


def _contents(index: Index, blobs: Blobs, instance: StoredInstance, numbers: Sequence[int]) -> list[_Content]:
    pixel = instance.layout.pixel
    if pixel is None:
        return []
    if not pixel.encapsulated:
        return [_native(blobs, instance, pixel, number) for number in numbers]
    spans = index.frame_spans(instance, numbers)
    if sum(length for _, length in spans) > STEP:
        return [_Content(None, partial(_encapsulated, blobs, instance, offset, length)) for offset, length in spans]
    return [_in_memory(b"".join(_encapsulated(blobs, instance, offset, length))) for offset, length in spans]


def _in_memory(frame: bytes) -> _Content:
    return _Content(len(frame), lambda: (frame,), lambda first, count: (frame[first : first + count],))


def _encapsulated(blobs: Blobs, instance: StoredInstance, offset: int, length: int) -> Iterator[bytes]:
    return strip_item_headers(read_range(blobs, instance, offset, length))


def _native(blobs: Blobs, instance: StoredInstance, pixel: PixelLayout, number: int) -> _Content:
    """A native frame; one that does not start on a byte is shifted so that its part does (note to 8.7.3.3.1)."""
    start, skip = divmod((number - 1) * pixel.frame_bits, 8)
    length = (skip + pixel.frame_bits + 7) // 8
    if start + length > pixel.length:
        raise NotFound("The pixel data end before this frame does.", section="10.4.1.1.6")
    value = (pixel.offset, pixel.length)

    def ranged(first: int, count: int) -> Iterator[bytes]:
        return read_value(blobs, instance, pixel.vr, value, (start + first, count))

    if pixel.frame_bits % 8 == 0:
        return _Content(length, partial(ranged, 0, length), ranged)
    return _Content((pixel.frame_bits + 7) // 8, lambda: shift_bits(ranged(0, length), skip, pixel.frame_bits))
