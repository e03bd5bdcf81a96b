"""Rendered studies, series, instances and frames (PS3.18 10.4.1.1.3), also called WADO-RS rendered.

What a SOP class looks like: its frames, unless `PRESENTERS` has an entry for it. Documents and waveforms are
`rendered_documents`' part.
Each picture is made when its turn comes, kept within a bound, and made once however many ask for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket import __version__
from filmjacket.errors import BadRequest, DicomError, FilmjacketError, NotAcceptable, NotFound
from filmjacket.services.studies.documents import is_document
from filmjacket.services.studies.download import Download, Part, single_part, streamed_multi_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.presenters import FRAME_PRESENTERS, PRESENTERS
from filmjacket.services.studies.rendered_documents import (
    check_document,
    document_download,
    document_part,
    types_of_document,
)
from filmjacket.services.studies.rendered_video import (
    frame_of_video,
    video_part,
    video_types,
    video_types_of_frames,
)
from filmjacket.services.studies.studio import Pictures, is_video, pictures_of_frames
from filmjacket.web import status
from filmjacket.web.charset_choice import NO_WISHES, choose_charset
from filmjacket.web.conditional import etag
from filmjacket.web.negotiate_rendered import (
    GIF,
    Category,
    RenderedPlan,
    choose_rendered,
    refuse_profile,
)
from filmjacket.web.rendering import PLAIN, not_supported_text
from filmjacket.web.targets import frame_url, instance_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.records import StoredInstance
    from filmjacket.services.studies.studio import Picture, Studio
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes
    from filmjacket.web.refs import ResourceRef
    from filmjacket.web.rendering import RenderRequest

    Has = Callable[[str], bool]

KEPT_ANIMATION: Final = 8 << 20
"""Pixels of an animation that is made as a whole and kept; a longer one is sent while it is made."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One request for something rendered.

    `has` tells whether the requester has the representation with this entity tag already, or wants none: it is not
    made then.
    """

    studio: Studio
    base_url: str
    preferences: Preferences
    request: RenderRequest = PLAIN
    has: Has = lambda _tag: False
    charsets: CharsetWishes = NO_WISHES


@dataclass(frozen=True, slots=True)
class _Item:
    """One instance with the representation that was chosen for it."""

    instance: StoredInstance
    category: Category
    plan: RenderedPlan
    pictures: Pictures | None


def retrieve_rendered(rendering: Rendering, ref: ResourceRef, numbers: Sequence[int] | None = None) -> Download:
    """The pictures of everything below `ref`, or of the frames with these numbers of an instance.

    Raises `NotFound` if there is nothing, `NotAcceptable` if nothing can be had in an acceptable type, `BadRequest`
    for parameters that do not suit the image or the type. If only some instances can be rendered, those are sent with
    206 and a Warning (10.4.3.1).
    """
    instances = rendering.studio.index.instances(ref)
    if not instances:
        raise missing_resource(rendering.studio.index, ref)
    download = _frames(rendering, instances[0], numbers) if numbers is not None else _instances(rendering, instances)
    unsupported = rendering.request.unsupported_annotation
    if not unsupported:
        return download
    text = not_supported_text(unsupported)
    return replace(download, warnings=(*download.warnings, status.warning(rendering.base_url, text)))


def encoded_picture(studio: Studio, picture: Picture, media_type: str, request: RenderRequest) -> bytes:
    """The file of a picture, kept for a while."""

    def make() -> bytes:
        from filmjacket.pixels.encode_image import encode_image  # noqa: PLC0415 - codecs are heavy

        return encode_image(picture.make(request), media_type, request.quality)

    return studio.cache.get_or_make(picture_tag(picture, media_type, request), make)


def picture_tag(picture: Picture, media_type: str, request: RenderRequest) -> str:
    """The entity tag of a picture: what it is made of and how; another version may make it in another way."""
    how = hashlib.sha256(f"{__version__}\n{picture.identity}\n{media_type}\n{request.key}".encode()).hexdigest()
    return etag(picture.identity.partition("-")[0], how[:24])


def category_of(instance: StoredInstance) -> Category:
    """The resource category of a stored instance (Table 8.7.2-1); presenters tell more."""
    if is_video(instance):
        return Category.VIDEO
    if instance.layout.pixel is not None:
        return Category.MULTI_FRAME if instance.layout.pixel.frames > 1 else Category.SINGLE_FRAME
    return Category.TEXT if is_document(instance.sop_class_uid) else Category.OTHER


def _frames(rendering: Rendering, instance: StoredInstance, numbers: Sequence[int]) -> Download:
    pixel = instance.layout.pixel
    if pixel is None and instance.sop_class_uid in PRESENTERS:
        raise BadRequest(
            "Frames cannot be asked for: the target shows the frames of other instances.",
            section="8.3.5.1.6",
            offender="frames",
            accepted=("the instance without frames",),
        )
    if pixel is None:
        raise NotFound("The instance has no pixel data, hence no frames.", section="10.4.1.1.6")
    if max(numbers) > pixel.frames:
        raise NotFound(
            f"Frame {max(numbers)} was asked for; the instance has {pixel.frames}.",
            section="10.4.1.1.6",
            offender="frames",
            accepted=(f"1-{pixel.frames}",),
        )
    plan = choose_rendered(rendering.preferences, Category.SINGLE_FRAME, alone=len(numbers) == 1)
    refuse_profile((plan.media_type,), rendering.request.icc)
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    presenter = FRAME_PRESENTERS.get(instance.sop_class_uid)
    if is_video(instance):
        make = partial(frame_of_video, rendering.studio, instance, rendering.base_url)
    elif presenter is not None:
        make = presenter(rendering.studio, instance, rendering.request, rendering.base_url)
    else:
        make = pictures_of_frames(rendering.studio, instance, rendering.base_url).picture
    located = (replace(make(number), location=frame_url(rendering.base_url, *uids, number)) for number in numbers)
    if not plan.multipart:
        return _alone(rendering, next(located), plan.media_type)
    parts = (_part(rendering, picture, plan.media_type) for picture in located)
    what = (instance.blob.sha256, plan.media_type, ",".join(map(str, numbers)))
    return _together(rendering, parts, plan.media_type, [what])


def _instances(rendering: Rendering, instances: Sequence[StoredInstance]) -> Download:
    items, refused = _chosen(rendering, instances)
    refuse_profile(
        {item.plan.media_type for item in items if item.category is not Category.TEXT}, rendering.request.icc
    )
    plan = items[0].plan
    if not plan.multipart:
        download = _single(rendering, items[0])
    else:
        parts = (part for item in items for part in _parts(rendering, item))
        what = [(_made_of(item), item.instance.sop_uid, item.plan.media_type) for item in items]
        download = _together(rendering, parts, plan.media_type, what)
    texts: list[str] = []
    if refused:
        texts.append(f"{refused} of {len(instances)} instances cannot be rendered in an acceptable media type")
    missing = sum(item.pictures.missing for item in items if item.pictures is not None)
    if missing:
        texts.append(f"{missing} of the images that are referred to are not in the archive")
    if not texts:
        return download
    warnings = tuple(status.warning(rendering.base_url, text) for text in texts)
    return replace(download, partial=True, ranged=None, warnings=warnings)


def _chosen(rendering: Rendering, instances: Sequence[StoredInstance]) -> tuple[list[_Item], int]:
    """Each instance that can be had with its representation, and how many cannot; raises if none can."""
    categories = [(instance, *_shown(rendering, instance, alone=len(instances) == 1)) for instance in instances]
    alone = sum(category is not Category.OTHER for _, category, _ in categories) == 1 or len(instances) == 1
    items: list[_Item] = []
    refusal: NotAcceptable | None = None
    for instance, category, pictures in categories:
        try:
            videos = _video_types(rendering, instance, category)
            documents = types_of_document(rendering.studio, instance) if category is Category.TEXT else ()
            together = alone and (pictures is None or pictures.uniform or pictures.count == 1)
            plan = choose_rendered(rendering.preferences, category, alone=together, video=videos, documents=documents)
            if category is Category.TEXT:
                _check_document(rendering, instance, plan, alone=len(instances) == 1)
            items.append(_Item(instance, category, plan, pictures))
        except NotAcceptable as error:
            refusal = error if refusal is None or category is not Category.OTHER else refusal
        except DicomError as error:
            if len(instances) == 1:
                raise
            refusal = refusal or NotAcceptable(error.message, section=error.section, offender=error.offender)
    if refusal is not None and not items:
        raise refusal
    return items, len(instances) - len(items)


def _shown(rendering: Rendering, instance: StoredInstance, *, alone: bool) -> tuple[Category, Pictures | None]:
    """What an instance looks like. One of several whose images are missing, for example, is left out."""
    presenter = PRESENTERS.get(instance.sop_class_uid)
    if presenter is None:
        category = category_of(instance)
        shown = category is not Category.TEXT or types_of_document(rendering.studio, instance)
        return category if shown else Category.OTHER, None
    # A window is an error where the target is a presentation state; in a study it is meant for the images.
    request = rendering.request if alone else replace(rendering.request, window=None, viewport=None)
    try:
        pictures = presenter(rendering.studio, instance, request, rendering.base_url)
    except FilmjacketError:
        if alone:
            raise
        return Category.OTHER, None
    several = pictures.count > 1 and pictures.uniform
    return Category.MULTI_FRAME if several else Category.SINGLE_FRAME, pictures


def _check_document(rendering: Rendering, instance: StoredInstance, plan: RenderedPlan, *, alone: bool) -> None:
    """Whether a document can be had in a character set that is wanted, and made; it is left out of several if not."""
    named = rendering.preferences.charsets_of(plan.media_type, multipart=plan.multipart)
    if plan.media_type.startswith("text/"):
        choose_charset(named, rendering.charsets, only_utf_8=True)
    if not alone:
        check_document(rendering.studio, instance, plan.media_type, rendering.base_url)


def _made_of(item: _Item) -> str:
    """What the pictures of an item are made of."""
    if item.pictures is None:
        return item.instance.blob.sha256
    identities = (item.pictures.picture(number).identity for number in range(1, item.pictures.count + 1))
    return hashlib.sha256("\n".join(identities).encode()).hexdigest()


def _video_types(rendering: Rendering, instance: StoredInstance, category: Category) -> tuple[str, ...]:
    if category is Category.VIDEO:
        return video_types(rendering.studio, instance, rendering.request)
    return video_types_of_frames() if category is Category.MULTI_FRAME else ()


def _pictures(rendering: Rendering, item: _Item) -> Pictures:
    return item.pictures or pictures_of_frames(rendering.studio, item.instance, rendering.base_url)


def _single(rendering: Rendering, item: _Item) -> Download:
    """The payload of the only item of a resource."""
    if item.category is Category.SINGLE_FRAME:
        picture = _pictures(rendering, item).picture(1)
        if item.pictures is not None:
            picture = replace(picture, location=_location(rendering, item.instance))
        return _alone(rendering, picture, item.plan.media_type)
    if item.category is Category.TEXT:
        return _document(rendering, item.instance, item.plan.media_type)
    part = next(iter(_parts(rendering, item)))
    if part.etag is not None and rendering.has(part.etag):
        return Download(part.content_type, None, iter(()), location=part.location, etag=part.etag)
    return single_part(part)


def _document(rendering: Rendering, instance: StoredInstance, media_type: str) -> Download:
    return document_download(rendering.studio, instance, media_type, rendering.base_url, rendering.has)


def _alone(rendering: Rendering, picture: Picture, media_type: str) -> Download:
    tag = picture_tag(picture, media_type, rendering.request)
    if rendering.has(tag):
        return Download(media_type, None, iter(()), location=picture.location, etag=tag)
    return single_part(_part(rendering, picture, media_type))


def _part(rendering: Rendering, picture: Picture, media_type: str) -> Part:
    file = encoded_picture(rendering.studio, picture, media_type, rendering.request)
    tag = picture_tag(picture, media_type, rendering.request)
    return Part(
        media_type,
        picture.location,
        len(file),
        lambda: (file,),
        tag,
        lambda first, count: (file[first : first + count],),
    )


def _parts(rendering: Rendering, item: _Item) -> Iterator[Part]:
    """The parts of an instance: its only picture, each of its frames, an animation, a video, a document."""
    instance, plan = item.instance, item.plan
    if item.category is Category.TEXT:
        yield document_part(rendering.studio, instance, plan.media_type, rendering.base_url)
    elif item.category is Category.VIDEO:
        yield video_part(rendering.studio, instance, plan.media_type, rendering.request, rendering.base_url)
    elif item.category is Category.SINGLE_FRAME or plan.per_frame:
        pictures = _pictures(rendering, item)
        for number in range(1, pictures.count + 1):
            yield _part(rendering, pictures.picture(number), plan.media_type)
    else:
        yield _animation(rendering, item)


def _animation(rendering: Rendering, item: _Item) -> Part:
    """All frames in one file: a GIF, or a video."""
    pictures, instance, request = _pictures(rendering, item), item.instance, rendering.request
    location, media_type = _location(rendering, instance), item.plan.media_type
    tag = picture_tag(replace(pictures.picture(1), identity=f"{_made_of(item)}-all"), media_type, request)

    def chunks() -> Iterable[bytes]:
        from filmjacket.pixels.animation import animated_gif  # noqa: PLC0415 - numpy is loaded by those who need it

        shown = ((pictures.picture(number).make(request), time) for number, time in enumerate(pictures.times(), 1))
        if media_type == GIF:
            return animated_gif(shown)
        from filmjacket.pixels.video import encode_mp4  # noqa: PLC0415 - an extra

        return encode_mp4(shown, request.quality)

    rows, columns = pictures.size
    if rows * columns * pictures.count > KEPT_ANIMATION or rendering.has(tag):
        return Part(media_type, location, None, chunks, tag)
    file = rendering.studio.cache.get_or_make(tag, lambda: b"".join(chunks()))
    return Part(
        media_type, location, len(file), lambda: (file,), tag, lambda first, count: (file[first : first + count],)
    )


def _location(rendering: Rendering, instance: StoredInstance) -> str:
    return instance_url(rendering.base_url, instance.study_uid, instance.series_uid, instance.sop_uid)


def _together(
    rendering: Rendering, parts: Iterable[Part], media_type: str, what: Sequence[tuple[str, ...]]
) -> Download:
    digest = hashlib.sha256(repr((__version__, rendering.base_url, rendering.request.key, what)).encode()).digest()
    tag = etag(digest.hex())
    if rendering.has(tag):
        parts = ()
    return streamed_multi_part(parts, media_type, digest=digest)
