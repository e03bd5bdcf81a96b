"""A blob store whose operations are counted and timed, whichever store it is."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

from filmjacket.errors import NotFound
from filmjacket.metrics import counter, histogram
from filmjacket.spans import span

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from filmjacket.archive.ports import BlobReader, Blobs, Spool, StagedBlob
    from filmjacket.archive.spans import Span

OPERATIONS: Final = ("read", "chunks", "publish", "size", "remove", "check")
"""Those that are timed; `chunks` is the time to the first of them."""


class _Operation:
    """One operation of the store, whose time, bytes and errors are counted."""

    __slots__ = ("_errors", "_name", "_seconds")

    def __init__(self, name: str) -> None:
        self._name = f"blobs.{name}"
        self._seconds = histogram("filmjacket_blob_seconds", operation=name)
        self._errors = counter("filmjacket_blob_errors_total", operation=name)

    @contextmanager
    def run(self) -> Generator[None]:
        """While it runs."""
        started = perf_counter()
        try:
            with span(self._name):
                yield
        except NotFound:
            raise
        except Exception:
            self._errors.add()
            raise
        finally:
            self._seconds.observe(perf_counter() - started)


class WatchedReader:
    """Reads through to a reader; see the port `BlobReader`."""

    def __init__(self, reader: BlobReader, operations: dict[str, _Operation] | None = None) -> None:
        self._reader = reader
        self._operations = operations or {name: _Operation(name) for name in OPERATIONS}
        self._bytes_read = counter("filmjacket_blob_bytes_total", direction="read")

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        with self._operations["read"].run():
            found = self._reader.read(key, offset, length)
        self._bytes_read.add(len(found))
        return found

    def chunks(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in chunks."""
        chunks = self._reader.chunks(key, offset, length)
        size = 0
        try:
            with self._operations["chunks"].run():
                chunk = next(chunks, None)
            while chunk is not None:
                size += len(chunk)
                yield chunk
                chunk = next(chunks, None)
        finally:
            self._bytes_read.add(size)
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def reading(self, spans: Sequence[Span]) -> BlobReader:
        """The same for one reader who is going to read these spans."""
        reader = self._reader.reading(spans)
        return self if reader is self._reader else WatchedReader(reader, self._operations)


class WatchedBlobs(WatchedReader):
    """Everything that a store can; see the port `Blobs`."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs)
        self._blobs = blobs
        self._bytes_written = counter("filmjacket_blob_bytes_total", direction="written")

    def stage(self, key: str | None = None) -> StagedBlob:
        """Begin to receive one blob."""
        return self._blobs.stage(key)

    def spool(self) -> Spool:
        """A new spool."""
        return self._blobs.spool()

    def publish(self, staged: Sequence[StagedBlob]) -> None:
        """Make finished blobs durable."""
        with self._operations["publish"].run():
            self._blobs.publish(staged)
        self._bytes_written.add(sum(blob.finish().size for blob in staged))

    def size(self, key: str) -> int | None:
        """Length of a blob."""
        with self._operations["size"].run():
            return self._blobs.size(key)

    def local_path(self, key: str) -> Path | None:
        """Path of the blob if it is a plain file."""
        return self._blobs.local_path(key)

    def public_url(self, key: str) -> str | None:
        """URL at the store itself."""
        return self._blobs.public_url(key)

    def open(self, key: str) -> BinaryIO:
        """A seekable binary reader over the blob."""
        return self._blobs.open(key)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove blobs."""
        with self._operations["remove"].run():
            self._blobs.remove(keys)

    def keys(self, *, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Every published key."""
        return self._blobs.keys(older_than_seconds=older_than_seconds)

    def clear_stage(self, *, older_than_seconds: float) -> int:
        """Remove abandoned staging files."""
        return self._blobs.clear_stage(older_than_seconds=older_than_seconds)

    def check(self) -> None:
        """Raise if blobs cannot be written."""
        with self._operations["check"].run():
            self._blobs.check()

    def close(self) -> None:
        """Release threads and files."""
        self._blobs.close()
