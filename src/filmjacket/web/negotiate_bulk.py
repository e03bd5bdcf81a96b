"""Negotiation of bulk data, pixel data and frames (PS3.18 8.7.3.3, Tables 8.7.3-4, 8.7.3-5 and 10.4.4-1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_LITTLE_ENDIAN,
)
from filmjacket.errors import BadRequest
from filmjacket.web.media_types import OCTET_STREAM, parse_media_type, written
from filmjacket.web.offers import Offer, not_acceptable, rank, refuse_mixture, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.web.accept import Preferences
    from filmjacket.web.reach import Reach

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


class Making(StrEnum):
    """Where the bytes of a representation come from."""

    NATIVE = "native"
    """From the file, in little endian."""
    STORED = "stored"
    """From inside of the fragments of the file, joined (8.7.3.3)."""
    CODED = "coded"
    """From frames that are decoded, and encoded anew in a compressed form."""


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The representation chosen for frames or a bulk value. `transfer_syntax` is None for what is no pixel data."""

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    making: Making

    @property
    def content_type(self) -> str:
        """`Content-Type` of each part, or of the payload if it is a single part."""
        return written(self.media_type, transfer_syntax=self.transfer_syntax)

    @property
    def is_native(self) -> bool:
        """Whether all frames together are one item (8.7.3.3.1)."""
        return self.media_type == OCTET_STREAM


@dataclass(frozen=True, slots=True)
class Items:
    """Which forms of pixel data are one item, hence may be a single part: uncompressed ones, compressed ones."""

    native: bool
    compressed: bool


@lru_cache(maxsize=256)
def choose_frames(preferences: Preferences, *, single: bool, reach: Reach) -> BulkPlan:
    """Representation of frames (10.4.4); `single` says that it is one.

    Under `*/*` the answer is multipart, the form that every client of frames expects.
    """
    offers = tuple(_pixel_offers(reach, multipart=True))
    alone = tuple(_pixel_offers(reach, multipart=False)) if single else ()
    return _plan(preferences, offers + alone, reach)


@lru_cache(maxsize=256)
def choose_pixels(preferences: Preferences, *, items: Items, reach: Reach) -> BulkPlan:
    """Representation of all frames of an instance: multipart under `*/*`, as of frames."""
    return _plan(preferences, (*_pixel_offers(reach, multipart=True), *_single(reach, items)), reach)


@lru_cache(maxsize=256)
def choose_bulk(
    preferences: Preferences, *, items: Items, reach: Reach | None, document_type: str | None = None
) -> BulkPlan:
    """Representation of a bulk value (10.4.4); `reach` is that of the instance for its pixel data, None for others.

    What is one item is sent as a single part under `*/*`, since a BulkDataURI is followed by generic clients too.
    `document_type` is the media type of an encapsulated document (0042,0012).
    """
    single = (*_document_offers(document_type, multipart=False), *_single(reach, items)) if items.native else ()
    multipart = (*_document_offers(document_type, multipart=True), *_pixel_offers(reach, multipart=True))
    return _plan(preferences, single + multipart, reach)


def _single(reach: Reach | None, items: Items) -> Iterator[Offer]:
    for offer in _pixel_offers(reach, multipart=False):
        if items.native if offer.media_type == OCTET_STREAM else items.compressed:
            yield offer


def _document_offers(document_type: str | None, *, multipart: bool) -> tuple[Offer, ...]:
    if document_type is None:
        return ()
    try:
        media_type = parse_media_type(document_type).essence
    except BadRequest:
        return ()  # the attribute holds something else
    if media_type in NEVER_A_DOCUMENT or media_type.startswith("multipart/"):
        return ()
    return (Offer(media_type, multipart, explicit=not media_type.startswith(SHOWN_BY_BROWSERS), stored=True),)


def _pixel_offers(reach: Reach | None, *, multipart: bool) -> Iterator[Offer]:
    """How pixel data can be had: the stored form, native bytes, other compressed forms (Tables 8.7.3-4, 8.7.3-5)."""
    native = reach is None or not reach.encapsulated or reach.stored == ENCAPSULATED_UNCOMPRESSED
    if reach is not None and not native:
        yield from _stored_offer(reach.stored, multipart=multipart)
    # What is too much for a native data set is not too much for a stream of bytes.
    if native or (reach is not None and (EXPLICIT_VR_LITTLE_ENDIAN in reach.lossless or reach.oversized)):
        # Both transfer syntaxes of application/octet-stream have the same bytes (Table 8.7.3-4).
        for uid in (EXPLICIT_VR_LITTLE_ENDIAN, ENCAPSULATED_UNCOMPRESSED):
            yield Offer(OCTET_STREAM, multipart, uid, stored=native)
    if reach is not None:
        for uids, by_name in ((reach.lossless, False), (reach.lossy, True)):
            for uid in uids:
                if uid != reach.stored and uid not in _NATIVE:
                    yield _coded_offer(uid, multipart=multipart, by_name=by_name)


_NATIVE: Final = frozenset((EXPLICIT_VR_LITTLE_ENDIAN, ENCAPSULATED_UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))


def _stored_offer(stored: str, *, multipart: bool) -> Iterator[Offer]:
    syntax = transfer_syntaxes.get(stored)
    if syntax is None or syntax.media_type is None:
        return
    # Lossy data are excepted from the default: nothing else can be made of them without more loss (8.7.8.2).
    by_syntax = not syntax.lossy and stored not in DEFAULT_SYNTAXES.get(syntax.media_type, ())
    yield Offer(syntax.media_type, multipart, stored, by_syntax=by_syntax, stored=True)


def _coded_offer(uid: str, *, multipart: bool, by_name: bool) -> Offer:
    media_type = transfer_syntaxes.TRANSFER_SYNTAXES[uid].media_type or OCTET_STREAM
    by_syntax = uid not in DEFAULT_SYNTAXES.get(media_type, ())
    return Offer(media_type, multipart, uid, by_syntax=by_syntax, by_name=by_name)


def _plan(preferences: Preferences, offers: tuple[Offer, ...], reach: Reach | None) -> BulkPlan:
    for ranges in sources(preferences, offers):
        refuse_mixture(ranges, offers)
        for offer, _ in rank(ranges, offers):
            return BulkPlan(offer.media_type, offer.multipart, offer.transfer_syntax, _making(offer, reach))
    if reach is None or not reach.obstacle:
        raise not_acceptable(offers)
    raise not_acceptable(
        offers,
        f"The pixel data are stored as {reach.stored} and cannot be had in another form: {reach.obstacle}.",
        section="8.7.8.2",
    )


def _making(offer: Offer, reach: Reach | None) -> Making:
    if not offer.stored:
        return Making.CODED
    return Making.STORED if reach is not None and reach.encapsulated else Making.NATIVE
