"""Port: leases, by which several workers agree who of them does what only one may do at a time."""

from __future__ import annotations

from typing import Protocol


class Leases(Protocol):
    """Rows with an end: a holder that dies loses its lease when its time is over, nobody has to notice before.

    Whether it is over does not depend on the wall clock: who wants a lease must have watched it for its whole time,
    so that the first look never finds one to be over that another holder did not give up.

    A lease is advice: a holder that was stopped for longer than its lease may believe to have it still. What is done
    under it must be right when it is done twice.
    """

    def acquire(self, name: str, holder: str, seconds: float, now: int) -> bool:
        """Take a lease that is free or over, or prolong one's own, for `seconds`; False: another's.

        `now` is written down for those who read the row.
        `holder` names one worker and no other: host, process and something random.
        """
        ...

    def release(self, name: str, holder: str) -> None:
        """Give up one's own lease; another's stays as it is."""
        ...

    def held(self, name: str, seconds: float) -> bool:
        """Whether somebody holds a lease that lasts for `seconds` and is not over."""
        ...
