"""What subscribers are told of a change (PS3.4 CC.2.4.2, Table CC.2.4-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.archive.ups_events import EventType, state_report
from filmjacket.archive.worklist_records import Report
from filmjacket.dicom.attributes import get_items
from filmjacket.services.worklist.data_set import has_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.attributes import Attributes

STATE: Final = "00741000"
READINESS: Final = "00404041"
REASON: Final = "00741238"
REASON_CODE: Final = "0074100E"
CONTACT_URI: Final = "0074100A"
CONTACT_NAME: Final = "0074100C"
REQUESTING_AE: Final = "00741236"
PROGRESS_SEQUENCE: Final = "00741002"
STATIONS: Final = "00404025"
PERFORMERS: Final = "00404034"
PERFORMER_CODE: Final = "00404009"
ORGANIZATION: Final = "00404036"
# Progress, its description, its parameters, whom to contact.
_PROGRESS: Final = ("00741004", "00741006", "00741007", "00741008")


def state_reported(attributes: Attributes) -> Report:
    """Event 1: the state, the readiness, and why it was canceled if it was."""
    return Report(EventType.STATE_REPORT, state_report(attributes))


def cancel_requested(requester: str, request: Attributes) -> Report:
    """Event 2: who wants the workitem to be canceled, and why."""
    said = {tag: request[tag] for tag in (REASON, REASON_CODE, CONTACT_URI, CONTACT_NAME) if has_value(request, tag)}
    return Report(EventType.CANCEL_REQUESTED, {REQUESTING_AE: {"vr": "AE", "Value": [requester]}, **said})


def reports_of_creation(attributes: Attributes) -> tuple[Report, ...]:
    """Who subscribed to future workitems hears of the state, and of the assignment if there is one."""
    return (state_reported(attributes), *_assignments(attributes))


def reports_of_update(before: Attributes, after: Attributes) -> tuple[Report, ...]:
    """Events of an update: of the readiness, of the progress, of the assignment."""
    return tuple(_reports_of_update(before, after))


def _reports_of_update(before: Attributes, after: Attributes) -> Iterator[Report]:
    if before.get(READINESS) != after.get(READINESS):
        yield state_reported(after)
    progress = _progress(after)
    if progress and progress != _progress(before):
        yield Report(EventType.PROGRESS_REPORT, {PROGRESS_SEQUENCE: {"vr": "SQ", "Value": [progress]}})
    if any(before.get(tag) != after.get(tag) for tag in (STATIONS, PERFORMERS)):
        yield from _assignments(after)


def _progress(attributes: Attributes) -> Attributes:
    items = get_items(attributes, PROGRESS_SEQUENCE)
    return {tag: items[0][tag] for tag in _PROGRESS if has_value(items[0], tag)} if items else {}


def _assignments(attributes: Attributes) -> Iterator[Report]:
    """Event 5: station and performer. The table has them side by side, so that each performer is told on his own."""
    station = {STATIONS: attributes[STATIONS]} if has_value(attributes, STATIONS) else {}
    performers = get_items(attributes, PERFORMERS)
    for performer in performers or ([{}] if station else []):
        said = {tag: performer[tag] for tag in (PERFORMER_CODE, ORGANIZATION) if has_value(performer, tag)}
        if station or said:
            yield Report(EventType.ASSIGNED, station | said)
