"""Create Workitem (PS3.18 11.4; PS3.4 CC.2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.archive.worklist_records import UPS_PUSH, WELL_KNOWN_UIDS, State, Workitem
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.services.worklist.attribute_table import rows
from filmjacket.services.worklist.data_set import check_types, check_values, complete, has_value, receive
from filmjacket.services.worklist.desk import date_time
from filmjacket.services.worklist.reports import STATE, reports_of_creation
from filmjacket.services.worklist.statuses import Dimse, Refused, Transaction

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.desk import Desk

SOP_CLASS_UID: Final = "00080016"
SOP_INSTANCE_UID: Final = "00080018"
TRANSACTION_UID: Final = "00081195"
MODIFICATION: Final = "00404010"
WORKLIST_LABEL: Final = "00741202"
# UPS Watch, Pull, Event and Query: how a workitem is accessed, and never what it is (PS3.4 CC.3.1).
_UPS_CLASSES: Final = frozenset({UPS_PUSH, *(f"1.2.840.10008.5.1.4.34.6.{number}" for number in range(2, 6))})
# Rows that the server sees to itself (PS3.4 CC.2.5.1.3).
_SERVERS_OWN: Final = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, TRANSACTION_UID, MODIFICATION})

_SECTION: Final = Transaction.CREATE


@dataclass(frozen=True, slots=True)
class Created:
    """A new workitem; `modified` when it is not quite what was sent (B300)."""

    uid: str
    modified: bool


def create(desk: Desk, attributes: Attributes, uid: str | None) -> Created:
    """Create a workitem; its UID comes from the target URI, or else from the data set."""
    uid = _uid_of(attributes, uid)
    received = receive(attributes, _SECTION)
    kept = received.attributes
    modified = received.changed or received.dropped
    if has_value(kept, TRANSACTION_UID):
        raise _refused(Dimse.INVALID_VALUE, "a new workitem has no Transaction UID, or an empty one.", TRANSACTION_UID)
    modified = _check_class(kept) or modified or has_value(kept, MODIFICATION)
    for tag in _SERVERS_OWN:
        kept.pop(tag, None)
    level = tuple(row for row in rows() if row.tag not in _SERVERS_OWN)
    check_types(kept, level, "create", _SECTION)
    check_values(kept, _SECTION)
    if get_text(kept, STATE) != State.SCHEDULED:
        raise _refused(Dimse.NOT_SCHEDULED, "a workitem begins in state SCHEDULED.", STATE, State.SCHEDULED)
    modified = complete(kept, level) or modified
    if not has_value(kept, WORKLIST_LABEL):
        kept[WORKLIST_LABEL] = {"vr": "LO", "Value": [desk.rules.worklist_label]}
        modified = True
    at = desk.now()
    kept[SOP_CLASS_UID] = {"vr": "UI", "Value": [UPS_PUSH]}
    kept[SOP_INSTANCE_UID] = {"vr": "UI", "Value": [uid]}
    kept[MODIFICATION] = {"vr": "DT", "Value": [date_time(at)]}
    workitem = Workitem(uid, State.SCHEDULED, kept, created_at=at, modified_at=at)
    if uid in WELL_KNOWN_UIDS or not desk.index.create(workitem, reports_of_creation(kept)):
        raise _refused(Dimse.DUPLICATE, "there is or was a workitem with this UID.", "workitem")
    return Created(uid, modified)


def _uid_of(attributes: Attributes, uid: str | None) -> str:
    """Return the one UID that target URI and data set agree upon."""
    said = get_text(attributes, SOP_INSTANCE_UID)
    said = said.strip(" \0") if said else None
    found = uid or said
    if found is None:
        raise _refused(Dimse.MISSING_ATTRIBUTE, "the new workitem has no UID.", "workitem", "/workitems?workitem={uid}")
    if said not in {None, found}:
        raise _refused(Dimse.INVALID_VALUE, "target URI and payload have different UIDs.", SOP_INSTANCE_UID)
    if not is_tolerable_uid(found):
        raise _refused(Dimse.INVALID_VALUE, "the SOP Instance UID is not a UID (PS3.5 9.1).", SOP_INSTANCE_UID)
    return found


def _check_class(attributes: Attributes) -> bool:
    """Refuse what is no workitem; True for a SOP Class that is only a way to access one."""
    said = get_text(attributes, SOP_CLASS_UID)
    if said is not None and said.strip(" \0") not in _UPS_CLASSES:
        raise _refused(Dimse.INVALID_VALUE, "the SOP Class is not that of workitems.", SOP_CLASS_UID, UPS_PUSH)
    return said is not None and said.strip(" \0") != UPS_PUSH


def _refused(dimse: Dimse, message: str, offender: str, *accepted: str) -> Refused:
    return Refused(message[0].upper() + message[1:], dimse, _SECTION, offender=offender, accepted=accepted)
