"""The grammar of the URI service, also called WADO-URI: raw query and headers to `UriRequest` (PS3.18 chapter 9).

One URL, two transactions: which of them a request means, the media type that is selected says (9.4, 9.5). Parameters
may come in any order, each once. Those of the transaction that was not selected are ignored, with two exceptions, where
that would give something else than was asked for: a window for an instance, `anonymize` for a picture.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from filmjacket.errors import BadRequest, UriTooLong
from filmjacket.web.accept import parse_accept
from filmjacket.web.charset_choice import CharsetWishes
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM
from filmjacket.web.negotiate_rendered import RENDERED_TYPES, STILL, TEXTS, Category
from filmjacket.web.offers import Offer, not_acceptable, rank, sources
from filmjacket.web.refs import ResourceRef
from filmjacket.web.rendering import MAX_VIEWPORT, PLAIN, RenderRequest, Viewport, Window, parse_rendering
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from filmjacket.web.accept import Preferences

MAX_PARAMETERS: Final = 256

_DICOM_TYPES: Final = frozenset((DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM))
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_COUNT: Final = re.compile(r"0{0,9}[1-9]\d{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Region:
    """Part of a picture as fractions of its width and height (9.5.1.2.5)."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class UriRequest:
    """A request of the URI service. `rendering` has annotation, quality and window; `frame` counts from 1.

    `rows` and `columns` are the most that the picture may have. `presentation` is the presentation state to apply, one
    of the same study.
    """

    ref: ResourceRef
    preferences: Preferences
    charsets: CharsetWishes = field(default_factory=CharsetWishes)
    anonymize: bool = False
    transfer_syntax: str | None = None
    rendering: RenderRequest = PLAIN
    frame: int | None = None
    rows: int | None = None
    columns: int | None = None
    region: Region | None = None
    presentation: ResourceRef | None = None

    @property
    def names_dicom(self) -> bool:
        """Whether application/dicom is asked for by name, so that pictures are hardly meant."""
        ranges = self.preferences.parameter or self.preferences.header
        return any(entry.item == DICOM and entry.q > 0 for entry in ranges)

    def viewport(self, rows: int, columns: int, aspect: float) -> Viewport | None:
        """The viewport that does what `rows`, `columns` and `region` ask for, of a picture of that size.

        `aspect` is the height of its pixels divided by their width. Without a size a region keeps its resolution.
        """
        if (self.rows, self.columns, self.region) == (None, None, None):
            return None
        part = self.region or Region(0.0, 0.0, 1.0, 1.0)
        width, height = (part.right - part.left) * columns, (part.bottom - part.top) * rows
        if self.rows is None and self.columns is None:
            most = max(1, min(MAX_VIEWPORT, round(width))), max(1, min(MAX_VIEWPORT, round(height * aspect)))
        else:
            most = self.columns or MAX_VIEWPORT, self.rows or MAX_VIEWPORT
        if self.region is None:
            return Viewport(*most)
        return Viewport(*most, part.left * columns, part.top * rows, width, height)


@dataclass(slots=True)
class _Draft:
    values: dict[str, str]

    def take(self, name: str) -> str | None:
        """The value of a parameter, None if it is absent."""
        return self.values.get(name)


def parse_uri_request(
    raw_query: bytes, accept: str | None, accept_charset: str | None = None, *, strict: bool = False
) -> UriRequest:
    """Read a request. Raises `BadRequest` for whatever is missing, malformed, or does not go together."""
    draft = _Draft(_values(raw_query))
    if draft.take("requestType") != "WADO":
        raise _refusal("requestType", "it is missing, or no request that this service has", "requestType=WADO")
    request = UriRequest(
        _target(draft),
        _preferences(draft.take("contentType"), accept, strict=strict),
        CharsetWishes(draft.take("charset"), accept_charset),
        anonymize=_anonymize(draft.take("anonymize")),
        transfer_syntax=_transfer_syntax(draft.take("transferSyntax")),
        rendering=_rendering(draft),
        frame=_count(draft, "frameNumber"),
        rows=_size(draft, "rows"),
        columns=_size(draft, "columns"),
        region=_region(draft.take("region")),
        presentation=_presentation(draft),
    )
    _check_combinations(request)
    return request


def uri_offers(
    category: Category, *, video: tuple[str, ...] = (), documents: tuple[str, ...] = TEXTS
) -> tuple[Offer, ...]:
    """What an instance of a category can be had in, the default first; application/dicom only by name (9.4, 9.5).

    `video` and `documents` are the types that this one can be had in if it is of these kinds.
    """
    rendered = {
        Category.SINGLE_FRAME: STILL,
        Category.MULTI_FRAME: (*STILL, *video),
        Category.VIDEO: (*STILL, *video),
        Category.TEXT: documents,
        Category.OTHER: (),
    }[category]
    return (*(Offer(name, multipart=False) for name in rendered), Offer(DICOM, multipart=False, explicit=True))


