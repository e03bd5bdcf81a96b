"""Stored videos as they are, in an MP4 file, or as single frames (PS3.18 8.7.4, category Video)."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.codestreams.mp4 import is_mp4
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import NotAcceptable
from filmjacket.services.studies.download import Part
from filmjacket.services.studies.fragments import FragmentedStream
from filmjacket.services.studies.pixel_source import open_pixel_source
from filmjacket.services.studies.studio import Picture
from filmjacket.web.conditional import etag
from filmjacket.web.negotiate_rendered import H265, MP4, MPEG
from filmjacket.web.rendering import PLAIN
from filmjacket.web.targets import instance_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.records import StoredInstance
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.services.studies.studio import Studio
    from filmjacket.web.rendering import RenderRequest

_STORED_TYPES: Final = {Kind.MPEG2: MPEG, Kind.H265: H265}
"""Codings whose streams are of a rendered type as they are; H.264 is if it is in an MP4 file."""
_HEAD: Final = 64


def can_encode_video() -> bool:
    """Tell whether the extra `video` is installed."""
    return find_spec("av") is not None


def video_types_of_frames() -> tuple[str, ...]:
    """Video types that frames can be made into."""
    return (MP4,) if can_encode_video() else ()


def video_types(studio: Studio, instance: StoredInstance, request: RenderRequest) -> tuple[str, ...]:
    """Types that a stored video can be had in, as stored first; nothing can be changed in it unless it is decoded."""
    stored = _stored_type(studio, instance) if _is_untouched(request) else None
    return tuple(dict.fromkeys(kind for kind in (stored, *video_types_of_frames()) if kind is not None))


def video_part(
    studio: Studio, instance: StoredInstance, media_type: str, request: RenderRequest, base_url: str
) -> Part:
    """A stored video: its own bytes if it has the type, else in another container, else encoded anew."""
    location = instance_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid)
    tag = etag(instance.blob.sha256, media_type, request.key)
    stream = _stream(studio, instance)
    if _is_untouched(request) and media_type == _stored_type(studio, instance):
        ranged = stream.ranged if stream.seekable else None
        return Part(media_type, location, stream.length, stream.chunks, tag, ranged)

    def chunks() -> Iterator[bytes]:
        from filmjacket.pixels import video  # noqa: PLC0415 - an extra

        with closing(studio.blobs.spool()) as spool:
            for chunk in stream.chunks():
                spool.write(chunk)
            file = cast("BinaryIO", video.Reader(spool.read, spool.size))
            if _is_untouched(request) and video.fits_mp4(file):
                yield from video.remuxed(file)
                return
            attributes = open_pixel_source(studio.index, studio.blobs, studio.wall, instance).attributes
            yield from video.encode_mp4(video.rendered(file, attributes, request), request.quality)

    return Part(media_type, location, None, chunks, tag)


def frame_of_video(studio: Studio, instance: StoredInstance, base_url: str, number: int) -> Picture:
    """One frame of a stored video as a picture."""
    if not can_encode_video():
        raise NotAcceptable(
            "This server has no video decoder: frames of a video cannot be had. Whoever runs it can install the extra "
            "`video`.",
            section="8.7.4",
            offender="frames",
            accepted=(f"{instance_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid)}/rendered",),
        )

    def make(request: RenderRequest) -> RenderedImage:
        from filmjacket.pixels import video  # noqa: PLC0415 - an extra

        with closing(studio.blobs.spool()) as spool:
            for chunk in _stream(studio, instance).chunks():
                spool.write(chunk)
            file = cast("BinaryIO", video.Reader(spool.read, spool.size))
            attributes = open_pixel_source(studio.index, studio.blobs, studio.wall, instance).attributes
            return video.rendered_frame(file, number, attributes, request)

    return Picture(
        f"{instance.blob.sha256}-{number}",
        instance_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid),
        make,
    )


def _stored_type(studio: Studio, instance: StoredInstance) -> str | None:
    syntax = transfer_syntaxes.get(instance.transfer_syntax)
    kind = None if syntax is None else syntax.kind
    head = b"".join(_stream(studio, instance).ranged(0, _HEAD)) if _stream(studio, instance).seekable else b""
    if is_mp4(head):
        return MP4 if kind is not Kind.H265 else H265
    return _STORED_TYPES.get(kind) if kind is not None else None


def _is_untouched(request: RenderRequest) -> bool:
    """Whether a request changes nothing in a picture."""
    return (request.annotation, request.quality, request.viewport, request.icc in {None, "no"}) == (
        PLAIN.annotation,
        PLAIN.quality,
        PLAIN.viewport,
        True,
    )


def _stream(studio: Studio, instance: StoredInstance) -> FragmentedStream:
    pixel = instance.layout.pixel
    span = (0, 0) if pixel is None else (pixel.offset, pixel.length)
    return FragmentedStream(studio.blobs, instance, span)
