"""Performed procedure steps, and what they mean for the scheduled steps that they are about (PS3.4 F.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, select, update

from filmjacket.archive.procedure_records import PerformedStatus, PerformedStep, StepKey
from filmjacket.archive.step_status import with_status
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.errors import Unavailable
from filmjacket.index import scheduled_steps
from filmjacket.index.schema.procedures import performed_step_requests, performed_steps
from filmjacket.index.unit import insert_rows, run
from filmjacket.web.scheduled_step_tables import DEPARTED, STARTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from filmjacket.archive.procedure_records import ScheduledStep
    from filmjacket.index.rows import Row

_OWN = performed_steps.c
_STEP = select(performed_steps).where(_OWN.uid == bindparam("wanted"))
_LOCKED = _STEP.with_for_update()
_REQUESTS = select(performed_step_requests.c.study_uid, performed_step_requests.c.step_id).where(
    performed_step_requests.c.performed_uid == bindparam("wanted")
)
_REPLACE = update(performed_steps).where(_OWN.uid == bindparam("key_uid"), _OWN.version == bindparam("key_version"))
_IN_PROGRESS = (
    select(_OWN.uid)
    .join(performed_step_requests, performed_step_requests.c.performed_uid == _OWN.uid)
    .where(
        performed_step_requests.c.study_uid == bindparam("study_uid"),
        performed_step_requests.c.step_id == bindparam("step_id"),
        _OWN.status == bindparam("status"),
    )
    .limit(1)
)


def create(connection: Connection, step: PerformedStep) -> bool:
    """Take in a new step; False when there is one with its UID."""
    if run(connection, _STEP, {"wanted": step.uid}):
        return False
    insert_rows(connection, performed_steps, [_row(step)])
    rows = [{"study_uid": key.study_uid, "step_id": key.step_id, "performed_uid": step.uid} for key in step.requests]
    insert_rows(connection, performed_step_requests, rows)
    _follow(connection, step, at=step.created_at)
    return True


def find(connection: Connection, uid: str) -> PerformedStep | None:
    """Return one step."""
    rows = run(connection, _STEP, {"wanted": uid})
    return _step(connection, rows[0]) if rows else None


def change(connection: Connection, uid: str, decide: Callable[[PerformedStep], PerformedStep]) -> PerformedStep | None:
    """Change a step as `decide` says; nobody else changes it in between."""
    rows = run(connection, _LOCKED, {"wanted": uid})
    if not rows:
        return None
    before = _step(connection, rows[0])
    after = replace(decide(before), version=before.version + 1)
    parameters = _row(after) | {"key_uid": uid, "key_version": before.version}
    if not connection.execute(_REPLACE, parameters).rowcount:
        raise Unavailable("The step was changed by somebody else at the same time.", section="8.5")
    if after.status is not before.status:
        _follow(connection, after, at=after.updated_at)
    return after


def _follow(connection: Connection, step: PerformedStep, *, at: int) -> None:
    """Bring the scheduled steps to the status that the performed ones give them.

    A step that is performed in several parts is over when none of them is in progress any more.
    """
    for key in sorted(step.requests, key=lambda one: (one.study_uid, one.step_id)):
        parameters = {"study_uid": key.study_uid, "step_id": key.step_id, "status": str(PerformedStatus.IN_PROGRESS)}
        status = STARTED if run(connection, _IN_PROGRESS, parameters) else DEPARTED

        def decide(before: ScheduledStep | None, status: str = status) -> ScheduledStep | None:
            return None if before is None else with_status(before, status)

        scheduled_steps.change(connection, key, decide, at=at)


def _row(step: PerformedStep) -> Row:
    return {
        "uid": step.uid,
        "status": str(step.status),
        "version": step.version,
        "created_at": step.created_at,
        "updated_at": step.updated_at,
        "attributes": encode_attributes(step.attributes),
    }


def _step(connection: Connection, row: Any) -> PerformedStep:  # noqa: ANN401 - a row
    requests = tuple(StepKey(one.study_uid, one.step_id) for one in run(connection, _REQUESTS, {"wanted": row.uid}))
    attributes = orjson.loads(bytes(row.attributes))
    status = PerformedStatus(row.status)
    return PerformedStep(row.uid, status, attributes, requests, row.version, row.created_at, row.updated_at)
