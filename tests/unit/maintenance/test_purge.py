"""Purging: rows before bytes, so that a crash leaves at most bytes that the sweep finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.samples import series, uids

from filmjacket.archive.deletions import DAY, DeletionRules
from filmjacket.maintenance.purge import PurgeReport, purge
from filmjacket.maintenance.sweep import sweep
from filmjacket.maintenance.verify import verify
from filmjacket.services.studies.remove import Remover
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from filmjacket.archive.ports import Blobs
    from filmjacket.opening import Archive

RULES = DeletionRules(undo_days=7)


@pytest.fixture
def deleted(archive: Archive) -> Archive:
    """Three instances, deleted at the moment 0."""
    received = []
    for file in series(3):
        incoming = archive.ingest.begin()
        incoming.write(file)
        received.append(incoming.finish())
        study = uids(file)[0]
    archive.ingest.publish(received)
    archive.ingest.commit(received)
    Remover(archive.index, RULES, lambda: 0).delete(ResourceRef(study))
    return archive


def blob_count(archive: Archive) -> int:
    return len(list(archive.blobs.keys()))


def test_nothing_goes_inside_the_undo_window(deleted: Archive) -> None:
    assert purge(deleted.index, deleted.blobs, RULES, at=7 * DAY - 1) == PurgeReport(0, 0)
    assert sweep(deleted.index, deleted.blobs, grace_seconds=0).orphans == ()
    assert blob_count(deleted) == verify(deleted.index, deleted.blobs).instances == 3


def test_a_rehearsal_tells_what_would_go(deleted: Archive) -> None:
    report = purge(deleted.index, deleted.blobs, RULES, at=7 * DAY, dry_run=True)
    assert report.instances == blob_count(deleted) == 3
    seen: list[int] = []
    assert report == purge(
        deleted.index, deleted.blobs, RULES, at=7 * DAY, on_purged=lambda instances, _: seen.append(instances)
    )
    assert seen == [3]
    assert blob_count(deleted) == 0


def test_a_crash_between_rows_and_bytes_leaves_orphans_for_the_sweep(
    deleted: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_blobs: Blobs, _keys: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(deleted.blobs), "remove", crash)
        with pytest.raises(KeyboardInterrupt):
            purge(deleted.index, deleted.blobs, RULES, at=7 * DAY)
    assert verify(deleted.index, deleted.blobs).sound
    assert blob_count(deleted) == 3
    assert len(sweep(deleted.index, deleted.blobs, grace_seconds=0).orphans) == 3
    assert blob_count(deleted) == 0


def test_tombstones_last_as_long_as_the_setting_says(deleted: Archive) -> None:
    (one,) = deleted.index.deleted()
    for rules, at, known in ((RULES, 10_000 * DAY, True), (DeletionRules(tombstone_days=30), 31 * DAY, False)):
        purge(deleted.index, deleted.blobs, rules, at=at)
        assert (deleted.index.deletion_of(one.ref) is not None) is known
