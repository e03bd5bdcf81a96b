"""Write stored instances to files, each checked against its digest and there under its name only when it is whole."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from filmjacket.archive.ports import Blobs
    from filmjacket.archive.records import StoredInstance


class ExportFate(StrEnum):
    """What became of one instance."""

    WRITTEN = "written"
    PRESENT = "present"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """One instance's outcome."""

    sop_uid: str
    size: int
    fate: ExportFate
    reason: str = ""


def export_instance(blobs: Blobs, instance: StoredInstance, destination: Path) -> ExportOutcome:
    """Write one instance unless it is there; the file gets its name only when it is whole."""
    path = destination / path_of(instance)
    blob = instance.blob
    try:
        if path.is_file() and path.stat().st_size == blob.size:
            return ExportOutcome(instance.sop_uid, blob.size, ExportFate.PRESENT)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            damage = _copy(blobs, instance, part)
            if damage:
                return ExportOutcome(instance.sop_uid, blob.size, ExportFate.DAMAGED, damage)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be written: {os.strerror(error.errno or 0)}.") from error
    return ExportOutcome(instance.sop_uid, blob.size, ExportFate.WRITTEN)


def path_of(instance: StoredInstance) -> str:
    """`study/series/instance.dcm`, made of UIDs and nothing else."""
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    if not all(map(is_tolerable_uid, uids)):
        raise FilmjacketError("The index holds an identifier that is not a UID.", offender="index")
    return f"{'/'.join(uids)}.dcm"


def _copy(blobs: Blobs, instance: StoredInstance, part: Path) -> str:
    """Copy and check; what is wrong with the stored bytes, or nothing."""
    digest = hashlib.sha256()
    with part.open("wb") as file:
        try:
            for chunk in blobs.chunks(instance.blob.key):
                digest.update(chunk)
                file.write(chunk)
        except (OutOfStorage, Unavailable):
            raise
        except FilmjacketError as error:
            return error.message
    if digest.hexdigest() != instance.blob.sha256:
        return "the stored bytes are not those that were received (wrong digest)"
    return ""
