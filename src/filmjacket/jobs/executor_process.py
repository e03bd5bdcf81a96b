"""An executor as a program: `filmjacket jobs run`, by hand or started by a server."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from filmjacket.jobs.executor import Executor, new_executor_id
from filmjacket.logs import configure_logging
from filmjacket.opening import open_archive
from filmjacket.watching import share_numbers

if TYPE_CHECKING:
    from filmjacket.settings import Settings

PARENT_CHECK_SECONDS = 1.0


def run_executor(settings: Settings, *, until_idle: bool, parent: int | None = None) -> None:
    """Run jobs until a signal, the end of the parent or, if so wished, until there are none."""
    configure_logging(level=settings.log.level, output=settings.log.format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if parent is not None:
        threading.Thread(target=_watch_parent, args=(parent, stop), name="parent-watch", daemon=True).start()
    share_numbers(settings)
    Executor(settings, open_archive(settings), new_executor_id()).run(stop, until_idle=until_idle)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # threads of jobs that are not done wait for just that


def _watch_parent(parent: int, stop: threading.Event) -> None:
    """A server that was killed cannot stop its executor."""
    while not stop.wait(PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            stop.set()
