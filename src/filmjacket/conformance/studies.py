"""Declaration of the Studies service (PS3.18 chapter 10): Search (QIDO-RS), Store (STOW-RS), Delete."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Obligation, Payload, Resource, Service, Status, Transaction
from filmjacket.conformance.studies_retrieve import INSTANCE, RETRIEVE, SERIES, STUDY
from filmjacket.services.studies.store import ACCEPTED_PAYLOADS
from filmjacket.web import negotiate
from filmjacket.web.media_types import JSON
from filmjacket.web.offers import Offer

SEARCH_PARAMETERS: Final = (
    p.ATTRIBUTE,
    p.INCLUDEFIELD,
    p.LIMIT,
    p.OFFSET,
    p.FUZZYMATCHING,
    p.EMPTYVALUEMATCHING,
    p.MULTIPLEVALUEMATCHING,
    p.ACCEPT,
    p.CHARSET,
)

DELETE_RESPONSE: Final = (Offer(JSON, multipart=False),)

_SEARCHES = (
    ("search-studies", "/studies", "Search for studies"),
    ("search-study-series", STUDY + "/series", "Search for series of a study"),
    ("search-study-instances", STUDY + "/instances", "Search for instances of a study"),
    ("search-series", "/series", "Search for series everywhere"),
    ("search-series-instances", SERIES + "/instances", "Search for instances of a series"),
    ("search-instances", "/instances", "Search for instances everywhere"),
)

SEARCH: Final = Transaction(
    "Search",
    "10.6",
    "Studies, series and instances by their attributes.",
    tuple(
        Resource(name, "GET", template, text, parameters=SEARCH_PARAMETERS, offers=negotiate.SEARCH,
                 tests="conformance/test_s10_6_search.py")
        for name, template, text in _SEARCHES
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_PREFER),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_WARNING, p.H_TOTAL, p.H_PREFERENCE, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The matches, an empty array if there are none.", "2026"),
        Status(200, "The matches.", "2024"),
        Status(204, "There are no matches.", "2024"),
        Status(400, "A parameter is malformed, unknown as an attribute, or of a lower level than the resource."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

STORE: Final = Transaction(
    "Store",
    "10.5",
    "New instances, of several studies or of one.",
    (
        Resource("store", "POST", "/studies", "Store instances", offers=negotiate.STORE_RESPONSE,
                 tests="conformance/test_s10_5_store.py"),
        Resource("store-study", "POST", STUDY, "Store instances, all of one study", offers=negotiate.STORE_RESPONSE,
                 tests="conformance/test_s10_5_store.py"),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_LOCATION, p.H_LOCATION_OF_CONTENT),
    (
        Status(200, "Every instance is stored, none with a warning."),
        Status(202, "Some instances are stored, with failures or warnings."),
        Status(400, "Nothing is stored: the payload or the target URI cannot be read."),
        Status(406, "With `strict_accept`: the answer cannot be had in an acceptable media type."),
        Status(409, "Nothing is stored, and at least one instance could be identified."),
        Status(413, "The payload is larger than `limits.request_bytes`, or has more than `limits.parts` parts."),
        Status(415, "The media type or the coding of the payload is not supported; the payload lists those that are."),
        Status(503, "Index or stored files cannot be written now."),
        Status(507, "The disk is full; nothing of the request is kept."),
    ),
    tuple(Payload(media_type) for media_type in ACCEPTED_PAYLOADS),
)  # fmt: skip

DELETE: Final = Transaction(
    "Delete",
    "8.5",
    "Removes a study, a series or an instance. Not a transaction of PS3.18.",
    tuple(
        Resource(f"delete-{level}", "DELETE", template, f"Delete {article} {level}", Obligation.EXTENSION,
                 offers=DELETE_RESPONSE, tests="conformance/test_extension_delete.py", switch="deletion.enabled")
        for level, article, template in (("study", "a", STUDY), ("series", "a", SERIES), ("instance", "an", INSTANCE))
    ),
    (p.H_IF_MATCH,),
    (p.H_TYPE_SENT, p.H_LENGTH),
    (
        Status(200, "It is deleted; the payload says until when that can be undone."),
        Status(400, "A UID is malformed, or there is a query."),
        Status(404, "There is no such resource."),
        Status(409, "A legal hold or the retention time forbids it."),
        Status(410, "It is deleted already."),
        Status(412, "If-Match does not list the entity tag of the instance, or the target is no instance."),
        Status(503, "The index cannot be written now."),
    ),
    obligation=Obligation.EXTENSION,
)  # fmt: skip

STUDIES: Final = Service("Studies Service", "10", "Composite instances of patients.", (RETRIEVE, STORE, SEARCH, DELETE))
