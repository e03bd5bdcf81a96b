"""Goodbye before the end: granian ends connections at once, so workers are told before it hears of the signal."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from filmjacket.observability.shared_directory import Word, has_noted

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from pathlib import Path
    from types import FrameType

    Handler = Callable[[int, FrameType | None], None]

# Longer than workers give their connections; they answer as soon as the last one is closed.
_FAREWELL_SECONDS = 4.0
_LOOK_SECONDS = 0.02
_AGAIN_SECONDS = 0.2


def say_goodbye_first(directory: Path) -> None:
    """Put something in front of the handler of SIGTERM; called when the server has set its own.

    Workers that are up get SIGUSR2, say goodbye, and note it in the directory that they share: signals of several at
    once would arrive as one (see `filmjacket.listening`). Then, or when that takes too long, the handler runs.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        return
    os.register_at_fork(after_in_child=_forget_handlers)
    stop = cast("Handler", before)
    goodbye = _Goodbye(directory)

    def on_stop(number: int, frame: FrameType | None) -> None:
        if not goodbye.begin():
            goodbye.over.append(None)
            stop(number, frame)

    signal.signal(signal.SIGTERM, on_stop)


def _forget_handlers() -> None:
    """A worker inherits the handlers of its parent and would, until it has its own, take signals and do nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A terminal sends this one to all; the parent then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Goodbye:
    """Waits for the workers that have not said goodbye."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._begun = False
        # Not empty once the server has heard of the signal.
        self.over: list[None] = []

    def begin(self) -> bool:
        """Tell the workers, and send the signal again when they have answered. False if that was done before."""
        if self._begun:
            return False
        self._begun = True
        told = [process for process in multiprocessing.active_children() if self._has_noted(process, Word.LISTENING)]
        threading.Thread(target=self._wait, args=(told,), name="farewell", daemon=True).start()
        for process in told:
            with suppress(ProcessLookupError):
                os.kill(cast("int", process.pid), signal.SIGUSR2)
        return True

    def _wait(self, told: list[BaseProcess]) -> None:
        until = time.monotonic() + _FAREWELL_SECONDS
        while time.monotonic() < until and any(map(self._is_awaited, told)):
            time.sleep(_LOOK_SECONDS)
        # To the main thread itself: of a signal to the process another thread may take notice, which does not wake it.
        # One that comes while it is about to sleep wakes it only with the next one.
        while not self.over:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(_AGAIN_SECONDS)

    def _is_awaited(self, process: BaseProcess) -> bool:
        return process.is_alive() and not self._has_noted(process, Word.FAREWELL)

    def _has_noted(self, process: BaseProcess, word: Word) -> bool:
        return has_noted(self._directory, word, cast("int", process.pid))
