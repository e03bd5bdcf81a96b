"""Wake-ups: that something was written, never what. They only shorten the time until somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final, Protocol

LOG: Final = "log"
"""The topic of everything that writes to the change log or the log of events."""


class Wakeups(Protocol):
    """Between writers and those who wait; lost wake-ups are made up for by looking now and then."""

    @property
    def poll_seconds(self) -> float:
        """How long one may wait for a wake-up before looking without one."""
        ...

    def poke(self, topic: str) -> None:
        """Wake whoever waits, here and in other workers; callable from any thread, after the commit."""
        ...

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for a wake-up that came since the last wait; False when the time is over."""
        ...

    def close(self) -> None:
        """End it: whoever waits is woken."""
        ...


class LocalWakeups:
    """Inside one process. Other processes are noticed by looking, which SQLite answers in microseconds."""

    def __init__(self, *, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        self._waiting: dict[str, set[_Waiter]] = {}

    @property
    def poll_seconds(self) -> float:
        """How long one may wait for a wake-up before looking without one."""
        return self._poll_seconds

    def poke(self, topic: str) -> None:
        """Wake whoever waits in this process."""
        with self._lock:
            for waiter in self._waiting.pop(topic, ()):
                waiter.wake()

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for a wake-up; False when the time is over."""
        waiter = _Waiter()
        with self._lock:
            self._waiting.setdefault(topic, set()).add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter.woken.wait()
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.get(topic, set()).discard(waiter)
        return True

    def close(self) -> None:
        """Wake everybody."""
        for topic in list(self._waiting):
            self.poke(topic)


class _Waiter:
    __slots__ = ("_loop", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.woken.set)
