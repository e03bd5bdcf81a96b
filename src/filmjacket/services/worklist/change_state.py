"""Change Workitem State (PS3.18 11.7; PS3.4 CC.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from filmjacket.archive.worklist_records import State, WorkitemChange
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.uids import is_valid_uid
from filmjacket.services.worklist.create import MODIFICATION, TRANSACTION_UID
from filmjacket.services.worklist.data_set import DEFINED_TERMS, SPECIFIC_CHARACTER_SET, described
from filmjacket.services.worklist.desk import date_time
from filmjacket.services.worklist.final_state import canceled, missing_for
from filmjacket.services.worklist.reports import STATE, state_reported
from filmjacket.services.worklist.states import TRANSITIONS, Action, event_of
from filmjacket.services.worklist.statuses import Dimse, Refused, Transaction, answer_of
from filmjacket.services.worklist.update import wrong_lock

if TYPE_CHECKING:
    from filmjacket.archive.worklist_records import Workitem
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.desk import Desk

_SECTION: Final = Transaction.CHANGE_STATE
_SENT: Final = frozenset({STATE, TRANSACTION_UID, SPECIFIC_CHARACTER_SET, "00080016", "00080018"})
_WHY: Final = {
    Dimse.ALREADY_IN_PROGRESS: "The workitem is in progress already.",
    Dimse.FINAL: "The workitem is in another final state.",
    Dimse.NOT_BY_CHANGE: "SCHEDULED is the state of new workitems alone.",
    Dimse.NOT_IN_PROGRESS: "The workitem must be claimed first.",
}


@dataclass(frozen=True, slots=True)
class StateRequest:
    """What is asked for, and by whom."""

    state: State
    lock: str
    requester: str


def read_request(attributes: Attributes, requester: str) -> StateRequest:
    """Read the payload: the state and the Transaction UID, and nothing else (11.7.1)."""
    other = next((tag for tag in attributes if tag not in _SENT), None)
    if other is not None:
        raise Refused(
            f"{described(other)}: a change of state changes nothing else.",
            Dimse.NO_SUCH_ATTRIBUTE,
            _SECTION,
            offender=other,
            accepted=(described(STATE), described(TRANSACTION_UID)),
        )
    text = (get_text(attributes, STATE) or "").strip(" ")
    if text not in DEFINED_TERMS[STATE]:
        dimse = Dimse.INVALID_VALUE if text else Dimse.MISSING_ATTRIBUTE
        message = f"{described(STATE)}: the state to change to is needed."
        raise Refused(message, dimse, _SECTION, offender=STATE, accepted=("IN PROGRESS", "COMPLETED", "CANCELED"))
    lock = (get_text(attributes, TRANSACTION_UID) or "").strip(" \0")
    if lock and not is_valid_uid(lock):
        raise Refused("The Transaction UID is not a UID (PS3.5 9.1).", Dimse.WRONG_LOCK, _SECTION,
                      offender=TRANSACTION_UID)  # fmt: skip
    return StateRequest(State(text), lock, requester)


def change_state(desk: Desk, uid: str, attributes: Attributes, requester: str) -> str:
    """Change the state of a workitem; returns the text of a Warning when it was in that state already."""
    request = read_request(attributes, requester)
    at = desk.now()
    warnings: list[str] = []

    def decide(workitem: Workitem) -> WorkitemChange:
        warnings.clear()
        event = event_of(request.state, now=workitem.state, lock=workitem.transaction_uid, offered=request.lock)
        action = TRANSITIONS[event, workitem.state]
        if action is Action.CLAIM:
            return moved(workitem, State.IN_PROGRESS, at=at, lock=request.lock, performer=request.requester)
        if action is Action.FINISH:
            return _finished(workitem, request.state, at)
        if action is Dimse.WRONG_LOCK:
            raise wrong_lock(_SECTION, missing=not request.lock)
        if action in {Dimse.ALREADY_COMPLETED, Dimse.ALREADY_CANCELED}:
            warnings.append(answer_of(Dimse(action), _SECTION).text)
            return WorkitemChange(None)
        raise Refused(_WHY[Dimse(action)], Dimse(action), _SECTION)

    desk.change(uid, decide, _SECTION, at=at)
    return "".join(warnings)


def moved(workitem: Workitem, state: State, *, at: int, lock: str, performer: str) -> WorkitemChange:
    """Return the workitem in another state, and the report of that."""
    attributes = {
        **workitem.attributes,
        STATE: {"vr": "CS", "Value": [str(state)]},
        MODIFICATION: {"vr": "DT", "Value": [date_time(at)]},
    }
    after = replace(
        workitem,
        state=state,
        attributes=attributes,
        transaction_uid=lock,
        performer=performer,
        modified_at=at,
        final_at=at if state.is_final else 0,
    )
    return WorkitemChange(after, (state_reported(attributes),))


def _finished(workitem: Workitem, state: State, at: int) -> WorkitemChange:
    attributes = canceled(workitem.attributes, {}, at) if state is State.CANCELED else workitem.attributes
    missing = missing_for(state, attributes)
    if missing:
        raise Refused(
            f"The workitem lacks what it needs to be {state}.",
            Dimse.REQUIREMENTS_NOT_MET,
            _SECTION,
            offender=STATE,
            accepted=missing,
        )
    ready = replace(workitem, attributes=attributes)
    return moved(ready, state, at=at, lock=workitem.transaction_uid, performer=workitem.performer)
