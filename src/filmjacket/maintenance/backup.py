"""Backup and restore of a running archive.

A backup is an archive itself: an index in SQLite and the stored files under their keys in one folder, which
`filmjacket serve` could serve. Files go first, then the index as of one moment, then the files that came meanwhile:
whatever the index of a backup names is in it. A further backup into the same folder copies only what is new.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

from filmjacket import __version__
from filmjacket.errors import Conflict, NotFound
from filmjacket.maintenance.copy_blobs import copy_blobs
from filmjacket.maintenance.verify import Damage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.maintenance.copy_blobs import CopyReport
    from filmjacket.maintenance.verify import Finding

INDEX: Final = "index.sqlite3"
MANIFEST: Final = "backup.json"

_ATTEMPTS: Final = 3
"""Snapshots of the index that are tried while files which they name are purged before they are copied."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom to tell how far it is: the size of each file that is done, the number of rows after each step."""

    files: Callable[[int], None] = lambda _size: None
    rows: Callable[[int], None] = lambda _rows: None


@dataclass(frozen=True, slots=True)
class BackupFolder:
    """Where a backup is: `blobs` are the files in it, `open_index` opens an index at a database URL."""

    path: Path
    blobs: Blobs
    open_index: Callable[[str], Index]

    def url(self, name: str = INDEX) -> str:
        """Database URL of the index in it."""
        return f"sqlite:///{self.path.absolute() / name}"


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds, what of it was copied this time, and which files could not be, being damaged or gone."""

    version: str
    instances: int
    bytes: int
    copied: int
    copied_bytes: int
    findings: tuple[Finding, ...] = ()


def back_up(index: Index, blobs: Blobs, folder: BackupFolder, telling: Telling) -> BackupReport:
    """Write a backup.

    Its index changes at the very end, in one step, so that an interrupted backup leaves the one before it. Files that
    are damaged in the archive are in the report, and missing in the backup.
    """
    before = copy_blobs(index.blobs(), blobs, folder.blobs, on_copied=telling.files)
    report = _snapshot(index, blobs, folder, before, telling)
    for _ in range(_ATTEMPTS - 1):
        # A file that is gone was purged, or replaced, since the snapshot; the next one does not name it.
        if not any(finding.damage is Damage.MISSING for finding in report.findings):
            break
        report = _snapshot(index, blobs, folder, before, telling)
    (folder.path / f"{INDEX}.new").replace(folder.path / INDEX)
    _write_durably(folder.path / MANIFEST, orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    return report


def restore(folder: BackupFolder, blobs: Blobs, index_url: str, telling: Telling) -> CopyReport:
    """Bring a backup back: its files into the blob store, then its index into the empty database at `index_url`.

    Raises `NotFound` if the folder holds no finished backup, `Conflict` if the database is not empty or if files of
    the backup are damaged: then nothing is in the database.
    """
    if not (folder.path / MANIFEST).is_file() or not (folder.path / INDEX).is_file():
        raise NotFound(
            "There is no finished backup in this folder.",
            section="PS3.18 8.5",
            offender="folder",
            accepted=(f"a folder with {INDEX} and {MANIFEST}, as `filmjacket backup create` makes it",),
        )
    _refuse_used(folder.open_index(index_url))
    saved = folder.open_index(folder.url())
    try:
        report = copy_blobs(saved.blobs(), folder.blobs, blobs, on_copied=telling.files)
        if not report.complete:
            damaged = ", ".join(f"{finding.blob.key} ({finding.damage})" for finding in report.findings[:5])
            raise Conflict(
                f"{len(report.findings)} files of the backup are not what was saved: {damaged}.",
                section="PS3.18 8.5",
                offender="folder",
                accepted=("a backup that `filmjacket backup check` finds whole",),
            )
        saved.copy_to(index_url, on_rows=telling.rows)
    finally:
        saved.close()
    return report


def _refuse_used(index: Index) -> None:
    """Refuse a database with something in it, before a file is copied for it."""
    try:
        found = index.statistics()
    finally:
        index.close()
    if found.instances or found.deleted or any(count for _, count in found.others):
        raise Conflict(
            f"The archive to restore into is not empty: it has {found.instances} instances.",
            section="PS3.18 8.5",
            offender="database",
            accepted=("a new data directory or a new database",),
        )


def _snapshot(index: Index, blobs: Blobs, folder: BackupFolder, before: CopyReport, telling: Telling) -> BackupReport:
    """Copy the index as it is now, and the files that it names and the backup has not."""
    name = f"{INDEX}.new"
    for rest in (name, f"{name}-wal", f"{name}-shm"):
        (folder.path / rest).unlink(missing_ok=True)
    index.copy_to(folder.url(name), on_rows=telling.rows)
    copied = folder.open_index(folder.url(name))
    try:
        late = copy_blobs(copied.blobs(), blobs, folder.blobs)
        figures = copied.statistics()
    finally:
        copied.close()
    return BackupReport(
        __version__,
        figures.instances,
        figures.bytes,
        before.copied + late.copied,
        before.bytes + late.bytes,
        late.findings,
    )


def _write_durably(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
