"""Declaration of the Worklist service, also called UPS-RS (PS3.18 chapter 11; PS3.4 Annex CC)."""

from __future__ import annotations

from typing import Final

from filmjacket.archive.worklist_records import FILTERED_WORKLIST_UID, WORKLIST_UID
from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Header, Obligation, Parameter, Payload, Resource, Service, Status
from filmjacket.conformance.declarations import Transaction as Declared
from filmjacket.conformance.search_attributes import keyword_path
from filmjacket.services.worklist.attribute_table import required_keys
from filmjacket.web import negotiate
from filmjacket.web.workitem_grammar import ACCEPTED_PAYLOADS

_TEXT: Final = {"type": "string"}
_OPTIONAL: Final = Obligation.OPTIONAL
_WORKITEM: Final = "/workitems/{workitem}"
_PAYLOADS: Final = tuple(Payload(media_type) for media_type in ACCEPTED_PAYLOADS)

WORKITEM_UID: Final = Parameter(
    "workitem", "UID of the new workitem", "11.4.1", p.UID_SCHEMA, ("1.2.3.4",), ("x", "1..2"),
    comment="Also AffectedSOPInstanceUID, a UID as the name of a parameter, or SOP Instance UID in the payload.",
)  # fmt: skip
TRANSACTION_UID: Final = Parameter(
    "Transaction-uid", "Transaction UID of the claim", "11.6.1", p.UID_SCHEMA, ("1.2.3.5",), ("x",),
    comment="Also transaction-uid, transaction, a UID as the name of a parameter, or Transaction UID in the payload.",
)  # fmt: skip
REQUESTER: Final = Parameter(
    "requester", "AE title of who asks", "11.7.1", p.AE_TITLE_SCHEMA, ("RIS",), ("LONGER_THAN_16_CHARACTERS", ""),
    _OPTIONAL, comment="Also as the end of the path. Default: `worklist.default_requester`.",
)  # fmt: skip
DELETION_LOCK: Final = Parameter(
    "deletionlock", "true, false", "11.10.1", p.BOOLEAN_SCHEMA, ("true", "false"), ("yes", ""),
    comment="Default: false. Not granted, with a Warning, unless `worklist.deletion_locks`.",
)  # fmt: skip
FILTER: Final = Parameter(
    "filter", "Comma list of attribute=value pairs, percent-encoded; keys as in a search", "11.10.1", _TEXT,
    ("00741000%3DSCHEDULED", "WorklistLabel%3DAI%2C00404025.00080100%3DCT1"), ("", "00081195%3D1.2", "nonsense"),
    comment="Also as parameters of their own, as in a search.",
)  # fmt: skip

_H_LOCATION: Final = Header("Location", "URL of the workitem", "11.4.3")
_H_SOCKET: Final = Header("Content-Location", "URL of the WebSocket on which events are reported", "11.10.3")
_H_SOCKET_TOO: Final = Header("Location", "The same", "11.10.3", Obligation.EXTENSION)
_RECEIVED: Final = (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING)
_CHANGING: Final = (*_RECEIVED, p.H_IF_MATCH)
_EMPTY: Final = (p.H_LENGTH, p.H_WARNING, p.H_CACHE_CONTROL)

_TOO_LONG: Final = Status(414, "The query is longer than `limits.query_bytes`.")
_TOO_LARGE: Final = Status(413, "The payload is larger than `worklist.payload_bytes`.")
_UNREADABLE: Final = Status(415, "The media type or the coding of the payload is not supported.")
_OTHER: Final = Status(412, "If-Match does not list the entity tag of the workitem.")
_UNKNOWN: Final = Status(404, "There is no such workitem.")
_GONE: Final = Status(410, "The workitem was removed when its retention was over.")
_NO_INDEX: Final = Status(503, "The index cannot be written now.")
_NOT_ACCEPTABLE: Final = Status(406, "None of the acceptable representations can be had; the payload lists those.")

REQUIRED_KEYS: Final = tuple(map(keyword_path, required_keys()))
"""Keys that a search must match (PS3.4 Table CC.2.5-3)."""

