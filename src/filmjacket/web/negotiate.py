"""Content negotiation: acceptable media types against what a resource can offer (PS3.18 8.7, Table 10.4.4-1).

Offers are rows of tables, the default of the resource first. An offer gets the quality of the most specific
range that matches it; the highest wins, ties go to the order of the ranges and then of the rows (8.7.8.1).
Whatever is refused is refused with the list of what can be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import (
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Kind,
)
from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, JSON, OCTET_STREAM, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.web.accept import MediaRange, Preferences

NEVER_SENT: Final = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})
"""Transfer syntaxes that "shall not be used" with web services (8.7.3.1)."""

COMPRESSED_TYPES: Final = frozenset({
    "image/jpeg", "image/dicom-rle", "image/jls", "image/jp2", "image/jpx", "image/jphc", "image/jxl",
    "application/x-deflate", "video/mpeg", "video/mp4", "video/h265",
})  # fmt: skip
"""Compressed bulk data media types (Table 8.7.3-5), in lower case."""

RENDERED_ONLY: Final = frozenset({
    "image/gif", "image/png", "image/jph",
    "text/html", "text/plain", "text/xml", "text/rtf", "application/pdf",
})  # fmt: skip
"""Rendered media types (Table 8.7.4-1) that are no bulk data media types as well."""

DICOM_TYPES: Final = COMPRESSED_TYPES | {DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM}

ALIASES: Final = {
    JSON: DICOM_JSON,  # answered as application/dicom+json
    "image/x-dicom-rle": "image/dicom-rle",  # names of editions before 2017
    "image/x-jls": "image/jls",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One row: a media type that a resource can be had in, alone or in `multipart/related`.

    `transfer_syntax` is the one it will have, `*` where that is settled for each instance (`resolve_instance`),
    None where a range's `transfer-syntax` says nothing. An `explicit` offer is never meant by a wildcard.
    """

    media_type: str
    multipart: bool
    transfer_syntax: str | None = None
    explicit: bool = False

    def __str__(self) -> str:
        return written(self.media_type, multipart=self.multipart, transfer_syntax=self.transfer_syntax)


INSTANCES: Final = (
    Offer(DICOM, multipart=True, transfer_syntax="*"),
    Offer(OCTET_STREAM, multipart=True, explicit=True),
)
"""Study, series and instance; the second row is historical and means the /bulkdata resource."""
ONE_INSTANCE: Final = (*INSTANCES, Offer(DICOM, multipart=False, transfer_syntax="*"))
METADATA: Final = (Offer(DICOM_JSON, multipart=False), Offer(DICOM_XML, multipart=True))
METADATA_OF_ONE: Final = (*METADATA, Offer(DICOM_XML, multipart=False))
SEARCH: Final = (Offer(DICOM_JSON, multipart=False), Offer(DICOM_XML, multipart=True))
STORE_RESPONSE: Final = (Offer(DICOM_JSON, multipart=False), Offer(DICOM_XML, multipart=False))


@dataclass(frozen=True, slots=True)
class Representation:
    """A selected media type. `transfer_syntax` is what the range asks for: a UID, `*`, None for the default.

    `refused` holds the transfer syntaxes that the requester excluded with q=0.
    """

    media_type: str
    multipart: bool
    transfer_syntax: str | None = None
    q: float = 1.0
    refused: tuple[str, ...] = ()


class TransferPlan(StrEnum):
    """How a stored instance becomes the representation asked for, or why it cannot."""

    AS_STORED = "as stored"
    TO_EXPLICIT_LE = "converted to Explicit VR Little Endian"
    NEEDS_DECOMPRESSION = "the stored pixel data are compressed, and this version does not decompress yet"
    NEEDS_TRANSCODING = "it is stored in another transfer syntax, and this version does not transcode yet"
    NOT_FOR_THE_WEB = "Implicit VR and Big Endian transfer syntaxes shall not be used with web services"

    @property
    def possible(self) -> bool:
        """Whether the representation can be had."""
        return self in {TransferPlan.AS_STORED, TransferPlan.TO_EXPLICIT_LE}


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """The representation chosen for one stored instance and the transfer syntax that it will have."""

    representation: Representation
    plan: TransferPlan
    transfer_syntax: str

    @property
    def content_type(self) -> str:
        """`Content-Type` of the part or payload; the transfer syntax is always echoed (8.7.3.2)."""
        return written(DICOM, transfer_syntax=self.transfer_syntax)


