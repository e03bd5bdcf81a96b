"""An executor: one process that takes jobs off the queue and runs them, step after step.

After each step the engine keeps the cursor; who goes on with a job, in this process or another one, begins there. A
lease says that an executor lives. When it is over, the others take its jobs: the engine gives each to one of them, and
what a stalled executor does later is not kept.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

import structlog
from dbos import DBOS, DBOSConfig

from filmjacket.clock import now
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable
from filmjacket.jobs.engine import (
    APPLICATION,
    QUEUE,
    SCHEMA,
    UNFINISHED,
    VERSION,
    WORKFLOW,
    JsonSerializer,
    engine_url,
    open_jobs,
    progress_kept,
    progress_of,
    quiet_logs,
)
from filmjacket.jobs.kinds import kind_named
from filmjacket.jobs.schedule import due_jobs
from filmjacket.jobs.tools import Tools
from filmjacket.jobs.waiting import ask_for_executor, want_no_executor
from filmjacket.metrics import adjust, count, observe

if TYPE_CHECKING:
    from filmjacket.jobs.engine import EngineJobs
    from filmjacket.jobs.records import Arguments, Run
    from filmjacket.opening import Archive
    from filmjacket.settings import Settings

LEASE: Final = "jobs executor "
LEASE_SECONDS: Final = 10.0
TICK_SECONDS: Final = 1.0
RECOVER_SECONDS: Final = 2.0
SCHEDULE_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 20.0
"""An executor that was started by a server ends after so long without a job."""

DAY_MICROSECONDS: Final = 86_400 * 1_000_000

_log = structlog.get_logger("filmjacket.jobs")


def new_executor_id() -> str:
    """A name that no other executor has or had."""
    return f"{socket.gethostname()}/{os.getpid()}/{token_hex(4)}"


class Runner:
    """Runs the steps of jobs; a run lives as long as its job is at work in this process."""

    def __init__(self, tools: Tools, step_seconds: float) -> None:
        self._tools = tools
        self._step_seconds = step_seconds
        self._runs: dict[str, Run] = {}
        self._changed = threading.Condition()
        self._at_work = self._parked = 0
        self._stopping = False

    def advance(self, job_id: str, kind: str, arguments: Arguments, before: dict[str, Any] | None) -> dict[str, Any]:
        """Work for a while from where a job is; returns where it is then. Once stopped, it never does."""
        self._begin()
        try:
            return self._advance(job_id, kind, arguments, before)
        finally:
            self._finish()

    def stop(self, seconds: float) -> None:
        """Begin nothing more, and wait until what runs has ended its step and the engine has kept where it is."""
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: not self._at_work and self._parked >= len(self._runs), seconds)

    def _begin(self) -> None:
        with self._changed:
            # A job must not fail because its executor ends, and the engine knows no other way to give one back: its
            # thread waits here for the end of the process, and the next executor goes on.
            self._parked += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._stopping)
            self._parked -= 1
            self._at_work += 1

    def _finish(self) -> None:
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def _advance(self, job_id: str, kind: str, arguments: Arguments, before: dict[str, Any] | None) -> dict[str, Any]:
        kept = before or {"cursor": {}}
        progress, cursor = progress_of(kept), kept["cursor"]
        started = noted = time.monotonic()
        if job_id not in self._runs:
            self._runs[job_id] = kind_named(kind).begin(self._tools, arguments)
        run = self._runs[job_id]
        while True:
            step = run.step(cursor)
            cursor = step.cursor
            moment = time.monotonic()
            progress = progress.after(step, moment - noted)
            noted = moment
            if cursor is None or moment - started >= self._step_seconds or self._stopping:
                break
        if cursor is None:
            self.forget(job_id)
        return progress_kept(progress) | {"cursor": cursor}

    def forget(self, job_id: str) -> None:
        """A job works here no more."""
        with self._changed:
            self._runs.pop(job_id, None)
            self._changed.notify_all()


def _is_passing(error: BaseException) -> bool:
    """A database that restarts and a disk that is full: worth another try."""
    return isinstance(error, Unavailable | OutOfStorage)


def register(runner: Runner) -> None:
    """Tell the engine what a job is: steps until there is no cursor any more."""

    @DBOS.step(
        name="filmjacket.step",
        retries_allowed=True,
        interval_seconds=0.5,
        max_attempts=8,
        backoff_rate=2.0,
        should_retry=_is_passing,
    )
    def advance(job_id: str, kind: str, arguments: Arguments, before: dict[str, Any] | None) -> dict[str, Any]:
        kept = runner.advance(job_id, kind, arguments, before)
        # Inside the step, so that it is no step of its own: it is for those who watch.
        DBOS.update_workflow_attributes(job_id, {name: value for name, value in kept.items() if name != "cursor"})
        return kept

    @DBOS.workflow(name=WORKFLOW)
    def run_job(kind: str, arguments: Arguments) -> dict[str, Any]:
        job_id = str(DBOS.workflow_id)
        _log.info("job runs", job=job_id, kind=kind)
        kept: dict[str, Any] | None = None
        adjust("filmjacket_jobs_running", 1, job=kind)
        try:
            while kept is None or kept["cursor"] is not None:
                kept = advance(job_id, kind, arguments, kept)
        except FilmjacketError as error:
            _log.warning("job failed", job=job_id, kind=kind, reason=error.message)
            count("filmjacket_jobs_total", job=kind, outcome="failed")
            raise
        finally:
            adjust("filmjacket_jobs_running", -1, job=kind)
            runner.forget(job_id)
        count("filmjacket_jobs_total", job=kind, outcome="done")
        observe("filmjacket_job_seconds", kept["seconds"], job=kind)
        _log.info("job is done", job=job_id, kind=kind, items=kept["done"], seconds=round(kept["seconds"], 1))
        return {"done": kept["done"]}

    _ = run_job


def _recover(executor_id: str) -> None:
    """Queue the jobs of another executor again: the engine's only way to do so without its paid service."""
    DBOS._recover_pending_workflows([executor_id])  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


