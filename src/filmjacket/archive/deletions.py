"""What is deleted, what may not be, and for how long either lasts.

Moments are microseconds since 1970 in UTC; whoever asks passes the present one in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmjacket.web.refs import ResourceRef

DAY = 24 * 3600 * 1_000_000
"""Microseconds of a day."""


class Cause(StrEnum):
    """Why an instance is out of sight: what the deletion named, or that another version took its place."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"
    REPLACED = "replaced"


class Obstacle(StrEnum):
    """Why nothing was deleted."""

    ABSENT = "absent"
    CHANGED = "changed"
    HELD = "held"
    RETAINED = "retained"


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """How long deleted instances can be restored, stored ones cannot be deleted, and deletions are remembered."""

    undo_days: int = 7
    minimum_retention_days: int = 0
    tombstone_days: int | None = None

    def keep_until(self, at: int) -> int:
        """When what is deleted now may go for good."""
        return at + self.undo_days * DAY

    def retained_since(self, at: int) -> int | None:
        """What was stored after this moment may not be deleted yet; `None`: everything may."""
        return at - self.minimum_retention_days * DAY if self.minimum_retention_days else None

    def forget_before(self, at: int) -> int | None:
        """Purged deletions older than this are forgotten; `None`: never."""
        return None if self.tombstone_days is None else at - self.tombstone_days * DAY


@dataclass(frozen=True, slots=True)
class DeleteOutcome:
    """What a deletion did: nothing if there was an obstacle, else everything below the reference.

    `last_stored_at` tells when the newest of the instances was stored.
    """

    obstacle: Obstacle | None = None
    instances: int = 0
    series: int = 0
    last_stored_at: int = 0


@dataclass(frozen=True, slots=True)
class RestoreOutcome:
    """How many instances came back, and how many did not because their UID was stored again meanwhile."""

    restored: int
    stored_again: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is known about a deleted resource; `restorable_until` is None once it is gone for good."""

    deleted_at: int
    restorable_until: int | None


@dataclass(frozen=True, slots=True)
class DeletedResource:
    """One deletion, or one replaced version, in the undo window."""

    ref: ResourceRef
    cause: Cause
    deleted_at: int
    keep_until: int
    instances: int
    bytes: int
    held: bool


@dataclass(frozen=True, slots=True)
class PurgedBatch:
    """Instances that went for good, and the blobs that nothing refers to because of it."""

    instances: int
    bytes: int
    blob_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing of the study may be deleted, replaced for good, or purged."""

    study_uid: str
    reason: str
    held_at: int
