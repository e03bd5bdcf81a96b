"""Clear away bytes that nobody refers to: what a crash left behind before indexing, or while staging."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.ports import Blobs, Index

GRACE_SECONDS = 24 * 3600.0
"""Younger bytes may belong to a request that is still running."""

BATCH = 500


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
    for batch in _batches(blobs.keys(older_than_seconds=grace_seconds)):
        checked += len(batch)
        unknown = sorted(index.unknown_keys(batch))
        if unknown and not dry_run:
            blobs.remove(unknown)
        orphans += unknown
    staging_files = 0 if dry_run else blobs.clear_stage(older_than_seconds=grace_seconds)
    return SweepReport(checked, tuple(orphans), staging_files)


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, BATCH)):
        yield batch