def choose_uri(request: UriRequest, category: Category, offers: tuple[Offer, ...]) -> str:
    """The media type of the answer: application/dicom, or a rendered one.

    Raises `NotAcceptable` if none can be had, `BadRequest` for parameters that the type does not go with.
    """
    # `contentType` decides if it is there: unlike `accept` of chapter 8 it is an error if it cannot be had (9.1.2.1).
    ranges = sources(request.preferences, offers)[0]
    for offer, _ in rank(ranges, offers):
        _check_type(request, offer.media_type)
        return offer.media_type
    if category is Category.OTHER:
        raise not_acceptable(offers, "Instances of this SOP class have no rendered form.", section="9.5")
    raise not_acceptable(offers, section="9.4")


def _check_type(request: UriRequest, media_type: str) -> None:
    if media_type == DICOM and request.rendering.window is not None:
        raise _refusal("windowCenter", "an instance is not rendered, so it has no window", "contentType=image/jpeg")
    if media_type != DICOM and request.anonymize:
        raise _refusal("anonymize", "it is for instances, not for pictures and texts", f"contentType={DICOM}")


def _values(raw_query: bytes) -> dict[str, str]:
    """Decoded values of the parameters of this service; others are ignored (8.3.1)."""
    parameters = raw_query.split(b"&", MAX_PARAMETERS)
    if len(parameters) > MAX_PARAMETERS:
        raise UriTooLong(f"The query has more than {MAX_PARAMETERS} parameters.", section="9.1")
    values: dict[str, str] = {}
    for parameter in parameters:
        raw_name, _, raw = parameter.partition(b"=")
        spelled = unquote_to_bytes(raw_name).decode("ascii", "replace")
        name = "annotation" if spelled == "imageAnnotation" else spelled
        if name not in _ACCEPTED:
            continue
        if name in values:
            raise _refusal(name, "it occurs more than once", *_ACCEPTED[name])
        values[name] = _decoded(name, raw)
    return values


