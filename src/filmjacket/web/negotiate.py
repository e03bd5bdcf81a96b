"""Content negotiation of instances, metadata, search results and receipts (PS3.18 8.7, Table 10.4.4-1).

Whatever is refused is refused with the list of what can be had. How a choice is made: `filmjacket.web.offers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Kind,
)
from filmjacket.errors import NotAcceptable
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM, ZIP, written
from filmjacket.web.offers import Offer, match_type, not_acceptable, rank, refuse_mixture, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.web.accept import MediaRange, Preferences

NEVER_SENT: Final = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})
"""Transfer syntaxes that "shall not be used" with web services (8.7.3.1)."""

INSTANCES: Final = (
    Offer(DICOM, multipart=True, transfer_syntax="*"),
    Offer(OCTET_STREAM, multipart=True, explicit=True),
    Offer(ZIP, multipart=False, transfer_syntax="*", explicit=True),
)
"""Study, series and instance; the second row is historical and means the /bulkdata resource, the third an
extension of this server."""
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

    `single` says that the target is one instance. `application/octet-stream` means that the bulk data of the
    resource are wanted (Table 10.4.4-1); which of the others an instance can take is up to `plan_instance`.
    Only those of one media type come together, since a payload cannot have two.
    """
    offers = ONE_INSTANCE if single else INSTANCES
    for ranges in sources(preferences, offers):
        refuse_mixture(ranges, offers)
        representations = _instance_representations(ranges, offers)
        if representations:
            best = representations[0].media_type
            return tuple(entry for entry in representations if entry.media_type == best)
    raise not_acceptable(offers)


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


def plan_instance(representations: Sequence[Representation], stored: str) -> InstancePlan:
    """The best of the representations that an instance stored in `stored` can take; raises `NotAcceptable`.

    Among representations of equal quality the stored form comes first, as the standard leaves ties to the
    server.
    """
    best: InstancePlan | None = None
    reason = TransferPlan.NEEDS_TRANSCODING
    for representation in representations:
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
            accepted=_instance_alternatives(stored, representations[0].media_type),
        )
    return best


def _instance_alternatives(stored: str, media_type: str) -> tuple[str, ...]:
    syntax = transfer_syntaxes.get(stored)
    sent = stored
    if stored in NEVER_SENT or (syntax is not None and (syntax.big_endian or not syntax.explicit)):
        sent = EXPLICIT_VR_LITTLE_ENDIAN
    return tuple(written(media_type, multipart=media_type != ZIP, transfer_syntax=name) for name in ("*", sent))


def _choose(preferences: Preferences, offers: tuple[Offer, ...], *, retrieve: bool) -> Representation:
    for ranges in sources(preferences, offers):
        if retrieve:
            refuse_mixture(ranges, offers)
        for offer, q in rank(ranges, offers):
            return Representation(offer.media_type, offer.multipart, q=q)
    raise not_acceptable(offers)


def _instance_representations(ranges: tuple[MediaRange, ...], offers: tuple[Offer, ...]) -> tuple[Representation, ...]:
    """One representation for each offer and each transfer syntax that a range asks for with it."""
    found: list[tuple[float, int, int, Representation]] = []
    for row, offer in enumerate(offers):
        best: dict[str | None, tuple[int, float, int]] = {}
        for position, entry in enumerate(ranges):
            specificity = match_type(entry, offer)
            if specificity:
                candidate = (specificity, entry.q, -position)
                best[entry.transfer_syntax] = max(best.get(entry.transfer_syntax, candidate), candidate)
        refused = tuple(uid for uid, (_, q, _) in best.items() if q == 0 and uid is not None)
        for uid, (_, q, position) in best.items():
            if q > 0:
                representation = Representation(offer.media_type, offer.multipart, uid, q, refused)
                found.append((-q, -position, row, representation))
    return tuple(entry[3] for entry in sorted(found, key=lambda entry: entry[:3]))
