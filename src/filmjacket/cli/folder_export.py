"""Write stored instances to a folder tree, in parallel and checked."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.opening import Archive

STUDIES_PER_PAGE = 500


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


def export_instances(
    archive: Archive, ref: ResourceRef, destination: Path, *, workers: int
) -> Generator[ExportOutcome]:
    """Write every instance below `ref`; study by study, so that memory does not grow with the archive."""
    executor = ThreadPoolExecutor(workers, thread_name_prefix="export")
    running: deque[Future[ExportOutcome]] = deque()
    try:
        for study in _studies(archive.index, ref):
            for instance in archive.index.instances(study):
                running.append(executor.submit(export_instance, archive.blobs, instance, destination))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def export_instance(blobs: Blobs, instance: StoredInstance, destination: Path) -> ExportOutcome:
    """Write one instance unless it is there; the file gets its name only when it is whole."""
    path = destination / _path_of(instance)
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


def _path_of(instance: StoredInstance) -> str:
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)
    if not all(map(is_tolerable_uid, uids)):
        raise FilmjacketError("The index holds an identifier that is not a UID.", offender="index")
    return f"{'/'.join(uids)}.dcm"


def _studies(index: Index, ref: ResourceRef) -> Iterator[ResourceRef]:
    if ref.study is not None:
        yield ref
        return
    offset = 0
    while True:
        query = parse_search(Level.STUDY, ResourceRef(), f"limit={STUDIES_PER_PAGE}&offset={offset}")
        page = index.search(query)
        yield from (ResourceRef(match.study_uid) for match in page.matches)
        offset += len(page.matches)
        if not page.matches or not page.remaining:
            return
