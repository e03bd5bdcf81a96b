"""Frames of stored instances: one ranged read each, as stored or as native little endian bytes (PS3.18 10.4.1.1.6).

Also called WADO-RS frame retrieval. Decoding of compressed frames belongs to `filmjacket.pixels`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.encapsulation import strip_item_headers
from filmjacket.errors import NotFound
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.stored_bytes import STEP, read_range, read_value, shift_bits
from filmjacket.web import negotiate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.web.refs import ResourceRef
    from filmjacket.dicom.header import PixelLayout
    from filmjacket.web.accept import Preferences


def retrieve_frames(
    index: Index,
    blobs: Blobs,
    ref: ResourceRef,
    numbers: Sequence[int],
    preferences: Preferences,
    base_url: str,
) -> Download:
    """The frames with these 1-based numbers, in the order asked for, one part each.

    Raises `NotFound` for an instance without pixel data or a number beyond its frames, `NotAcceptable` for a
    representation that cannot be had.
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
    plan = negotiate.choose_frames(preferences, single=len(numbers) == 1, stored=_stored_form(instance, pixel))
    parts = frame_parts(index, blobs, instance, numbers, plan.content_type, base_url)
    return single_part(parts[0]) if not plan.multipart else multi_part(parts, plan.media_type)


def find_instance(index: Index, ref: ResourceRef) -> StoredInstance:
    """The one instance that `ref` names. Raises `NotFound`."""
    found = index.instances(ref)
    if not found:
        raise NotFound("There is no such instance in this archive.", section="10.4.3.1", offender="target URI")
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
    location = f"{base_url}/studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.sop_uid}"
    return [
        Part(content_type, f"{location}/frames/{number}", length, chunks)
        for number, (length, chunks) in zip(numbers, _frame_readers(index, blobs, instance, numbers), strict=True)
    ]


def _frame_readers(
    index: Index, blobs: Blobs, instance: StoredInstance, numbers: Sequence[int]
) -> list[tuple[int | None, Callable[[], Iterable[bytes]]]]:
    """(length, chunks) of each frame; lengths are known for native frames and for small compressed ones."""
    pixel = instance.layout.pixel
    if pixel is None:
        return []
    if not pixel.encapsulated:
        size = (pixel.frame_bits + 7) // 8
        return [(size, partial(_native, blobs, instance, pixel, number)) for number in numbers]
    spans = index.frame_spans(instance, numbers)
    if sum(length for _, length in spans) > STEP:
        return [(None, partial(_encapsulated, blobs, instance, offset, length)) for offset, length in spans]
    whole = [b"".join(_encapsulated(blobs, instance, offset, length)) for offset, length in spans]
    return [(len(frame), partial(_one, frame)) for frame in whole]


def _one(frame: bytes) -> tuple[bytes]:
    return (frame,)


def _encapsulated(blobs: Blobs, instance: StoredInstance, offset: int, length: int) -> Iterator[bytes]:
    return strip_item_headers(read_range(blobs, instance, offset, length))


def _native(blobs: Blobs, instance: StoredInstance, pixel: PixelLayout, number: int) -> Iterator[bytes]:
    """A native frame; one that does not start on a byte is shifted so that its part does (note to 8.7.3.3.1)."""
    start, skip = divmod((number - 1) * pixel.frame_bits, 8)
    length = (skip + pixel.frame_bits + 7) // 8
    if start + length > pixel.length:
        raise NotFound("The pixel data end before this frame does.", section="10.4.1.1.6")
    chunks = read_value(blobs, instance, pixel.vr, (pixel.offset, pixel.length), (start, length))
    return shift_bits(chunks, skip, pixel.frame_bits) if pixel.frame_bits % 8 else chunks
