"""Declaration of the modality procedure step services (PS3.18 chapters 14 and 15), and of the schedule (extension).

Section numbers are those of the published chapters: 14.1 and 15.1 (media types), 14.4 (Search), 15.4 (Create), 15.5
with 15.5.3 (Update) and 15.6 (Retrieve) were read in 2025e and 2026a. One is inferred from its neighbour: 15.4.3
(response of Create, as 15.5.3).
"""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import (
    Header,
    Obligation,
    Parameter,
    Payload,
    Resource,
    Service,
    Status,
    Transaction,
)
from filmjacket.conformance.search_attributes import keyword_path
from filmjacket.services.procedures.payloads import CSV, DATA_SET_PAYLOADS
from filmjacket.services.procedures.representations import REPORT_OFFERS, SEARCH_OFFERS, STEP_OFFERS
from filmjacket.web.scheduled_step_tables import KEY_TABLE, SCHEDULED_STEP_SEQUENCE

SCHEDULED: Final = "/modality-scheduled-procedure-steps"
PERFORMED: Final = "/modality-performed-procedure-steps/{performed}"
STEP: Final = "/schedule/{study}/{step}"

_SEARCH_TESTS: Final = "conformance/test_s14_scheduled_steps.py"
_PERFORMED_TESTS: Final = "conformance/test_s15_performed_steps.py"
_SCHEDULE_TESTS: Final = "conformance/test_extension_scheduling.py"
REQUIRED_KEYS: Final = tuple(
    keyword_path(row.path) for row in KEY_TABLE if row.matching == "R" and row.path != (SCHEDULED_STEP_SEQUENCE,)
)
"""Keys that a search must match (PS3.4 Table K.6-1)."""
_PAYLOADS: Final = tuple(Payload(media_type) for media_type in DATA_SET_PAYLOADS)
_EXTENSION: Final = Obligation.EXTENSION

UPDATE: Final = Parameter(
    "update",
    "No value",
    "15.5",
    {"type": "string", "enum": ["", "true"]},
    ("", "true"),
    ("false", "1"),
    comment="The request is the Update transaction: statuses 200 and 404.",
)
FAULTS: Final = Parameter(
    "faults",
    "refuse, skip",
    "14",
    {"type": "string", "enum": ["refuse", "skip"]},
    ("refuse", "skip"),
    ("maybe", ""),
    _EXTENSION,
    comment="What becomes of the other steps when one has a fault; default refuse.",
)
H_LOCATION_OF_STEP: Final = Header("Location", "URL of the step", "15.4.3", comment="When it was created.")
H_STEP_WARNING: Final = Header(
    "Warning",
    '299 {base URI} "text", A710 {base URI} "text"',
    "15.4.3",
    comment="With 201 when attributes were added, with 409 of an update.",
)
H_UNLESS_THERE: Final = Header(
    "If-None-Match", "*", "RFC 9110 13.1.2", Obligation.OPTIONAL, "Only create, never replace."
)

