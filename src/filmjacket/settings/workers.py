"""How many worker processes: a number, or as many as this machine has processors for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator

AUTO: Final = "auto"
MOST_AUTOMATIC: Final = 4
"""More workers want more memory, and are asked for by those who have it."""

MOST: Final = 256


def _check(workers: int | str) -> int | str:
    if workers == AUTO:
        return AUTO
    number = int(workers) if str(workers).isdigit() else 0
    if not 1 <= number <= MOST:
        raise ValueError(f"expected a whole number from 1 to {MOST}, or auto")
    return number


Workers = Annotated[int | str, AfterValidator(_check)]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def worker_count(workers: int | str) -> int:
    """The number that is meant on this machine."""
    return workers if isinstance(workers, int) else min(processors(), MOST_AUTOMATIC)


def processors(quota: Path = _QUOTA) -> int:
    """Processors that this process may use, by its affinity and by the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        granted, period = quota.read_text().split()
        allowed = min(allowed, max(1, int(granted) // int(period)))
    except (OSError, ValueError):  # no such limit
        pass
    return allowed
