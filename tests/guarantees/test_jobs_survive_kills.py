"""Guarantee: a job whose executor is killed goes on in another one and ends right; one job runs in one executor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import start_server
from tests.samples import series

from filmjacket.jobs.engine import EngineJobs, open_jobs
from filmjacket.jobs.kinds import HTJ2K_LOSSLESS
from filmjacket.jobs.records import Job, JobState
from filmjacket.maintenance.verify import verify
from filmjacket.opening import open_archive
from filmjacket.settings import Settings
from filmjacket.settings.tree import JobSettings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filmjacket.services.studies.ingest import Received

pytestmark = pytest.mark.slow

INSTANCES = 60


@dataclass
class Place:
    """An archive, and the programs that work on it."""

    settings: Settings
    environment: dict[str, str]
    log: Path
    jobs: EngineJobs
    executors: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def show(self, job_id: str) -> Job:
        job = self.jobs.find(job_id)
        assert job is not None
        return job

    def executor(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "filmjacket", "jobs", "run"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self.environment, stderr=log, start_new_session=True)
        self.executors.append(process)
        return process

    def wait(self, job_id: str, state: JobState, done: int = 0, seconds: float = 60) -> Job:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.show(job_id)
            if job.state is state and job.progress.done >= done:
                return job
            assert not job.state.over, job
            time.sleep(0.05)
        pytest.fail(f"{self.show(job_id)}\n{self.log.read_text()[-3000:]}")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    settings = Settings(data=tmp_path / "archive", database=url, jobs=JobSettings(executor=False))
    environment = {**os.environ, "FILMJACKET_DATA": str(settings.data), "FILMJACKET_JOBS__STEP_SECONDS": "0.05"}
    environment |= {"FILMJACKET_JOBS__POLL_SECONDS": "0.1", "FILMJACKET_CODECS__WORKERS": "1"}
    if url is not None:
        environment["FILMJACKET_DATABASE"] = url
    archive = open_archive(settings)
    jobs = open_jobs(settings, archive.leases)
    opened = Place(settings, environment, tmp_path / "executors.log", jobs)
    opened.log.touch()
    received: list[Received] = []
    for file in series(INSTANCES):
        incoming = archive.ingest.begin()
        incoming.write(file)
        received.append(incoming.finish())
    archive.ingest.publish(received)
    archive.ingest.commit(received)
    yield opened
    jobs.close()
    archive.close()
    for process in opened.executors:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_executor_s_job_goes_on_and_ends_right(place: Place) -> None:
    job = place.jobs.submit("transcode", {"to": HTJ2K_LOSSLESS})
    killed = place.executor()
    before = place.wait(job, JobState.RUNNING, done=4)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert before.progress.done < INSTANCES
    assert place.show(job).state is JobState.RUNNING

    place.executor()
    after = place.wait(job, JobState.DONE)
    assert before.progress.done < after.progress.counts["recoded"] <= INSTANCES
    archive = open_archive(place.settings)
    try:
        instances = archive.index.instances(ResourceRef())
        assert {one.transfer_syntax for one in instances} == {HTJ2K_LOSSLESS}
        assert len(instances) == INSTANCES
        assert verify(archive.index, archive.blobs).sound
        # A step that was killed may leave its last bytes, old or new, for the sweep; nobody refers to them.
        keys = set(archive.blobs.keys())
        assert {one.blob.key for one in instances} <= keys
        assert len(keys) <= INSTANCES + 1
    finally:
        archive.close()
    assert [event["job"] for event in place.events("job is done")] == [job]


def test_a_cancelled_job_ends_after_its_step(place: Place) -> None:
    job = place.jobs.submit("transcode", {})
    waiting = place.jobs.submit("verify", {})
    assert place.jobs.cancel(waiting)
    place.executor()
    place.wait(job, JobState.RUNNING, done=4)
    assert place.jobs.cancel(job)
    assert place.show(job).state is JobState.CANCELLED
    time.sleep(1.5)  # the step that ran has ended by now
    archive = open_archive(place.settings)
    try:
        recoded = sum(one.transfer_syntax == HTJ2K_LOSSLESS for one in archive.index.instances(ResourceRef()))
        assert 4 <= recoded < INSTANCES
        assert verify(archive.index, archive.blobs).sound
    finally:
        archive.close()
    assert place.show(waiting).state is JobState.CANCELLED
    assert not place.jobs.cancel(job)


def test_of_two_executors_one_runs_a_job(place: Place) -> None:
    jobs = [place.jobs.submit("verify", {}) for _ in range(4)]
    place.executor()
    place.executor()
    for job in jobs:
        assert place.wait(job, JobState.DONE).progress.done == INSTANCES
    assert sorted(event["job"] for event in place.events("job runs")) == sorted(jobs)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_stopped_executor_hands_over(place: Place) -> None:
    job = place.jobs.submit("transcode", {})
    stopped = place.executor()
    place.wait(job, JobState.RUNNING, done=4)
    stopped.terminate()
    assert stopped.wait(20) == 0
    place.executor()
    # Nothing is done twice: the engine kept the last step before the process ended.
    assert place.wait(job, JobState.DONE).progress.done == INSTANCES
    assert "Traceback" not in place.log.read_text()


def test_a_server_starts_an_executor_when_a_job_waits(tmp_path: Path) -> None:
    server = start_server(tmp_path / "archive")
    command = [sys.executable, "-m", "filmjacket", "jobs", "start", "verify", "--wait", "--json", "--data"]
    try:
        done = subprocess.run([*command, str(server.data)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["state"] == "done"
    finally:
        assert server.stop() == 0
