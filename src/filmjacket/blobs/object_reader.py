"""A file-like reader over a blob that is read by ranges."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from filmjacket.archive.ports import BlobReader


class ObjectReader(io.RawIOBase):
    """Unbuffered: each read is a request, so put `io.BufferedReader` around it."""

    def __init__(self, blobs: BlobReader, key: str, size: int) -> None:
        self._blobs = blobs
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, which may be behind the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as there are bytes."""
        target = memoryview(buffer).cast("B")
        length = max(min(len(target), self._size - self._position), 0)
        target[:length] = self._blobs.read(self._key, self._position, length)
        self._position += length
        return length
