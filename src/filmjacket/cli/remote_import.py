"""Take in another archive over DICOMweb, study by study, and compare what is here with what is there.

Nothing is asked for twice: instances that are here are not fetched again, so that an import which was stopped goes on
where it was.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filmjacket.cli.folder_import import FATES, REASONS, Fate, FileOutcome
from filmjacket.cli.remote_archive import RemoteRefusal
from filmjacket.errors import Unavailable
from filmjacket.services.studies.ingest import StoreFailure
from filmjacket.side_by_side import in_order
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from filmjacket.cli.remote_archive import RemoteArchive
    from filmjacket.opening import Archive
    from filmjacket.services.studies.ingest import Received

BATCH: Final = 8
"""Instances that share one sync of the blob store and one transaction of the index."""

ATTEMPTS: Final = 4
FIRST_WAIT: Final = 0.5
"""Seconds before an instance is asked for again when the other server had trouble; doubled each time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A study that is not the same here and there: SOP Instance UIDs that are only there, or only here."""

    study: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def import_remote(
    archive: Archive, remote: RemoteArchive, studies: Iterable[str], *, workers: int
) -> Generator[FileOutcome]:
    """Take in the studies; one outcome for each instance, in the order of the batches.

    When the consumer stops early, batches that have begun are completed and the rest is left for next time.
    """
    batches = _batches(archive, remote, studies)
    with closing(in_order(partial(_import_batch, archive, remote), batches, workers=workers, name="import")) as done:
        for outcomes in done:
            yield from outcomes


def _batches(archive: Archive, remote: RemoteArchive, studies: Iterable[str]) -> Iterator[_Batch]:
    for study in studies:
        wanted = remote.instances(study)
        known = _stored(archive, study)
        yield _Batch([ref for ref in wanted if ref.instance in known], stored=True)
        missing = [ref for ref in wanted if ref.instance not in known]
        for start in range(0, len(missing), BATCH):
            yield _Batch(missing[start : start + BATCH])


@dataclass(frozen=True, slots=True)
class _Batch:
    """Instances of one study; those that are `stored` here need nothing."""

    refs: list[ResourceRef]
    stored: bool = False


def compare(archive: Archive, remote: RemoteArchive, studies: Iterable[str]) -> Generator[Difference | None]:
    """For each study what is different, or None: which instances are here, and which are there."""
    for study in studies:
        there = {ref.instance or "" for ref in remote.instances(study)}
        here = _stored(archive, study)
        same = there == here
        yield None if same else Difference(study, tuple(sorted(there - here)), tuple(sorted(here - there)))


def _stored(archive: Archive, study: str) -> set[str]:
    return {instance.sop_uid for instance in archive.index.instances(ResourceRef(study))}


def _import_batch(archive: Archive, remote: RemoteArchive, batch: _Batch) -> list[FileOutcome]:
    if batch.stored:
        return [_outcome(ref, Fate.ALREADY_STORED) for ref in batch.refs]
    outcomes: list[FileOutcome] = []
    received: dict[ResourceRef, Received] = {}
    try:
        for ref in batch.refs:
            taken = _receive(archive, remote, ref)
            if isinstance(taken, FileOutcome):
                outcomes.append(taken)
            else:
                received[ref] = taken
        outcomes += _store(archive, received)
    except BaseException:
        for item in received.values():
            item.staged.discard()
        raise
    return outcomes


def _store(archive: Archive, received: dict[ResourceRef, Received]) -> list[FileOutcome]:
    if not received:
        return []
    items = list(received.values())
    archive.ingest.publish(items)
    outcomes: list[FileOutcome] = []
    for ref, stored in zip(received, archive.ingest.commit(items), strict=True):
        fate = FATES[stored.result]
        outcomes.append(_outcome(ref, fate, REASONS.get(fate, ""), stored.candidate.blob.size))
    return outcomes


def _receive(archive: Archive, remote: RemoteArchive, ref: ResourceRef) -> Received | FileOutcome:
    """One instance; asked for again from its beginning when the other server had trouble."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _fetched(archive, remote, ref)
        except StoreFailure as failure:
            return _outcome(ref, Fate.REFUSED, failure.message)
        except RemoteRefusal as refusal:
            return _outcome(ref, Fate.UNREADABLE, refusal.message)
        except Unavailable as error:
            if attempt == ATTEMPTS:
                return _outcome(ref, Fate.UNREADABLE, error.message)
        time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
    raise AssertionError


def _fetched(archive: Archive, remote: RemoteArchive, ref: ResourceRef) -> Received:
    incoming = archive.ingest.begin()
    try:
        for chunk in remote.file(ref):
            incoming.write(chunk)
        received = incoming.finish()
    except BaseException:
        incoming.discard()
        raise
    if received.candidate.sop_uid != ref.instance:
        received.staged.discard()
        raise RemoteRefusal("Another instance came than was asked for.")
    return received


def _outcome(ref: ResourceRef, fate: Fate, reason: str = "", size: int = 0) -> FileOutcome:
    return FileOutcome(Path(ref.path), size, fate, reason, ref.instance)
