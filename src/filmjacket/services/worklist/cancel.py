"""Request Workitem Cancellation (PS3.18 11.8; PS3.4 CC.2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from filmjacket.archive.worklist_records import State, WorkitemChange
from filmjacket.dicom.uids import mint_uid
from filmjacket.services.worklist.attribute_table import rows_by_tag
from filmjacket.services.worklist.change_state import moved
from filmjacket.services.worklist.data_set import check_items, receive
from filmjacket.services.worklist.final_state import canceled
from filmjacket.services.worklist.reports import PROGRESS_SEQUENCE, cancel_requested
from filmjacket.services.worklist.states import TRANSITIONS, Action, Event
from filmjacket.services.worklist.statuses import Dimse, Refused, Transaction, answer_of

if TYPE_CHECKING:
    from filmjacket.archive.worklist_records import Workitem
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.desk import Desk

_SECTION: Final = Transaction.REQUEST_CANCELLATION


def request_cancellation(desk: Desk, uid: str, attributes: Attributes, requester: str) -> str:
    """Cancel a workitem that nobody has claimed, else tell its subscribers; returns the text of a Warning, if any."""
    request = receive(attributes, _SECTION).attributes
    # The reason, which a canceled workitem has among its progress information.
    check_items(request, rows_by_tag()[PROGRESS_SEQUENCE].items, _SECTION)
    at = desk.now()
    warnings: list[str] = []

    def decide(workitem: Workitem) -> WorkitemChange:
        warnings.clear()
        action = TRANSITIONS[Event.REQUEST_CANCEL, workitem.state]
        if action is Action.WITHDRAW:
            return _withdrawn(workitem, request, requester, at)
        if action is Action.ASK_PERFORMER:
            unheard = Refused(
                "Nobody is subscribed to the workitem, so that its performer would not hear of the request.",
                Dimse.UNREACHABLE,
                _SECTION,
            )
            return WorkitemChange(None, (cancel_requested(requester, request),), if_unheard=unheard)
        if action is Dimse.ALREADY_CANCELED:
            warnings.append(answer_of(action, _SECTION).text)
            return WorkitemChange(None)
        raise Refused("The workitem is completed and cannot be canceled.", Dimse(action), _SECTION)

    desk.change(uid, decide, _SECTION, at=at)
    return "".join(warnings)


def _withdrawn(workitem: Workitem, request: Attributes, requester: str, at: int) -> WorkitemChange:
    """The server claims and cancels at once; its lock is known to nobody, so that no other ever has it."""
    lock = mint_uid()
    claimed = moved(workitem, State.IN_PROGRESS, at=at, lock=lock, performer=requester)
    assert claimed.workitem is not None  # noqa: S101 - `moved` returns one
    ready = replace(claimed.workitem, attributes=canceled(claimed.workitem.attributes, request, at))
    ended = moved(ready, State.CANCELED, at=at, lock=lock, performer=requester)
    return WorkitemChange(ended.workitem, (*claimed.reports, *ended.reports))
