"""One codec worker, seen from the server: a child process with a socket and shared memory."""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from filmjacket.pixels import exchange

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 30.0


class WorkerDied(Exception):
    """The process ended before it answered; `how` fits behind "the codec"."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class WorkerProcess:
    """A process that runs one function after another. For one thread at a time.

    It is a new program, not a fork: a fork of a process with threads may hang, and would carry the server's memory.
    It ends when its socket does, hence with its parent, however that ends.
    """

    def __init__(self, memory_bytes: int, idle_seconds: float) -> None:
        self._memory = exchange.SharedMemory()
        self._socket, theirs = socket.socketpair()
        arguments = (theirs.fileno(), self._memory.descriptor, memory_bytes, idle_seconds)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, "-m", "filmjacket.pixels.worker", *map(str, arguments)],
                pass_fds=arguments[:2],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        self._used = time.monotonic()
        self.answered = False

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def usable(self, idle_seconds: float) -> bool:
        """Whether it is alive and will not end by itself in a moment."""
        # A socket that has something to say without being asked says that its other end is gone.
        return time.monotonic() - self._used < idle_seconds and not self.ready(0) and self._process.poll() is None

    def send(self, function: Callable[..., Any], arguments: tuple[object, ...], options: dict[str, object]) -> None:
        """Give it work."""
        self.answered = False
        try:
            exchange.send(self._socket, self._memory, (function, tuple(map(_outside, arguments)), options))
        except OSError:
            raise WorkerDied(self._how()) from None

    def ready(self, seconds: float) -> bool:
        """Wait for an answer, or for the end of the process."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))

    def receive(self) -> tuple[bool, Any]:
        """(True, what the function returned) or (False, what it raised); arrays are copies."""
        try:
            succeeded, result = exchange.receive(self._socket, self._memory, trusted=False)
        except (EOFError, OSError):
            raise WorkerDied(self._how()) from None
        self.answered = True
        self._used = time.monotonic()
        result = _own(result)
        self._memory.shrink()
        return bool(succeeded), result

    def drain(self) -> None:
        """Take an answer that nobody wants any more."""
        try:
            self.receive()
        except WorkerDied:
            self.answered = False

    @staticmethod
    def opened(answer: tuple[bool, Any]) -> Any:  # noqa: ANN401 - as returned
        """What the function returned; raises what it raised."""
        succeeded, result = answer
        if succeeded:
            return result
        if isinstance(result, Exception):
            raise result
        raise RuntimeError(f"a codec worker failed: {result}")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._memory.close()

    def _how(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "broke off"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended with code {code}"


def _environment() -> dict[str, str]:
    """The server's own, with its module path, and one thread for each linear algebra library."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _outside(argument: object) -> object:
    """Bytes travel in the shared memory, as a buffer; pickle would copy them into the message."""
    return pickle.PickleBuffer(argument) if isinstance(argument, bytes) else argument


def _own(result: Any) -> Any:  # noqa: ANN401 - any value
    """Copies of what lies in the shared memory, which the next frame will overwrite."""
    if hasattr(result, "__array_interface__"):
        return result.copy()
    if isinstance(result, memoryview):
        return result.tobytes()
    if isinstance(result, (tuple, list)):
        members = [_own(member) for member in cast("list[Any]", result)]
        return members if isinstance(result, list) else tuple(members)
    return result