class Executor:
    """One executor on one archive; one at a time in a process, for the engine is global."""

    def __init__(self, settings: Settings, archive: Archive, executor_id: str) -> None:
        self._settings = settings
        self._leases = archive.leases
        self._id = executor_id
        self._tools = Tools(settings, archive)
        self._runner = Runner(self._tools, settings.jobs.step_seconds)
        self._jobs: EngineJobs = open_jobs(settings, archive.leases)
        self._seen_scheduled: set[str] = set()
        self._busy_at = time.monotonic()

    def run(self, stop: threading.Event, *, until_idle: bool) -> None:
        """Run jobs until stopped or, if so wished, until there are none for a while."""
        self._prolong()
        self._launch()
        self._forget_old()
        due = {"recover": 0.0, "schedule": 0.0}
        try:
            while not stop.wait(TICK_SECONDS):
                self._prolong()
                moment = time.monotonic()
                if moment >= due["schedule"]:
                    due["schedule"] = moment + SCHEDULE_SECONDS
                    self._submit_due()
                if moment >= due["recover"]:
                    due["recover"] = moment + RECOVER_SECONDS
                    self._take_over()
                if until_idle and self._is_idle(moment):
                    return
        finally:
            self._end()

    def _launch(self) -> None:
        quiet_logs()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": engine_url(self._settings),
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": self._id,
            "serializer": JsonSerializer(),
            "enable_otlp": False,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "db_engine_kwargs": {"hide_parameters": True},
            "sys_db_pool_size": 4 + self._settings.jobs.parallel,
            "max_executor_threads": 8 + 2 * self._settings.jobs.parallel,
            "scheduler_polling_interval_sec": 3600.0,
        }
        DBOS(config=config)
        register(self._runner)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self._settings.jobs.parallel,
            polling_interval_sec=self._settings.jobs.poll_seconds,
            on_conflict="always_update",
        )
        _log.info("executor runs", executor=self._id)

    def _prolong(self) -> None:
        try:
            self._leases.acquire(f"{LEASE}{self._id}", self._id, LEASE_SECONDS, now())
        except Unavailable:  # the steps meet the same trouble and wait it out
            _log.warning("lease not prolonged", executor=self._id)

    def _take_over(self) -> None:
        """Queue the jobs of executors that do not live any more."""
        try:
            running = DBOS.list_workflows(name=WORKFLOW, status="PENDING", load_input=False, load_output=False)
            others = {one.executor_id for one in running if one.executor_id and one.executor_id != self._id}
            for other in sorted(others):
                if not self._leases.held(f"{LEASE}{other}", LEASE_SECONDS):
                    _log.warning("taking over", executor=self._id, other=other)
                    _recover(other)
        except Unavailable:
            _log.warning("index does not answer", executor=self._id)

    def _submit_due(self) -> None:
        for due in due_jobs(self._settings.jobs.schedule, at=now()):
            if due.job_id not in self._seen_scheduled and self._jobs.find(due.job_id) is None:
                self._jobs.submit(due.kind, {}, job_id=due.job_id)
            self._seen_scheduled.add(due.job_id)

    def _is_idle(self, moment: float) -> bool:
        if self._has_work():
            self._busy_at = moment
            return False
        if moment - self._busy_at < IDLE_SECONDS:
            return False
        want_no_executor(self._leases)
        if self._has_work():  # it came in between
            ask_for_executor(self._leases, now())
            return False
        return True

    def _has_work(self) -> bool:
        return bool(
            DBOS.list_workflows(name=WORKFLOW, status=[*UNFINISHED], limit=1, load_input=False, load_output=False)
        )

    def _forget_old(self) -> None:
        self._jobs.forget(now() - self._settings.jobs.history_days * DAY_MICROSECONDS)

    def _end(self) -> None:
        """Let the running steps end, and hand over what is not done. The process must end then, see `Runner.stop`."""
        self._runner.stop(STOP_SECONDS)
        self._jobs.close()
        self._leases.release(f"{LEASE}{self._id}", self._id)
        self._tools.close()
        _log.info("executor ended", executor=self._id)
