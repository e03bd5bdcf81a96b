from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from filmjacket.blobs.local import LocalBlobs
from filmjacket.maintenance import sweep as sweeping
from filmjacket.maintenance.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterable


class Known:
    """The part of an index that `sweep` asks."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = set(keys)
        self.asked = 0

    def unknown_keys(self, keys: Iterable[str]) -> set[str]:
        self.asked += 1
        return set(keys) - self._keys


def stored(blobs: LocalBlobs, root: Path, age: float) -> str:
    blob = blobs.stage()
    blob.write(b"content")
    key = blob.finish().key
    blobs.publish([blob])
    moment = time.time() - age
    os.utime(root / key, (moment, moment))
    return key


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path)


def test_only_old_bytes_that_nobody_refers_to_go(blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    referred = stored(blobs, tmp_path, 90_000)
    orphan = stored(blobs, tmp_path, 90_000)
    young = stored(blobs, tmp_path, 80_000)
    monkeypatch.setattr(sweeping, "SETTLE_SECONDS", 0)
    gone = LocalBlobs(tmp_path)
    abandoned, running = gone.stage(), blobs.stage()
    for blob in (abandoned, running):
        blob.write(b"x")
        blob.finish()
        os.utime(blob.path, (time.time() - 90_000, time.time() - 90_000))
    gone.close()

    rehearsal = sweep(Known([referred]), blobs, dry_run=True)  # pyright: ignore[reportArgumentType]
    assert rehearsal.orphans == (orphan,)
    assert (tmp_path / orphan).exists()
    assert Path(abandoned.path).exists()

    report = sweep(Known([referred]), blobs)  # pyright: ignore[reportArgumentType]
    assert (report.checked, report.orphans, report.staging_files) == (2, (orphan,), 1)
    assert sorted(blobs.keys()) == sorted([referred, young])
    assert (Path(abandoned.path).exists(), Path(running.path).exists()) == (False, True)

    again = sweep(Known([referred]), blobs)  # pyright: ignore[reportArgumentType]
    assert (again.orphans, again.staging_files) == ((), 0)


def test_the_index_is_asked_in_batches(blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweeping, "BATCH", 3)
    monkeypatch.setattr(sweeping, "SETTLE_SECONDS", 0.2)
    keys = [stored(blobs, tmp_path, 10) for _ in range(8)]
    index = Known(keys[:4])
    report = sweep(index, blobs, grace_seconds=5)  # pyright: ignore[reportArgumentType]
    assert 3 + 2 <= index.asked <= 3 + 3  # and once more about each batch of which it did not know some
    assert set(report.orphans) == set(keys[4:])


def test_what_is_committed_after_it_was_listed_stays(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweeping, "SETTLE_SECONDS", 0.5)
    key = stored(blobs, tmp_path, 90_000)  # or it came just now, and the clock has jumped
    index = Known([])
    committing = threading.Timer(0.2, lambda: index._keys.add(key))
    committing.start()
    assert sweep(index, blobs).orphans == ()  # pyright: ignore[reportArgumentType]
    committing.join()
    assert list(blobs.keys()) == [key]


def test_many_suspects_are_judged_on_the_way(blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping, "SUSPECTS", 2)
    monkeypatch.setattr(sweeping, "SETTLE_SECONDS", 0.05)
    keys = [stored(blobs, tmp_path, 10) for _ in range(6)]
    report = sweep(Known([]), blobs, grace_seconds=5)  # pyright: ignore[reportArgumentType]
    assert set(report.orphans) == set(keys)
    assert list(blobs.keys()) == []
