"""Room on a local disk: storing is refused while there is still enough left for the index."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from filmjacket.errors import OutOfStorage

if TYPE_CHECKING:
    from pathlib import Path

CHECK_SECONDS = 0.2
"""Free space is looked at no more often than this."""


class Room:
    """Free space of the file system that holds a directory."""

    def __init__(self, directory: Path, minimum_free_bytes: int) -> None:
        self._directory = directory
        self._minimum = minimum_free_bytes
        self._checked = -CHECK_SECONDS

    def check(self) -> None:
        """Raise `OutOfStorage` if less than the minimum is left."""
        now = time.monotonic()
        if not self._minimum or now - self._checked < CHECK_SECONDS:
            return
        if shutil.disk_usage(self._directory).free < self._minimum:
            raise OutOfStorage(
                "The blob store has less room left than the configured minimum.",
                section="PS3.18 10.5.3",
                offender="minimum_free_bytes",
            )
        self._checked = now
