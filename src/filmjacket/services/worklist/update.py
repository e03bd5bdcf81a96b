"""Update Workitem (PS3.18 11.6; PS3.4 CC.2.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from filmjacket.archive.worklist_records import State, WorkitemChange
from filmjacket.dicom.attributes import get_text
from filmjacket.services.worklist.attribute_table import rows, rows_by_tag
from filmjacket.services.worklist.create import MODIFICATION, SOP_CLASS_UID, SOP_INSTANCE_UID, TRANSACTION_UID
from filmjacket.services.worklist.data_set import check_types, check_values, described, has_value, receive
from filmjacket.services.worklist.desk import date_time
from filmjacket.services.worklist.reports import reports_of_update
from filmjacket.services.worklist.statuses import MISSING_LOCK, Dimse, Refused, Transaction

if TYPE_CHECKING:
    from filmjacket.archive.worklist_records import Workitem
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.desk import Desk

_SECTION: Final = Transaction.UPDATE


@dataclass(frozen=True, slots=True)
class Updated:
    """What of an update is worth a Warning: values were coerced (B305), attributes were left out (0001)."""

    modified: bool
    dropped: bool


def update(desk: Desk, uid: str, attributes: Attributes, transaction_uid: str | None) -> Updated:
    """Replace attributes of a workitem, sequences as a whole, all of them or none."""
    lock = _lock_of(attributes, transaction_uid)
    received = receive(attributes, _SECTION)
    sent = received.attributes
    _check_identity(sent, uid)
    # The server's own stamp; a requester who sends back what it retrieved sends that along.
    stamped = sent.pop(MODIFICATION, None) is not None
    check_types(sent, tuple(row for row in rows() if row.tag != TRANSACTION_UID), "set", _SECTION)
    check_values(sent, _SECTION)
    _check_not_emptied(sent)
    at = desk.now()

    def decide(workitem: Workitem) -> WorkitemChange:
        check_lock(workitem, lock)
        after = {**workitem.attributes, **sent, MODIFICATION: {"vr": "DT", "Value": [date_time(at)]}}
        changed = replace(workitem, attributes=after, modified_at=at)
        return WorkitemChange(changed, reports_of_update(workitem.attributes, after))

    desk.change(uid, decide, _SECTION, at=at)
    return Updated(received.changed or stamped, received.dropped)


def check_lock(workitem: Workitem, lock: str | None) -> None:
    """Let pass who may update: anybody without a Transaction UID before the claim, then the one who has it.

    Nobody may in final states. Raises `Refused`.
    """
    if workitem.state.is_final:
        raise Refused("The workitem is in a final state and cannot be updated.", Dimse.FINAL, _SECTION)
    if workitem.state is State.SCHEDULED:
        if lock is not None:
            raise Refused(
                "Nobody has claimed the workitem: it is updated without a Transaction UID.",
                Dimse.NOT_IN_PROGRESS,
                _SECTION,
                offender="Transaction-uid",
            )
        return
    if lock != workitem.transaction_uid:
        raise wrong_lock(_SECTION, missing=lock is None)


def wrong_lock(transaction: Transaction, *, missing: bool) -> Refused:
    """The refusal of who does not have the Transaction UID that the workitem was claimed with (C301)."""
    if missing:
        return Refused(
            "The workitem is claimed: the request needs the Transaction UID of the claim.",
            Dimse.WRONG_LOCK,
            transaction,
            offender="Transaction UID",
            text=MISSING_LOCK,
        )
    return Refused(
        "The Transaction UID is not the one that the workitem was claimed with.",
        Dimse.WRONG_LOCK,
        transaction,
        offender="Transaction UID",
    )


def _lock_of(attributes: Attributes, transaction_uid: str | None) -> str | None:
    """Take the Transaction UID from the query, or from the data set, its place in DIMSE; both must agree."""
    element = attributes.get(TRANSACTION_UID)
    said = get_text({TRANSACTION_UID: element}, TRANSACTION_UID) if element else None
    said = said.strip(" \0") if said else None
    if transaction_uid is not None and said not in {None, transaction_uid}:
        raise Refused(
            "Target URI and payload have different Transaction UIDs.",
            Dimse.INVALID_VALUE,
            _SECTION,
            offender="Transaction-uid",
        )
    attributes.pop(TRANSACTION_UID, None)
    return transaction_uid or said


def _check_identity(sent: Attributes, uid: str) -> None:
    """Identifying attributes are not set; that they are sent as they are harms nobody."""
    said = get_text(sent, SOP_INSTANCE_UID)
    if said is not None and said != uid:
        raise Refused(
            "Target URI and payload have different UIDs.", Dimse.INVALID_VALUE, _SECTION, offender=SOP_INSTANCE_UID
        )
    from_class = get_text(sent, SOP_CLASS_UID)
    if from_class is not None and not from_class.startswith("1.2.840.10008.5.1.4.34.6."):
        raise Refused("The SOP Class is not that of workitems.", Dimse.INVALID_VALUE, _SECTION, offender=SOP_CLASS_UID)
    sent.pop(SOP_INSTANCE_UID, None)
    sent.pop(SOP_CLASS_UID, None)


def _check_not_emptied(sent: Attributes) -> None:
    """What always has a value keeps one (type 1 for the server)."""
    table = rows_by_tag()
    for tag in sent:
        row = table.get(tag)
        if row is not None and row.set.scp == "1" and not has_value(sent, tag) and row.create.scp == "1":
            raise Refused(f"{described(tag)}: it cannot be emptied.", Dimse.MISSING_VALUE, _SECTION, offender=tag)
