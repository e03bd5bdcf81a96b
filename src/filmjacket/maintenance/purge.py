"""End the undo window: what was deleted long enough ago goes for good.

The index lets go of the rows first, batch by batch, each a durable transaction; then the bytes are removed. A crash in
between leaves bytes that nobody refers to, which the sweep finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.deletions import DeletionRules
    from filmjacket.archive.ports import Blobs, Index


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What a purge took, or would take."""

    instances: int
    bytes: int


def purge(
    index: Index,
    blobs: Blobs,
    rules: DeletionRules,
    *,
    at: int,
    dry_run: bool = False,
    on_purged: Callable[[int, int], None] = lambda _instances, _size: None,
) -> PurgeReport:
    """Purge everything whose time is over; `on_purged` is told instances and bytes of each batch."""
    retained_since = rules.retained_since(at)
    if dry_run:
        expired = index.expired(at=at, retained_since=retained_since)
        return PurgeReport(expired.instances, expired.bytes)
    instances = size = 0
    while (batch := index.purge(at=at, retained_since=retained_since)).instances:
        blobs.remove(batch.blob_keys)
        instances += batch.instances
        size += batch.bytes
        on_purged(batch.instances, batch.bytes)
    forget_before = rules.forget_before(at)
    if forget_before is not None:
        index.forget_deletions(forget_before)
    return PurgeReport(instances, size)
