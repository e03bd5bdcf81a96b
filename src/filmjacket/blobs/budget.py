"""A budget of bytes: what all threads of a process may hold of something together."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class ByteBudget:
    """Counts bytes that are held; whoever waits for room holds none, so that there is always somebody to go on."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._held = 0
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    @contextmanager
    def holding(self, size: int) -> Generator[None]:
        """Wait until there is room for so many bytes; one that needs more than there is in all gets it alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + size <= self._total)
            self._held += size
        try:
            yield
        finally:
            self.release(size)

    def try_acquire(self, size: int) -> bool:
        """Hold so many bytes if there is room for them now."""
        with self._changed:
            if self._held + size > self._total:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()
