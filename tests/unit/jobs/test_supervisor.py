from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from filmjacket.jobs import supervisor
from filmjacket.jobs.supervisor import Supervisor
from filmjacket.jobs.waiting import ask_for_executor, is_executor_wanted, want_no_executor

if TYPE_CHECKING:
    import subprocess

    from filmjacket.opening import Archive

pytestmark = pytest.mark.slow

NOW = int(datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp() * 1_000_000)


class Executor:
    """A process that ends when it is told to."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = 0

    def wait(self, _seconds: float | None = None) -> int:
        assert self.code is not None
        return self.code


class Started:
    def __init__(self) -> None:
        self.executors: list[Executor] = []

    def __call__(self) -> subprocess.Popen[bytes]:
        self.executors.append(Executor())
        return cast("subprocess.Popen[bytes]", self.executors[-1])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "now", lambda: NOW)


def test_no_executor_without_a_job_and_one_while_there_is_any(archive: Archive):
    started = Started()
    watching = Supervisor(archive.leases, {}, started)
    watching.check()
    assert not started.executors
    ask_for_executor(archive.leases, NOW)
    watching.check()
    watching.check()
    assert len(started.executors) == 1
    started.executors[0].code = -9
    watching.check()
    assert len(started.executors) == 2
    want_no_executor(archive.leases)
    started.executors[1].code = 0
    watching.check()
    assert len(started.executors) == 2


def test_one_worker_of_many_starts_it(archive: Archive):
    first, second = Started(), Started()
    workers = [Supervisor(archive.leases, {}, first), Supervisor(archive.leases, {}, second)]
    ask_for_executor(archive.leases, NOW)
    for worker in workers:
        worker.check()
    assert (len(first.executors), len(second.executors)) == (1, 0)
    workers[0].close()
    assert first.executors[0].code == 0


def test_what_is_due_wakes_once(archive: Archive):
    started = Started()
    watching = Supervisor(archive.leases, {"purge": "30 2 * * *"}, started)
    watching.check()
    assert len(started.executors) == 1
    want_no_executor(archive.leases)
    started.executors[0].code = 0
    watching.check()
    assert len(started.executors) == 1
    assert not is_executor_wanted(archive.leases)
