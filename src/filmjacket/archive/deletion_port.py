"""Port: what the services need from an index to delete, restore, hold and purge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.archive.deletions import (
        DeletedResource,
        DeleteOutcome,
        Deletion,
        Hold,
        PurgedBatch,
        RestoreOutcome,
    )
    from filmjacket.web.refs import ResourceRef


class DeletionIndex(Protocol):
    """The part of the index that takes instances out of sight; a call returns when what it did is durable."""

    def delete(
        self,
        ref: ResourceRef,
        *,
        at: int,
        keep_until: int,
        retained_since: int | None,
        digests: frozenset[str] | None = None,
    ) -> DeleteOutcome:
        """Take everything below `ref` out of sight: all or, if there is an obstacle, nothing.

        `digests`: the SHA-256 values that every instance deleted must have one of; `None` for any.
        """
        ...

    def restore(self, ref: ResourceRef) -> RestoreOutcome:
        """Bring back what was deleted as `ref` itself or as part of what holds it, as if it had never been gone.

        Parts that were deleted on their own stay deleted, as do instances whose UID was stored again. Large ones
        come back in several transactions; after a crash the same call goes on.
        """
        ...

    def deletion_of(self, ref: ResourceRef) -> Deletion | None:
        """The latest deletion of the resource, or of anything below it, that is remembered."""
        ...

    def deleted(self) -> list[DeletedResource]:
        """What is in the undo window, and replaced versions that are kept; oldest first."""
        ...

    def locate(self, uid: str, *, deleted: bool = False) -> list[ResourceRef]:
        """The stored (or deleted) studies, series and instances with a UID."""
        ...

    def expired(self, *, at: int, retained_since: int | None) -> PurgedBatch:
        """What `purge` would take."""
        ...

    def purge(self, *, at: int, retained_since: int | None, batch: int = 500) -> PurgedBatch:
        """Take up to `batch` instances whose time is over out of the index; their blobs may be removed then."""
        ...

    def forget_deletions(self, before: int) -> None:
        """Forget purged deletions older than a moment."""
        ...

    def add_hold(self, hold: Hold) -> bool:
        """Put a study on hold; False if it was already, which keeps the hold that there is."""
        ...

    def remove_hold(self, study_uid: str) -> bool:
        """End the hold of a study; False if there was none."""
        ...

    def holds(self) -> Sequence[Hold]:
        """Every hold, oldest first."""
        ...
