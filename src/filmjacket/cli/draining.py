"""The time between the word that the server stops and its end: it serves on, and says that it is not ready.

Proxies that ask for readiness then send their requests elsewhere before the first connection is refused.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, cast

from filmjacket.observability.shared_directory import begin_draining

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    Handler = Callable[[int, FrameType | None], None]


class Draining:
    """Takes the first signal to stop, and sends it once more when `seconds` are over."""

    def __init__(self, seconds: float, directory: Path) -> None:
        self._seconds = seconds
        self._directory = directory
        self._begun = False
        self._process = os.getpid()

    def takes(self, number: int) -> bool:
        """True if nobody else needs to know of the signal yet."""
        if self._begun or os.getpid() != self._process:
            return False
        self._begun = True
        begin_draining(self._directory)
        if not self._seconds:
            return False
        # To the main thread itself: of a signal to the process another thread may take notice, which does not wake it.
        timer = threading.Timer(self._seconds, signal.pthread_kill, (threading.main_thread().ident, number))
        timer.daemon = True
        timer.start()
        return True

    def come_first(self) -> None:
        """Put this in front of what handles signals to stop now."""
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._in_front_of(cast("Handler", before)))

    def _in_front_of(self, before: Handler) -> Handler:
        def on_signal(number: int, frame: FrameType | None) -> None:
            if not self.takes(number):
                before(number, frame)

        return on_signal
