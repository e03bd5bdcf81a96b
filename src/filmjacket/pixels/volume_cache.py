"""Volumes that may be asked for again, within a bound of memory; one is loaded at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from filmjacket.metrics import CacheNumbers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from filmjacket.pixels.volume_grid import Check, Volume

_POLL_SECONDS = 0.1


class VolumeCache:
    """Least recently used volumes up to `cache_bytes` together. None may be larger than `maximum_bytes`.

    Whoever needs one that another caller is loading waits for it. As one is loaded at a time, all volumes together take
    no more than both bounds, and what is being rendered.
    """

    def __init__(self, *, maximum_bytes: int, cache_bytes: int) -> None:
        self.maximum_bytes = maximum_bytes
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._volumes: OrderedDict[Hashable, Volume] = OrderedDict()
        self._numbers = CacheNumbers("volumes")

    def get(self, key: Hashable, load: Callable[[], Volume], check: Check) -> Volume:
        """The volume of a key; `check` is called while waiting, what it raises ends the wait."""
        found = self._find(key)
        self._numbers.looked(found=found is not None)
        if found is not None:
            return found
        while not self._loading.acquire(timeout=_POLL_SECONDS):
            check()
        try:
            found = self._find(key)
            if found is None:
                found = load()
                self._keep(key, found)
            return found
        finally:
            self._loading.release()

    @property
    def held_bytes(self) -> int:
        """What the kept volumes take."""
        with self._lock:
            return sum(volume.nbytes for volume in self._volumes.values())

    def _find(self, key: Hashable) -> Volume | None:
        with self._lock:
            volume = self._volumes.get(key)
            if volume is not None:
                self._volumes.move_to_end(key)
            return volume

    def _keep(self, key: Hashable, volume: Volume) -> None:
        if volume.nbytes > self._cache_bytes:
            return
        with self._lock:
            self._volumes[key] = volume
            while sum(kept.nbytes for kept in self._volumes.values()) > self._cache_bytes:
                self._volumes.popitem(last=False)
            self._numbers.holds(sum(kept.nbytes for kept in self._volumes.values()))
