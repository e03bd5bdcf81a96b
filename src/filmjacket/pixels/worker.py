"""The program of a codec worker: `python -m filmjacket.pixels.worker SOCKET MEMORY BYTES SECONDS`."""

from __future__ import annotations

import pickle
import resource
import select
import socket
import sys
from typing import Any

from filmjacket.errors import FilmjacketError
from filmjacket.pixels import exchange

# Loaded before the first frame comes: it costs as much time as decoding a hundred of them.
from filmjacket.pixels.codecs import decode_frame

assert decode_frame  # noqa: S101 - imported for its effect


def serve(connection: socket.socket, memory: exchange.SharedMemory, idle_seconds: float) -> None:
    """Run functions until the server is gone or has had nothing to do for a while."""
    while select.select([connection], [], [], idle_seconds)[0]:
        try:
            function, arguments, options = exchange.receive(connection, memory, trusted=True)
        except (EOFError, OSError):
            return
        answer = _answer(function, arguments, options)
        del arguments
        exchange.send(connection, memory, answer)
        del answer


def _answer(function: Any, arguments: tuple[Any, ...], options: dict[str, object]) -> tuple[bool, object]:  # noqa: ANN401 - as sent
    try:
        result = function(*(_own(item) for item in arguments), **options)
    except FilmjacketError as error:
        error.__cause__ = error.__context__ = None
        return False, error
    except Exception as error:  # noqa: BLE001 - reported to the server, which raises it
        return False, f"{type(error).__name__} in {getattr(function, '__name__', 'a function')}"
    return True, pickle.PickleBuffer(result) if isinstance(result, bytes) else result


def _own(argument: Any) -> Any:  # noqa: ANN401 - any value
    """Codecs take bytes; the shared memory is for one message only."""
    return argument.tobytes() if isinstance(argument, memoryview) else argument


def main(arguments: list[str]) -> None:
    """Serve one parent."""
    descriptor, memory, memory_bytes, idle_seconds = arguments
    # What is shared does not count; what a codec asks for beyond it gets no memory, and that frame an error.
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(memory_bytes), int(memory_bytes)))
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(connection, exchange.SharedMemory(int(memory)), float(idle_seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
