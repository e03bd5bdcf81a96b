"""`SqlDeletions`: the port `filmjacket.archive.deletion_port.DeletionIndex` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.deletions import RestoreOutcome
from filmjacket.index import deletion, deletion_queries, holding, purging

if TYPE_CHECKING:
    from filmjacket.archive.deletions import (
        DeletedResource,
        DeleteOutcome,
        Deletion,
        Hold,
        PurgedBatch,
    )
    from filmjacket.index.engine import Database
    from filmjacket.web.refs import ResourceRef

# Instances in one transaction of a restore: others that write wait no longer than for a store.
_RESTORED_AT_ONCE = 256


class SqlDeletions:
    """What takes instances out of sight and brings them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delete(
        self,
        ref: ResourceRef,
        *,
        at: int,
        keep_until: int,
        retained_since: int | None,
        digests: frozenset[str] | None = None,
    ) -> DeleteOutcome:
        """Take everything below `ref` out of sight, or nothing."""
        request = deletion.DeleteRequest(ref, at, keep_until, retained_since, digests)
        return self._database.write(lambda connection: deletion.delete(connection, request))

    def restore(self, ref: ResourceRef) -> RestoreOutcome:
        """Bring back what was deleted as `ref` itself or as part of what holds it, a few in each transaction."""
        with self._database.reading() as connection:
            found = deletion.restorable(connection, ref)
        restored = stored_again = 0
        for start in range(0, len(found), _RESTORED_AT_ONCE):
            some = found[start : start + _RESTORED_AT_ONCE]
            outcome = self._database.write(lambda connection, some=some: deletion.restore(connection, some))
            restored += outcome.restored
            stored_again += outcome.stored_again
        return RestoreOutcome(restored, stored_again)

    def deletion_of(self, ref: ResourceRef) -> Deletion | None:
        """Return the latest deletion of the resource, or of anything below it."""
        with self._database.reading() as connection:
            return deletion_queries.deletion_of(connection, ref)

    def deleted(self) -> list[DeletedResource]:
        """Return what is in the undo window, and replaced versions that are kept."""
        with self._database.reading() as connection:
            return deletion_queries.deleted_resources(connection)

    def locate(self, uid: str, *, deleted: bool = False) -> list[ResourceRef]:
        """Return the stored (or deleted) resources with a UID."""
        with self._database.reading() as connection:
            return deletion_queries.locate(connection, uid, deleted=deleted)

    def expired(self, *, at: int, retained_since: int | None) -> PurgedBatch:
        """Return what `purge` would take."""
        with self._database.reading() as connection:
            return purging.count_expired(connection, at=at, retained_since=retained_since)

    def purge(self, *, at: int, retained_since: int | None, batch: int = 500) -> PurgedBatch:
        """Take up to `batch` instances whose time is over out of the index."""
        return self._database.write(
            lambda connection: purging.purge(connection, at=at, retained_since=retained_since, batch=batch)
        )

    def forget_deletions(self, before: int) -> None:
        """Forget purged deletions older than a moment."""
        self._database.write(lambda connection: purging.forget(connection, before))

    def add_hold(self, hold: Hold) -> bool:
        """Put a study on hold; False if it was already."""
        return self._database.write(lambda connection: holding.hold(connection, hold))

    def remove_hold(self, study_uid: str) -> bool:
        """End the hold of a study; False if there was none."""
        return self._database.write(lambda connection: holding.release(connection, study_uid))

    def holds(self) -> list[Hold]:
        """Return every hold."""
        with self._database.reading() as connection:
            return holding.all_holds(connection)
