"""What the conformance statement says of workitems and notifications besides the register (N.5.3.3, N.5.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.archive.ups_events import EventType
from filmjacket.archive.worklist_records import UPS_PUSH, State
from filmjacket.conformance.document import Bullets, Paragraph, Table
from filmjacket.conformance.notifications import CONNECTIONS
from filmjacket.dicom import dictionary
from filmjacket.services.worklist.attribute_table import rows
from filmjacket.services.worklist.states import TRANSITIONS, Action, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.conformance.document import Block
    from filmjacket.services.worklist.attribute_table import Row
    from filmjacket.settings import Settings

EVENTS: Final = {
    EventType.STATE_REPORT: (
        "UPS State Report",
        "The state or the readiness of a workitem changed, it was created, or somebody subscribed.",
    ),
    EventType.CANCEL_REQUESTED: ("UPS Cancel Requested", "Cancellation of a workitem in progress was requested."),
    EventType.PROGRESS_REPORT: (
        "UPS Progress Report",
        "Progress, its description, its parameters or whom to contact changed.",
    ),
    EventType.SCP_STATUS_CHANGE: ("SCP Status Change", "The server started or is about to stop."),
    EventType.ASSIGNED: (
        "UPS Assigned",
        "Stations or performers were scheduled: one report for each performer.",
    ),
}
"""Name of a report and when it is sent (PS3.4 Table CC.2.4-1)."""


def worklist_blocks(settings: Settings) -> tuple[Block, ...]:
    """N.5.3.3: what PS3.4 CC.4.2 wants to be said, the states, and the attributes of Table CC.2.5-3."""
    states = (None, *State)
    cells = tuple((event.value, *(_cell(event, state) for state in states)) for event in Event)
    return (
        Bullets(tuple(_sentences(settings))),
        Table(
            "Table 5-11.A: Events and states (PS3.4 Table CC.1.1-2); the codes of DIMSE are answered as 7.3.3.4 says",
            ("Event", "No such workitem", *(state.value for state in State)),
            cells,
            (0.20, 0.16, 0.18, 0.18, 0.14, 0.14),
        ),
        Table(
            "Table 5-11.B: Attributes of workitems (PS3.4 Table CC.2.5-3; types for user agent and origin server)",
            ("Attribute Name", "Tag", "Create", "Set", "Final State", "Matching Key", "Return Key"),
            tuple(_attributes(rows(), "")),
            (0.38, 0.14, 0.10, 0.10, 0.10, 0.09, 0.09),
        ),
    )


def _cell(event: Event, state: State | None) -> str:
    cell = TRANSITIONS[event, state]
    return cell.value if isinstance(cell, Action) else f"{cell:04X}H"


def _sentences(settings: Settings) -> Iterator[str]:
    rule = settings.worklist
    yield "The SOP classes UPS Push, Pull, Watch, Event and Query are supported as a whole."
    yield (
        f"On Create the server sets SOP Class UID, Modification DateTime and, if it is empty, Worklist Label to "
        f"`{rule.label}`; missing attributes of type 2 are added empty. Subscribers to the worklist are subscribed to "
        "the new workitem, those with a filter if it passes the filter."
    )
    yield (
        "The server performs nothing itself. It changes a state only on a request for cancellation of a workitem that "
        "nobody has claimed, and sets when and, if nobody said so, why a workitem is canceled (110513, DCM)."
    )
    yield (
        f"Final workitems are kept for {rule.retention_days} days, and longer while a deletion lock holds them; then "
        "they can be removed by command or by the clock (`jobs.purge_workitems_at`), and answer 410."
    )
    yield (
        "Deletion locks are granted and never taken away."
        if rule.deletion_locks
        else "Deletion locks are not granted: subscribers who ask for them get a Warning."
    )
    yield (
        "A subscription is refused for its form only. With a deletion lock on the worklist the states of up to "
        f"{rule.initial_reports} workitems are reported at once."
    )
    who = "is refused" if rule.requester_required else f"is taken for `{rule.default_requester}`"
    yield f"Who changes a state or requests cancellation without an AE title {who}."
    yield "The Transaction UID is the only proof of a claim. It is never returned, reported or matched."
    yield (
        "Person names match without regard to case and accents; date-times with their offset from UTC. A search is "
        "never limited by who asks."
    )
    others = "also" if rule.other_patient_ids else "not"
    yield f"A search for Patient ID does {others} look among the Other Patient IDs (`worklist.other_patient_ids`)."
    yield "Values are text in Unicode, whatever a request was encoded in."


def _attributes(level: Iterable[Row], indent: str) -> Iterator[tuple[str, ...]]:
    for row in level:
        name = indent + (dictionary.keyword_of(row.tag) or row.tag)
        tag = f"({row.tag[:4]},{row.tag[4:]})"
        yield name, tag, _types(row, "create"), _types(row, "set"), row.final or "", row.match, row.returned
        yield from _attributes(row.items, f"{indent}> ")


def _types(row: Row, operation: str) -> str:
    usage = row.create if operation == "create" else row.set
    return usage.scu if usage.scu == usage.scp and usage.scu.isalpha() else f"{usage.scu}/{usage.scp}"


def notification_blocks(settings: Settings) -> tuple[Block, ...]:
    """N.5.3.5: how WebSockets are opened, and what is reported over them."""
    opened = tuple((f"`{row.template}`", row.subscriber, f"{row.text} ({row.obligation.words})") for row in CONNECTIONS)
    events = tuple((str(int(kind)), name, text) for kind, (name, text) in EVENTS.items())
    return (
        Paragraph(
            "A WebSocket (RFC 6455) is opened by GET with `Upgrade: websocket` below the base URI, at the port of all "
            "other services. No subprotocol is used. 101 if it is opened, 400 if the subscriber is not named, 403 for "
            "pages of other origins than those of `cors_origins`, 503 when too many connections are open."
        ),
        Table(
            "Table 5-8.10.A: Notification connections",
            ("Resource", "Subscriber", "Comments"),
            opened,
            (0.3, 0.3, 0.4),
        ),
        Table(
            "Table 5-8.10.B: Event reports (PS3.4 Table CC.2.4-1)",
            ("Event Type ID", "Name", "When"),
            events,
            (0.15, 0.25, 0.6),
        ),
        Bullets(tuple(_reporting(settings))),
    )


def _reporting(settings: Settings) -> Iterator[str]:
    rule = settings.notifications
    told = ", ".join(f"`{title}`" for title in rule.fallback_subscribers)
    yield (
        f"A report is one text frame with a DICOM JSON object. Affected SOP Class UID is `{UPS_PUSH}`, UPS Push (PS3.4 "
        "CC.2.4.3). Message IDs count up by one from 1 on each connection; a gap tells of reports that were dropped."
    )
    yield "Every connection of a subscriber gets every report, in the order of the changes."
    yield (
        f"The last {rule.queue_events} reports, for at most {rule.queue_hours} hours, wait for a subscriber that is "
        "not connected. A subscription does not depend on a connection."
    )
    others = f", and to {told}." if told else "; others can be named in `notifications.fallback_subscribers`."
    yield "Start and stop of the server are reported to all who are subscribed to anything" + others
    yield "What a client sends is ignored. When the server stops, connections are closed with 1001."
