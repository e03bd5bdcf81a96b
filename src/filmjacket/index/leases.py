"""`SqlLeases`: the port `filmjacket.archive.leases_port.Leases` over SQLAlchemy Core.

No advisory locks: they vanish behind PgBouncer and in a failover. One statement decides; the unique key of the name
does so among those who see no row.

No wall clock decides either: hosts need not agree about the time, and a clock may jump. Whoever wants a lease that
another one has watches its row; when it was not prolonged for the whole time of the lease, by the watcher's own
monotonic clock, it is over.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from filmjacket.index.schema.coordination import leases

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from filmjacket.index.engine import Database

# Names of executors and of times that jobs were due never come again. The only use of the wall clock: so long after
# its end that no jump of some days takes a living lease away.
_REMEMBERED_MICROSECONDS: Final = 30 * 86_400 * 1_000_000
_WATCHED: Final = 1000

_ONE = select(leases.c.holder, leases.c.expires_at).where(leases.c.name == bindparam("wanted"))
_TAKE = (
    update(leases)
    .where(leases.c.name == bindparam("wanted"))
    .where(
        or_(
            leases.c.holder == bindparam("taker"),
            (leases.c.holder == bindparam("seen_holder")) & (leases.c.expires_at == bindparam("seen_end")),
        )
    )
    .values(holder=bindparam("taker"), expires_at=bindparam("until"))
)
_MAKE = insert(leases)
_FORGET = delete(leases).where(leases.c.expires_at < bindparam("before"))
_RELEASE = delete(leases).where(leases.c.name == bindparam("wanted"), leases.c.holder == bindparam("taker"))


class _State(NamedTuple):
    """What a row says; it changes whenever the lease is prolonged."""

    holder: str
    expires_at: int


class SqlLeases:
    """The leases of one archive."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[_State, float]] = {}

    def acquire(self, name: str, holder: str, seconds: float, now: int) -> bool:
        """Take a lease that is free or over, or prolong one's own; False if another holds it."""
        until = now + int(seconds * 1_000_000)

        def unit(connection: Connection) -> bool:
            row = connection.execute(_ONE, {"wanted": name}).first()
            if row is None:
                connection.execute(_FORGET, {"before": now - _REMEMBERED_MICROSECONDS})
                connection.execute(_MAKE, {"name": name, "holder": holder, "expires_at": until})
                return True
            seen = _State(*row)
            if seen.holder != holder and self._unchanged_for(name, seen) < seconds:
                return False
            wanted = {"wanted": name, "taker": holder, "seen_holder": seen.holder, "seen_end": seen.expires_at}
            # One that was prolonged by a clock that goes back to the same microsecond must differ all the same.
            return bool(connection.execute(_TAKE, wanted | {"until": until + (until == seen.expires_at)}).rowcount)

        try:
            return self._database.write(unit)
        except IntegrityError:  # somebody else took it in the same moment
            return False

    def release(self, name: str, holder: str) -> None:
        """Give up one's own lease."""
        self._database.write(lambda connection: connection.execute(_RELEASE, {"wanted": name, "taker": holder}))

    def held(self, name: str, seconds: float) -> bool:
        """Whether somebody holds a lease and has prolonged it in so many seconds, as far as this process watched."""
        with self._database.reading() as connection:
            row = connection.execute(_ONE, {"wanted": name}).first()
        return row is not None and self._unchanged_for(name, _State(*row)) < seconds

    def _unchanged_for(self, name: str, seen: _State) -> float:
        """Seconds for which this process knows a row to be as it is."""
        with self._lock:
            moment = self._clock()
            before = self._watched.pop(name, None)
            since = moment if before is None or before[0] != seen else before[1]
            self._watched[name] = (seen, since)  # the one that was looked at last is last
            while len(self._watched) > _WATCHED:
                del self._watched[next(iter(self._watched))]
            return moment - since
