"""Events of the Worklist service: what subscribers are told about workitems (PS3.4 CC.2.4, Table CC.2.4-1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_values

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes


class EventType(IntEnum):
    """Event Type ID (0000,1002) of Table CC.2.4-1."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


@dataclass(frozen=True, slots=True)
class UpsEvent:
    """One event and who gets it.

    `data_set` holds the event's attributes in the shape of the DICOM JSON Model, without group 0000 and without the
    Transaction UID. `subscribers` are the AE titles that were subscribed when it happened; whoever delivers adds the
    command elements. Events of one transaction are in the order in which each subscriber hears of them.
    """

    event_type: EventType
    workitem_uid: str
    data_set: Attributes
    subscribers: tuple[str, ...]


_STATE: Final = "00741000"
_READINESS: Final = "00404041"
_PROGRESS_SEQUENCE: Final = "00741002"
# Reason For Cancellation, Procedure Step Discontinuation Reason Code Sequence.
_REASONS: Final = ("00741238", "0074100E")


def state_report(attributes: Attributes) -> Attributes:
    """Return what event 1 says of a workitem: state, readiness, and why it was canceled as far as it says so."""
    data_set = {tag: attributes[tag] for tag in (_READINESS, _STATE) if tag in attributes}
    for item in get_items(attributes, _PROGRESS_SEQUENCE)[:1]:
        data_set |= {tag: item[tag] for tag in _REASONS if get_values(item, tag)}
    return data_set
