"""Decoded frames that are still of use, and work in flight that others wait for, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from filmjacket.metrics import CacheNumbers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from filmjacket.pixels.description import PixelArray


class FrameCache:
    """Least recently used arrays up to `maximum_bytes`; each is made once, however many ask at the same time.

    Arrays are shared, hence not writeable.
    """

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._lock = threading.Lock()
        self._frames: OrderedDict[Hashable, PixelArray] = OrderedDict()
        self._bytes = 0
        self._making: dict[Hashable, _Making] = {}
        self._numbers = CacheNumbers("decoded_frames")

    def get(self, key: Hashable, make: Callable[[], PixelArray]) -> PixelArray:
        """The array of a key, made by this caller or by another one that is at it.

        An error belongs to the one who met it: whoever waited for him tries for himself.
        """
        while True:
            with self._lock:
                frame = self._frames.get(key)
                if frame is not None:
                    self._frames.move_to_end(key)
                    self._numbers.looked(found=True)
                    return frame
                making = self._making.get(key)
                if making is None:
                    mine = self._making[key] = _Making()
                    break
            making.over.wait()
            if making.frame is not None:
                self._numbers.looked(found=True)
                return making.frame
        self._numbers.looked(found=False)
        try:
            frame = make()
            frame.flags.writeable = False
            mine.frame = frame
            return frame
        finally:
            with self._lock:
                del self._making[key]
                if mine.frame is not None:
                    self._keep(key, mine.frame)
            mine.over.set()

    @property
    def held_bytes(self) -> int:
        """What the kept arrays take."""
        with self._lock:
            return self._bytes

    def _keep(self, key: Hashable, frame: PixelArray) -> None:
        # One that would push out most of the others is not worth it.
        if frame.nbytes > self._maximum_bytes // 2:
            return
        self._frames[key] = frame
        self._bytes += frame.nbytes
        while self._bytes > self._maximum_bytes:
            _, dropped = self._frames.popitem(last=False)
            self._bytes -= dropped.nbytes
        self._numbers.holds(self._bytes)


class _Making:
    """Work of one thread that others may wait for."""

    __slots__ = ("frame", "over")

    def __init__(self) -> None:
        self.over = threading.Event()
        self.frame: PixelArray | None = None
