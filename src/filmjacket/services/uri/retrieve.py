"""Both transactions of the URI service: an instance as a file, or as one picture or text (PS3.18 9.4, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.one_picture import picture_download
from filmjacket.services.studies.rendered import DOCUMENTS, PRESENTERS, Rendering, category_of, retrieve_rendered
from filmjacket.services.studies.rendered_video import frame_of_video, video_types, video_types_of_frames
from filmjacket.services.studies.studio import Picture, pictures_of_frames
from filmjacket.services.uri.anonymized import anonymized_instance, says_deidentified
from filmjacket.web import status
from filmjacket.web.accept import MediaRange, Preferences
from filmjacket.web.media_types import DICOM
from filmjacket.web.negotiate_rendered import GIF, STILL, Category
from filmjacket.web.quality_list import parse_quality_list
from filmjacket.web.rendering import not_supported_text
from filmjacket.web.targets import instance_url
from filmjacket.web.uri_request import choose_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.records import StoredInstance
    from filmjacket.deid.pseudonyms import Pseudonyms
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.services.studies.download import Download
    from filmjacket.services.studies.studio import Pictures, Studio
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.refs import ResourceRef
    from filmjacket.web.rendering import RenderRequest
    from filmjacket.web.uri_request import UriRequest

    Has = Callable[[str], bool]
    InstanceRetriever = Callable[[ResourceRef, Preferences], Download]

_PRESENTATION_STATES = "1.2.840.10008.5.1.4.1.1.11."


@dataclass(frozen=True, slots=True)
class UriRetrieval:
    """One request. `instances` is the Retrieve transaction of the Studies service; `has` as in `Rendering`."""

    studio: Studio
    transcoder: Transcoder
    base_url: str
    request: UriRequest
    instances: InstanceRetriever
    pseudonyms: Callable[[], Pseudonyms]
    has: Has = lambda _tag: False


def retrieve_uri(retrieval: UriRetrieval) -> Download:
    """The instance in what was asked for.

    Raises `NotFound` or `Gone`, `NotAcceptable` for what it cannot be had in, `BadRequest` for parameters that do not
    go with it.
    """
    ref = retrieval.request.ref
    found = retrieval.studio.index.instances(ref)
    if not found:
        raise missing_resource(retrieval.studio.index, ref)
    instance = found[0]
    category, pictures = _shown(retrieval, instance)
    media_type = choose_uri(retrieval.request, category, video=_video_types(retrieval, instance, category))
    if media_type == DICOM:
        return _instance(retrieval, instance)
    download = _rendered(retrieval, instance, category, pictures, media_type)
    unsupported = retrieval.request.rendering.unsupported_annotation
    if not unsupported or category is Category.TEXT:
        return download
    warning = status.warning(retrieval.base_url, not_supported_text(unsupported))
    return replace(download, warnings=(*download.warnings, warning))


def _instance(retrieval: UriRetrieval, instance: StoredInstance) -> Download:
    """Retrieve DICOM Instance (9.4). The Content-Type goes without parameters, as in requests."""
    request = retrieval.request
    preferences = _exactly(DICOM, transfer_syntax=request.transfer_syntax)
    if not request.anonymize or says_deidentified(retrieval.studio, instance):
        download = replace(retrieval.instances(request.ref, preferences), content_type=DICOM)
        return replace(download, location=None) if request.anonymize else download
    return anonymized_instance(retrieval.studio, retrieval.transcoder, instance, preferences, retrieval.pseudonyms())


def _rendered(
    retrieval: UriRetrieval, instance: StoredInstance, category: Category, pictures: Pictures | None, media_type: str
) -> Download:
    """Retrieve Rendered Instance (9.5)."""
    request = retrieval.request
    frames = _frames(instance, pictures)
    if request.frame is not None:
        _check_frame(request.frame, frames, category)
    every = request.frame is None and request.presentation is None
    several = category in {Category.MULTI_FRAME, Category.VIDEO}
    if category is Category.TEXT or (every and several and (media_type not in STILL or media_type == GIF)):
        return _whole(retrieval, instance, category, pictures, media_type)
    number = request.frame or (frames + 1) // 2
    picture, rendering = _picture(retrieval, instance, category, pictures, number)
    return picture_download(retrieval.studio, picture, media_type, rendering, retrieval.has)


def _whole(
    retrieval: UriRetrieval, instance: StoredInstance, category: Category, pictures: Pictures | None, media_type: str
) -> Download:
    """A text, or all frames in one file: the rendered resource of the Studies service."""
    request = retrieval.request
    rendering = replace(request.rendering, annotation=(), unsupported_annotation=(), window=None)
    if category is not Category.TEXT:
        rendering = _with_viewport(retrieval, instance, pictures, 1)
    preferences = _exactly(media_type, charsets=request.charsets.parameter or request.charsets.header)
    return retrieve_rendered(
        Rendering(retrieval.studio, retrieval.base_url, preferences, rendering, retrieval.has), request.ref
    )


def _picture(
    retrieval: UriRetrieval, instance: StoredInstance, category: Category, pictures: Pictures | None, number: int
) -> tuple[Picture, RenderRequest]:
    """The picture of one frame and how it is to be made."""
    request, studio, base_url = retrieval.request, retrieval.studio, retrieval.base_url
    if request.presentation is not None:
        return _cut(retrieval, _presented(retrieval, instance))
    if pictures is not None:
        return _cut(retrieval, pictures.picture(number))
    rendering = _with_viewport(retrieval, instance, None, number)
    if category is Category.VIDEO:
        return frame_of_video(studio, instance, base_url, number), rendering
    return pictures_of_frames(studio, instance, base_url).picture(number), rendering


def _with_viewport(
    retrieval: UriRetrieval, instance: StoredInstance, pictures: Pictures | None, number: int
) -> RenderRequest:
    from filmjacket.pixels.viewport import pixel_aspect  # noqa: PLC0415 - numpy is loaded by those who need it

    request = retrieval.request
    if pictures is not None:
        size, aspect = pictures.size, 1.0
    else:
        opened = retrieval.studio.open(instance)
        description = opened.source.description
        size, aspect = (description.rows, description.columns), pixel_aspect(opened.frame(number).attributes)
    return replace(request.rendering, viewport=request.viewport(*size, aspect), unsupported_annotation=())


def _cut(retrieval: UriRetrieval, picture: Picture) -> tuple[Picture, RenderRequest]:
    """A picture that a presentation made: the region is one of it, not of the image (9.5.1.2.5)."""
    request = retrieval.request
    plain = replace(request.rendering, unsupported_annotation=())
    if request.region is None:
        # Which size it has does not matter: a viewport that shows all of it names none.
        return picture, replace(plain, viewport=request.viewport(1, 1, 1.0))

    def make(rendering: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.viewport import place, show  # noqa: PLC0415 - see above

        made = picture.make(rendering)
        rows, columns = made.array.shape[:2]
        viewport = request.viewport(rows, columns, made.pixel_aspect)
        if viewport is None:
            return made
        placement = place(viewport, rows, columns, made.pixel_aspect)
        return replace(made, array=show(made.array, placement, rows, columns), pixel_aspect=1.0)

    how = f"{request.region}-{request.rows}-{request.columns}"
    return Picture(f"{picture.identity}-{how}", picture.location, make), plain


def _presented(retrieval: UriRetrieval, instance: StoredInstance) -> Picture:
    """The picture that a presentation state makes of the image (9.5.1.2.7)."""
    ref = retrieval.request.presentation
    found = [] if ref is None else retrieval.studio.index.instances(ref)
    if not found:
        raise _no_presentation("the study has no such presentation state")
    presenter = PRESENTERS.get(found[0].sop_class_uid)
    if not found[0].sop_class_uid.startswith(_PRESENTATION_STATES):
        raise _no_presentation("what it names is no presentation state")
    if presenter is None:
        raise NotAcceptable(
            "Presentation states of this SOP class cannot be applied.", section="9.5.1.2.7", offender="presentationUID"
        )
    pictures = presenter(retrieval.studio, found[0], retrieval.request.rendering, retrieval.base_url)
    own = instance_url(retrieval.base_url, instance.study_uid, instance.series_uid, instance.sop_uid)
    for number in range(1, pictures.count + 1):
        picture = pictures.picture(number)
        if picture.location == own or picture.location.startswith(f"{own}/"):
            return picture
    raise _no_presentation("the presentation state does not refer to the image")


def _no_presentation(why: str) -> BadRequest:
    return BadRequest(
        f"presentationUID cannot be used: {why}.",
        section="9.5.1.2.7",
        offender="presentationUID",
        accepted=("series and instance of a presentation state of the same study that refers to the image",),
    )


def _shown(retrieval: UriRetrieval, instance: StoredInstance) -> tuple[Category, Pictures | None]:
    presenter = PRESENTERS.get(instance.sop_class_uid)
    if presenter is not None and not retrieval.request.names_dicom:
        pictures = presenter(retrieval.studio, instance, retrieval.request.rendering, retrieval.base_url)
        return Category.MULTI_FRAME if pictures.count > 1 else Category.SINGLE_FRAME, pictures
    category = category_of(instance)
    if category is Category.TEXT and not DOCUMENTS:
        category = Category.OTHER
    return category, None


def _video_types(retrieval: UriRetrieval, instance: StoredInstance, category: Category) -> tuple[str, ...]:
    if category is Category.VIDEO:
        return video_types(retrieval.studio, instance, retrieval.request.rendering)
    return video_types_of_frames() if category is Category.MULTI_FRAME else ()


def _frames(instance: StoredInstance, pictures: Pictures | None) -> int:
    if pictures is not None:
        return pictures.count
    return instance.layout.pixel.frames if instance.layout.pixel is not None else 1


def _check_frame(number: int, frames: int, category: Category) -> None:
    several = category in {Category.MULTI_FRAME, Category.VIDEO}
    if several and number <= frames:
        return
    why = f"the instance has {frames} frames" if several else "the instance is no multi-frame image"
    raise BadRequest(
        f"frameNumber cannot be used: {why}.",
        section="9.5.1.2.3",
        offender="frameNumber",
        accepted=(f"1 to {frames}",) if several else ("the request without frameNumber",),
    )


def _exactly(media_type: str, *, transfer_syntax: str | None = None, charsets: str | None = None) -> Preferences:
    """Preferences that allow one media type, alone, and prefer some character sets."""
    named = parse_quality_list(charsets or "")
    wanted = [MediaRange(media_type, None, transfer_syntax, 1.0)]
    wanted += [MediaRange(media_type, None, None, quality, name) for name, quality in named.items()]
    return Preferences((), tuple(replace(entry, item=media_type.lower(), multipart=False) for entry in wanted))
