"""Declaration of the Non-Patient Instance service (PS3.18 chapter 12), for each category."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Obligation, Payload, Resource, Service, Status, Transaction
from filmjacket.conformance.search_attributes import keyword_path
from filmjacket.conformance.studies import SEARCH_PARAMETERS
from filmjacket.dicom import dictionary
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES
from filmjacket.services.studies.store import ACCEPTED_PAYLOADS
from filmjacket.web import negotiate
from filmjacket.web.media_types import OCTET_STREAM
from filmjacket.web.non_patient_tables import EXTENSION_CATEGORIES, TABLES
from filmjacket.web.offers import Offer

_TESTS: Final = "conformance/test_s12_non_patient_instances.py"
BULK: Final = (Offer(OCTET_STREAM, multipart=False), Offer(OCTET_STREAM, multipart=True))


def _obliged(category: str, otherwise: Obligation = Obligation.MANDATORY) -> Obligation:
    return Obligation.EXTENSION if category in EXTENSION_CATEGORIES else otherwise


def _keys(category: str) -> tuple[str, ...]:
    """What a search must match: the keys of every table of the category, each once."""
    classes = set(NON_PATIENT_CATEGORIES[category])
    found = (
        keyword_path(row.path)
        for table in TABLES
        if classes & set(table.sop_classes)
        for row in table.rows
        if row.matching in {"R", "U"} and dictionary.vr_of(row.path[-1]) != "SQ"
    )
    return tuple(dict.fromkeys(found))


RETRIEVE_NON_PATIENT: Final = Transaction(
    "Retrieve Non-Patient Instance",
    "12.4",
    "One instance: its data set, or its file.",
    (
        *(
            Resource(f"retrieve-{category}", "GET", f"/{category}/{{uid}}", f"One of the {category}",
                     _obliged(category), (p.ACCEPT, p.CHARSET), negotiate.NON_PATIENT, tests=_TESTS)
            for category in NON_PATIENT_CATEGORIES
        ),
        *(
            Resource(f"bulkdata-of-{category}", "GET", f"/{category}/{{uid}}/bulkdata/{{path}}",
                     f"The value behind a BulkDataURI of one of the {category}", Obligation.EXTENSION, (p.ACCEPT,),
                     BULK, tests=_TESTS)
            for category in NON_PATIENT_CATEGORIES
        ),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_IF_NONE_MATCH, p.H_IF_MATCH, p.H_RANGE, p.H_IF_RANGE),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_LOCATION_OF_CONTENT, p.H_ETAG, p.H_CONTENT_RANGE, p.H_VARY,
     p.H_CACHE_CONTROL),
    (
        Status(200, "The instance."),
        Status(206, "One range of the file, or of a bulk value."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The UID or a parameter is malformed."),
        Status(404, "There is no such instance in this category, or it has no such bulk value."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(412, "If-Match does not list the entity tag."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(416, "No byte of the payload is in the range."),
        Status(503, "Index or stored files cannot be read now."),
    ),
)  # fmt: skip

STORE_NON_PATIENT: Final = Transaction(
    "Store Non-Patient Instances",
    "12.5",
    "New instances of one category, or the one that the target URI names.",
    tuple(
        resource
        for category in NON_PATIENT_CATEGORIES
        for resource in (
            Resource(f"store-{category}", "POST", f"/{category}", f"Store {category}",
                     _obliged(category, Obligation.OPTIONAL), offers=negotiate.STORE_RESPONSE, tests=_TESTS),
            Resource(f"store-one-of-{category}", "POST", f"/{category}/{{uid}}", f"Store one of the {category}",
                     _obliged(category, Obligation.OPTIONAL), offers=negotiate.STORE_RESPONSE, tests=_TESTS),
        )
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_LOCATION, p.H_LOCATION_OF_CONTENT),
    (
        Status(200, "Every instance is stored, or some are; the payload tells of each."),
        Status(400, "Nothing is stored: the payload or the target URI cannot be read."),
        Status(406, "With `strict_accept`: the answer cannot be had in an acceptable media type."),
        Status(409, "Nothing is stored: the instances are of other categories, of patients, or not the one named."),
        Status(413, "The payload is larger than `limits.request_bytes`, or has more than `limits.parts` parts."),
        Status(415, "The media type or the coding of the payload is not supported; the payload lists those that are."),
        Status(503, "Index or stored files cannot be written now."),
        Status(507, "The disk is full; nothing of the request is kept."),
    ),
    tuple(Payload(media_type) for media_type in ACCEPTED_PAYLOADS),
    obligation=Obligation.OPTIONAL,
)  # fmt: skip

SEARCH_NON_PATIENT: Final = Transaction(
    "Search for Non-Patient Instances",
    "12.6",
    "Instances of one category by their attributes.",
    tuple(
        Resource(f"search-{category}", "GET", f"/{category}", f"Search for {category}", _obliged(category),
                 SEARCH_PARAMETERS, negotiate.SEARCH, tests="conformance/test_s12_6_non_patient_search.py",
                 keys=_keys(category))
        for category in NON_PATIENT_CATEGORIES
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_PREFER),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_WARNING, p.H_TOTAL, p.H_PREFERENCE, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The matches, an empty array if there are none.", "2026"),
        Status(200, "The matches.", "2024"),
        Status(204, "There are no matches.", "2024"),
        Status(400, "A parameter is malformed, or unknown as an attribute."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

NON_PATIENT: Final = Service(
    "Non-Patient Instance Service",
    "12",
    "Instances that belong to no patient.",
    (RETRIEVE_NON_PATIENT, STORE_NON_PATIENT, SEARCH_NON_PATIENT),
)