@dataclass(frozen=True, slots=True)
class FramePlan:
    """The representation chosen for frames or a bulk value.

    With `as_stored` the compressed stream of the stored file goes out, fragments joined; otherwise native
    little endian bytes do (8.7.3.3).
    """

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    as_stored: bool

    @property
    def content_type(self) -> str:
        """`Content-Type` of each part, or of the payload if it is a single part."""
        return written(self.media_type, transfer_syntax=self.transfer_syntax)


def choose_metadata(preferences: Preferences, *, single: bool) -> Representation:
    """Representation of metadata (10.4.4): JSON is never multipart, XML is alone only for one instance."""
    return _choose(preferences, METADATA_OF_ONE if single else METADATA, retrieve=True)


def choose_search(preferences: Preferences) -> Representation:
    """Representation of search results (10.6.4)."""
    return _choose(preferences, SEARCH, retrieve=False)


def choose_store_response(preferences: Preferences) -> Representation:
    """Representation of the Store Instances Response (Annex I).

    Refusing to store because of how the receipt is to be written would serve nobody: unless `strict`, the
    default is sent when nothing acceptable can be had, which 8.5 allows ("unwilling to send a default").
    """
    try:
        return _choose(preferences, STORE_RESPONSE, retrieve=False)
    except NotAcceptable:
        if preferences.strict:
            raise
        return Representation(DICOM_JSON, multipart=False)


@lru_cache(maxsize=128)
def choose_instances(preferences: Preferences, *, single: bool) -> tuple[Representation, ...]:
    """Representations of instance resources that are acceptable, best first; never empty.

    `single` says that the target is one instance. `application/octet-stream` among them means that the bulk
    data of the resource are wanted (Table 10.4.4-1); which of the others an instance can take is up to
    `plan_instance`.
    """
    offers = ONE_INSTANCE if single else INSTANCES
    for ranges in _sources(preferences, offers):
        _refuse_mixture(ranges)
        representations = _instance_representations(ranges, offers)
        if representations:
            return representations
    raise _not_acceptable(offers)


def resolve_instance(representation: Representation, stored: str) -> TransferPlan:
    """How an instance stored in the transfer syntax `stored` becomes `representation` (8.7.8.2)."""
    wanted = representation.transfer_syntax
    if wanted in NEVER_SENT:
        return TransferPlan.NOT_FOR_THE_WEB
    syntax = transfer_syntaxes.get(stored)
    if stored in NEVER_SENT or (syntax is not None and (syntax.big_endian or not syntax.explicit)):
        acceptable = wanted in {None, "*", EXPLICIT_VR_LITTLE_ENDIAN}
        return TransferPlan.TO_EXPLICIT_LE if acceptable else TransferPlan.NEEDS_TRANSCODING
    if stored not in representation.refused and wanted in {"*", stored}:
        return TransferPlan.AS_STORED
    if wanted not in {None, "*", EXPLICIT_VR_LITTLE_ENDIAN}:
        return TransferPlan.NEEDS_TRANSCODING
    return _to_default(stored, strict=wanted is not None or stored in representation.refused)


def _to_default(stored: str, *, strict: bool) -> TransferPlan:
    """Explicit VR Little Endian is asked for; not `strict` if only because it is the default (8.7.8.2)."""
    syntax = transfer_syntaxes.get(stored)
    if stored == EXPLICIT_VR_LITTLE_ENDIAN and not strict:
        return TransferPlan.AS_STORED
    if syntax is not None and syntax.kind is Kind.UNCOMPRESSED and not syntax.encapsulated:
        return TransferPlan.TO_EXPLICIT_LE if syntax.deflated else TransferPlan.NEEDS_TRANSCODING
    if syntax is not None and syntax.lossy and not strict:
        return TransferPlan.AS_STORED  # first exception of 8.7.8.2: only lossy compressed pixel data exist
    return TransferPlan.NEEDS_DECOMPRESSION


