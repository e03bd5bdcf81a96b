"""How long final workitems are kept (PS3.4 CC.2.3.1: not removed while a deletion lock holds them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.archive.deletions import DAY

if TYPE_CHECKING:
    from filmjacket.services.worklist.desk import Desk

BATCH: Final = 500
"""Workitems that are removed in one transaction."""


def purge(desk: Desk, *, tombstone_days: int | None = None) -> int:
    """Remove final workitems whose retention is over and that nobody has locked; returns how many."""
    at = desk.now()
    removed = batch = purge_batch(desk, at)
    while batch == BATCH:
        batch = purge_batch(desk, at)
        removed += batch
    forget(desk, tombstone_days, at)
    return removed


def purge_batch(desk: Desk, at: int) -> int:
    """Remove some of them; fewer than `BATCH` when no more are left."""
    return desk.index.purge(final_before=at - desk.rules.retention_days * DAY, at=at, batch=BATCH).removed


def forget(desk: Desk, tombstone_days: int | None, at: int) -> None:
    """Let removed UIDs answer 404 rather than 410 after so many days; never if that is None."""
    if tombstone_days is not None:
        desk.index.forget_deletions(at - tombstone_days * DAY)
