"""A spool: bytes of a request that are needed once more before they become part of a blob, or of none."""

from __future__ import annotations

from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from filmjacket.blobs.stage import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 256 * 1024


class LocalSpool:
    """See the `Spool` port. The file has no name, so that it is gone with the process whatever ends it."""

    def __init__(self, directory: str, *, memory_bytes: int, check_room: Callable[[], None]) -> None:
        self._file = SpooledTemporaryFile[bytes](max_size=memory_bytes, dir=directory)
        self._check_room = check_room
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; raises `OutOfStorage` when the store is full."""
        self._check_room()
        try:
            self._file.seek(self._size)
            self._file.write(chunk)
        except OSError as error:
            raise storage_error(error) from error
        self._size += len(chunk)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        try:
            self._file.seek(offset)
            return self._file.read(length)
        except OSError as error:
            raise storage_error(error) from error

    def chunks(self, offset: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, a piece at a time."""
        end = offset + length
        while offset < end:
            piece = self.read(offset, min(CHUNK_BYTES, end - offset))
            if not piece:
                return
            offset += len(piece)
            yield piece

    def close(self) -> None:
        """Drop the bytes; safe to call more than once."""
        with suppress(OSError):  # a full disk does not take what was still to be written, and nobody wants it
            self._file.close()
