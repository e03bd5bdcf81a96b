"""How long final workitems are kept (PS3.4 CC.2.3.1: not removed while a deletion lock holds them)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.deletions import DAY

if TYPE_CHECKING:
    from filmjacket.services.worklist.desk import Desk

BATCH = 500


def purge(desk: Desk, *, tombstone_days: int | None = None) -> int:
    """Remove final workitems whose retention is over and that nobody has locked; returns how many.

    Their UIDs answer 410 for `tombstone_days`, for ever if that is None. Meant to be run now and then.
    """
    at = desk.now()
    final_before = at - desk.rules.retention_days * DAY
    removed = 0
    while True:
        batch = desk.index.purge(final_before=final_before, at=at, batch=BATCH).removed
        removed += batch
        if batch < BATCH:
            break
    if tombstone_days is not None:
        desk.index.forget_deletions(at - tombstone_days * DAY)
    return removed
