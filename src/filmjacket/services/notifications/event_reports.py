"""Event reports as they go over the connection (PS3.18 8.10.5, 11.13; PS3.4 CC.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from filmjacket.archive.ups_events import EventType, UpsEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.dicom.attributes import Attributes

UPS_PUSH_SOP_CLASS: Final = "1.2.840.10008.5.1.4.34.6.1"
"""Affected SOP Class of every report, PS3.4 CC.2.4.3; the example printed in 11.13 has another."""
GLOBAL_SUBSCRIPTION_UID: Final = "1.2.840.10008.5.1.4.34.5"
LARGEST_MESSAGE_ID: Final = 65535

RESTARTED: Final = "RESTARTED"
GOING_DOWN: Final = "GOING DOWN"
WARM_START: Final = "WARM START"
COLD_START: Final = "COLD START"


def report_text(event_type: int, workitem_uid: str, data_set: bytes, message_id: int) -> str:
    """One text frame: the event's attributes with the command elements of PS3.7 10.3.1.1, in the order of tags."""
    frame: dict[str, object] = {
        "00000002": {"vr": "UI", "Value": [UPS_PUSH_SOP_CLASS]},
        "00000110": {"vr": "US", "Value": [message_id]},
        "00001000": {"vr": "UI", "Value": [workitem_uid]},
        "00001002": {"vr": "US", "Value": [event_type]},
    }
    attributes = {tag: element for tag, element in orjson.loads(data_set).items() if not tag.startswith("0000")}
    return orjson.dumps(frame | dict(sorted(attributes.items()))).decode()


def message_id(count: int) -> int:
    """The Message ID of the report with a count from 1: 65535 is followed by 1 (0000,0110 is a US)."""
    return (count - 1) % LARGEST_MESSAGE_ID + 1


def status_change(status: str, start: str, subscribers: Iterable[str]) -> UpsEvent:
    """SCP Status Change (PS3.4 Table CC.2.4-1, event 4).

    Its Affected SOP Instance UID is not defined; the global subscription's is as near as any.
    """
    data_set: Attributes = {
        "00741242": {"vr": "CS", "Value": [status]},
        "00741244": {"vr": "CS", "Value": [start]},
        "00741246": {"vr": "CS", "Value": [start]},
    }
    return UpsEvent(EventType.SCP_STATUS_CHANGE, GLOBAL_SUBSCRIPTION_UID, data_set, tuple(sorted(set(subscribers))))