SEARCH: Final = Transaction(
    "Search for Scheduled Procedure Steps",
    "14.4",
    "The modality worklist: one result for each scheduled step.",
    (
        Resource("search-scheduled-steps", "GET", SCHEDULED, "Search for scheduled procedure steps",
                 parameters=(p.ATTRIBUTE, p.INCLUDEFIELD, p.LIMIT, p.OFFSET, p.FUZZYMATCHING, p.EMPTYVALUEMATCHING,
                             p.MULTIPLEVALUEMATCHING, p.ACCEPT, p.CHARSET),
                 offers=SEARCH_OFFERS, tests=_SEARCH_TESTS, keys=REQUIRED_KEYS),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_PREFER),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_WARNING, p.H_TOTAL, p.H_PREFERENCE, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The matches, an empty array if there are none.", "2026"),
        Status(200, "The matches.", "2024"),
        Status(204, "There are no matches.", "2024"),
        Status(400, "A parameter is malformed or unknown as an attribute."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

_UNREADABLE: Final = (
    Status(413, "The payload is larger than `limits.metadata_bytes`."),
    Status(415, "The media type or the coding of the payload is not supported; the payload lists those that are."),
)
_NO_INDEX: Final = Status(503, "The index cannot be written now.")

SCHEDULE: Final = Transaction(
    "Schedule",
    "14",
    "Steps come into the schedule. Not a transaction of PS3.18, which leaves it to HL7 and local means.",
    (
        Resource("take-in-steps", "POST", "/schedule", "Take in any number of steps", _EXTENSION, (FAULTS, p.ACCEPT),
                 REPORT_OFFERS, tests=_SCHEDULE_TESTS),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT),
    (p.H_TYPE_SENT, p.H_LENGTH, H_LOCATION_OF_STEP),
    (
        Status(200, "The steps are in the schedule; a report says what became of each and what was at fault."),
        Status(201, "One step was created."),
        Status(400, "Nothing is taken in: the payload cannot be read, or a step has a fault; a report says which."),
        Status(406, "The report cannot be had in an acceptable media type."),
        *_UNREADABLE,
        _NO_INDEX,
    ),
    (*_PAYLOADS, Payload(CSV, "One step a line; columns are keywords.")),
    obligation=_EXTENSION,
)  # fmt: skip

PUT_SCHEDULED: Final = Transaction(
    "Put Scheduled Step",
    "14",
    "One step is created or replaced. Not a transaction of PS3.18.",
    (
        Resource("put-scheduled-step", "PUT", STEP, "Create or replace one step", _EXTENSION, tests=_SCHEDULE_TESTS),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_IF_MATCH, H_UNLESS_THERE),
    (p.H_LENGTH, H_LOCATION_OF_STEP),
    (
        Status(200, "The step is replaced."),
        Status(201, "The step is created."),
        Status(400, "The payload cannot be read, has a fault, or is not the step of the target URI."),
        Status(412, "If-Match or If-None-Match is false."),
        *_UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
    obligation=_EXTENSION,
)  # fmt: skip

REMOVE_SCHEDULED: Final = Transaction(
    "Remove Scheduled Step",
    "14",
    "One step goes. Not a transaction of PS3.18.",
    (
        Resource("remove-scheduled-step", "DELETE", STEP, "Take one step out", _EXTENSION, tests=_SCHEDULE_TESTS),
    ),
    (p.H_IF_MATCH,),
    (),
    (
        Status(204, "The step is gone."),
        Status(400, "The UID is malformed."),
        Status(404, "There is no such step."),
        Status(412, "If-Match does not list the entity tag."),
        _NO_INDEX,
    ),
    obligation=_EXTENSION,
)  # fmt: skip

RETRIEVE_SCHEDULED: Final = Transaction(
    "Retrieve Scheduled Step",
    "14",
    "One step with everything that is known of it, whatever its status. Not a transaction of PS3.18.",
    (
        Resource("retrieve-scheduled-step", "GET", STEP, "One scheduled step", _EXTENSION, (p.ACCEPT, p.CHARSET),
                 STEP_OFFERS, tests=_SCHEDULE_TESTS),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_IF_NONE_MATCH, p.H_IF_MATCH),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_ETAG, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The step."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The UID or a parameter is malformed."),
        Status(404, "There is no such step."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(412, "If-Match does not list the entity tag."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
    obligation=_EXTENSION,
)  # fmt: skip

CREATE: Final = Transaction(
    "Create Performed Procedure Step",
    "15.4",
    "A modality has begun a step. With the parameter `update` the same resource is that of the Update transaction.",
    (
        Resource("create-performed-step", "POST", PERFORMED, "Create a performed procedure step", parameters=(UPDATE,),
                 tests=_PERFORMED_TESTS),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT, p.H_IF_MATCH),
    (p.H_LENGTH, H_LOCATION_OF_STEP, H_STEP_WARNING),
    (
        Status(200, "With `update`: the step is updated."),
        Status(201, "The step is created; with a Warning if attributes of type 2 were added."),
        Status(400, "The payload cannot be read, or breaks Table F.7.2-1 of PS3.4."),
        Status(404, "With `update`: there is no such step."),
        Status(409, "There is a step with this UID; with `update`: the step is completed or discontinued."),
        Status(412, "With `update`: If-Match does not list the entity tag."),
        *_UNREADABLE,
        Status(414, "The query is longer than `limits.query_bytes`."),
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

UPDATE_STEP: Final = Transaction(
    "Update Performed Procedure Step",
    "15.5",
    "A step in progress is changed, completed or discontinued: `POST` with `?update` on the resource of Create, or as "
    "here.",
    (
        Resource("update-performed-step", "POST", PERFORMED + "/update",
                 "Update a performed procedure step, as in examples of Supplement 246", _EXTENSION,
                 tests=_PERFORMED_TESTS),
        Resource("patch-performed-step", "PATCH", PERFORMED, "Update a performed procedure step", _EXTENSION,
                 tests=_PERFORMED_TESTS),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT, p.H_IF_MATCH),
    (p.H_LENGTH, H_STEP_WARNING),
    (
        Status(200, "The step is updated."),
        Status(400, "The payload cannot be read, or breaks Table F.7.2-1 of PS3.4."),
        Status(404, "There is no such step."),
        Status(409, "The step is completed or discontinued; with `procedures.strict`: an attribute was not created."),
        Status(412, "If-Match does not list the entity tag."),
        *_UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

RETRIEVE: Final = Transaction(
    "Retrieve Performed Procedure Step",
    "15.6",
    "A performed procedure step: an array of one object in JSON.",
    (
        Resource("retrieve-performed-step", "GET", PERFORMED, "One performed procedure step", Obligation.OPTIONAL,
                 (p.INCLUDEFIELD, p.ACCEPT, p.CHARSET), STEP_OFFERS, tests=_PERFORMED_TESTS),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_IF_NONE_MATCH, p.H_IF_MATCH),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_ETAG, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The step."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The UID or a parameter is malformed."),
        Status(404, "There is no such step."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(412, "If-Match does not list the entity tag."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
    obligation=Obligation.OPTIONAL,
)  # fmt: skip

SCHEDULED_STEPS: Final = Service(
    "Modality Scheduled Procedure Step Service",
    "14",
    "What modalities are to do.",
    (SEARCH, RETRIEVE_SCHEDULED, SCHEDULE, PUT_SCHEDULED, REMOVE_SCHEDULED),
)
PERFORMED_STEPS: Final = Service(
    "Modality Performed Procedure Step Service", "15", "What modalities are doing and have done.",
    (CREATE, UPDATE_STEP, RETRIEVE),
)  # fmt: skip

BEHAVIOUR: Final = {
    "scheduled": (
        (
            "Every attribute of Table K.6-1 of PS3.4 can be a key, and so can any other attribute that a step "
            "has. Matching is as in the Studies Service, ranges of date and time are combined."
        ),
        (
            "A result has the attributes of return types 1 and 2, those of types 1C and 2C that are known, keys "
            "and what includefield names."
        ),
        (
            "Steps with the status DEPARTED, and with `procedures.hide_started` those with the status STARTED, "
            "are found only by a key for the Scheduled Procedure Step Status."
        ),
        "Results are ordered by start date, start time, Study Instance UID and Scheduled Procedure Step ID.",
        "One document of XML holds one data set: several results as application/dicom+xml come in parts.",
        "IHE RAD-130 (Get Encounter Imaging Context) is answered by the Worklist Service, 5.3.3.",
    ),
    "schedule": (
        (
            "Study Instance UID and Scheduled Procedure Step ID tell steps apart. A missing Study Instance UID is "
            "derived from Patient ID, Accession Number and Requested Procedure ID."
        ),
        (
            "A performed procedure step gives the scheduled steps that it names the status STARTED and, when no "
            "performed step of theirs is in progress any more, DEPARTED. With `procedures.mark_stored` the first "
            "stored instance whose Request Attributes Sequence names a step gives it the status STARTED."
        ),
    ),
    "performed": (
        (
            "The state is IN PROGRESS on Create and ends with COMPLETED or DISCONTINUED; then every Update is "
            "409, with the code A710 in the Warning."
        ),
        "Sequences are replaced as a whole. Text is kept as Unicode, whatever a request was encoded in.",
        (
            "Attributes of type 2 that a request leaves out are added empty, with a Warning; with "
            "`procedures.strict` that is 400, and setting what was not created is 409."
        ),
        "Steps are not forwarded to other managers, and cannot be deleted or listed.",
    ),
}
"""Sentences that no table can say."""
