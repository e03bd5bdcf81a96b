"""Frames of stored instances: one ranged read each, as stored or as native little endian bytes (PS3.18 10.4.1.1.6).

Also called WADO-RS frame retrieval. Frames that have to be decoded or encoded come from `transcode`.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.archive.spans import Span
from filmjacket.dicom.pixel_layout import native_frame_bits
from filmjacket.dicom.transfer_syntaxes import ENCAPSULATED_UNCOMPRESSED, EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.errors import NotAcceptable, NotFound
from filmjacket.services.studies.bare_stream import BareStream
from filmjacket.services.studies.coded_tags import coded_etag
from filmjacket.services.studies.download import Download, Part, multi_part, single_part, streamed_multi_part
from filmjacket.services.studies.fragments import MAX_MEASURED
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.stored_bytes import read_value, shift_bits
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.web.conditional import etag
from filmjacket.web.negotiate_bulk import Making, choose_frames
from filmjacket.web.reach import Reach
from filmjacket.web.targets import frame_url, instance_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from filmjacket.archive.ports import BlobReader, Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.header import PixelLayout
    from filmjacket.services.studies.transcode import CodedFrames, Transcoder
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate_bulk import BulkPlan
    from filmjacket.web.refs import ResourceRef

    Locate = Callable[[int], str]


def retrieve_frames(
    index: Index,
    blobs: Blobs,
    ref: ResourceRef,
    preferences: Preferences,
    base_url: str,
    *,
    numbers: Sequence[int],
    coder: Transcoder,
) -> Download:
    """The frames with these 1-based numbers, in the order asked for, one part each.

    Raises `NotFound` for an instance without pixel data or a number beyond its frames, `NotAcceptable` for a
    representation that cannot be had, and for a stream that is not divided into frames.
    """
    instance = find_instance(index, ref)
    _check_frames(instance, numbers, f"{base_url}/{ref.path}")
    single = len(numbers) == 1
    plan = choose_form(coder, instance, lambda reach: choose_frames(preferences, single=single, reach=reach))
    locate = partial(frame_url, base_url, instance.study_uid, instance.series_uid, instance.sop_uid)
    if plan.making is Making.CODED:
        parts = coded_parts(coder, instance, numbers, plan, locate)
    else:
        parts = frame_parts(index, blobs, instance, numbers, plan.content_type, locate)
    return frames_payload(parts, instance, numbers, plan, base_url)


def choose_form(coder: Transcoder, instance: StoredInstance, choose: Callable[[Reach], BulkPlan]) -> BulkPlan:
    """The representation of pixel data; their attributes are only looked at if frames have to be coded."""
    pixel = instance.layout.pixel
    at_best = Reach.at_best(instance.transfer_syntax, encapsulated=pixel is not None and pixel.encapsulated)
    try:
        plan = choose(at_best)
    except NotAcceptable:
        return choose(coder.reach(instance))
    return choose(coder.reach(instance)) if plan.making is Making.CODED else plan


def coded_parts(
    coder: Transcoder, instance: StoredInstance, numbers: Sequence[int], plan: BulkPlan, locate: Locate
) -> Iterator[Part]:
    """One part for each frame number, made when its turn comes."""
    syntax = EXPLICIT_VR_LITTLE_ENDIAN if plan.is_native else str(plan.transfer_syntax)
    length = coder.frame_bytes(instance) if plan.is_native else None
    frames = coder.frames(instance, numbers, syntax)
    for number in numbers:
        tag = coded_etag(instance, plan.content_type, f"frame{number}")
        made = partial(_coded, frames, number)
        yield Part(plan.content_type, locate(number), length, made, tag, coded=True)


def _coded(frames: CodedFrames, number: int) -> tuple[bytes]:
    return (frames.take(number),)


def frames_payload(
    parts: Iterator[Part], instance: StoredInstance, numbers: Sequence[int], plan: BulkPlan, base_url: str
) -> Download:
    """The payload of frames that are known to be there, each of them a part."""
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    if not plan.multipart:
        return single_part(next(parts))
    if len(numbers) <= MAX_MEASURED:
        return multi_part(list(parts), plan.media_type)
    coded = plan.making is Making.CODED
    tag = coded_etag(instance, plan.content_type) if coded else instance.blob.sha256
    what = (tag, plan.content_type, instance_url(base_url, *uids), ",".join(map(str, numbers)))
    digest = hashlib.sha256("\n".join(what).encode()).digest()
    return streamed_multi_part(parts, plan.media_type, digest=digest, coded=coded)


def find_instance(index: Index, ref: ResourceRef) -> StoredInstance:
    """The one instance that `ref` names. Raises `NotFound`."""
    found = index.instances(ref)
    if not found:
        raise missing_resource(index, ref)
    return found[0]


def _check_frames(instance: StoredInstance, numbers: Sequence[int], url: str) -> None:
    """Refuse frames that the instance does not have."""
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
            accepted=(f"{url}/bulkdata/{pixel.tag}",),
        )


def frame_parts(
    index: Index,
    blobs: BlobReader,
    instance: StoredInstance,
    numbers: Sequence[int],
    content_type: str,
    locate: Locate,
) -> Iterator[Part]:
    """One part for each frame number, bytes unread; `locate` gives the Content-Location of a number.

    Where frames are is looked up for some at a time, so that nothing grows with their number.
    """
    pixel = instance.layout.pixel
    if pixel is None:
        return
    key = instance.blob.key
    if not pixel.encapsulated:
        size = (pixel.frame_bits + 7) // 8
        places = [pixel.offset + (number - 1) * pixel.frame_bits // 8 for number in numbers]
        blobs = blobs.reading([Span(key, place, size) for place in places])
        for number in numbers:
            yield _native(blobs, instance, pixel, number, (content_type, locate(number)))
        return
    limit = padded_frame_bytes(index, instance)
    for start in range(0, len(numbers), MAX_MEASURED):
        some = numbers[start : start + MAX_MEASURED]
        spans = _spans(index, instance, pixel, some)
        reader = blobs.reading([Span(key, *span) for span in spans])
        for number, span in zip(some, spans, strict=True):
            stream = BareStream(reader, instance, span, limit=limit)
            ranged = stream.ranged if stream.seekable else None
            tag = _tag(instance, content_type, number, bared=stream.is_bared)
            yield Part(content_type, locate(number), stream.length, stream.chunks, tag, ranged)


def padded_frame_bytes(index: Index, instance: StoredInstance) -> int | None:
    """Bytes of an uncompressed frame if its fragment has one more, the padding to even length; None for all others.

    A compressed stream knows its end by itself, an uncompressed one does not (PS3.5 A.4.11).
    """
    if instance.transfer_syntax != ENCAPSULATED_UNCOMPRESSED:
        return None
    length = (native_frame_bits(read_attributes(index, instance)) + 7) // 8
    return length if length % 2 else None


def _spans(
    index: Index, instance: StoredInstance, pixel: PixelLayout, numbers: Sequence[int]
) -> Sequence[tuple[int, int]]:
    if pixel.frames == 1:  # all the items there are
        return [(pixel.offset, pixel.length)] * len(numbers)
    return index.frame_spans(instance, numbers)


def _native(
    blobs: BlobReader, instance: StoredInstance, pixel: PixelLayout, number: int, head: tuple[str, str]
) -> Part:
    """A native frame; one that does not start on a byte is shifted so that its part does (note to 8.7.3.3.1)."""
    start, skip = divmod((number - 1) * pixel.frame_bits, 8)
    stored_length = (skip + pixel.frame_bits + 7) // 8
    length = (pixel.frame_bits + 7) // 8
    if start + stored_length > pixel.length:
        raise NotFound("The pixel data end before this frame does.", section="10.4.1.1.6")

    def ranged(first: int, count: int) -> Iterator[bytes]:
        # A byte of the part has its bits in two bytes of the file, except where the file has no second one.
        stored = (start + first, min(count + (skip > 0), stored_length - first))
        chunks = read_value(blobs, instance, pixel.vr, (pixel.offset, pixel.length), stored)
        if pixel.frame_bits % 8 == 0:
            return chunks
        return shift_bits(chunks, skip, min(8 * count, pixel.frame_bits - 8 * first))

    return Part(*head, length, partial(ranged, 0, length), _tag(instance, head[0], number), ranged)


def _tag(instance: StoredInstance, content_type: str, number: int, *, bared: bool = False) -> str:
    return etag(instance.blob.sha256, content_type, f"frame{number}", *bared * ("codestream",))
