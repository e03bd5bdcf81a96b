"""The wall between codecs and server: decoding runs in processes that may die (docs/explanation/pixels.md).

Workers are plain programs, started when they are first needed, never forked from a process with threads. Pixels cross
in memory that both sides share. A worker that crashes, takes too long or is no longer wanted is killed; its frame gets
an error, the next one a new worker.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from filmjacket.errors import DicomError, Unavailable
from filmjacket.metrics import counter, gauge, histogram
from filmjacket.pixels.frame_cache import FrameCache
from filmjacket.pixels.worker_process import WorkerDied, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from filmjacket.pixels.description import PixelArray, PixelDescription

    Check = Callable[[], None]

Result = TypeVar("Result")

MIB: Final = 1 << 20
IDLE_SECONDS: Final = 60.0
"""A worker without work ends after this time."""
POLL_SECONDS: Final = 0.05
CRASHED: Final = "crashed"
TIMEOUT: Final = "timeout"
GRACE_SECONDS: Final = 0.25
"""How long a decode may go on when nobody waits for it any more: most end sooner than a new worker starts."""


class Isolation(StrEnum):
    """Where codecs run."""

    PROCESS = "process"
    THREAD = "thread"


def _nothing() -> None:
    """The requester never leaves."""


class CodecWall:
    """Runs codecs at most `workers` at a time, each for at most `seconds`, in at most `memory_bytes` of its own.

    `check` is called now and then by the thread that waits; what it raises ends the wait and goes to the caller: the
    way to notice that the requester is gone. `frames` keeps decoded frames. Safe to use from many threads.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        seconds: float = 60.0,
        memory_bytes: int = 2048 * MIB,
        cache_bytes: int = 64 * MIB,
        isolation: Isolation = Isolation.PROCESS,
        check: Check = _nothing,
    ) -> None:
        self.frames = FrameCache(cache_bytes)
        self._workers = workers
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._isolation = isolation
        self._check = check
        self._lock = threading.Condition()
        self._busy = 0
        self._running = gauge("filmjacket_codec_running")
        self._run_seconds = histogram("filmjacket_codec_seconds")
        self._failures = {
            reason: counter("filmjacket_codec_failures_total", reason=reason) for reason in (CRASHED, TIMEOUT)
        }
        self._idle: deque[WorkerProcess] = deque()
        self._closed = False

    def decode(self, stream: bytes, description: PixelDescription, reduction: int = 0) -> PixelArray:
        """`filmjacket.pixels.codecs.decode_frame` behind the wall; the array is the caller's own."""
        from filmjacket.pixels.codecs import decode_frame  # noqa: PLC0415 - codecs are heavy

        return self.run(decode_frame, stream, description, reduction=reduction)

    def run(self, function: Callable[..., Result], *arguments: object, **options: object) -> Result:
        """A function of a module with arguments that can be pickled; it returns plain values, bytes or arrays.

        Raises what the function raises of `FilmjacketError`, `DicomError` when the process ends or takes too long.
        """
        with self._turn():
            if self._isolation is Isolation.THREAD:
                return function(*arguments, **options)
            return cast("Result", self._run_in_process(function, arguments, options))

    def close(self) -> None:
        """End the workers that have no work; the others end with their work."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
        for worker in idle:
            worker.kill()

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that wait for work."""
        with self._lock:
            return [worker.pid for worker in self._idle]

    @contextmanager
    def _turn(self) -> Generator[None]:
        """One of `workers` places, as soon as there is one."""
        with self._lock:
            while self._busy >= self._workers:
                self._lock.wait(POLL_SECONDS)
                self._check()
            self._busy += 1
        started = time.monotonic()
        self._running.add(1)
        try:
            yield
        finally:
            self._running.add(-1)
            self._run_seconds.observe(time.monotonic() - started)
            with self._lock:
                self._busy -= 1
                self._lock.notify()

    def _run_in_process(
        self, function: Callable[..., Any], arguments: tuple[object, ...], options: dict[str, object]
    ) -> object:
        worker = self._take_worker()
        kept = False
        try:
            worker.send(function, arguments, options)
            self._wait(worker)
            result = worker.receive()
            kept = True
        except WorkerDied as error:
            self._failures[CRASHED].add()
            raise DicomError(
                f"the codec {error.how} while it worked on the frame; the stream is malformed",
                section="PS3.5 8.2",
                offender="PixelData",
            ) from error
        finally:
            kept = kept or worker.answered
            self._give_back(worker, kept=kept)
        return worker.opened(result)

    def _wait(self, worker: WorkerProcess) -> None:
        deadline = time.monotonic() + self._seconds
        while not worker.ready(POLL_SECONDS):
            if time.monotonic() > deadline:
                self._failures[TIMEOUT].add()
                raise DicomError(
                    f"decoding the frame took more than {self._seconds:g} seconds and was stopped",
                    section="PS3.5 8.2",
                    offender="PixelData",
                )
            try:
                self._check()
            except BaseException:
                if worker.ready(GRACE_SECONDS):
                    worker.drain()
                raise

    def _take_worker(self) -> WorkerProcess:
        while True:
            with self._lock:
                if self._closed:
                    raise Unavailable("The server is stopping.", section="8.5")
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return WorkerProcess(self._memory_bytes, IDLE_SECONDS)
            if worker.usable(IDLE_SECONDS / 2):
                return worker
            worker.kill()

    def _give_back(self, worker: WorkerProcess, *, kept: bool) -> None:
        with self._lock:
            kept = kept and not self._closed
            if kept:
                self._idle.append(worker)
        if not kept:
            worker.kill()
