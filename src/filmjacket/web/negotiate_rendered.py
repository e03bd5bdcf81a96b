"""Negotiation of rendered resources by resource category (PS3.18 8.7.2, 8.7.4, 8.7.8, Table 8.7.4-1).

Each item of the resource is chosen for by itself. One that is alone can be had as a single part or as the only part of
`multipart/related`; of several each is a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.errors import BadRequest
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, HTML, OCTET_STREAM, PDF, PLAIN_TEXT, SVG, TEXT_XML
from filmjacket.web.offers import Offer, not_acceptable, rank, sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.web.accept import MediaRange, Preferences

JPEG: Final = "image/jpeg"
GIF: Final = "image/gif"
PNG: Final = "image/png"
JP2: Final = "image/jp2"
JPH: Final = "image/jph"
JXL: Final = "image/jxl"
MPEG: Final = "video/mpeg"
MP4: Final = "video/mp4"
H265: Final = "video/H265"

STILL: Final = (JPEG, GIF, PNG, JP2, JPH, JXL)
"""Of single frames, the default first."""
TEXTS: Final = (HTML, PLAIN_TEXT, TEXT_XML, PDF)
"""Of reports, the default first."""
WAVEFORMS: Final = (SVG, PNG)
"""Of waveforms, an extension: Table 8.7.4-1 has nothing for them."""
MODELS: Final = ("model/stl", "model/obj", "model/mtl")
"""Of encapsulated models, each of its own, an extension as well."""

EMBEDS_PROFILE: Final = frozenset((JPEG, PNG, JP2, JPH))
"""Types that an ICC profile is embedded in; JPEG XL could have one, but its encoder here cannot write it."""

RENDERED_TYPES: Final = frozenset(
    kind.lower() for kind in (*STILL, *TEXTS, SVG, *MODELS, MPEG, MP4, H265, "text/rtf")
)  # Table 8.7.4-1 and the extensions
_DICOM_TYPES: Final = frozenset(
    (DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM, "image/dicom-rle", "image/jls", "image/jpx", "image/jphc",
     "application/x-deflate")
)  # fmt: skip
"""Types of DICOM that are no rendered types as well."""


class Category(StrEnum):
    """Resource categories (Table 8.7.2-1)."""

    SINGLE_FRAME = "single frame image"
    MULTI_FRAME = "multi-frame image"
    VIDEO = "video"
    TEXT = "text"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RenderedPlan:
    """The media type chosen for one item, and whether it is a part. `per_frame`: each frame is a part of its own."""

    media_type: str
    multipart: bool
    per_frame: bool = False


def rendered_offers(
    category: Category, *, alone: bool, video: tuple[str, ...] = (), documents: tuple[str, ...] = TEXTS
) -> tuple[Offer, ...]:
    """What an item of a category can be had in, the default first.

    `video` are video types that it can be had in, `documents` those of a document.

    Frames in time or space are an animation if they are to be one part, so that whatever shows images can show them;
    as parts of their own each is a single frame, and a JPEG if nothing else is wanted.
    """
    forms = (False, True) if alone else (True,)
    single, parts = {
        Category.SINGLE_FRAME: (STILL, STILL),
        Category.MULTI_FRAME: ((GIF, *video), (*STILL, *video)),
        Category.VIDEO: (video, video),
        Category.TEXT: (documents, documents),
        Category.OTHER: ((), ()),
    }[category]
    return tuple(Offer(media_type, multipart) for multipart in forms for media_type in (parts if multipart else single))


@lru_cache(maxsize=256)
def choose_rendered(
    preferences: Preferences,
    category: Category,
    *,
    alone: bool,
    video: tuple[str, ...] = (),
    documents: tuple[str, ...] = TEXTS,
) -> RenderedPlan:
    """The representation of one item.

    Raises `NotAcceptable` with the list of what can be had, `BadRequest` for a mixture of DICOM and rendered media
    types (8.7.5).
    """
    offers = rendered_offers(category, alone=alone, video=video, documents=documents)
    for ranges in sources(preferences, offers):
        _refuse_mixture(ranges)
        for offer, _ in rank(ranges, offers):
            per_frame = category is Category.MULTI_FRAME and offer.multipart and offer.media_type in STILL
            return RenderedPlan(offer.media_type, offer.multipart, per_frame and offer.media_type != GIF)
    if category is Category.OTHER:
        raise not_acceptable(
            (), "Instances of this SOP class have no rendered form; they can only be retrieved.", section="8.7.4"
        )
    raise not_acceptable(offers, _reason(category, alone=alone), section="8.7.4")


def refuse_profile(media_types: Iterable[str], icc: str | None) -> None:
    """An ICC profile is wanted in a type that has no room for one: 400 (8.3.5.1.5)."""
    without = [media_type for media_type in media_types if media_type not in EMBEDS_PROFILE]
    if icc not in {None, "no"} and without:
        raise BadRequest(
            f"An ICC profile cannot be embedded in {without[0]}.",
            section="8.3.5.1.5",
            offender="iccprofile",
            accepted=("iccprofile=no", *sorted(EMBEDS_PROFILE)),
        )


def _reason(category: Category, *, alone: bool) -> str:
    if category is Category.MULTI_FRAME and alone:
        return (
            "None of the acceptable media types can be had of a multi-frame image as a whole; its frames can: as "
            "parts, or one by one below /frames/{number}/rendered."
        )
    if not alone:
        return "The resource has several items, each of which is a part: ask for multipart/related."
    return "None of the acceptable media types can be had of this resource."


def _refuse_mixture(ranges: tuple[MediaRange, ...]) -> None:
    named = {entry.item for entry in ranges if entry.q > 0}
    if named & _DICOM_TYPES and named & RENDERED_TYPES:
        raise BadRequest(
            "DICOM and rendered media types are mixed: a rendered resource has only rendered ones.",
            section="8.7.5",
            offender="Accept",
            accepted=tuple(sorted(RENDERED_TYPES)),
        )
