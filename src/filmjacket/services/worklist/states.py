"""The state machine of workitems (PS3.4 Table CC.1.1-2), as data."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from filmjacket.archive.worklist_records import State
from filmjacket.services.worklist.statuses import Dimse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Event(StrEnum):
    """What may be asked of a workitem.

    The lock is right for a claim when it is a UID, for all else when it is the one that the workitem was claimed with.
    """

    CREATE = "create"
    CLAIM = "to IN PROGRESS with the right Transaction UID"
    CLAIM_WRONGLY = "to IN PROGRESS without the right Transaction UID"
    SCHEDULE = "to SCHEDULED"
    COMPLETE = "to COMPLETED with the right Transaction UID"
    COMPLETE_WRONGLY = "to COMPLETED without the right Transaction UID"
    REQUEST_CANCEL = "request cancellation"
    CANCEL = "to CANCELED with the right Transaction UID"
    CANCEL_WRONGLY = "to CANCELED without the right Transaction UID"


class Action(StrEnum):
    """What is done."""

    CREATE = "create the workitem, in state SCHEDULED and without a lock"
    CLAIM = "record the lock, change the state, report it"
    FINISH = "change the state and report it, if the final state requirements are met"
    WITHDRAW = "go to IN PROGRESS and report it, then to CANCELED and report it"
    ASK_PERFORMER = "report the request"


TRANSITIONS: Final[Mapping[tuple[Event, State | None], Action | Dimse]] = MappingProxyType(
    {
        (event, state): cell
        for event, cells in {
            Event.CREATE: (Action.CREATE, *[Dimse.DUPLICATE] * 4),
            Event.CLAIM: (Dimse.UNKNOWN, Action.CLAIM, Dimse.ALREADY_IN_PROGRESS, Dimse.FINAL, Dimse.FINAL),
            Event.CLAIM_WRONGLY: (Dimse.UNKNOWN, *[Dimse.WRONG_LOCK] * 4),
            Event.SCHEDULE: (Dimse.UNKNOWN, *[Dimse.NOT_BY_CHANGE] * 4),
            Event.COMPLETE: (
                Dimse.UNKNOWN,
                Dimse.NOT_IN_PROGRESS,
                Action.FINISH,
                Dimse.ALREADY_COMPLETED,
                Dimse.FINAL,
            ),
            Event.COMPLETE_WRONGLY: (Dimse.UNKNOWN, *[Dimse.WRONG_LOCK] * 4),
            Event.REQUEST_CANCEL: (
                Dimse.UNKNOWN,
                Action.WITHDRAW,
                Action.ASK_PERFORMER,
                Dimse.COMPLETED,
                Dimse.ALREADY_CANCELED,
            ),
            Event.CANCEL: (Dimse.UNKNOWN, Dimse.NOT_IN_PROGRESS, Action.FINISH, Dimse.FINAL, Dimse.ALREADY_CANCELED),
            Event.CANCEL_WRONGLY: (Dimse.UNKNOWN, *[Dimse.WRONG_LOCK] * 4),
        }.items()
        for state, cell in zip(
            (None, State.SCHEDULED, State.IN_PROGRESS, State.COMPLETED, State.CANCELED), cells, strict=True
        )
    }
)
"""What is done, or the status that answers, for each event in each state; None: there is no such workitem."""

_RIGHT: Final = {State.IN_PROGRESS: Event.CLAIM, State.COMPLETED: Event.COMPLETE, State.CANCELED: Event.CANCEL}
_WRONG: Final = {
    State.IN_PROGRESS: Event.CLAIM_WRONGLY,
    State.COMPLETED: Event.COMPLETE_WRONGLY,
    State.CANCELED: Event.CANCEL_WRONGLY,
}


def event_of(wanted: State, *, now: State, lock: str, offered: str) -> Event:
    """Return the event that a request for a state is, given the Transaction UID it comes with."""
    if wanted is State.SCHEDULED:
        return Event.SCHEDULE
    # Compared as exact texts (PS3.18 11.7). A SCHEDULED item has no lock yet: any UID will do, also to be refused
    # for the state rather than for the UID.
    right = bool(offered) and (now is State.SCHEDULED or offered == lock)
    return (_RIGHT if right else _WRONG)[wanted]
