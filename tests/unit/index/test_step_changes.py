"""Scheduled and performed procedure steps in the change log: in the transaction that changes them, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
import pytest

from filmjacket.archive.changes import ChangeFilter
from filmjacket.archive.procedure_records import (
    PerformedStatus,
    PerformedStep,
    ScheduledStep,
    StepKey,
    StepOutcome,
    StoredRequest,
)
from filmjacket.archive.step_status import taking_over
from filmjacket.index import scheduled_steps
from filmjacket.index.engine import Database
from filmjacket.index.sql_changes import SqlChanges
from filmjacket.index.sql_procedures import SqlPerformedSteps, SqlScheduledSteps
from tests.procedures import attributes, element, performed, request_item, scheduled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.procedures_port import Decision
    from filmjacket.index import SqlIndex

STUDY = "1.2.3.1"
KEY = StepKey(STUDY, "STEP1")
REQUEST = StoredRequest(STUDY, "STEP1")
UID = "1.2.9"


class Desk:
    """An empty index with its steps, and what the log says of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.log = SqlChanges(database)
        self.scheduled = SqlScheduledSteps(database)
        self.performed = SqlPerformedSteps(database)
        self.read = 0

    def told(self) -> list[str]:
        """What was logged since the last time."""
        entries = self.log.changes(self.read, 2**62, 1000, ChangeFilter())
        self.read += len(entries)
        assert [one.number for one in entries[-1:]] in ([], [self.read])
        words = (
            (one.level, one.action, one.study_uid, one.uid, orjson.loads(one.detail)["status"])
            for one in (entry.change for entry in entries)
        )
        return [" ".join(filter(None, one)) for one in words]

    def put(self, *steps: ScheduledStep) -> list[StepOutcome]:
        return self.scheduled.put(steps, at=1)

    def begin(self, uid: str = UID, *items: dict[str, Any]) -> bool:
        items = items or (request_item(),)
        data_set = performed() | {"00400270": element("ScheduledStepAttributesSequence", *items)}
        keys = ((item["0020000D"]["Value"][0], item["00400009"].get("Value")) for item in items)
        requests = tuple(StepKey(study, step[0]) for study, step in keys if step)
        return self.performed.create(PerformedStep(uid, PerformedStatus.IN_PROGRESS, data_set, requests))

    def finish(self, status: PerformedStatus, uid: str = UID) -> None:
        assert self.performed.change(uid, lambda before: replace(before, status=status)) is not None


@pytest.fixture
def desk(index: SqlIndex, index_url: str) -> Iterator[Desk]:
    opened = Database(index_url)
    yield Desk(opened)
    opened.close()


def step(number: int = 1, **changes: Any) -> ScheduledStep:
    name = f"STEP{number}"
    return ScheduledStep(StepKey(STUDY, name), scheduled({"ScheduledProcedureStepID": name}, **changes))


def test_what_comes_changes_and_goes(desk: Desk) -> None:
    desk.put(step())
    assert desk.told() == [f"scheduled-step created {STUDY} STEP1 SCHEDULED"]
    desk.put(step(PatientID="P2"))
    assert desk.told() == [f"scheduled-step updated {STUDY} STEP1 SCHEDULED"]
    assert desk.put(step(PatientID="P2")) == [StepOutcome.UNCHANGED]
    assert desk.told() == []
    assert desk.scheduled.change(KEY, lambda _: None, at=2) is StepOutcome.DELETED
    assert desk.told() == [f"scheduled-step deleted {STUDY} STEP1 SCHEDULED"]
    assert desk.scheduled.change(KEY, lambda _: None, at=3) is StepOutcome.ABSENT
    assert desk.told() == []


def test_one_step_by_itself(desk: Desk) -> None:
    def decide(before: ScheduledStep | None) -> ScheduledStep:
        return taking_over(before, step())

    assert [desk.scheduled.change(KEY, decide, at=1) for _ in range(2)] == [StepOutcome.CREATED, StepOutcome.UNCHANGED]
    assert desk.told() == [f"scheduled-step created {STUDY} STEP1 SCHEDULED"]


def test_many_at_once(desk: Desk) -> None:
    desk.put(step(2))
    desk.told()
    assert desk.put(step(3), step(2), step(1)) == [StepOutcome.CREATED, StepOutcome.UNCHANGED, StepOutcome.CREATED]
    assert desk.told() == [f"scheduled-step created {STUDY} STEP{number} SCHEDULED" for number in (1, 3)]


