"""Declaration of notifications: connections for event reports (PS3.18 8.10), and the change log, an extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from filmjacket.archive.changes import ACTIONS, LEVELS
from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Header, Obligation, Parameter, Resource, Service, Status, Transaction
from filmjacket.services.notifications.offers import FEED_OFFERS, STREAM_OFFERS

_EXTENSION: Final = Obligation.EXTENSION
_SECTION: Final = "8.10"

SINCE: Final = Parameter(
    "since", "Number of a change, or latest", _SECTION, {"type": "string", "pattern": "^([0-9]+|latest)$"},
    ("0", "latest"), ("-1", "x"), _EXTENSION,
    comment="What came after it is sent. Default: everything that is kept; of the stream, what happens from now on.",
)  # fmt: skip
LIMIT: Final = Parameter(
    "limit", "1 to 1000", _SECTION, {"type": "integer", "minimum": 1, "maximum": 1000}, ("1", "1000"),
    ("0", "1001", "x"), _EXTENSION,
    comment="Default 100; a stream without it has no end.",
)  # fmt: skip
BEGIN: Final = Parameter(
    "from", "Date-time of RFC 3339", _SECTION, {"type": "string"}, ("2026-11-22T16:45:00Z", "2026-11-22"), ("x",),
    _EXTENSION, comment="Changes written at this moment or later.",
)  # fmt: skip
END: Final = Parameter(
    "to", "Date-time of RFC 3339", _SECTION, {"type": "string"}, ("2026-11-23",), ("x",), _EXTENSION,
    comment="Changes written before this moment.",
)  # fmt: skip
WAIT: Final = Parameter(
    "wait", "Seconds, 0 to 60", _SECTION, {"type": "integer", "minimum": 0, "maximum": 60}, ("0",), ("61", "x"),
    _EXTENSION,
    comment="An empty last page is held back for so long, until there is a change; a stream ends when there was none "
    "for so long, without it never.",
)  # fmt: skip
LEVEL: Final = Parameter(
    "level", "Comma list of " + ", ".join(LEVELS), _SECTION, {"type": "string"}, ("study", "study,instance"),
    ("patient", ""), _EXTENSION,
    comment="Default: every level; with attributes to match, which only study, series and instance have here, study.",
)  # fmt: skip
ACTION: Final = Parameter(
    "action", "Comma list of " + ", ".join(ACTIONS), _SECTION, {"type": "string"}, ("created", "created,stable"),
    ("read", ""), _EXTENSION, comment="Default: every one.",
)  # fmt: skip
_CHOICE: Final = (SINCE, LIMIT, LEVEL, ACTION, WAIT, p.ATTRIBUTE, p.ACCEPT)

CHANGES: Final = Transaction(
    "Read Changes",
    _SECTION,
    "What happened to studies, series, instances, workitems, scheduled and performed procedure steps and non-patient "
    "instances, in order and without gaps. Attributes of studies, series and instances are matched as in a search for "
    "the level; those of anything else are refused, but for the Study Instance UID of steps. Not a transaction of "
    "PS3.18; the same changes can be had over a WebSocket at /changes/socket, and are delivered to webhooks.",
    (
        Resource("change-feed", "GET", "/changes", "A page of the change log", _EXTENSION,
                 (*_CHOICE, BEGIN, END), FEED_OFFERS, tests="conformance/test_extension_change_feed.py"),
        Resource("change-stream", "GET", "/changes/stream", "Changes as they happen, as server-sent events", _EXTENSION,
                 _CHOICE, STREAM_OFFERS, tests="conformance/test_extension_change_feed.py"),
    ),
    (p.H_ACCEPT, Header("Last-Event-ID", "Number of a change", _SECTION, _EXTENSION,
                        comment="Resumes a stream behind the last event that was read.")),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_VARY, p.H_CACHE_CONTROL,
     Header("Link", 'rel="next" while there is more', "RFC 8288", _EXTENSION)),
    (
        Status(200, "The changes; [] when there are none."),
        Status(400, "A parameter occurs twice or has a value that is not allowed, or an attribute cannot be matched."),
        Status(406, "The changes cannot be had in an acceptable media type."),
        Status(409, "The log ends before `since`: the number is of another archive or of a later state of this one."),
        Status(410, "What came after `since` is no longer kept in full; the problem says from where on it is."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now, or too many connections listen."),
    ),
    obligation=_EXTENSION,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connection:
    """A URI template that is opened as a WebSocket (8.10.4)."""

    template: str
    subscriber: str
    text: str
    obligation: Obligation = Obligation.MANDATORY


CONNECTIONS: Final = (
    Connection("/", "`?requester={aetitle}`", "Event reports to a subscriber of the worklist, as 2026b has it"),
    Connection("/subscribers/{aetitle}", "in the path", "The same, as editions before 2019b have it",
               Obligation.OPTIONAL),
    Connection("/ws/subscribers/{aetitle}", "in the path", "The same: Content-Location of Subscribe",
               Obligation.OPTIONAL),
    Connection("/changes/socket", "none", "Changes of every resource; a filter as on `/changes`",
               Obligation.EXTENSION),
)  # fmt: skip
"""Every place where a WebSocket can be opened."""

NOTIFICATIONS: Final = Service(
    "Notifications",
    _SECTION,
    "Event reports of the worklist over a WebSocket (8.10.4, 11.13), opened at /ws/subscribers/{aetitle}, at "
    "/subscribers/{aetitle}, as editions before 2019b have it, or at /?requester={aetitle} (2026b). As an extension, "
    "changes of every resource.",
    (CHANGES,),
)