def plan_instance(representations: Iterable[Representation], stored: str) -> InstancePlan:
    """The best of the representations that an instance stored in `stored` can take; raises `NotAcceptable`.

    Among representations of equal quality the stored form comes first, as the standard leaves ties to the
    server.
    """
    best: InstancePlan | None = None
    reason = TransferPlan.NEEDS_TRANSCODING
    for representation in representations:
        if representation.media_type != DICOM:
            continue
        plan = resolve_instance(representation, stored)
        if not plan.possible:
            reason = plan
        elif best is None or (
            plan is TransferPlan.AS_STORED is not best.plan and representation.q == best.representation.q
        ):
            syntax = stored if plan is TransferPlan.AS_STORED else EXPLICIT_VR_LITTLE_ENDIAN
            best = InstancePlan(representation, plan, syntax)
    if best is None:
        raise NotAcceptable(
            f"The instance cannot be sent as asked for: {reason}. It is stored as {stored}.",
            section="8.7.8.2",
            offender="transfer-syntax",
            accepted=_instance_alternatives(stored),
        )
    return best


def _instance_alternatives(stored: str) -> tuple[str, ...]:
    syntax = transfer_syntaxes.get(stored)
    sent = stored
    if stored in NEVER_SENT or (syntax is not None and (syntax.big_endian or not syntax.explicit)):
        sent = EXPLICIT_VR_LITTLE_ENDIAN
    return tuple(written(DICOM, multipart=True, transfer_syntax=name) for name in ("*", sent))


def choose_frames(preferences: Preferences, *, single: bool, stored: str | None) -> FramePlan:
    """Representation of frames (10.4.4); `stored` is the transfer syntax of compressed ones, None if native.

    `single` says that exactly one frame is asked for. Under `*/*` the answer is multipart, the form that
    every client of frames expects.
    """
    offers = _pixel_offers(stored, multipart=True)
    alone = _pixel_offers(stored, multipart=False) if single else ()
    return _plan_bulk(preferences, offers + alone, stored)


def choose_bulk(preferences: Preferences, *, single: bool, stored: str | None) -> FramePlan:
    """Representation of a bulk value (10.4.4); `stored` as for frames, None for what is not encapsulated.

    `single` says that the value is one item, as anything but compressed multi-frame pixel data is. Such a
    value is sent as a single part under `*/*`, since a BulkDataURI is followed by generic clients too.
    """
    alone = _pixel_offers(stored, multipart=False) if single else ()
    return _plan_bulk(preferences, alone + _pixel_offers(stored, multipart=True), stored)


def _pixel_offers(stored: str | None, *, multipart: bool) -> tuple[Offer, ...]:
    """How pixel data can be had without coding: native bytes, or the stored stream in its media type."""
    if stored is None or stored == ENCAPSULATED_UNCOMPRESSED:
        # Both transfer syntaxes of application/octet-stream have the same bytes (Table 8.7.3-4).
        return tuple(
            Offer(OCTET_STREAM, multipart, uid) for uid in (EXPLICIT_VR_LITTLE_ENDIAN, ENCAPSULATED_UNCOMPRESSED)
        )
    syntax = transfer_syntaxes.get(stored)
    media_type = None if syntax is None else syntax.media_type
    return () if media_type is None else (Offer(media_type, multipart, stored),)


def _plan_bulk(preferences: Preferences, offers: tuple[Offer, ...], stored: str | None) -> FramePlan:
    compressed = stored not in {None, ENCAPSULATED_UNCOMPRESSED}
    for ranges in _sources(preferences, offers):
        _refuse_mixture(ranges)
        for offer, _ in _rank(ranges, offers):
            return FramePlan(offer.media_type, offer.multipart, offer.transfer_syntax, as_stored=stored is not None)
    if compressed:
        raise _not_acceptable(
            offers,
            f"The pixel data are stored compressed as {stored}. This version does not decompress or "
            "transcode yet, so that they can only be had as stored.",
            section="8.7.8.2",
        )
    raise _not_acceptable(offers)


