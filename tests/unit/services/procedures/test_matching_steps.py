"""Stored instances and the scheduled steps that they were made for: how seldom anything is looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.procedures import attributes

from filmjacket.archive.procedure_records import StoredRequest
from filmjacket.errors import Unavailable
from filmjacket.services.procedures.matching_steps import AGAIN_AFTER, REMEMBERED, ArrivedInstances, requests_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class Steps:
    """Notes what is asked; does it only if it is `up`."""

    def __init__(self) -> None:
        self.asked: list[StoredRequest] = []
        self.up = True

    def mark_started(self, requests: Sequence[StoredRequest], *, at: int) -> int:
        self.asked += requests
        if not self.up:
            raise Unavailable("The index is locked.")
        return len(requests)


def instance(step: str | None = "S", study: str = "1.2") -> dict[str, dict[str, object]]:
    item = {} if step is None else attributes(ScheduledProcedureStepID=step)
    return attributes(StudyInstanceUID=study, RequestAttributesSequence=item)


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.at = 1

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrived(steps: Steps, clock: Clock) -> ArrivedInstances:
    return ArrivedInstances(steps, clock)  # type: ignore[arg-type]


def test_a_step_is_looked_up_once_in_a_while(arrived: ArrivedInstances, steps: Steps, clock: Clock) -> None:
    for _ in range(3):
        arrived([instance()] * 100)
    assert steps.asked == [StoredRequest("1.2", "S")]
    clock.at += AGAIN_AFTER
    arrived([instance()])
    assert len(steps.asked) == 2


def test_instances_of_no_step_ask_nothing(arrived: ArrivedInstances, steps: Steps) -> None:
    arrived([attributes(StudyInstanceUID="1.2"), instance(None)])
    assert steps.asked == []


def test_a_store_never_fails_for_it_and_the_next_one_tries_again(arrived: ArrivedInstances, steps: Steps) -> None:
    steps.up = False
    arrived([instance()])
    steps.up = True
    arrived([instance()])
    assert len(steps.asked) == 2


def test_memory_is_bounded(arrived: ArrivedInstances, steps: Steps) -> None:
    arrived(instance(str(number)) for number in range(REMEMBERED + 1))
    arrived([instance("0")])
    arrived([instance(str(REMEMBERED))])
    assert len(steps.asked) == REMEMBERED + 2


def test_the_request_says_more_than_the_instance() -> None:
    item = attributes(ScheduledProcedureStepID="S", StudyInstanceUID="1.3", AccessionNumber="A2")
    data_set = attributes(StudyInstanceUID="1.2", AccessionNumber="A1", RequestAttributesSequence=[item, {}])
    assert list(requests_of(data_set)) == [StoredRequest("1.3", "S", "A2")]
