"""Group commit: who waits for whom, and whose error is whose."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from filmjacket.errors import Unavailable
from filmjacket.index.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Sequence


class Recorder:
    """A commit that notes its groups, and waits while `gate` is closed."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, requests: Sequence[int]) -> list[str]:
        self.groups.append(list(requests))
        self.entered.set()
        assert self.gate.wait(10)
        if any(request < 0 for request in requests):
            raise ValueError("negative")
        return [f"done {request}" for request in requests]


def run(commit: GroupCommit[int, str], requests: list[int]) -> tuple[list[threading.Thread], dict[int, object]]:
    answers: dict[int, object] = {}

    def submit(request: int) -> None:
        try:
            answers[request] = commit.submit(request)
        except (ValueError, Unavailable) as error:
            answers[request] = error

    threads = [threading.Thread(target=submit, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    return threads, answers


def wait_for_queue(commit: GroupCommit[int, str], length: int) -> None:
    for _ in range(1000):
        if len(commit._waiting) == length:
            return
        threading.Event().wait(0.005)
    pytest.fail("the requests did not queue")


def test_a_single_caller_writes_at_once() -> None:
    recorder = Recorder()
    commit = GroupCommit(recorder, largest_group=8)
    assert [commit.submit(1), commit.submit(2)] == ["done 1", "done 2"]
    assert recorder.groups == [[1], [2]]


def test_callers_that_come_while_writing_share_the_next_group() -> None:
    recorder = Recorder()
    commit = GroupCommit(recorder, largest_group=8)
    recorder.gate.clear()
    first, answers = run(commit, [1])
    assert recorder.entered.wait(10)
    others, more = run(commit, [2, 3, 4])
    wait_for_queue(commit, 3)
    recorder.gate.set()
    for thread in first + others:
        thread.join(10)
    assert [len(group) for group in recorder.groups] == [1, 3]
    assert answers | more == {number: f"done {number}" for number in (1, 2, 3, 4)}


def test_a_group_has_a_largest_size() -> None:
    recorder = Recorder()
    commit = GroupCommit(recorder, largest_group=2)
    recorder.gate.clear()
    threads, _ = run(commit, [1])
    assert recorder.entered.wait(10)
    others, answers = run(commit, [2, 3, 4, 5, 6])
    wait_for_queue(commit, 5)
    recorder.gate.set()
    for thread in threads + others:
        thread.join(10)
    assert [len(group) for group in recorder.groups] == [1, 2, 2, 1]
    assert len(answers) == 5


def test_an_error_belongs_to_its_request_alone() -> None:
    recorder = Recorder()
    commit = GroupCommit(recorder, largest_group=8)
    recorder.gate.clear()
    threads, _ = run(commit, [1])
    assert recorder.entered.wait(10)
    others, answers = run(commit, [2, -3, 4])
    wait_for_queue(commit, 3)
    recorder.gate.set()
    for thread in threads + others:
        thread.join(10)
    assert isinstance(answers[-3], ValueError)
    assert (answers[2], answers[4]) == ("done 2", "done 4")
    assert commit.submit(5) == "done 5"


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    class Interrupt(BaseException):
        pass

    def interrupted(requests: Sequence[int]) -> list[str]:
        raise Interrupt

    commit: GroupCommit[int, str] = GroupCommit(interrupted, largest_group=8)
    with pytest.raises(Interrupt):
        commit.submit(1)
    with pytest.raises(Interrupt):
        commit.submit(2)


def test_closing_waits_for_what_is_under_way_and_refuses_the_rest() -> None:
    recorder = Recorder()
    commit = GroupCommit(recorder, largest_group=8)
    recorder.gate.clear()
    threads, answers = run(commit, [1])
    assert recorder.entered.wait(10)
    closing = threading.Thread(target=commit.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    recorder.gate.set()
    closing.join(10)
    for thread in threads:
        thread.join(10)
    assert answers == {1: "done 1"}
    with pytest.raises(Unavailable):
        commit.submit(2)
