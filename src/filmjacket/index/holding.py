"""Legal holds, and what they and the minimum retention protect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.archive.deletions import Hold
from filmjacket.index.locks import lock_studies
from filmjacket.index.schema import holds
from filmjacket.index.unit import delete_keys, insert_rows, one_of, run, select_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_HELD = select(holds.c.study_uid).where(one_of(holds.c.study_uid))
_HOLDS = select(holds.c.study_uid, holds.c.reason, holds.c.held_at).order_by(holds.c.held_at, holds.c.study_uid)


@dataclass(frozen=True, slots=True)
class Protection:
    """What may not be destroyed: studies on hold, and whatever was stored after a moment."""

    held: frozenset[str] = frozenset()
    retained_since: int | None = None

    def covers(self, study_uid: str, stored_at: int) -> bool:
        """Whether an instance is protected."""
        return study_uid in self.held or (self.retained_since is not None and stored_at > self.retained_since)


def held_among(connection: Connection, study_uids: Iterable[str]) -> frozenset[str]:
    """Return those of the studies that are on hold."""
    return frozenset(row.study_uid for row in select_keys(connection, _HELD, sorted(set(study_uids))))


def hold(connection: Connection, added: Hold) -> bool:
    """Put a study on hold, whether it is stored or not; False if it was, which changes nothing."""
    lock_studies(connection, (added.study_uid,))
    if held_among(connection, (added.study_uid,)):
        return False
    row = {"study_uid": added.study_uid, "reason": added.reason, "held_at": added.held_at}
    insert_rows(connection, holds, [row])
    return True


def release(connection: Connection, study_uid: str) -> bool:
    """End the hold of a study; False if there was none."""
    lock_studies(connection, (study_uid,))
    was_held = bool(held_among(connection, (study_uid,)))
    delete_keys(connection, holds, [{"study_uid": study_uid}])
    return was_held


def all_holds(connection: Connection) -> list[Hold]:
    """Return every hold, oldest first."""
    return [Hold(row.study_uid, row.reason, row.held_at) for row in run(connection, _HOLDS, {})]
