"""Runs that write a study or series to the server's own disk: into a folder, or as one ZIP file."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from filmjacket.errors import NotFound, Unavailable
from filmjacket.jobs.records import Step
from filmjacket.maintenance.export import ExportFate, export_instance, path_of
from filmjacket.web import zip_writer
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from filmjacket.archive.records import StoredInstance
    from filmjacket.jobs.records import Arguments, Cursor
    from filmjacket.jobs.tools import Tools

EXPORTED_AT_ONCE = 32

_RECORD = Struct("<LQQ")
"""CRC-32, length and offset of one file in the archive."""


class FolderExportRun:
    """Writes FOLDER/study/series/instance.dcm; what is there already with the right size is skipped."""

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._folder = Path(str(arguments["to"]))
        self._instances = _instances_of(tools, arguments)

    def step(self, cursor: Cursor) -> Step:
        """Write the next instances."""
        if not cursor:
            return Step({"behind": ""}, total=len(self._instances))
        some = _behind(self._instances, str(cursor["behind"]))
        if not some:
            return Step(None)
        outcomes = [export_instance(self._tools.archive.blobs, instance, self._folder) for instance in some]
        damaged = [one for one in outcomes if one.fate is ExportFate.DAMAGED]
        return Step(
            {"behind": some[-1].sop_uid},
            done=len(some),
            size=sum(one.size for one in outcomes),
            counts={"damaged": len(damaged)},
            findings=[f"damaged: SOP Instance UID {one.sop_uid}: {one.reason}" for one in damaged],
        )


class ZipExportRun:
    """Writes one ZIP file, which gets its name when it is whole.

    What was written behind the place that the engine knows is cut off before it is written again. What the directory at
    the end of the file needs is kept beside it.
    """

    def __init__(self, tools: Tools, arguments: Arguments) -> None:
        self._tools = tools
        self._path = Path(str(arguments["to"]))
        self._part = self._path.with_name(f"{self._path.name}.part")
        self._notes = self._path.with_name(f"{self._path.name}.directory")
        self._instances = _instances_of(tools, arguments)
        keys = "\n".join(instance.blob.key for instance in self._instances)
        self._digest = hashlib.sha256(keys.encode()).hexdigest()

    def step(self, cursor: Cursor) -> Step:
        """Append the next files, or the directory."""
        try:
            return self._step(cursor)
        except OSError as error:
            raise Unavailable(f"{self._path}: cannot be written: {os.strerror(error.errno or 0)}.") from error

    def _step(self, cursor: Cursor) -> Step:
        if not cursor:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return Step(self._begun(), total=len(self._instances))
        files, offset = int(cursor["files"]), int(cursor["offset"])
        if cursor["of"] != self._digest:  # another set of files than before the last stop
            return Step(self._begun(), done=-files, total=len(self._instances))
        if files and not self._part.exists():  # the step before this one ran, and only its note was lost
            return self._finished()
        some = self._instances[files : files + EXPORTED_AT_ONCE]
        with _opened(self._part, offset) as part, _opened(self._notes, files * _RECORD.size) as notes:
            for instance in some:
                offset = self._append(part, notes, instance, offset)
            if not some:
                self._write_directory(part, offset)
            for file in (part, notes):
                file.flush()
                os.fsync(file.fileno())
        if not some:
            self._part.rename(self._path)
            self._notes.unlink(missing_ok=True)
            return Step(None)
        size = sum(instance.blob.size for instance in some)
        return Step(self._begun() | {"files": files + len(some), "offset": offset}, done=len(some), size=size)

    def _begun(self) -> Cursor:
        return {"files": 0, "offset": 0, "of": self._digest}

    def _finished(self) -> Step:
        if not self._path.exists():
            raise NotFound(f"{self._part} was removed while it was being written.", offender="to")
        self._notes.unlink(missing_ok=True)
        return Step(None)

    def _append(self, part: BinaryIO, notes: BinaryIO, instance: StoredInstance, offset: int) -> int:
        entry = _entry(instance)
        part.write(zip_writer.local_header(entry))
        crc = length = 0
        for chunk in self._tools.archive.blobs.chunks(instance.blob.key):
            crc = zlib.crc32(chunk, crc)
            length += len(chunk)
            part.write(chunk)
        if length != instance.blob.size:
            raise NotFound("A stored file does not have the length that the index knows.", offender=instance.sop_uid)
        part.write(zip_writer.descriptor(entry, crc, length))
        notes.write(_RECORD.pack(crc, length, offset))
        return offset + entry.framing + length

    def _write_directory(self, part: BinaryIO, offset: int) -> None:
        directory = 0
        with self._notes.open("rb") as notes:
            for instance in self._instances:
                crc, length, place = _RECORD.unpack(notes.read(_RECORD.size))
                record = zip_writer.directory_record(_entry(instance), crc, length, place)
                directory += len(record)
                part.write(record)
        part.write(zip_writer.end_records(len(self._instances), offset, directory))


def _entry(instance: StoredInstance) -> zip_writer.Entry:
    return zip_writer.Entry(path_of(instance), instance.blob.size)


def _instances_of(tools: Tools, arguments: Arguments) -> list[StoredInstance]:
    """What is exported, by UID."""
    ref = ResourceRef(str(arguments["study"]), str(arguments["series"]) or None)
    found = sorted(tools.archive.index.instances(ref), key=lambda instance: instance.sop_uid)
    if not found:
        raise NotFound("No stored instance has these UIDs.", offender="study")
    return found


def _behind(instances: Sequence[StoredInstance], uid: str) -> list[StoredInstance]:
    return [instance for instance in instances if instance.sop_uid > uid][:EXPORTED_AT_ONCE]


def _opened(path: Path, length: int) -> BinaryIO:
    """A file to append to, cut to the length that is known to be right."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(length)
    file.seek(length)
    return file
