"""Who changes a study has it alone: rows that stand for studies, locked until the end of the transaction.

There is a fixed number of them, so that a study needs none of its own; two studies that share one only wait for
each other. They are taken in order, in one statement, before anything else is read. On SQLite a unit of work is
alone anyway.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.index.schema import STUDY_LOCKS, study_locks
from filmjacket.index.unit import one_of, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_ALL = select(study_locks.c.number).order_by(study_locks.c.number).with_for_update()
_SOME = select(study_locks.c.number).where(one_of(study_locks.c.number)).order_by(study_locks.c.number)
_LOCK = _SOME.with_for_update()


def lock_studies(connection: Connection, study_uids: Iterable[str]) -> None:
    """Wait until no other unit of work changes one of the studies, and keep others out until this one ends.

    Every unit that decides by what a study holds calls this first, once, with all its studies: what is read
    afterwards stays as it is. They need not exist.
    """
    numbers = sorted({zlib.crc32(uid.encode()) % STUDY_LOCKS for uid in study_uids})
    if numbers and connection.dialect.name != "sqlite":
        found = run(connection, _LOCK, {"keys": numbers})
        assert len(found) == len(numbers), "the table study_locks lacks rows"  # noqa: S101 - a migration fills it


def lock_every_study(connection: Connection) -> None:
    """Keep everybody out who changes any study."""
    if connection.dialect.name != "sqlite":
        run(connection, _ALL, {})
