"""Both transactions of the URI service: an instance as a file, or as one picture or text (PS3.18 9.4, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.services.studies.documents import is_document
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.one_picture import picture_download
from filmjacket.services.studies.presenters import PRESENTERS
from filmjacket.services.studies.rendered import Rendering, category_of, retrieve_rendered
from filmjacket.services.studies.rendered_documents import document_download, types_of_document
from filmjacket.services.studies.rendered_video import frame_of_video, video_types, video_types_of_frames
from filmjacket.services.studies.studio import Picture, pictures_of_frames
from filmjacket.services.uri.anonymized import anonymized_instance, says_deidentified
from filmjacket.web import status
from filmjacket.web.accept import MediaRange, Preferences
from filmjacket.web.charset_choice import choose_charset
from filmjacket.web.media_types import DICOM
from filmjacket.web.negotiate_rendered import GIF, STILL, Category
from filmjacket.web.rendering import not_supported_text
from filmjacket.web.targets import instance_url
from filmjacket.web.uri_request import choose_uri, uri_offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.records import StoredInstance
    from filmjacket.deid.pseudonyms import Pseudonyms
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.services.studies.download import Download
    from filmjacket.services.studies.studio import Pictures, Studio
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.offers import Offer
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
    shown = _shown(retrieval, instance)
    media_type = choose_uri(retrieval.request, shown.category, shown.offers)
    if media_type == DICOM:
        return _instance(retrieval, instance)
    if shown.category is Category.TEXT:
        return _document(retrieval, instance, media_type)
    download = _rendered(retrieval, instance, shown, media_type)
    unsupported = retrieval.request.rendering.unsupported_annotation
    if not unsupported:
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


def _document(retrieval: UriRetrieval, instance: StoredInstance, media_type: str) -> Download:
    """A report, a document or a plot. The parameters of pictures mean nothing here (9.5.1.2)."""
    choose_charset((), retrieval.request.charsets, only_utf_8=True)
    return document_download(retrieval.studio, instance, media_type, retrieval.base_url, retrieval.has)


def _rendered(retrieval: UriRetrieval, instance: StoredInstance, shown: _Shown, media_type: str) -> Download:
    """Retrieve Rendered Instance (9.5) of what has pictures."""
    request = retrieval.request
    if request.frame is not None:
        _check_frame(request.frame, shown)
    every = request.frame is None and request.presentation is None and shown.several
    if every and (media_type not in STILL or media_type == GIF):
        rendering = _with_viewport(retrieval, instance, shown.pictures, 1)
        whole = Rendering(retrieval.studio, retrieval.base_url, _exactly(media_type), rendering, retrieval.has)
        return retrieve_rendered(whole, request.ref)
    number = request.frame or (shown.frames + 1) // 2
    picture, rendering = _picture(retrieval, instance, shown, number)
    return picture_download(retrieval.studio, picture, media_type, rendering, retrieval.has)


def _picture(
    retrieval: UriRetrieval, instance: StoredInstance, shown: _Shown, number: int
) -> tuple[Picture, RenderRequest]:
    """The picture of one frame and how it is to be made."""
    studio, base_url = retrieval.studio, retrieval.base_url
    if retrieval.request.presentation is not None:
        return _cut(retrieval, _presented(retrieval, instance))
    if shown.pictures is not None:
        return _cut(retrieval, shown.pictures.picture(number))
    rendering = _with_viewport(retrieval, instance, None, number)
    if shown.category is Category.VIDEO:
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


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an instance looks like: its category, what it can be had in, its pictures if they are of a special kind."""

    category: Category
    offers: tuple[Offer, ...]
    frames: int = 1
    pictures: Pictures | None = None

    @property
    def several(self) -> bool:
        """Whether it has frames to choose from."""
        return self.category in {Category.MULTI_FRAME, Category.VIDEO}


def _shown(retrieval: UriRetrieval, instance: StoredInstance) -> _Shown:
    studio, request, pixel = retrieval.studio, retrieval.request, instance.layout.pixel
    presenter = PRESENTERS.get(instance.sop_class_uid)
    if presenter is not None and not request.names_dicom:
        pictures = presenter(studio, instance, request.rendering, retrieval.base_url)
        category = Category.MULTI_FRAME if pictures.count > 1 else Category.SINGLE_FRAME
        return _Shown(category, uri_offers(category, video=_video_of(category)), pictures.count, pictures)
    if is_document(instance.sop_class_uid):
        types = types_of_document(studio, instance)
        return _Shown(Category.TEXT, uri_offers(Category.TEXT, documents=types))
    category = category_of(instance)
    frames = 1 if pixel is None else pixel.frames
    if category is Category.VIDEO:
        types = video_types(studio, instance, request.rendering)
        return _Shown(category, uri_offers(category, video=types), frames)
    return _Shown(category, uri_offers(category, video=_video_of(category)), frames)


def _video_of(category: Category) -> tuple[str, ...]:
    return video_types_of_frames() if category is Category.MULTI_FRAME else ()


def _check_frame(number: int, shown: _Shown) -> None:
    if shown.several and number <= shown.frames:
        return
    why = f"the instance has {shown.frames} frames" if shown.several else "the instance is no multi-frame image"
    raise BadRequest(
        f"frameNumber cannot be used: {why}.",
        section="9.5.1.2.3",
        offender="frameNumber",
        accepted=(f"1 to {shown.frames}",) if shown.several else ("the request without frameNumber",),
    )


def _exactly(media_type: str, *, transfer_syntax: str | None = None) -> Preferences:
    """Preferences that allow one media type, alone."""
    return Preferences((), (MediaRange(media_type.lower(), False, transfer_syntax, 1.0),))  # noqa: FBT003 - single part
