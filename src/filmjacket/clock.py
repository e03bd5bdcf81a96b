"""The wall clock, for those who pass the time on to what has none."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> int:
    """Microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def moment_text(moment: int) -> str:
    """A moment as people and RFC 3339 write it, to the second: 2026-11-22T16:45:00Z."""
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