CREATE: Final = Declared(
    "Create Workitem",
    "11.4",
    "A new workitem in state SCHEDULED. Type 2 attributes that are missing are added empty, an empty Worklist Label is "
    "filled: the Warning says so. Who subscribed to all workitems, or with a filter that it satisfies, hears of it.",
    (
        Resource("create-workitem", "POST", "/workitems", "Create a workitem", parameters=(WORKITEM_UID,),
                 tests="conformance/test_s11_4_create.py"),
    ),
    _RECEIVED,
    (_H_LOCATION, p.H_LOCATION_OF_CONTENT, *_EMPTY),
    (
        Status(201, "The workitem is created; the Warning says if that was with modifications."),
        Status(400, "The payload or a parameter is malformed, an attribute is missing or not allowed, the state is not "
               "SCHEDULED, or two UIDs differ."),
        Status(409, "There is or was a workitem with this UID, or the UID is one of the two well-known ones."),
        _TOO_LARGE,
        _TOO_LONG,
        _UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

RETRIEVE: Final = Declared(
    "Retrieve Workitem",
    "11.5",
    "All that a workitem says, in any state, but its Transaction UID. Final ones are kept for "
    "`worklist.retention_days`, and longer while a deletion lock holds them.",
    (
        Resource("retrieve-workitem", "GET", _WORKITEM, "One workitem", parameters=(p.ACCEPT, p.CHARSET),
                 offers=negotiate.METADATA_OF_ONE, tests="conformance/test_s11_5_retrieve.py"),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_IF_NONE_MATCH, p.H_IF_MATCH),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_ETAG, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The workitem."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "The UID or a parameter is malformed."),
        _UNKNOWN,
        _NOT_ACCEPTABLE,
        _GONE,
        Status(412, "If-Match does not list the entity tag."),
        _TOO_LONG,
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

UPDATE: Final = Declared(
    "Update Workitem",
    "11.6",
    "Replaces attributes, sequences as a whole; all or nothing. Without Transaction UID before the claim, with it "
    "afterwards.",
    (
        Resource("update-workitem", "POST", _WORKITEM, "Update a workitem", parameters=(TRANSACTION_UID,),
                 tests="conformance/test_s11_6_update.py"),
    ),
    _CHANGING,
    _EMPTY,
    (
        Status(200, "The workitem is updated; the Warning says if values were coerced or attributes left out."),
        Status(400, "The payload or a parameter is malformed, or an attribute may not be set."),
        Status(400, "The Transaction UID is missing or wrong, or the workitem is in a final state.", "2026"),
        _UNKNOWN,
        Status(409, "The workitem is not claimed yet, and the request has a Transaction UID."),
        Status(409, "The Transaction UID is missing or wrong, or the workitem is in a final state.", "2024"),
        _GONE,
        _OTHER,
        _TOO_LARGE,
        _TOO_LONG,
        _UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

CHANGE_STATE: Final = Declared(
    "Change Workitem State",
    "11.7",
    "Claims, completes or cancels a workitem; of several claims at once one succeeds. Canceling fills in when, and "
    "the reason 110513 (DCM) if none is given.",
    (
        Resource("change-workitem-state", "PUT", _WORKITEM + "/state", "Change the state", parameters=(REQUESTER,),
                 tests="conformance/test_s11_7_change_state.py"),
        Resource("change-workitem-state-as", "PUT", _WORKITEM + "/state/{requester}", "Change the state, as who asks",
                 Obligation.EXTENSION, (REQUESTER,), tests="conformance/test_s11_7_change_state.py"),
    ),
    _CHANGING,
    _EMPTY,
    (
        Status(200, "The state is changed, or was the one asked for already, which a Warning says."),
        Status(400, "The payload or a parameter is malformed, or the state asked for is SCHEDULED."),
        Status(400, "The Transaction UID is missing or wrong.", "2026"),
        _UNKNOWN,
        Status(409, "The state does not allow the change, or the workitem lacks what a final state needs: listed."),
        Status(409, "The Transaction UID is missing or wrong.", "2024"),
        _GONE,
        _OTHER,
        _TOO_LARGE,
        _TOO_LONG,
        _UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

REQUEST_CANCELLATION: Final = Declared(
    "Request Workitem Cancellation",
    "11.8",
    "A workitem that nobody has claimed is canceled; of one in progress the subscribers are told.",
    (
        Resource("request-cancellation", "POST", _WORKITEM + "/cancelrequest", "Request cancellation",
                 parameters=(REQUESTER,), tests="conformance/test_s11_8_request_cancellation.py"),
        Resource("request-cancellation-as", "POST", _WORKITEM + "/cancelrequest/{requester}",
                 "Request cancellation, as who asks", Obligation.EXTENSION, (REQUESTER,),
                 tests="conformance/test_s11_8_request_cancellation.py"),
    ),
    _CHANGING,
    _EMPTY,
    (
        Status(202, "The workitem is canceled, or was already, or its subscribers are told."),
        Status(400, "The payload or a parameter is malformed."),
        _UNKNOWN,
        Status(409, "The workitem is completed, or nobody is subscribed who could be told."),
        _GONE,
        _OTHER,
        _TOO_LARGE,
        _TOO_LONG,
        _UNREADABLE,
        _NO_INDEX,
    ),
    _PAYLOADS,
)  # fmt: skip

SEARCH: Final = Declared(
    "Search for Workitems",
    "11.9",
    "Workitems by any attribute but the Transaction UID, in the order of their start. Person names match without "
    "regard to case and accents. A Warning counts up to 10,000 matches behind the page, Prefer: count=exact all.",
    (
        Resource("search-workitems", "GET", "/workitems", "Search for workitems",
                 parameters=(p.ATTRIBUTE, p.INCLUDEFIELD, p.LIMIT, p.OFFSET, p.FUZZYMATCHING, p.EMPTYVALUEMATCHING,
                             p.MULTIPLEVALUEMATCHING, p.ACCEPT, p.CHARSET),
                 offers=negotiate.SEARCH, tests="conformance/test_s11_9_search.py", keys=REQUIRED_KEYS),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_PREFER),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_WARNING, p.H_TOTAL, p.H_PREFERENCE, p.H_VARY, p.H_CACHE_CONTROL),
    (
        Status(200, "The matches, an empty array if there are none.", "2026"),
        Status(200, "The matches.", "2024"),
        Status(204, "There are no matches.", "2024"),
        Status(400, "A parameter is malformed, unknown as an attribute, or the Transaction UID."),
        _NOT_ACCEPTABLE,
        _TOO_LONG,
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

_SUBSCRIBER: Final = "/subscribers/{aetitle}"
_WELL_KNOWN: Final = ((WORKLIST_UID, "worklist", "all workitems"),
                      (FILTERED_WORKLIST_UID, "filtered-worklist", "workitems that pass a filter"))  # fmt: skip

SUBSCRIBE: Final = Declared(
    "Subscribe",
    "11.10",
    "A subscriber hears of one workitem, or of all that are there or will be, or of those that satisfy a filter then "
    "or later. While one holds a deletion lock, a final workitem is not removed.",
    (
        Resource("subscribe-workitem", "POST", _WORKITEM + _SUBSCRIBER, "Subscribe to a workitem",
                 parameters=(DELETION_LOCK,), tests="conformance/test_s11_10_subscriptions.py"),
        *(
            Resource(f"subscribe-{name}", "POST", f"/workitems/{uid}{_SUBSCRIBER}", f"Subscribe to {text}",
                     parameters=(DELETION_LOCK, FILTER) if uid == FILTERED_WORKLIST_UID else (DELETION_LOCK,),
                     tests="conformance/test_s11_10_subscriptions.py")
            for uid, name, text in _WELL_KNOWN
        ),
    ),
    (),
    (_H_SOCKET, _H_SOCKET_TOO, *_EMPTY),
    (
        Status(201, "The subscription is there; the Warning says if a deletion lock was not granted."),
        Status(400, "The AE title, the UID or a parameter is malformed, or the filter is missing or out of place."),
        _UNKNOWN,
        _GONE,
        _TOO_LONG,
        _NO_INDEX,
    ),
)  # fmt: skip

UNSUBSCRIBE: Final = Declared(
    "Unsubscribe",
    "11.11",
    "Ends a subscription; that to the worklist, filtered or not, takes those to single workitems along.",
    (
        Resource("unsubscribe-workitem", "DELETE", _WORKITEM + _SUBSCRIBER, "Unsubscribe from a workitem",
                 tests="conformance/test_s11_10_subscriptions.py"),
        *(
            Resource(f"unsubscribe-{name}", "DELETE", f"/workitems/{uid}{_SUBSCRIBER}", f"Unsubscribe from {text}",
                     tests="conformance/test_s11_10_subscriptions.py")
            for uid, name, text in _WELL_KNOWN
        ),
    ),
    (),
    _EMPTY,
    (
        Status(200, "The subscription has ended."),
        Status(400, "The AE title or the UID is malformed."),
        Status(404, "There is no such subscription, or no such workitem."),
        _GONE,
        _NO_INDEX,
    ),
)  # fmt: skip

SUSPEND: Final = Declared(
    "Suspend Global Subscription",
    "11.12",
    "Ends the subscription to future workitems; present ones stay subscribed.",
    (
        Resource("suspend-workitem", "POST", f"{_WORKITEM}{_SUBSCRIBER}/suspend",
                 "Refused: a single workitem cannot be suspended", Obligation.EXTENSION,
                 tests="conformance/test_s11_10_subscriptions.py"),
        *(
            Resource(f"suspend-{name}", "POST", f"/workitems/{uid}{_SUBSCRIBER}/suspend",
                     f"Suspend the subscription to {text}", tests="conformance/test_s11_10_subscriptions.py",
                     statuses=(Status(200, "The subscription is suspended."),))
            for uid, name, text in _WELL_KNOWN
        ),
    ),
    (),
    _EMPTY,
    (
        Status(400, "The AE title is malformed, or the UID is that of a workitem."),
        Status(404, "There is no such subscription."),
        _NO_INDEX,
    ),
)  # fmt: skip

WORKLIST: Final = Service(
    "Worklist Service",
    "11",
    "Workitems: scheduling, claiming, performing, and hearing of it (UPS Push, Pull, Watch, Query).",
    (CREATE, RETRIEVE, UPDATE, CHANGE_STATE, REQUEST_CANCELLATION, SEARCH, SUBSCRIBE, UNSUBSCRIBE, SUSPEND),
)
