"""How work and results cross between the server and a codec worker.

A message is a length and a pickle (protocol 5); its large buffers lie in a file in memory that both sides have open.
What comes back from a worker, which may have been taken over by a stream, is unpickled with a short list of types.
"""

from __future__ import annotations

import fcntl
import io
import mmap
import os
import pickle
import struct
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

HEADER: Final = struct.Struct("<QQ")
"""Length of the pickle, number of buffers; the length of each buffer follows as `<Q`."""

KEPT_BYTES: Final = 32 << 20
"""What stays of the shared memory after a larger frame."""

MAX_PICKLE_BYTES: Final = 64 << 20
MAX_BUFFERS: Final = 1024
_ALIGNMENT: Final = 64

_NUMPY: Final = frozenset(
    (
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
    )
)


class SharedMemory:
    """Memory behind a file descriptor that a child inherits."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _anonymous_file() if descriptor is None else descriptor
        self._map: mmap.mmap | None = None
        self._size = 0

    def write(self, buffers: Sequence[memoryview]) -> list[int]:
        """Copy buffers in; returns their lengths."""
        lengths = [buffer.nbytes for buffer in buffers]
        view = memoryview(self._mapped(sum(map(_aligned, lengths)), grow=True))
        position = 0
        for buffer, length in zip(buffers, lengths, strict=True):
            view[position : position + length] = buffer.cast("B")
            position += _aligned(length)
        view.release()
        return lengths

    def read(self, lengths: Sequence[int]) -> list[memoryview]:
        """Views of the buffers that the other side wrote; they are good until the next message."""
        view = memoryview(self._mapped(sum(map(_aligned, lengths)), grow=False))
        found: list[memoryview] = []
        position = 0
        for length in lengths:
            found.append(view[position : position + length])
            position += _aligned(length)
        return found

    def shrink(self) -> None:
        """Give memory back that an unusually large frame took; the file keeps its length, see `_anonymous_file`."""
        if self._map is not None and self._size > KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, KEPT_BYTES, self._size - KEPT_BYTES)

    def close(self) -> None:
        """Release everything."""
        self._unmap()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _mapped(self, needed: int, *, grow: bool) -> mmap.mmap:
        size = os.fstat(self.descriptor).st_size
        if size < needed and grow:
            size = -(-needed // KEPT_BYTES) * KEPT_BYTES if needed > KEPT_BYTES // 4 else KEPT_BYTES // 4
            os.ftruncate(self.descriptor, size)
        if size < needed:
            raise EOFError("the shared memory is shorter than its message says")
        if self._map is None or self._size != size:
            self._unmap()
            self._map = mmap.mmap(self.descriptor, max(size, 1))
            self._size = size
        return self._map

    def _unmap(self) -> None:
        if self._map is not None:
            with suppress(BufferError):  # views of the last message are alive: the map goes with them
                self._map.close()
            self._map = None
            self._size = 0


def send(connection: socket.socket, memory: SharedMemory, message: object) -> None:
    """Send a message; its buffers are in the memory before it arrives."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    lengths = memory.write([buffer.raw() for buffer in buffers]) if buffers else []
    connection.sendall(HEADER.pack(len(body), len(lengths)) + struct.pack(f"<{len(lengths)}Q", *lengths) + body)


def receive(connection: socket.socket, memory: SharedMemory, *, trusted: bool) -> Any:  # noqa: ANN401 - as sent
    """The next message. Raises `EOFError` at the end; views of its buffers are good until the next one."""
    size, count = HEADER.unpack(_exactly(connection, HEADER.size))
    if size > MAX_PICKLE_BYTES or count > MAX_BUFFERS:
        raise EOFError("no message of a worker")
    lengths = struct.unpack(f"<{count}Q", _exactly(connection, 8 * count))
    body = _exactly(connection, size)
    buffers = memory.read(lengths) if count else []
    if trusted:
        return pickle.loads(body, buffers=buffers)  # noqa: S301 - from the server itself
    try:
        return _CarefulUnpickler(io.BytesIO(body), buffers=buffers).load()
    except (pickle.UnpicklingError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise EOFError("no message of a worker") from error


class _CarefulUnpickler(pickle.Unpickler):
    """Makes arrays, errors and the values of this package, nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - the signature is pickle's
        if (module, name) in _NUMPY:
            return super().find_class(module, name)
        if module == "filmjacket.errors" or module.startswith("filmjacket.pixels."):
            found: Any = super().find_class(module, name) if "." not in name else None
            if isinstance(found, type) and found.__module__ == module and _is_plain(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} does not come through the wall")


def _is_plain(found: type[Any]) -> bool:
    return issubclass(found, FilmjacketError) or hasattr(found, "__dataclass_fields__")


def _exactly(connection: socket.socket, length: int) -> bytes:
    taken = bytearray(length)
    view = memoryview(taken)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise EOFError("the other side is gone")
        view = view[count:]
    return bytes(taken)


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _anonymous_file() -> int:
    """A file without a name. It cannot be made shorter: whoever reads where a file has ended is killed (SIGBUS).

    Only Linux can promise that.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("filmjacket-frame", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return descriptor
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
