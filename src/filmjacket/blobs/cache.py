"""A local cache of blobs: plain files, bounded, shared by all processes of a machine that name its directory."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.blobs.keys import check_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = structlog.stdlib.get_logger("filmjacket.blobs")

ENTRY_SHARE: Final = 8
"""No blob takes more than this part of the cache."""

PENDING_BYTES: Final = 8 << 20
"""Bytes that wait to be written to the cache; what comes on top is not cached."""

PARTIAL_ENTRIES: Final = 16
"""Blobs of which only some pieces have come yet."""

TOUCH_SECONDS: Final = 60.0
"""A file that is read is marked as used no more often than this."""

STALE_SECONDS: Final = 3600.0
"""Files that somebody began to write so long ago are remains of a crash."""

SLACK: Final = 16
"""A process looks at the whole cache again when it has added this part of its size."""


@dataclass(slots=True)
class _Partial:
    path: str
    total: int
    descriptor: int
    pieces: dict[int, int] = field(default_factory=dict[int, int])

    def is_whole(self) -> bool:
        end = 0
        for first in sorted(self.pieces):
            if first > end:
                return False
            end = max(end, first + self.pieces[first])
        return end >= self.total


class BlobCache:
    """Whole blobs as files under names made from their keys; blobs never change, so an entry is never out of date.

    A file gets its name when its bytes are on the disk. Each process counts what it adds and now and then looks at
    what is there, whoever brought it, to remove what was not used for longest; so the cache may be larger than its
    bound by a sixteenth for each process.
    """

    def __init__(self, directory: Path, maximum_bytes: int) -> None:
        self._directory = directory
        self._maximum = maximum_bytes
        self._lock = threading.Lock()
        self._partial: OrderedDict[str, _Partial] = OrderedDict()
        self._pending = 0
        self._added = maximum_bytes
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="blob-cache")
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def largest_entry(self) -> int:
        """Bytes of the largest blob that is kept."""
        return self._maximum // ENTRY_SHARE

    def path(self, key: str) -> Path | None:
        """The file of a blob that is here whole."""
        path = self._directory / _name(key)
        try:
            used = path.stat().st_mtime
        except OSError:
            return None
        if time.time() - used > TOUCH_SECONDS:
            with suppress(OSError):
                os.utime(path)
        return path

    def read(self, key: str, first: int, length: int) -> tuple[bytes, int] | None:
        """At most `length` bytes from `first` and the size of the whole blob, or None."""
        path = self.path(key)
        if path is None:
            return None
        try:
            with path.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), length, first), os.fstat(file.fileno()).st_size
        except OSError:
            return None

    def offer(self, key: str, first: int, content: bytes, total: int) -> None:
        """Keep a piece of a blob that has `total` bytes, soon and if there is room; it counts once all have come."""
        if not content or total > self.largest_entry:
            return
        with self._lock:
            if self._pending + len(content) > PENDING_BYTES:
                return
            self._pending += len(content)
        self._writer.submit(self._write, key, first, content, total)

    def remove(self, keys: Sequence[str]) -> None:
        """Forget blobs, whatever of them still waits to be written included."""
        names = [_name(key) for key in keys]
        if names:
            self._writer.submit(self._unlink, names).result()

    def settle(self) -> None:
        """Wait until everything that was offered is written."""
        self._writer.submit(lambda: None).result()

    def trim(self, *, to: float = 0.9) -> int:
        """Remove what was not used for longest until no more than this part of the bound is taken; bytes left."""
        entries: list[tuple[float, int, str]] = []
        now = time.time()
        with suppress(OSError), os.scandir(self._directory) as found:
            for entry in found:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if not entry.name.endswith(".dcm") and now - status.st_mtime > STALE_SECONDS:
                        os.unlink(entry.path)  # noqa: PTH108 - a directory entry has no Path
                    else:
                        entries.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        if total <= self._maximum:
            return total
        for _, size, path in sorted(entries):
            if path.endswith(".part"):
                continue
            if total <= self._maximum * to:
                break
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108
            total -= size
        return total

    def close(self) -> None:
        """Finish writing and drop what is not whole."""
        self._writer.shutdown()
        while self._partial:
            self._drop_oldest()

    def _write(self, key: str, first: int, content: bytes, total: int) -> None:
        try:
            self._add(key, first, content, total)
        except OSError as error:  # a full or broken disk: reads go on without a cache
            log.warning("blob_cache_failed", reason=error.strerror)
        finally:
            with self._lock:
                self._pending -= len(content)

    def _add(self, key: str, first: int, content: bytes, total: int) -> None:
        partial = self._partial.get(key)
        if partial is None:
            if (self._directory / _name(key)).exists():
                return
            partial = self._begin(key, total)
        os.pwrite(partial.descriptor, content, first)
        partial.pieces[first] = max(len(content), partial.pieces.get(first, 0))
        if not partial.is_whole():
            return
        del self._partial[key]
        try:
            os.fdatasync(partial.descriptor)
            os.rename(partial.path, self._directory / _name(key))  # noqa: PTH104 - both names are ours
        finally:
            os.close(partial.descriptor)
        self._count(total)

    def _unlink(self, names: Sequence[str]) -> None:
        for name in names:
            with suppress(OSError):
                (self._directory / name).unlink(missing_ok=True)

    def _begin(self, key: str, total: int) -> _Partial:
        while len(self._partial) >= PARTIAL_ENTRIES:
            self._drop_oldest()
        path = f"{self._directory}/{token_hex(16)}.part"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o640)
        partial = self._partial[key] = _Partial(path, total, descriptor)
        return partial

    def _count(self, size: int) -> None:
        self._added += size
        if self._added > self._maximum // SLACK:
            self._added = 0
            self.trim()

    def _drop_oldest(self) -> None:
        _, partial = self._partial.popitem(last=False)
        os.close(partial.descriptor)
        with suppress(OSError):
            os.unlink(partial.path)  # noqa: PTH108 - made from a string


def _name(key: str) -> str:
    return check_key(key).replace("/", "-")
