"""Starts an executor when jobs wait: a server without jobs pays one small query every few seconds, and no process.

It runs in every worker of every host; a lease sees to it that one of them starts one executor, as a program of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.clock import now
from filmjacket.errors import Unavailable
from filmjacket.jobs.schedule import due_jobs
from filmjacket.jobs.waiting import ask_for_executor, is_executor_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.archive.leases_port import Leases

SUPERVISOR: Final = "jobs supervisor"
CHECK_SECONDS: Final = 2.0
LEASE_SECONDS: Final = 15.0
REMEMBERED_SECONDS: Final = 3 * 86_400.0
STOP_SECONDS: Final = 5.0

_log = structlog.get_logger("filmjacket.jobs")


class Supervisor:
    """A thread that looks whether jobs wait or are due, and keeps one executor running as long as that is so."""

    def __init__(
        self, leases: Leases, schedule: Mapping[str, str], start: Callable[[], subprocess.Popen[bytes]]
    ) -> None:
        self._leases = leases
        self._schedule = schedule
        self._start = start
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{token_hex(4)}"
        self._stopping = threading.Event()
        self._executor: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="jobs-supervisor", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking; an executor ends after its step, and what it has not done goes on later."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._executor is None:
            return
        self._executor.terminate()
        try:
            self._executor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._executor.kill()
            self._executor.wait()

    def check(self) -> None:
        """Look once."""
        moment = now()
        if self._executor is not None:
            if self._executor.poll() is None:
                self._leases.acquire(SUPERVISOR, self._holder, LEASE_SECONDS, moment)
                return
            self._executor = None
            self._leases.release(SUPERVISOR, self._holder)
        self._wake_for_due(moment)
        wanted = is_executor_wanted(self._leases)
        if wanted and self._leases.acquire(SUPERVISOR, self._holder, LEASE_SECONDS, moment):
            self._executor = self._start()

    def _wake_for_due(self, moment: int) -> None:
        """The first of all workers who sees that a job is due asks for an executor, which queues it."""
        for due in due_jobs(self._schedule, at=moment):
            if self._leases.acquire(f"jobs due {due.job_id}", token_hex(8), REMEMBERED_SECONDS, moment):
                ask_for_executor(self._leases, moment)

    def _run(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            try:
                self.check()
            except Unavailable:  # the index is away; readiness tells the administrator
                continue
            except Exception as error:  # noqa: BLE001 - a thread that died would start no job ever again
                _log.error("jobs are not looked at", error=type(error).__name__)


def start_executor() -> subprocess.Popen[bytes]:
    """Start an executor that ends when there is nothing to do; settings travel in the environment."""
    command = [sys.executable, "-m", "filmjacket", "jobs", "run", "--until-idle", "--parent", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
