"""Records of the Worklist service: workitems, what changes in them, who is subscribed (PS3.18 11, PS3.4 Annex CC)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filmjacket.archive.ups_events import EventType
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.errors import FilmjacketError

UPS_PUSH: Final = "1.2.840.10008.5.1.4.34.6.1"
"""SOP Class of every workitem (PS3.4 CC.2)."""
WORKLIST_UID: Final = "1.2.840.10008.5.1.4.34.5"
"""Stands for every workitem in subscriptions (PS3.4 CC.2.3)."""
FILTERED_WORKLIST_UID: Final = "1.2.840.10008.5.1.4.34.5.1"
"""Stands for the workitems that match a filter."""
WELL_KNOWN_UIDS: Final = frozenset({WORKLIST_UID, FILTERED_WORKLIST_UID})


@dataclass(frozen=True, slots=True)
class WorklistRules:
    """What the site decides: see the settings group `worklist`."""

    worklist_label: str = "WORKLIST"
    retention_days: int = 30
    deletion_locks: bool = True
    initial_reports: int = 10_000
    other_patient_ids: bool = False


class State(StrEnum):
    """Procedure Step State (0074,1000)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self in {State.COMPLETED, State.CANCELED}


class Standing(IntEnum):
    """How a subscriber stands to a workitem, or to all of them (PS3.4 Table CC.2.3-2)."""

    NONE = 0
    SUBSCRIBED = 1
    LOCKED = 2


@dataclass(frozen=True, slots=True)
class Workitem:
    """A workitem as it is kept.

    `attributes` is its data set without the Transaction UID, which is in none of them. `transaction_uid` is the lock of
    who claimed it, "" before, and is kept in final states; `performer` is who claimed it, as far as that was said.
    `final_at` is 0 until it is final.
    """

    uid: str
    state: State
    attributes: Attributes
    transaction_uid: str = ""
    performer: str = ""
    version: int = 1
    created_at: int = 0
    modified_at: int = 0
    final_at: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """An event that a change causes; who hears of it is found out in the transaction of the change."""

    event_type: EventType
    data_set: Attributes


@dataclass(frozen=True, slots=True)
class WorkitemChange:
    """What a request makes of a workitem, and what is reported because of it, in that order.

    `workitem` is None when nothing of it changes. When nobody is subscribed and so nobody hears of the reports,
    `if_unheard` is raised, if there is one.
    """

    workitem: Workitem | None
    reports: tuple[Report, ...] = ()
    if_unheard: FilmjacketError | None = None


class Missing(StrEnum):
    """Why there is no such workitem."""

    UNKNOWN = "unknown"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class WorkitemPage:
    """One page of matches in order, and how many are behind it: at least so many, unless the count was asked for."""

    matches: tuple[Attributes, ...]
    remaining: int
    total: int


@dataclass(frozen=True, slots=True)
class WorklistSubscription:
    """A subscription to all workitems, or to those that satisfy a filter, a search in the grammar of PS3.18 8.3.4.

    At most `initial_reports` workitems are reported at once when the subscription comes with a deletion lock.
    """

    subscriber: str
    standing: Standing
    filter: str = ""
    initial_reports: int = 10_000


@dataclass(frozen=True, slots=True)
class PurgedWorkitems:
    """How many workitems were removed for good."""

    removed: int
