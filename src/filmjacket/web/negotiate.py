"""Content negotiation of instances, metadata, search results and receipts (PS3.18 8.7, Table 10.4.4-1).

Whatever is refused is refused with the list of what can be had. How a choice is made: `filmjacket.web.offers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.errors import NotAcceptable
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM, ZIP, written
from filmjacket.web.offers import Offer, match_type, not_acceptable, rank, refuse_mixture, sources
from filmjacket.web.reach import NEVER_SENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.web.accept import MediaRange, Preferences
    from filmjacket.web.reach import Reach

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
NON_PATIENT: Final = (
    Offer(DICOM_JSON, multipart=False),
    Offer(DICOM, multipart=False, transfer_syntax="*"),
    Offer(DICOM_XML, multipart=True),
    Offer(DICOM_XML, multipart=False),
)
"""A non-patient instance: what describes it, or its file (12.4.4)."""
COMMITMENT: Final = (
    Offer(DICOM_JSON, multipart=False),
    Offer(DICOM_XML, multipart=False),
    Offer(DICOM_JSON, multipart=True),
    Offer(DICOM_XML, multipart=True),
)
"""The result of a storage commitment (13.4.4)."""


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
    TRANSCODE = "frames decoded or coded anew"
    OUT_OF_REACH = "this instance has no form in that transfer syntax"
    NOT_FOR_THE_WEB = "Implicit VR and Big Endian transfer syntaxes shall not be used with web services"

    @property
    def possible(self) -> bool:
        """Whether the representation can be had."""
        return self in {TransferPlan.AS_STORED, TransferPlan.TO_EXPLICIT_LE, TransferPlan.TRANSCODE}


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
    return _best_instances(preferences, ONE_INSTANCE if single else INSTANCES)


@lru_cache(maxsize=128)
def choose_non_patient(preferences: Preferences) -> tuple[Representation, ...]:
    """Representations of a non-patient instance that are acceptable, all of one media type, best first (12.4.4)."""
    return _best_instances(preferences, NON_PATIENT)


def choose_commitment(preferences: Preferences) -> Representation:
    """Representation of the result of a storage commitment (13.4.4, 13.5.4)."""
    return _choose(preferences, COMMITMENT, retrieve=False)


def _best_instances(preferences: Preferences, offers: tuple[Offer, ...]) -> tuple[Representation, ...]:
    for ranges in sources(preferences, offers):
        refuse_mixture(ranges, offers)
        representations = _instance_representations(ranges, offers)
        if representations:
            best = representations[0].media_type
            return tuple(entry for entry in representations if entry.media_type == best)
    raise not_acceptable(offers)


def resolve_instance(representation: Representation, reach: Reach) -> TransferPlan:
    """How an instance becomes `representation` (8.7.8.2)."""
    wanted = representation.transfer_syntax
    if wanted in NEVER_SENT:
        return TransferPlan.NOT_FOR_THE_WEB
    refused = reach.stored in representation.refused
    if reach.sendable and not refused and wanted in {"*", reach.stored}:
        return TransferPlan.AS_STORED
    if wanted in {None, "*", EXPLICIT_VR_LITTLE_ENDIAN}:
        return _to_default(reach, strict=wanted is not None or refused)
    return TransferPlan.TRANSCODE if wanted in {*reach.lossless, *reach.lossy} else TransferPlan.OUT_OF_REACH


def _to_default(reach: Reach, *, strict: bool) -> TransferPlan:
    """Explicit VR Little Endian is asked for; not `strict` if only because it is the default (8.7.8.2)."""
    if reach.stored == EXPLICIT_VR_LITTLE_ENDIAN:
        return TransferPlan.OUT_OF_REACH if strict else TransferPlan.AS_STORED
    syntax = transfer_syntaxes.get(reach.stored)
    if not reach.sendable or (syntax is not None and syntax.deflated and not syntax.lossy):
        return TransferPlan.TO_EXPLICIT_LE
    # The exceptions of 8.7.8.2: only lossy compressed pixel data exist, or native ones would be too many.
    if not strict and (reach.oversized or (syntax is not None and syntax.lossy)):
        return TransferPlan.AS_STORED
    return TransferPlan.TRANSCODE if EXPLICIT_VR_LITTLE_ENDIAN in reach.lossless else TransferPlan.OUT_OF_REACH


def plan_instance(representations: Sequence[Representation], reach: Reach) -> InstancePlan:
    """The best of the representations that an instance can take; raises `NotAcceptable`.

    Among representations of equal quality the stored form comes first, as the standard leaves ties to the
    server.
    """
    best: InstancePlan | None = None
    reason = TransferPlan.OUT_OF_REACH
    for representation in representations:
        plan = resolve_instance(representation, reach)
        if not plan.possible:
            reason = plan
        elif best is None or (
            plan is TransferPlan.AS_STORED is not best.plan and representation.q == best.representation.q
        ):
            best = InstancePlan(representation, plan, _syntax_sent(representation, plan, reach))
    if best is None:
        why = reach.obstacle if reason is TransferPlan.OUT_OF_REACH and reach.obstacle else reason
        raise NotAcceptable(
            f"The instance cannot be sent as asked for: {why}. It is stored as {reach.stored}.",
            section="8.7.8.2",
            offender="transfer-syntax",
            accepted=_instance_alternatives(reach, representations[0]),
        )
    return best


def _syntax_sent(representation: Representation, plan: TransferPlan, reach: Reach) -> str:
    if plan is TransferPlan.AS_STORED:
        return reach.stored
    if plan is TransferPlan.TRANSCODE and representation.transfer_syntax not in {None, "*"}:
        return str(representation.transfer_syntax)
    return EXPLICIT_VR_LITTLE_ENDIAN


def _instance_alternatives(reach: Reach, asked: Representation) -> tuple[str, ...]:
    multipart = asked.media_type != ZIP
    return tuple(
        written(asked.media_type, multipart=multipart, transfer_syntax=name)
        for name in dict.fromkeys(("*", *reach.available, *reach.lossy))
    )


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
