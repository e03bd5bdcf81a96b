"""Take in whole folders: find files, skip what is stored, hand the rest to ingest in parallel batches."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filmjacket.archive.records import StoreResult
from filmjacket.dicom.header import HeaderReader
from filmjacket.errors import DicomError
from filmjacket.services.studies.ingest import StoreFailure
from filmjacket.side_by_side import in_order

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from filmjacket.opening import Archive
    from filmjacket.services.studies.ingest import Ingest, Received

BATCH_FILES = 32
BATCH_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
SNIFF_BYTES = 64 * 1024
"""Enough of a file without the DICM prefix to tell whether it is a bare data set."""


class Fate(StrEnum):
    """What became of one file."""

    STORED = "stored"
    REPLACED = "replaced"
    ALREADY_STORED = "already stored"
    KEPT = "other content kept"
    NOT_DICOM = "not DICOM"
    DICOMDIR = "DICOMDIR"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


GOOD = frozenset({Fate.STORED, Fate.REPLACED, Fate.ALREADY_STORED})
HARMLESS = GOOD | {Fate.NOT_DICOM, Fate.DICOMDIR}

FATES = {
    StoreResult.STORED: Fate.STORED,
    StoreResult.IDENTICAL: Fate.ALREADY_STORED,
    StoreResult.REPLACED: Fate.REPLACED,
    StoreResult.KEPT: Fate.KEPT,
    StoreResult.DUPLICATE: Fate.REFUSED,
}

REASONS = {
    Fate.KEPT: "an instance with this SOP Instance UID and other content is stored",
    Fate.REFUSED: "duplicate SOP Instance UID with other content",
}


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file, and why if it was not simply stored."""

    path: Path
    size: int
    fate: Fate
    reason: str = ""
    sop_uid: str | None = None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to look at, or a folder that cannot be read."""

    path: Path
    size: int
    problem: str = ""


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile]:
    """Every regular file below the paths, one folder at a time, sorted by name within each.

    Links to files are followed, links to folders are not, so that no folder is walked twice.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path)
        else:
            yield _found(path)


def import_files(archive: Archive, paths: Iterable[Path], *, workers: int) -> Generator[FileOutcome]:
    """Take in all files below the paths; outcomes come batch by batch in the order of the files.

    When the consumer stops early, batches that have begun are completed and the rest is left for next time.
    """
    batches = _batches(find_files(paths))
    with closing(in_order(partial(import_batch, archive), batches, workers=workers, name="import")) as done:
        for outcomes in done:
            yield from outcomes


def import_batch(archive: Archive, files: Sequence[FoundFile]) -> list[FileOutcome]:
    """Take in some files with one sync of the blob store and one transaction of the index."""
    outcomes: dict[Path, FileOutcome] = {}
    digests: dict[Path, str] = {}
    for file in files:
        digest = _digest(file)
        if isinstance(digest, FileOutcome):
            outcomes[file.path] = digest
        else:
            digests[file.path] = digest
    known = archive.index.known_sources(list(set(digests.values()))) if digests else set[str]()
    received: list[tuple[FoundFile, Received]] = []
    try:
        for file in files:
            if file.path in outcomes:
                continue
            if digests[file.path] in known:
                outcomes[file.path] = FileOutcome(file.path, file.size, Fate.ALREADY_STORED)
                continue
            taken = _receive(archive.ingest, file)
            if isinstance(taken, FileOutcome):
                outcomes[file.path] = taken
            else:
                received.append((file, taken))
        _store(archive.ingest, received, outcomes)
    except BaseException:
        for _, item in received:
            item.staged.discard()
        raise
    return [outcomes[file.path] for file in files]


def _store(ingest: Ingest, received: Sequence[tuple[FoundFile, Received]], outcomes: dict[Path, FileOutcome]) -> None:
    if not received:
        return
    items = [item for _, item in received]
    ingest.publish(items)
    for (file, item), stored in zip(received, ingest.commit(items), strict=True):
        fate = FATES[stored.result]
        outcomes[file.path] = FileOutcome(file.path, file.size, fate, REASONS.get(fate, ""), item.candidate.sop_uid)


def _receive(ingest: Ingest, file: FoundFile) -> Received | FileOutcome:
    incoming = ingest.begin()
    try:
        with file.path.open("rb", buffering=0) as reader:
            while chunk := reader.read(CHUNK_BYTES):
                incoming.write(chunk)
        return incoming.finish()
    except StoreFailure as failure:
        return FileOutcome(file.path, file.size, Fate.REFUSED, failure.message, failure.sop_uid)
    except OSError as error:
        incoming.discard()
        return _unreadable(file, error)
    except BaseException:
        incoming.discard()
        raise


def _digest(file: FoundFile) -> str | FileOutcome:
    """SHA-256 of a file that may be DICOM, or why it is left out."""
    if file.problem:
        return FileOutcome(file.path, file.size, Fate.UNREADABLE, file.problem)
    if file.path.name.upper() == "DICOMDIR":
        return FileOutcome(file.path, file.size, Fate.DICOMDIR, "a directory of instances, not an instance")
    try:
        with file.path.open("rb", buffering=0) as reader:
            if not _may_be_dicom(reader.read(SNIFF_BYTES)):
                return FileOutcome(file.path, file.size, Fate.NOT_DICOM, "no DICOM content")
            reader.seek(0)
            return hashlib.file_digest(reader, "sha256").hexdigest()
    except OSError as error:
        return _unreadable(file, error)


def _may_be_dicom(start: bytes) -> bool:
    if not start or start[128:132] == b"DICM":
        return bool(start)
    reader = HeaderReader()
    try:
        reader.feed(start)
        if len(start) < SNIFF_BYTES:
            reader.finish()
    except DicomError:
        return False
    return True


def _batches(files: Iterable[FoundFile]) -> Iterator[list[FoundFile]]:
    batch: list[FoundFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _walk(top: Path) -> Iterator[FoundFile]:
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield FoundFile(folder, 0, os.strerror(error.errno or 0))
            continue
        folders += [Path(entry.path) for entry in reversed(found) if entry.is_dir(follow_symlinks=False)]
        for entry in found:
            if not entry.is_dir():
                yield _found(Path(entry.path))


def _found(path: Path) -> FoundFile:
    try:
        if not path.is_file():
            return FoundFile(path, 0, "not a regular file" if path.exists() else "no such file")
        return FoundFile(path, path.stat().st_size)
    except OSError as error:
        return FoundFile(path, 0, os.strerror(error.errno or 0))


def _unreadable(file: FoundFile, error: OSError) -> FileOutcome:
    return FileOutcome(file.path, file.size, Fate.UNREADABLE, os.strerror(error.errno or 0))
