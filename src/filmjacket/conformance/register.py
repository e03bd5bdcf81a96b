"""The register: every service, transaction and resource of this server, and what it does not have (PS3.18 10.2)."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.commitment import COMMITMENT
from filmjacket.conformance.declarations import (
    NotSupported,
    Obligation,
    Resource,
    Selection,
    Service,
    Status,
    Transaction,
)
from filmjacket.conformance.non_patient import NON_PATIENT
from filmjacket.conformance.notifications import NOTIFICATIONS
from filmjacket.conformance.procedures import PERFORMED_STEPS, SCHEDULED_STEPS
from filmjacket.conformance.studies import STUDIES
from filmjacket.conformance.uri_service import URI_SERVICE
from filmjacket.conformance.worklist import WORKLIST
from filmjacket.web.media_types import HTML, JSON, written
from filmjacket.web.offers import Offer, not_acceptable, rank, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.settings import Settings
    from filmjacket.web.accept import Preferences

WADL: Final = "application/vnd.sun.wadl+xml"

CAPABILITIES_OFFERS: Final = (Offer(WADL, multipart=False), Offer(JSON, multipart=False))
"""Both media types of Annex G; WADL, which every edition has had, is the default."""
LANDING_OFFERS: Final = (Offer(JSON, multipart=False), Offer(HTML, multipart=False))

CAPABILITIES: Final = Transaction(
    "Retrieve Capabilities",
    "8.9",
    "What this document says, for machines.",
    (
        Resource("capabilities", "OPTIONS", "/", "Capabilities of the services; of a part of them on any resource",
                 parameters=(p.ACCEPT,), offers=CAPABILITIES_OFFERS,
                 tests="conformance/test_s08_9_capabilities.py"),
    ),
    (p.H_ACCEPT, p.H_IF_NONE_MATCH),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_ETAG, p.H_ALLOW, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The capabilities."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The accept parameter is malformed."),
        Status(406, "Neither WADL nor JSON is acceptable."),
        Status(414, "The query is longer than `limits.query_bytes`."),
    ),
)  # fmt: skip

DESCRIPTION: Final = Transaction(
    "Describe",
    "8.9",
    "Starting points for people and tools. Not a transaction of PS3.18.",
    (
        Resource("landing", "GET", "/", "Links to what is here", Obligation.EXTENSION, (p.ACCEPT,), LANDING_OFFERS,
                 tests="conformance/test_s08_9_capabilities.py"),
        Resource("openapi", "GET", "/openapi.json", "The resources as OpenAPI 3.1", Obligation.EXTENSION,
                 (p.ACCEPT,), (Offer(JSON, multipart=False),), tests="conformance/test_s08_9_openapi.py"),
    ),
    (p.H_ACCEPT, p.H_IF_NONE_MATCH),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_ETAG, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The document."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The accept parameter is malformed."),
        Status(406, "The document cannot be had in an acceptable media type."),
        Status(414, "The query is longer than `limits.query_bytes`."),
    ),
    obligation=Obligation.EXTENSION,
)  # fmt: skip

COMMON: Final = Service("Common transactions", "8.9", "What every RESTful service has.", (CAPABILITIES, DESCRIPTION))

REGISTER: Final = (
    URI_SERVICE,
    STUDIES,
    WORKLIST,
    NON_PATIENT,
    COMMITMENT,
    SCHEDULED_STEPS,
    PERFORMED_STEPS,
    NOTIFICATIONS,
    COMMON,
)
"""Every service, in the order of the standard's chapters, what is common to all of them last."""

EVERYWHERE: Final = (
    Status(405, "The resource does not have the method; Allow lists those it has."),
    Status(431, "The header section is larger than `limits.header_bytes`."),
    Status(500, "A fault of the server; its log says why."),
)
"""What any request may meet."""

NOT_SUPPORTED: Final = (NotSupported("WADO-WS (SOAP)", "retired 2017", "Absent. It is retired and will not come."),)


@cache
def operations() -> dict[str, tuple[Transaction, Resource]]:
    """Every resource by its name, with its transaction."""
    return {resource.name: (transaction, resource) for transaction, resource in _operations()}


def _operations() -> Iterator[tuple[Transaction, Resource]]:
    for service in REGISTER:
        yield from service.operations()


def selection_of(settings: Settings) -> Selection:
    """The register as the settings have it."""
    names = {resource.switch for _, resource in operations().values() if resource.switch}
    on = frozenset(name for name in names if attrgetter(name)(settings) is True)
    return Selection(settings.edition.value, on)


def offered(selection: Selection) -> Iterator[tuple[Transaction, Resource]]:
    """Every resource that is there."""
    return ((transaction, resource) for transaction, resource in operations().values() if selection.has(resource))


def choose_offer(preferences: Preferences, offers: tuple[Offer, ...]) -> Offer:
    """The best acceptable one of plain offers (8.7.8.1). Raises `NotAcceptable`."""
    for ranges in sources(preferences, offers):
        for offer, _ in rank(ranges, offers):
            return offer
    raise not_acceptable(offers)


def spelled(offer: Offer) -> str:
    """A media type as it stands in documents: the transfer syntax of `*` is left to the reader."""
    syntax = None if offer.transfer_syntax == "*" else offer.transfer_syntax
    return written(offer.media_type, multipart=offer.multipart, transfer_syntax=syntax)