def test_stored_instances_tell_once(desk: Desk) -> None:
    desk.put(step(1), step(2))
    desk.told()
    assert [desk.scheduled.mark_started([REQUEST], at=at) for at in (2, 3)] == [1, 0]
    assert desk.told() == [f"scheduled-step updated {STUDY} STEP1 STARTED"]
    # Whoever looked before somebody else marked it writes nothing either.
    assert desk.database.write(lambda connection: scheduled_steps.mark_started(connection, [KEY], at=4)) == 0
    assert desk.scheduled.mark_started([StoredRequest("1.2.99", "NONE")], at=5) == 0
    assert desk.told() == []


def test_a_performed_step_comes_before_what_follows_from_it(desk: Desk) -> None:
    desk.put(step())
    desk.told()
    assert desk.begin()
    assert desk.told() == [
        f"performed-step created {STUDY} {UID} IN PROGRESS",
        f"scheduled-step updated {STUDY} STEP1 STARTED",
    ]
    desk.finish(PerformedStatus.IN_PROGRESS)
    assert desk.told() == [f"performed-step updated {STUDY} {UID} IN PROGRESS"]
    desk.finish(PerformedStatus.COMPLETED)
    assert desk.told() == [
        f"performed-step updated {STUDY} {UID} COMPLETED",
        f"scheduled-step updated {STUDY} STEP1 DEPARTED",
    ]


def test_a_step_in_two_parts_is_over_with_the_last(desk: Desk) -> None:
    desk.put(step())
    desk.begin("1.2.8")
    desk.begin("1.2.9")
    desk.told()
    desk.finish(PerformedStatus.DISCONTINUED, "1.2.8")
    assert desk.told() == [f"performed-step updated {STUDY} 1.2.8 DISCONTINUED"]
    desk.finish(PerformedStatus.COMPLETED, "1.2.9")
    assert desk.told() == [
        f"performed-step updated {STUDY} 1.2.9 COMPLETED",
        f"scheduled-step updated {STUDY} STEP1 DEPARTED",
    ]


STUDIES = [
    ([request_item(step=None)], [STUDY]),
    ([request_item(), request_item(step="STEP2")], [STUDY]),
    ([request_item(), request_item("1.2.3.2")], [STUDY, "1.2.3.2"]),
]


@pytest.mark.parametrize(("items", "studies"), STUDIES, ids=["unscheduled", "two steps", "two studies"])
def test_each_study_of_a_performed_step_hears_of_it(
    desk: Desk, items: list[dict[str, Any]], studies: list[str]
) -> None:
    desk.begin(UID, *items)
    assert desk.told() == [f"performed-step created {study} {UID} IN PROGRESS" for study in studies]
    found = desk.log.changes(0, 2**62, 10, ChangeFilter(frozenset({"performed-step"}), study_uids=frozenset({STUDY})))
    assert len(found) == 1


def test_without_scheduled_step_attributes(desk: Desk) -> None:
    desk.performed.create(PerformedStep(UID, PerformedStatus.IN_PROGRESS, attributes(Modality="CT")))
    assert desk.told() == [f"performed-step created {UID} IN PROGRESS"]


def test_a_uid_that_is_taken(desk: Desk) -> None:
    assert [desk.begin(), desk.begin()] == [True, False]
    assert len(desk.told()) == 1


def test_details_hold_no_patient_data(desk: Desk) -> None:
    desk.put(step())
    desk.begin()
    details = {one.change.detail for one in desk.log.changes(0, 2**62, 10, ChangeFilter())}
    assert details == {b'{"status":"SCHEDULED"}', b'{"status":"STARTED"}', b'{"status":"IN PROGRESS"}'}


def refuse(_: object) -> NoReturn:
    raise LookupError


def put_then_fail(desk: Desk) -> None:
    def unit(connection: Any) -> None:
        scheduled_steps.put(connection, [step(1, PatientID="P2"), step(2)], at=1)
        refuse(connection)

    desk.database.write(unit)


def fail_behind_another(desk: Desk) -> None:
    decisions: list[tuple[StepKey, Decision]] = [(KEY, lambda _: None), (StepKey(STUDY, "STEP2"), refuse)]
    desk.database.write(lambda connection: scheduled_steps.follow(connection, decisions, at=1))


FAILURES: list[Callable[[Desk], object]] = [
    lambda desk: desk.scheduled.change(KEY, refuse, at=1),
    lambda desk: desk.performed.change(UID, refuse),
    put_then_fail,
    fail_behind_another,
]


@pytest.mark.parametrize("fail", FAILURES, ids=["step", "performed step", "after all is written", "behind another"])
def test_nothing_is_logged_when_the_transaction_fails(desk: Desk, fail: Callable[[Desk], object]) -> None:
    desk.put(step())
    desk.begin()
    before = desk.scheduled.find(KEY)
    desk.told()
    with pytest.raises(LookupError):
        fail(desk)
    assert desk.told() == []
    assert desk.scheduled.find(KEY) == before
