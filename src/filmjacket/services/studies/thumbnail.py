"""Thumbnails of studies, series, instances and frames (PS3.18 10.4.1.1.4).

One small picture without anything that tells who the patient is. A picture that may have names burned in is so coarse
that they cannot be read; one that says that it has them is not shown at all. What has no picture has an icon, and so
has what cannot be decoded: a thumbnail is only missing where its resource is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.deid.burned_in import BurnedIn, burned_in
from filmjacket.errors import FilmjacketError, NotFound
from filmjacket.services.studies.download import Part, multi_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.one_picture import picture_download
from filmjacket.services.studies.rendered_video import can_encode_video, frame_of_video
from filmjacket.services.studies.representative import Representative, representative_of
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.services.studies.studio import Picture, is_video
from filmjacket.services.studies.type_icons import icon_of
from filmjacket.web.negotiate_rendered import Category, choose_rendered
from filmjacket.web.rendering import RenderRequest, Viewport
from filmjacket.web.targets import frame_url, instance_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.services.studies.download import Download
    from filmjacket.services.studies.studio import Studio
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef

log = structlog.stdlib.get_logger("filmjacket.thumbnails")

MAX_POSTER_BYTES: Final = 512 << 20
"""A video up to this size is opened for one of its frames."""
MAX_POSTER_FRAME: Final = 60
"""How far into a video its poster may be: FFmpeg decodes all that comes before it."""


@dataclass(frozen=True, slots=True)
class ThumbnailRequest:
    """One request; `viewport` None means as large as is usual. `has` as in `Rendering`."""

    studio: Studio
    base_url: str
    preferences: Preferences
    viewport: Viewport | None = None
    size: int = 256
    has: Callable[[str], bool] = lambda _tag: False


def retrieve_thumbnail(request: ThumbnailRequest, ref: ResourceRef, numbers: Sequence[int] | None = None) -> Download:
    """The thumbnail of what `ref` names, or of the frames with these numbers, which is that of the middle one.

    Raises `NotFound` or `Gone` for a resource or frame that is not there, `NotAcceptable` for other media types.
    """
    plan = choose_rendered(request.preferences, Category.SINGLE_FRAME, alone=True)
    instances = request.studio.index.instances(ref)
    if not instances:
        raise missing_resource(request.studio.index, ref)
    if numbers is None:
        shown = representative_of(instances, partial(_is_label, request.studio))
    else:
        shown = _numbered(instances[0], numbers)
    try:
        download = _download(request, _picture(request, shown, location=numbers is not None), plan.media_type)
    except FilmjacketError as error:
        if error.status >= 500:
            raise
        log.info("thumbnail_is_an_icon", reason=error.message)
        download = _download(request, _icon(request, shown.instance), plan.media_type)
    if ref.instance is None:
        # Another picture may stand for it tomorrow: its tag says so, but nobody may think that it never changes.
        download = replace(download, ranged=None)
    if not plan.multipart:
        return download
    location, tag, length = download.location or "", download.etag, download.length
    part = Part(plan.media_type, location, length, lambda: download.chunks, tag)
    return multi_part([part], plan.media_type)


def _numbered(instance: StoredInstance, numbers: Sequence[int]) -> Representative:
    pixel = instance.layout.pixel
    frames = 0 if pixel is None else pixel.frames
    if max(numbers) > frames:
        raise NotFound(
            f"Frame {max(numbers)} was asked for; the instance has {frames}.",
            section="10.4.1.1.6",
            offender="frames",
            accepted=(f"1-{frames}",) if frames else (),
        )
    return Representative(instance, numbers[(len(numbers) - 1) // 2])


def _download(request: ThumbnailRequest, picture: Picture, media_type: str) -> Download:
    how = RenderRequest(viewport=_viewport(request), icc="no")
    return picture_download(request.studio, picture, media_type, how, request.has)


def _viewport(request: ThumbnailRequest) -> Viewport:
    return request.viewport or Viewport(request.size, request.size)


def _picture(request: ThumbnailRequest, shown: Representative, *, location: bool) -> Picture:
    """What is shown of an instance: a frame as it is, a coarse one, or an icon."""
    studio, instance = request.studio, shown.instance
    if instance.layout.pixel is None:
        return _icon(request, instance)
    attributes = read_attributes(studio.index, instance)
    judged = burned_in(attributes, instance.transfer_syntax)
    if judged is BurnedIn.YES:
        return _icon(request, instance, attributes, hidden=True)
    if is_video(instance):
        return _poster(request, shown, attributes, coarse=judged is not BurnedIn.NO)
    opened = studio.open(instance)

    def make(how: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.thumbnail import coarse_frame_thumbnail, frame_thumbnail  # noqa: PLC0415 - numpy is heavy

        frame, viewport = opened.frame(shown.frame), how.viewport or _viewport(request)
        return (frame_thumbnail if judged is BurnedIn.NO else coarse_frame_thumbnail)(frame, viewport)

    identity = f"{instance.blob.sha256}-{shown.frame}-thumbnail-{judged}"
    several = location or opened.source.description.frames > 1
    return Picture(identity, _location(request, instance, shown.frame if several else None), make)


def _poster(request: ThumbnailRequest, shown: Representative, attributes: Attributes, *, coarse: bool) -> Picture:
    """A frame of a video, where there is a decoder."""
    instance = shown.instance
    if not can_encode_video() or instance.blob.size > MAX_POSTER_BYTES:
        return _icon(request, instance, attributes, video=True)
    number = min(shown.frame, MAX_POSTER_FRAME)
    poster = frame_of_video(request.studio, instance, request.base_url, number)

    def make(how: RenderRequest) -> RenderedImage:
        from filmjacket.pixels import thumbnail  # noqa: PLC0415 - numpy is loaded by those who need it

        if not coarse:
            return poster.make(how)
        made = poster.make(replace(how, viewport=None))
        size = (made.array.shape[0], made.array.shape[1])
        return thumbnail.coarse_picture(made, size, how.viewport or _viewport(request))

    return Picture(f"{poster.identity}-thumbnail-{coarse}", poster.location, make)


def _icon(
    request: ThumbnailRequest,
    instance: StoredInstance,
    attributes: Attributes | None = None,
    *,
    hidden: bool = False,
    video: bool = False,
) -> Picture:
    known = read_attributes(request.studio.index, instance) if attributes is None else attributes
    kind, label = icon_of(instance.sop_class_uid, known, hidden=hidden, video=video)

    def make(how: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.icons import draw_icon  # noqa: PLC0415 - Pillow is loaded by those who need it

        viewport = how.viewport or _viewport(request)
        return draw_icon(kind, label, min(viewport.width, viewport.height))

    return Picture(f"icon-{kind}-{label}", _location(request, instance), make)


def _is_label(studio: Studio, instance: StoredInstance) -> bool:
    return burned_in(read_attributes(studio.index, instance)) is BurnedIn.YES


def _location(request: ThumbnailRequest, instance: StoredInstance, frame: int | None = None) -> str:
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    return instance_url(request.base_url, *uids) if frame is None else frame_url(request.base_url, *uids, frame)
