"""Negotiation of bulk data, pixel data and frames (PS3.18 8.7.3.3, Tables 8.7.3-4, 8.7.3-5 and 10.4.4-1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import ENCAPSULATED_UNCOMPRESSED, EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.errors import BadRequest
from filmjacket.web.media_types import OCTET_STREAM, parse_media_type, written
from filmjacket.web.offers import Offer, not_acceptable, rank, refuse_mixture, sources

if TYPE_CHECKING:
    from filmjacket.web.accept import Preferences

_BELOW: Final = transfer_syntaxes.IMPLICIT_VR_LITTLE_ENDIAN + "."
DEFAULT_SYNTAXES: Final = {
    media_type: frozenset(_BELOW + suffix for suffix in suffixes)
    for media_type, suffixes in {
        "image/jpeg": ("4.70",),  # lossless, not the baseline that the name makes one think of
        "image/dicom-rle": ("5",),
        "image/jls": ("4.80",),
        "image/jp2": ("4.90",),
        "image/jpx": ("4.92",),
        "image/jphc": ("4.201", "4.202"),  # whatever has the RPCL options is of the more general syntax as well
        "image/jxl": ("4.110",),
        "application/x-deflate": ("8.1",),
        "video/mpeg": ("4.101",),
        "video/mp4": ("4.102", "4.102.1"),
        "video/H265": ("4.107",),
    }.items()
}
"""Transfer syntaxes that a compressed bulk data media type stands for without a parameter (Table 8.7.3-5)."""

SHOWN_BY_BROWSERS: Final = ("application/pdf", "model/")
"""Beginnings of the document types that a wildcard may mean: none of them can run scripts in the server's name."""
NEVER_A_DOCUMENT: Final = frozenset({"text/html", "application/xhtml+xml", "application/xml", "image/svg+xml"})
"""Types that browsers ask for by name and run scripts in: what somebody stored would act as a page of this server."""


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The representation chosen for frames or a bulk value.

    With `as_stored` the bytes inside of the fragments of the stored file go out, joined; otherwise native little
    endian bytes do (8.7.3.3).
    """

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    as_stored: bool

    @property
    def content_type(self) -> str:
        """`Content-Type` of each part, or of the payload if it is a single part."""
        return written(self.media_type, transfer_syntax=self.transfer_syntax)


@lru_cache(maxsize=256)
def choose_frames(preferences: Preferences, *, single: bool, stored: str | None) -> BulkPlan:
    """Representation of frames or pixel data (10.4.4); `stored` is the transfer syntax of encapsulated ones.

    `single` says that it is one item: one frame, or uncompressed pixel data as a whole. Under `*/*` the answer is
    multipart, the form that every client of frames expects. Without encapsulation `stored` is None.
    """
    offers = _pixel_offers(stored, multipart=True)
    alone = _pixel_offers(stored, multipart=False) if single else ()
    return _plan(preferences, offers + alone, stored)


@lru_cache(maxsize=256)
def choose_bulk(
    preferences: Preferences, *, single: bool, stored: str | None, document_type: str | None = None
) -> BulkPlan:
    """Representation of a bulk value (10.4.4); `stored` as for frames, None for what is not encapsulated.

    `single` says that the value is one item, as anything but compressed multi-frame pixel data is. Such a
    value is sent as a single part under `*/*`, since a BulkDataURI is followed by generic clients too.
    `document_type` is the media type of an encapsulated document (0042,0012).
    """
    offers = tuple(
        offer
        for multipart in ((False, True) if single else (True,))
        for offer in (
            *_document_offers(document_type, multipart=multipart),
            *_pixel_offers(stored, multipart=multipart),
        )
    )
    return _plan(preferences, offers, stored)


def _document_offers(document_type: str | None, *, multipart: bool) -> tuple[Offer, ...]:
    if document_type is None:
        return ()
    try:
        media_type = parse_media_type(document_type).essence
    except BadRequest:
        return ()  # the attribute holds something else
    if media_type in NEVER_A_DOCUMENT or media_type.startswith("multipart/"):
        return ()
    return (Offer(media_type, multipart, explicit=not media_type.startswith(SHOWN_BY_BROWSERS)),)


def _pixel_offers(stored: str | None, *, multipart: bool) -> tuple[Offer, ...]:
    """How pixel data can be had without coding: native bytes, or the stored stream in its media type."""
    if stored is None or stored == ENCAPSULATED_UNCOMPRESSED:
        # Both transfer syntaxes of application/octet-stream have the same bytes (Table 8.7.3-4).
        return tuple(
            Offer(OCTET_STREAM, multipart, uid) for uid in (EXPLICIT_VR_LITTLE_ENDIAN, ENCAPSULATED_UNCOMPRESSED)
        )
    syntax = transfer_syntaxes.get(stored)
    if syntax is None or syntax.media_type is None:
        return ()
    # Lossy data are excepted from the default: nothing else can be made of them without more loss (8.7.8.2).
    by_syntax = not syntax.lossy and stored not in DEFAULT_SYNTAXES.get(syntax.media_type, ())
    return (Offer(syntax.media_type, multipart, stored, by_syntax=by_syntax),)


def _plan(preferences: Preferences, offers: tuple[Offer, ...], stored: str | None) -> BulkPlan:
    for ranges in sources(preferences, offers):
        refuse_mixture(ranges, offers)
        for offer, _ in rank(ranges, offers):
            return BulkPlan(offer.media_type, offer.multipart, offer.transfer_syntax, as_stored=stored is not None)
    if stored in {None, ENCAPSULATED_UNCOMPRESSED}:
        raise not_acceptable(offers)
    raise not_acceptable(
        offers,
        f"The pixel data are stored compressed as {stored}. This version does not decompress or "
        "transcode yet, so that they can only be had as stored.",
        section="8.7.8.2",
    )
