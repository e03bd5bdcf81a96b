"""Clear away bytes that nobody refers to: what a crash left behind before indexing, or while staging."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from filmjacket.archive.ports import Blobs, Index

GRACE_SECONDS: Final = 24 * 3600.0
"""Younger bytes may belong to a request that is still running."""

SETTLE_SECONDS: Final = 30.0
"""What the index does not know for so long after it was listed is no part of a request, whatever the clock says: a
clock that jumped makes bytes look old that came a moment ago, and their request is about to be committed."""

BATCH = 500
SUSPECTS: Final = 100_000
"""Keys that are remembered before somebody waits."""


class Suspects:
    """Bytes that the index did not know when they were listed, until that has been so for a while."""

    def __init__(self, index: Index, settle_seconds: float) -> None:
        self._index = index
        self._seconds = settle_seconds
        self._waiting: deque[tuple[float, tuple[str, ...]]] = deque()
        self._count = 0

    def add(self, keys: Collection[str]) -> None:
        """The index does not know them now."""
        if keys:
            self._waiting.append((time.monotonic() + self._seconds, tuple(sorted(keys))))
            self._count += len(keys)

    def wait(self, most: float | None = None) -> None:
        """Sleep until some of them have waited for long enough, or for so many seconds at most."""
        if self._waiting:
            seconds = max(0.0, self._waiting[0][0] - time.monotonic())
            time.sleep(seconds if most is None else min(seconds, most))

    def orphans(self) -> list[str]:
        """Those that have waited and that the index still does not know; they are no suspects any more."""
        found: list[str] = []
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            keys: Sequence[str] = self._waiting.popleft()[1]
            self._count -= len(keys)
            found += sorted(self._index.unknown_keys(keys))
        return found

    @property
    def is_full(self) -> bool:
        """Whether no more should be added before some are judged."""
        return self._count >= SUSPECTS

    def __bool__(self) -> bool:
        return bool(self._waiting)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found; it is gone unless the sweep was a rehearsal."""

    checked: int
    orphans: tuple[str, ...]
    staging_files: int


def sweep(index: Index, blobs: Blobs, *, grace_seconds: float = GRACE_SECONDS, dry_run: bool = False) -> SweepReport:
    """Remove blobs that the index does not know and abandoned staging files, both older than the grace.

    With `dry_run` nothing is removed and staging files are not counted.
    """
    checked = 0
    orphans: list[str] = []
    suspects = Suspects(index, 0.0 if dry_run else settling(grace_seconds))

    def judge() -> None:
        found = suspects.orphans()
        if found and not dry_run:
            blobs.remove(found)
        orphans.extend(found)

    for batch in _batches(blobs.keys(older_than_seconds=grace_seconds)):
        checked += len(batch)
        suspects.add(index.unknown_keys(batch))
        while suspects.is_full:
            suspects.wait()
            judge()
        judge()
    while suspects:
        suspects.wait()
        judge()
    staging_files = 0 if dry_run else blobs.clear_stage(older_than_seconds=grace_seconds)
    return SweepReport(checked, tuple(orphans), staging_files)


def settling(grace_seconds: float) -> float:
    """How long suspects wait: who wants no grace says that nobody stores meanwhile."""
    return min(SETTLE_SECONDS, grace_seconds)


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, BATCH)):
        yield batch
