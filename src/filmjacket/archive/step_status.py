"""The Scheduled Procedure Step Status (0040,0020) of steps in the schedule, which each of them has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from filmjacket.web.scheduled_step_tables import SCHEDULED_STATUS, SCHEDULED_STEP_SEQUENCE, WAITING

if TYPE_CHECKING:
    from filmjacket.archive.procedure_records import ScheduledStep
    from filmjacket.dicom.attributes import Attributes


def status_of(step: ScheduledStep) -> str:
    """Return the status."""
    return str(_item(step)[SCHEDULED_STATUS]["Value"][0])


def with_status(step: ScheduledStep, status: str) -> ScheduledStep:
    """Return a step with another status."""
    sequence = {"vr": "SQ", "Value": [{**_item(step), SCHEDULED_STATUS: {"vr": "CS", "Value": [status]}}]}
    return replace(step, attributes={**step.attributes, SCHEDULED_STEP_SEQUENCE: sequence})


def taking_over(before: ScheduledStep | None, step: ScheduledStep) -> ScheduledStep:
    """Return what takes the place of a step: it keeps the status if it states none; new ones are scheduled."""
    if SCHEDULED_STATUS in _item(step):
        return step
    return with_status(step, WAITING[0] if before is None else status_of(before))


def _item(step: ScheduledStep) -> Attributes:
    (item,) = step.attributes[SCHEDULED_STEP_SEQUENCE]["Value"]
    return item
