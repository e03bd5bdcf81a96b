"""The durable local blob store: plain files that a power cut cannot take back once they are published."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

from filmjacket.blobs.keys import DIRECTORY_DEPTH, KEY_PATTERN, check_key, new_key
from filmjacket.blobs.room import Room
from filmjacket.blobs.spool import LocalSpool
from filmjacket.blobs.stage import CREATE, LocalStage, storage_error
from filmjacket.blobs.stage_directory import StageDirectory, is_abandoned
from filmjacket.clock import utc_now
from filmjacket.errors import FilmjacketError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from filmjacket.archive.ports import StagedBlob
    from filmjacket.archive.spans import Span

STAGE = ".stage"
CHUNK_BYTES = 256 * 1024
MEMORY_BYTES = 1 << 20
KNOWN_DIRECTORIES = 64
"""Directories remembered as being there and durable."""

RECENT_SECONDS = 3600.0
"""An emptied directory younger than this may still be about to be written to, so it stays."""

READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)


class LocalBlobs:
    """Blobs as files below one directory; see the `Blobs` port.

    The order of steps in `publish` makes a batch durable with few waits for the disk: all its files are
    written and given their final names, then each is synced, then each directory once. A file can have its
    final name before its bytes are safe because nobody can know a key before `publish` returns; after a power
    cut such a file is an orphan that the sweep removes.
    """

    def __init__(
        self,
        root: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        minimum_free_bytes: int = 0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._root = root.absolute()
        self._stage = self._root / STAGE
        self._own_stage = StageDirectory(self._stage)
        self._memory_bytes = memory_bytes
        self._clock = clock
        self._directories: set[str] = set()
        self._room = Room(self._stage, minimum_free_bytes)
        try:
            self._stage.mkdir(parents=True, exist_ok=True)
            _sync_directory(self._root)
            _sync_directory(self._root.parent)
        except OSError as error:
            raise storage_error(error) from error

    def stage(self, key: str | None = None) -> LocalStage:
        """Begin to receive one blob, under a new key unless one is given."""
        name_key = self._new_key if key is None else partial(check_key, key)
        return LocalStage(
            self._own_stage.new_path(),
            memory_bytes=self._memory_bytes,
            name_key=name_key,
            check_room=self._room.check,
        )

    def spool(self) -> LocalSpool:
        """A new spool beside the staged blobs."""
        return LocalSpool(str(self._stage), memory_bytes=self._memory_bytes, check_room=self._room.check)

    def publish(self, staged: Sequence[StagedBlob]) -> None:
        """Make finished blobs durable under their keys; all of them or, with an error, none."""
        batch = [_own(blob) for blob in staged]
        keys: list[str] = []
        try:
            for blob in batch:
                keys.append(blob.finish().key)
                self._rename(blob.path, keys[-1])
            for key in keys:
                _sync_file(f"{self._root}/{key}")
            for directory in sorted({key.rpartition("/")[0] for key in keys}):
                _sync_directory(f"{self._root}/{directory}")
        except (OSError, FilmjacketError) as error:
            self._undo(batch, keys)
            if isinstance(error, OSError):
                raise storage_error(error) from error
            raise

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        descriptor = self._open(key)
        try:
            pieces = list(_read_range(descriptor, offset, length, length))
        finally:
            os.close(descriptor)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def chunks(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in chunks of at most 256 KiB."""
        descriptor = self._open(key)
        try:
            if length is None:
                length = max(os.fstat(descriptor).st_size - offset, 0)
            yield from _read_range(descriptor, offset, length, CHUNK_BYTES)
        finally:
            os.close(descriptor)

    def reading(self, spans: Sequence[Span]) -> LocalBlobs:  # noqa: ARG002 - the kernel reads ahead
        """The store itself."""
        return self

    def public_url(self, key: str) -> None:
        """None: nobody but this server can be asked for a file."""

    def size(self, key: str) -> int | None:
        """Length of a blob in bytes, None if it is missing."""
        try:
            return os.stat(f"{self._root}/{check_key(key)}").st_size  # noqa: PTH116 - a Path costs more than the call
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error) from error

    def local_path(self, key: str) -> Path:
        """Path of the blob, for an HTTP server that sends files by itself."""
        return self._root / check_key(key)

    def open(self, key: str) -> BinaryIO:
        """A seekable binary reader over the blob."""
        return os.fdopen(self._open(key), "rb")

    def remove(self, keys: Sequence[str]) -> None:
        """Remove blobs that nothing refers to; missing ones are not an error.

        Not synced: a removal that a power cut undoes leaves an orphan for the sweep.
        """
        directories: set[Path] = set()
        try:
            for key in keys:
                path = self.local_path(key)
                path.unlink(missing_ok=True)
                directories.add(path.parent)
            for directory in directories:
                self._remove_if_empty(directory)
        except OSError as error:
            raise storage_error(error) from error

    def keys(self, *, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Every published key that has not changed for the given time, oldest directory first."""
        latest = time.time() - older_than_seconds
        for directory in _directories(self._root, DIRECTORY_DEPTH):
            for entry in _entries(directory):
                key = os.path.relpath(entry.path, self._root)
                if KEY_PATTERN.fullmatch(key) and _changed_by(entry, latest):
                    yield key

    def clear_stage(self, *, older_than_seconds: float) -> int:
        """Remove staging files of processes that are gone, not written to for the given time; returns how many.

        What a living process stages stays, whatever the clock says.
        """
        latest = time.time() - older_than_seconds
        removed = _remove_old(self._stage, latest)
        for entry in _entries(self._stage):
            if entry.is_dir(follow_symlinks=False) and is_abandoned(entry.path):
                removed += _remove_old(entry.path, latest)
                with suppress(OSError):  # something in it is younger
                    os.rmdir(entry.path)  # noqa: PTH106 - a directory entry has no Path
        return removed

    def check(self) -> None:
        """Raise `Unavailable` or `OutOfStorage` if blobs cannot be written (readiness)."""
        probe = self._stage / f"probe-{token_hex(16)}"
        try:
            self._room.check()
            descriptor = os.open(probe, CREATE, 0o600)
            try:
                os.write(descriptor, b"filmjacket")
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
                probe.unlink()
        except OSError as error:
            raise storage_error(error) from error

    def close(self) -> None:
        """Give up the directory of this process."""
        self._own_stage.close()

    def _new_key(self) -> str:
        return new_key(self._clock(), token_hex(16))

    def _rename(self, source: str, key: str) -> None:
        directory = key.rpartition("/")[0]
        if directory not in self._directories:
            self._make_directory(directory)
        try:
            os.rename(source, f"{self._root}/{key}")  # noqa: PTH104 - a Path costs more than the call
        except FileNotFoundError:  # somebody emptied and removed the directory meanwhile
            self._make_directory(directory)
            os.rename(source, f"{self._root}/{key}")  # noqa: PTH104

    def _make_directory(self, directory: str) -> None:
        parent = self._root
        for name in directory.split("/"):
            path = parent / name
            path.mkdir(exist_ok=True)
            _sync_directory(parent)  # also when it exists: another process may not have synced it yet
            parent = path
        if len(self._directories) > KNOWN_DIRECTORIES:
            self._directories.clear()
        self._directories.add(directory)

    def _remove_if_empty(self, directory: Path) -> None:
        with suppress(OSError):
            if time.time() - directory.stat().st_mtime > RECENT_SECONDS:
                directory.rmdir()

    def _undo(self, batch: Sequence[LocalStage], published: Sequence[str]) -> None:
        for blob in batch:
            blob.discard()
        for key in published:
            with suppress(OSError):
                (self._root / key).unlink(missing_ok=True)

    def _open(self, key: str) -> int:
        try:
            return os.open(f"{self._root}/{check_key(key)}", READ)
        except FileNotFoundError:
            raise _missing() from None
        except OSError as error:
            raise storage_error(error) from error


def _own(blob: StagedBlob) -> LocalStage:
    if not isinstance(blob, LocalStage):
        raise TypeError("a local blob store publishes only what it staged itself")
    return blob


def _missing() -> NotFound:
    return NotFound("Stored bytes of this instance are missing from the blob store.", section="PS3.18 10.4.3")


def _sync_file(path: str) -> None:
    """Wait until the bytes are on the disk.

    The file was closed after it was written so that idle uploads hold no descriptors. A write that failed in
    between is still reported to the first who syncs, on whatever descriptor.
    """
    descriptor = os.open(path, READ)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(path: Path | str) -> None:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_range(descriptor: int, offset: int, length: int, step: int) -> Iterator[bytes]:
    end = offset + length
    while offset < end:
        try:
            piece = os.pread(descriptor, min(step, end - offset), offset)
        except OSError as error:
            raise storage_error(error) from error
        if not piece:
            raise _missing()
        yield piece
        offset += len(piece)


def _entries(directory: Path | str) -> Iterator[os.DirEntry[str]]:
    """Entries in order of their names; nothing if the directory has just been removed."""
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error) from error
    yield from found


def _directories(root: Path | str, depth: int) -> Iterator[str]:
    for entry in _entries(root):
        if entry.name.isdigit() and entry.is_dir(follow_symlinks=False):
            if depth == 1:
                yield entry.path
            else:
                yield from _directories(entry.path, depth - 1)


def _remove_old(directory: Path | str, latest: float) -> int:
    removed = 0
    for entry in _entries(directory):
        if _changed_by(entry, latest):
            with suppress(FileNotFoundError):
                os.unlink(entry.path)  # noqa: PTH108 - a directory entry has no Path
                removed += 1
    return removed


def _changed_by(entry: os.DirEntry[str], latest: float) -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= latest
    except FileNotFoundError:
        return False
