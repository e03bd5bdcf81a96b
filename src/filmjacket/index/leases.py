"""`SqlLeases`: the port `filmjacket.archive.leases_port.Leases` over SQLAlchemy Core.

No advisory locks: they vanish behind PgBouncer and in a failover. One statement decides; the unique key of the name
does so among those who see no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from filmjacket.index.schema.coordination import leases

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.engine import Database

# Names of executors and of times that jobs were due never come again.
_REMEMBERED_MICROSECONDS = 86_400 * 1_000_000

_TAKE = (
    update(leases)
    .where(leases.c.name == bindparam("wanted"))
    .where(or_(leases.c.holder == bindparam("taker"), leases.c.expires_at <= bindparam("at")))
    .values(holder=bindparam("taker"), expires_at=bindparam("until"))
)
_EXISTS = select(leases.c.name).where(leases.c.name == bindparam("wanted"))
_HELD = _EXISTS.where(leases.c.expires_at > bindparam("at"))
_MAKE = insert(leases)
_FORGET = delete(leases).where(leases.c.expires_at < bindparam("before"))
_RELEASE = delete(leases).where(leases.c.name == bindparam("wanted"), leases.c.holder == bindparam("taker"))


class SqlLeases:
    """The leases of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, seconds: float, now: int) -> bool:
        """Take a lease that is free or over, or prolong one's own; False if another holds it."""
        until = now + int(seconds * 1_000_000)

        def unit(connection: Connection) -> bool:
            taken = connection.execute(_TAKE, {"wanted": name, "taker": holder, "at": now, "until": until})
            if taken.rowcount:
                return True
            if connection.execute(_EXISTS, {"wanted": name}).first() is not None:
                return False
            connection.execute(_FORGET, {"before": now - _REMEMBERED_MICROSECONDS})
            connection.execute(_MAKE, {"name": name, "holder": holder, "expires_at": until})
            return True

        try:
            return self._database.write(unit)
        except IntegrityError:  # somebody else took it in the same moment
            return False

    def release(self, name: str, holder: str) -> None:
        """Give up one's own lease."""
        self._database.write(lambda connection: connection.execute(_RELEASE, {"wanted": name, "taker": holder}))

    def held(self, name: str, now: int) -> bool:
        """Whether somebody holds a lease that is not over."""
        with self._database.reading() as connection:
            return connection.execute(_HELD, {"wanted": name, "at": now}).first() is not None
