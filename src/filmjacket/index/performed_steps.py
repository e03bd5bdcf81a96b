"""Performed procedure steps, and what they mean for the scheduled steps that they are about (PS3.4 F.7).

The change log has what is said of a performed step once for each study that it belongs to, and then what follows for
scheduled steps.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, select, update

from filmjacket.archive.changes import Change
from filmjacket.archive.procedure_records import PerformedStatus, PerformedStep, StepKey
from filmjacket.archive.step_status import with_status
from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.errors import Unavailable
from filmjacket.index import scheduled_steps
from filmjacket.index.change_log import record_changes
from filmjacket.index.performed_status import status_by_performance
from filmjacket.index.schema.procedures import performed_step_requests, performed_steps
from filmjacket.index.unit import insert_rows, run
from filmjacket.web.scheduled_step_tables import STUDY_INSTANCE_UID

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from filmjacket.archive.changes import Action
    from filmjacket.archive.procedure_records import ScheduledStep
    from filmjacket.archive.procedures_port import Decision
    from filmjacket.index.rows import Row

_SCHEDULED_STEP_ATTRIBUTES: Final = "00400270"

_OWN = performed_steps.c
_STEP = select(performed_steps).where(_OWN.uid == bindparam("wanted"))
_LOCKED = _STEP.with_for_update()
_REQUESTS = select(performed_step_requests.c.study_uid, performed_step_requests.c.step_id).where(
    performed_step_requests.c.performed_uid == bindparam("wanted")
)
_REPLACE = update(performed_steps).where(_OWN.uid == bindparam("key_uid"), _OWN.version == bindparam("key_version"))


def create(connection: Connection, step: PerformedStep) -> bool:
    """Take in a new step; False when there is one with its UID."""
    if run(connection, _STEP, {"wanted": step.uid}):
        return False
    insert_rows(connection, performed_steps, [_row(step)])
    rows = [{"study_uid": key.study_uid, "step_id": key.step_id, "performed_uid": step.uid} for key in step.requests]
    insert_rows(connection, performed_step_requests, rows)
    _, entries = scheduled_steps.follow(connection, _decisions(connection, step), at=step.created_at)
    record_changes(connection, [*_changes("created", step), *entries], at=step.created_at)
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
    decisions = [] if after.status is before.status else _decisions(connection, after)
    _, entries = scheduled_steps.follow(connection, decisions, at=after.updated_at)
    record_changes(connection, [*_changes("updated", after), *entries], at=after.updated_at)
    return after


def _changes(action: Action, step: PerformedStep) -> list[Change]:
    items = get_items(step.attributes, _SCHEDULED_STEP_ATTRIBUTES)
    studies = dict.fromkeys(get_text(item, STUDY_INSTANCE_UID) or "" for item in items)
    detail = orjson.dumps({"status": str(step.status)})
    return [Change("performed-step", action, study, uid=step.uid, detail=detail) for study in studies or ("",)]


def _decisions(connection: Connection, step: PerformedStep) -> list[tuple[StepKey, Decision]]:
    """Bring the scheduled steps to the status that the performed ones give them."""
    return [(key, partial(_following, connection, key)) for key in step.requests]


def _following(connection: Connection, key: StepKey, before: ScheduledStep | None) -> ScheduledStep | None:
    status = status_by_performance(connection, key)
    return before if before is None or status is None else with_status(before, status)


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
