"""The status that performed procedure steps give a scheduled one (PS3.4 F.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from filmjacket.archive.procedure_records import PerformedStatus
from filmjacket.index.schema.procedures import performed_step_requests, performed_steps
from filmjacket.index.unit import run
from filmjacket.web.scheduled_step_tables import DEPARTED, STARTED

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.archive.procedure_records import StepKey

_STATUSES = (
    select(performed_steps.c.status)
    .join(performed_step_requests, performed_step_requests.c.performed_uid == performed_steps.c.uid)
    .where(
        performed_step_requests.c.study_uid == bindparam("study_uid"),
        performed_step_requests.c.step_id == bindparam("step_id"),
    )
    .distinct()
)


def status_by_performance(connection: Connection, key: StepKey) -> str | None:
    """Return the status of a step, None while nobody performs it.

    One that is performed in several parts is over when none of them is in progress any more.
    """
    found = {row.status for row in run(connection, _STATUSES, {"study_uid": key.study_uid, "step_id": key.step_id})}
    if not found:
        return None
    return STARTED if PerformedStatus.IN_PROGRESS in found else DEPARTED