def _decoded(name: str, raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        text = "\0"
    if _BAD_ESCAPE.search(raw) or not text.isprintable():
        raise _refusal(name, "its value is not percent-encoded UTF-8 text", *_ACCEPTED[name])
    return text.strip()


def _target(draft: _Draft) -> ResourceRef:
    uids: dict[str, str] = {}
    for name in ("studyUID", "seriesUID", "objectUID"):
        uid = draft.take(name)
        if not uid:
            raise _refusal(name, "it is missing", *_ACCEPTED[name])
        uids[name] = parse_uid(uid, name)
    return ResourceRef(uids["studyUID"], uids["seriesUID"], uids["objectUID"])


def _preferences(content_type: str | None, accept: str | None, *, strict: bool) -> Preferences:
    """The Accept header narrowed by `contentType`, which has no wildcards (8.3.3.1)."""
    preferences = parse_accept(accept, strict=strict)
    named, source = preferences.header, "Accept"
    if content_type is not None:
        try:
            preferences = parse_accept(accept, (content_type,), strict=strict)
            named, source = parse_accept(None, (content_type,)).parameter, "contentType"
        except BadRequest as error:
            raise _refusal("contentType", error.message, *_ACCEPTED["contentType"]) from None
    kinds = {entry.item for entry in named if entry.q > 0}
    if kinds & _DICOM_TYPES and kinds & RENDERED_TYPES:
        raise _refusal(
            source,
            "it names application/dicom and rendered media types, and each kind is a transaction of its own",
            *_ACCEPTED["contentType"],
        )
    for entry in (*named, *preferences.header):
        if entry.transfer_syntax is not None or entry.charset is not None:
            raise _refusal(
                source if entry in named else "Accept",
                "media types have no parameters transfer-syntax and charset here: they are parameters of the query",
                "transferSyntax=1.2.840.10008.1.2.1",
                "charset=UTF-8",
            )
    return preferences


def _anonymize(text: str | None) -> bool:
    if text not in {None, "yes"}:
        raise _refusal("anonymize", "yes is its only value", "anonymize=yes")
    return text == "yes"


def _transfer_syntax(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return parse_uid(text, "transferSyntax")
    except BadRequest:
        raise _refusal("transferSyntax", "it is one UID", *_ACCEPTED["transferSyntax"]) from None


def _rendering(draft: _Draft) -> RenderRequest:
    """Annotation, quality and window; the first two are those of chapter 8 under other names."""
    parts: list[bytes] = []
    for name, general in (("annotation", b"annotation="), ("imageQuality", b"quality=")):
        text = draft.take(name)
        if text is not None:
            parts.append(general + text.replace("%", "%25").replace("&", "%26").encode())
    try:
        rendering = parse_rendering(b"&".join(parts))
    except BadRequest as error:
        name = "imageQuality" if error.offender == "quality" else error.offender
        raise _refusal(name, error.message.partition(": ")[2].rstrip("."), *_ACCEPTED[name]) from None
    return replace(rendering, window=_window(draft))


def _window(draft: _Draft) -> Window | None:
    texts = draft.take("windowCenter"), draft.take("windowWidth")
    if texts == (None, None):
        return None
    for name, text in zip(("windowCenter", "windowWidth"), texts, strict=True):
        if text is None:
            raise _refusal(name, "it is missing, and a window has both", *_ACCEPTED["windowCenter"])
    center, width = (_decimal(text or "", name) for name, text in zip(_WINDOW_NAMES, texts, strict=True))
    if width < 1:
        raise _refusal("windowWidth", "the width of a linear window is 1 or more", *_ACCEPTED["windowWidth"])
    return Window(center, width, "LINEAR")


def _region(text: str | None) -> Region | None:
    if text is None:
        return None
    values = text.split(",")
    if len(values) != 4:
        raise _refusal("region", "it has four values: left, top, right, bottom", *_ACCEPTED["region"])
    left, top, right, bottom = (_decimal(value, "region") for value in values)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise _refusal(
            "region", "its values are fractions of the picture from 0 to 1, smaller ones first", *_ACCEPTED["region"]
        )
    return Region(left, top, right, bottom)


def _count(draft: _Draft, name: str) -> int | None:
    text = draft.take(name)
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        raise _refusal(name, "it is one whole number from 1 on", *_ACCEPTED[name])
    return int(text)


def _size(draft: _Draft, name: str) -> int | None:
    size = _count(draft, name)
    if size is not None and size > MAX_VIEWPORT:
        raise _refusal(name, f"pictures have at most {MAX_VIEWPORT} {name}", *_ACCEPTED[name])
    return size


def _decimal(text: str, name: str) -> float:
    value = float(text) if _DECIMAL.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise _refusal(name, "one of its values is not a decimal number", *_ACCEPTED[name])
    return value


def _presentation(draft: _Draft) -> ResourceRef | None:
    names = ("presentationSeriesUID", "presentationUID")
    series, instance = map(draft.take, names)
    if series is None and instance is None:
        return None
    if not (series and instance):
        missing = names[0] if not series else names[1]
        raise _refusal(missing, "it is missing: a presentation state is named by both", *_ACCEPTED[missing])
    return ResourceRef(draft.take("studyUID"), parse_uid(series, names[0]), parse_uid(instance, names[1]))


def _check_combinations(request: UriRequest) -> None:
    if request.presentation is None:
        return
    for name, present in (
        ("windowCenter", request.rendering.window is not None),
        ("frameNumber", request.frame is not None),
    ):
        if present:
            raise _refusal(name, "the presentation state decides about it", "annotation", "region", "rows", "columns")


def _refusal(name: str, why: str, *accepted: str) -> BadRequest:
    section = _SECTIONS.get(name, "9.1")
    return BadRequest(f"{name} cannot be used: {why}.", section=section, offender=name, accepted=accepted)


_WINDOW_NAMES: Final = ("windowCenter", "windowWidth")

_ACCEPTED: Final[dict[str, tuple[str, ...]]] = {
    "requestType": ("requestType=WADO",),
    "studyUID": ("studyUID=1.2.840.10008.1",),
    "seriesUID": ("seriesUID=1.2.840.10008.1",),
    "objectUID": ("objectUID=1.2.840.10008.1",),
    "contentType": ("contentType=image/jpeg", "contentType=image/png,image/jpeg;q=0.5", f"contentType={DICOM}"),
    "charset": ("charset=UTF-8",),
    "anonymize": ("anonymize=yes",),
    "transferSyntax": ("transferSyntax=1.2.840.10008.1.2.1",),
    "annotation": ("annotation=patient", "annotation=patient,technique"),
    "imageQuality": ("imageQuality=90",),
    "frameNumber": ("frameNumber=1",),
    "rows": ("rows=512",),
    "columns": ("columns=512",),
    "region": ("region=0.25,0.25,0.75,0.75",),
    "windowCenter": ("windowCenter=40&windowWidth=400",),
    "windowWidth": ("windowCenter=40&windowWidth=400",),
    "presentationSeriesUID": ("presentationSeriesUID=1.2.3&presentationUID=1.2.3.4",),
    "presentationUID": ("presentationSeriesUID=1.2.3&presentationUID=1.2.3.4",),
}
"""Every parameter with examples. `imageAnnotation` is another name of `annotation`: the standard has both."""

PARAMETERS: Final = (*_ACCEPTED, "imageAnnotation")

_SECTIONS: Final = {
    "requestType": "9.4.1.1.1",
    "studyUID": "9.4.1.1.2",
    "seriesUID": "9.4.1.1.3",
    "objectUID": "9.4.1.1.4",
    "contentType": "9.1.2.1",
    "Accept": "9.1.2.1",
    "anonymize": "9.4.1.2.2",
    "transferSyntax": "9.4.1.2.3",
    "annotation": "9.5.1.2.1",
    "imageQuality": "9.5.1.2.2",
    "frameNumber": "9.5.1.2.3",
    "rows": "9.5.1.2.4",
    "columns": "9.5.1.2.4",
    "region": "9.5.1.2.5",
    "windowCenter": "9.5.1.2.6",
    "windowWidth": "9.5.1.2.6",
    "presentationSeriesUID": "9.5.1.2.7",
    "presentationUID": "9.5.1.2.7",
}
