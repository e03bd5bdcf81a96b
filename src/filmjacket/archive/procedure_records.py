"""Records of scheduled and performed procedure steps (PS3.18 chapters 14 and 15)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from filmjacket.web.scheduled_step_tables import DEPARTED, STARTED

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes


@dataclass(frozen=True, slots=True)
class StepKey:
    """What tells scheduled steps apart: Study Instance UID and Scheduled Procedure Step ID."""

    study_uid: str
    step_id: str


@dataclass(frozen=True, slots=True)
class ScheduledStep:
    """A scheduled procedure step; `workitem_uid` names the workitem it was derived from, if there is one."""

    key: StepKey
    attributes: Attributes
    workitem_uid: str = ""
    version: int = 0
    updated_at: int = 0


class StepOutcome(StrEnum):
    """What became of a step that was put into the schedule or taken out."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class StepPage:
    """One page of matching data sets in order, and how many are behind it."""

    matches: tuple[Attributes, ...]
    remaining: int
    total: int


class PerformedStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    DISCONTINUED = "DISCONTINUED"
    COMPLETED = "COMPLETED"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self is not PerformedStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class PerformedStep:
    """A performed procedure step; `requests` are the scheduled steps that it says it is about."""

    uid: str
    status: PerformedStatus
    attributes: Attributes
    requests: tuple[StepKey, ...] = ()
    version: int = 1
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What a stored instance says about the step that it was made for."""

    study_uid: str
    step_id: str
    accession_number: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleRules:
    """What the site decides: whether steps that are being done stay on the worklist."""

    hide_started: bool = False

    @property
    def hidden(self) -> frozenset[str]:
        """Statuses whose steps are found only by asking for the status."""
        return frozenset({DEPARTED, STARTED} if self.hide_started else {DEPARTED})