def _choose(preferences: Preferences, offers: tuple[Offer, ...], *, retrieve: bool) -> Representation:
    for ranges in _sources(preferences, offers):
        if retrieve:
            _refuse_mixture(ranges)
        for offer, q in _rank(ranges, offers):
            return Representation(offer.media_type, offer.multipart, q=q)
    raise _not_acceptable(offers)


def _sources(preferences: Preferences, offers: tuple[Offer, ...]) -> tuple[tuple[MediaRange, ...], ...]:
    """The ranges of the accept parameter, then those of the header: steps 2 to 4 of 8.7.8.1."""
    if preferences.refusal:
        raise _not_acceptable(offers, preferences.refusal)
    return (preferences.parameter, preferences.header) if preferences.parameter else (preferences.header,)


def _rank(ranges: tuple[MediaRange, ...], offers: tuple[Offer, ...]) -> list[tuple[Offer, float]]:
    """Acceptable offers with their quality, best first."""
    ranked: list[tuple[float, int, int]] = []
    for row, offer in enumerate(offers):
        matches = [
            (specificity, entry.q, -position)
            for position, entry in enumerate(ranges)
            if (specificity := _match(entry, offer))
        ]
        if matches:
            _, q, position = max(matches)
            if q > 0:
                ranked.append((-q, -position, row))
    return [(offers[row], -q) for q, _, row in sorted(ranked)]


def _match(entry: MediaRange, offer: Offer) -> int:
    """How specifically a range matches an offer, its transfer syntax included; 0 if it does not."""
    specificity = _match_type(entry, offer)
    if specificity == 0 or offer.transfer_syntax is None or entry.transfer_syntax is None:
        return 2 * specificity
    if entry.transfer_syntax == offer.transfer_syntax:
        return 2 * specificity + 1
    return 2 * specificity if entry.transfer_syntax == "*" else 0


def _match_type(entry: MediaRange, offer: Offer) -> int:
    if ALIASES.get(entry.item) == offer.media_type and entry.multipart is offer.multipart:
        return 4
    specificity = entry.specificity(offer.media_type.lower(), multipart=offer.multipart)
    return 0 if offer.explicit and entry.is_wildcard else specificity


def _instance_representations(ranges: tuple[MediaRange, ...], offers: tuple[Offer, ...]) -> tuple[Representation, ...]:
    """One representation for each offer and each transfer syntax that a range asks for with it."""
    found: list[tuple[float, int, int, Representation]] = []
    for row, offer in enumerate(offers):
        best: dict[str | None, tuple[int, float, int]] = {}
        for position, entry in enumerate(ranges):
            specificity = _match_type(entry, offer)
            if specificity:
                candidate = (specificity, entry.q, -position)
                best[entry.transfer_syntax] = max(best.get(entry.transfer_syntax, candidate), candidate)
        refused = tuple(uid for uid, (_, q, _) in best.items() if q == 0 and uid is not None)
        for uid, (_, q, position) in best.items():
            if q > 0:
                representation = Representation(offer.media_type, offer.multipart, uid, q, refused)
                found.append((-q, -position, row, representation))
    return tuple(entry[3] for entry in sorted(found, key=lambda entry: entry[:3]))


def _refuse_mixture(ranges: tuple[MediaRange, ...]) -> None:
    """DICOM and rendered media types may not be acceptable at once (8.7.5).

    Each source is judged alone: a browser that follows a link with an `accept` parameter always sends
    text/html.
    """
    named = {entry.item for entry in ranges if entry.q > 0}
    if named & RENDERED_ONLY and named & DICOM_TYPES:
        raise BadRequest(
            "DICOM and rendered media types are mixed: ask for one kind or the other.",
            section="8.7.5",
            offender="Accept",
            accepted=tuple(sorted(named & DICOM_TYPES)),
        )


def _not_acceptable(
    offers: tuple[Offer, ...],
    message: str = "None of the acceptable media types can be had of this resource.",
    *,
    section: str = "8.7.7",
) -> NotAcceptable:
    return NotAcceptable(message, section=section, offender="Accept", accepted=tuple(map(str, offers)))
