"""Goodbye before the end: granian ends connections at once, so workers are told before it hears of the signal."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Handler = Callable[[int, FrameType | None], None]

# Longer than workers give their connections; they answer as soon as the last one is closed.
_FAREWELL_SECONDS = 4.0
_AGAIN_SECONDS = 0.2


def say_goodbye_first(workers: int) -> None:
    """Put something in front of the handler of SIGTERM; called when the server has set its own.

    Workers get SIGUSR2, say goodbye, and send it back (see `filmjacket.listening`). Then, or when that takes too
    long, the handler runs.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        return
    stop = cast("Handler", before)
    goodbye = _Goodbye(workers)

    def on_stop(number: int, frame: FrameType | None) -> None:
        if not goodbye.begin():
            goodbye.over.append(None)
            stop(number, frame)

    signal.signal(signal.SIGUSR2, goodbye.on_answer)
    signal.signal(signal.SIGTERM, on_stop)


class _Goodbye:
    """Counts the workers that have said goodbye."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._begun = False
        # Not empty once the server has heard of the signal.
        self.over: list[None] = []
        # Of all that threads wait for, this alone may be used where a signal interrupted its own use.
        self._answers: queue.SimpleQueue[None] = queue.SimpleQueue()

    def begin(self) -> bool:
        """Tell the workers, and send the signal again when they have answered. False if that was done before."""
        if self._begun:
            return False
        self._begun = True
        threading.Thread(target=self._wait, name="farewell", daemon=True).start()
        for process in multiprocessing.active_children():
            with suppress(ProcessLookupError):
                os.kill(cast("int", process.pid), signal.SIGUSR2)
        return True

    def on_answer(self, _number: int, _frame: FrameType | None) -> None:
        """A worker is done; signals of several may arrive as one, hence the limit of time."""
        self._answers.put(None)

    def _wait(self) -> None:
        until = time.monotonic() + _FAREWELL_SECONDS
        with suppress(queue.Empty):
            for _ in range(self._workers):
                self._answers.get(timeout=max(0.0, until - time.monotonic()))
        # To the main thread itself: of a signal to the process another thread may take notice, which does not wake it.
        # One that comes while it is about to sleep wakes it only with the next one.
        while not self.over:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(_AGAIN_SECONDS)
