"""The note that jobs wait: a lease that nobody in particular holds, so that looking for it costs one small query.

Whoever submits a job writes it; an executor that finds nothing to do takes it away and looks once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filmjacket.archive.leases_port import Leases

_NAME: Final = "jobs waiting"
_ANYBODY: Final = "jobs"
_FOR_EVER: Final = 100 * 366 * 24 * 3600.0


def ask_for_executor(leases: Leases, at: int) -> None:
    """Note that jobs wait."""
    leases.acquire(_NAME, _ANYBODY, _FOR_EVER, at)


def is_executor_wanted(leases: Leases) -> bool:
    """Whether jobs wait, as far as anybody noted."""
    return leases.held(_NAME, _FOR_EVER)


def want_no_executor(leases: Leases) -> None:
    """Note that no job waits; who says so looks for jobs once more afterwards."""
    leases.release(_NAME, _ANYBODY)
