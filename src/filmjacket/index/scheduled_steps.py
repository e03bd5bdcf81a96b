"""Writing scheduled procedure steps: each unit decides about steps that nobody else changes meanwhile.

The row of a step is locked when it is read (SQLite has one writer anyway), and its version is compared when it is
written. Of two that bring in the same step at once, one finds the key taken; the unit is then run again. What became of
the steps goes into the change log all at once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, delete, or_, select, update

from filmjacket.archive.changes import Change
from filmjacket.archive.procedure_records import ScheduledStep, StepKey, StepOutcome
from filmjacket.archive.step_status import status_of, taking_over, with_status
from filmjacket.errors import Unavailable
from filmjacket.index.change_log import record_changes
from filmjacket.index.performed_status import status_by_performance
from filmjacket.index.scheduled_rows import key_rows, step_row, word_rows
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_step_words, scheduled_steps
from filmjacket.index.unit import insert_rows, one_of, run
from filmjacket.web.scheduled_step_tables import STARTED, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.changes import Action
    from filmjacket.archive.procedure_records import StoredRequest
    from filmjacket.archive.procedures_port import Decision
    from filmjacket.index.unit import Record

_OWN = scheduled_steps.c
_IS_KEY = (_OWN.study_uid == bindparam("key_study"), _OWN.step_id == bindparam("key_step"))
_STEP = select(scheduled_steps).where(*_IS_KEY)
_LOCKED = _STEP.with_for_update()
_OF_WORKITEM = select(scheduled_steps).where(_OWN.workitem_uid == bindparam("uid"), _OWN.workitem_uid != "")
_REPLACE = update(scheduled_steps).where(*_IS_KEY, _OWN.version == bindparam("key_version"))
_REMOVE = delete(scheduled_steps).where(*_IS_KEY, _OWN.version == bindparam("key_version"))
_WAITING = (
    select(_OWN.study_uid, _OWN.step_id, scheduled_step_keys.c.accession_number)
    .join(
        scheduled_step_keys,
        (scheduled_step_keys.c.study_uid == _OWN.study_uid)
        & (scheduled_step_keys.c.step_id == _OWN.step_id)
        & (scheduled_step_keys.c.place == 0),
    )
    .where(
        _OWN.step_id == bindparam("step_id"),
        one_of(scheduled_step_keys.c.status, "waiting"),
        or_(
            _OWN.study_uid == bindparam("study_uid"),
            (scheduled_step_keys.c.accession_number == bindparam("accession"))
            & (scheduled_step_keys.c.accession_number != ""),
        ),
    )
)

_ACTIONS: Final[dict[StepOutcome, Action]] = {
    StepOutcome.CREATED: "created",
    StepOutcome.UPDATED: "updated",
    StepOutcome.DELETED: "deleted",
}


def find(connection: Connection, key: StepKey) -> ScheduledStep | None:
    """Return one step."""
    return _found(run(connection, _STEP, _key(key)))


def of_workitem(connection: Connection, uid: str) -> list[ScheduledStep]:
    """Return the steps that were derived from a workitem."""
    return [_step(row) for row in run(connection, _OF_WORKITEM, {"uid": uid})]


def change(connection: Connection, key: StepKey, decide: Decision, *, at: int) -> StepOutcome:
    """Make of a step what `decide` says."""
    (outcome,) = _change_each(connection, [(key, decide)], at)
    return outcome


def follow(
    connection: Connection, decisions: Sequence[tuple[StepKey, Decision]], *, at: int
) -> tuple[list[StepOutcome], list[Change]]:
    """Make of each step what is decided of it; returns what became of them, and what the caller has to log of that.

    Who changes steps because of something else logs that first.
    """
    outcomes = [StepOutcome.ABSENT] * len(decisions)
    entries: list[Change] = []
    # One order for all who lock several: nobody waits for somebody who waits for them.
    for place in sorted(range(len(decisions)), key=lambda one: _order(decisions[one][0])):
        key, decide = decisions[place]
        outcomes[place], step = _change(connection, key, decide, at)
        if step is not None:
            detail = orjson.dumps({"status": status_of(step)})
            entries.append(
                Change("scheduled-step", _ACTIONS[outcomes[place]], key.study_uid, uid=key.step_id, detail=detail)
            )
    return outcomes, entries


def _change_each(connection: Connection, decisions: Sequence[tuple[StepKey, Decision]], at: int) -> list[StepOutcome]:
    outcomes, entries = follow(connection, decisions, at=at)
    record_changes(connection, entries, at=at)
    return outcomes


def _change(
    connection: Connection, key: StepKey, decide: Decision, at: int
) -> tuple[StepOutcome, ScheduledStep | None]:
    """Return what became of a step, and the step as it is or was last, None if nothing was written."""
    before = _found(run(connection, _LOCKED, _key(key)))
    after = decide(before)
    if after is None:
        if before is None:
            return StepOutcome.ABSENT, None
        _write(connection, _REMOVE, _key(key) | {"key_version": before.version})
        _forget(connection, key)
        return StepOutcome.DELETED, before
    if before is not None and _is_same(before, after):
        return StepOutcome.UNCHANGED, None
    outcome = StepOutcome.CREATED if before is None else StepOutcome.UPDATED
    if before is None and status_of(after) in WAITING:
        # It may come after what a modality has reported of it.
        after = with_status(after, status_by_performance(connection, key) or status_of(after))
    after = replace(after, version=1 if before is None else before.version + 1, updated_at=at)
    if before is None:
        insert_rows(connection, scheduled_steps, [step_row(after)])
    else:
        _write(connection, _REPLACE, step_row(after) | _key(key) | {"key_version": before.version})
        _forget(connection, key)
    insert_rows(connection, scheduled_step_keys, key_rows(after))
    insert_rows(connection, scheduled_step_words, word_rows(after))
    return outcome, after


def put(connection: Connection, steps: Sequence[ScheduledStep], *, at: int) -> list[StepOutcome]:
    """Take in steps; what replaces one keeps its status unless it has one itself."""
    return _change_each(connection, [(step.key, partial(_taking_over, step)) for step in steps], at)


def mark_started(connection: Connection, keys: Sequence[StepKey], *, at: int) -> int:
    """Note that something is done for steps that were waiting; returns how many there were."""

    def start(before: ScheduledStep | None) -> ScheduledStep | None:
        return with_status(before, STARTED) if before is not None and status_of(before) in WAITING else before

    outcomes = _change_each(connection, [(key, start) for key in dict.fromkeys(keys)], at)
    return outcomes.count(StepOutcome.UPDATED)


def waiting(connection: Connection, requests: Sequence[StoredRequest]) -> list[StepKey]:
    """Return the steps that instances were made for and that nobody has noted to be started."""
    found: dict[StepKey, None] = {}
    for request in requests:
        values = {
            "step_id": request.step_id,
            "study_uid": request.study_uid,
            "accession": request.accession_number,
            "waiting": list(WAITING),
        }
        found |= {StepKey(row.study_uid, row.step_id): None for row in run(connection, _WAITING, values)}
    return list(found)


def _order(key: StepKey) -> tuple[str, str]:
    return key.study_uid, key.step_id


def _taking_over(step: ScheduledStep, before: ScheduledStep | None) -> ScheduledStep:
    return taking_over(before, step)


def _is_same(before: ScheduledStep, after: ScheduledStep) -> bool:
    return before is after or (before.attributes, before.workitem_uid) == (after.attributes, after.workitem_uid)


def _found(rows: list[Record]) -> ScheduledStep | None:
    return _step(rows[0]) if rows else None


def _step(row: Record) -> ScheduledStep:
    attributes = orjson.loads(bytes(row.attributes))
    return ScheduledStep(StepKey(row.study_uid, row.step_id), attributes, row.workitem_uid, row.version, row.updated_at)


def _key(key: StepKey) -> dict[str, Any]:
    return {"key_study": key.study_uid, "key_step": key.step_id}


def _write(connection: Connection, statement: Any, parameters: dict[str, Any]) -> None:  # noqa: ANN401 - update or delete
    if not connection.execute(statement, parameters).rowcount:
        raise Unavailable("The step was changed by somebody else at the same time.", section="8.5")


def _forget(connection: Connection, key: StepKey) -> None:
    for table in (scheduled_step_keys, scheduled_step_words):
        connection.execute(_FORGETTING[table.name], _key(key))


_FORGETTING = {
    table.name: delete(table).where(
        table.c.study_uid == bindparam("key_study"), table.c.step_id == bindparam("key_step")
    )
    for table in (scheduled_step_keys, scheduled_step_words)
}
