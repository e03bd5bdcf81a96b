"""Rendered pictures that are kept, and work in flight that others wait for, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from filmjacket.metrics import CacheNumbers

if TYPE_CHECKING:
    from collections.abc import Callable


class RenderedCache:
    """Least recently used files by their entity tags, which name content: nothing in here can be out of date.

    What several ask for at once is made once; an error goes to all of them and is not kept.
    """

    def __init__(self, budget: int, name: str = "rendered") -> None:
        self._budget = budget
        self._numbers = CacheNumbers(name)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._making: dict[str, Future[bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def get(self, tag: str) -> bytes | None:
        """What is kept under a tag."""
        with self._lock:
            return self._get(tag)

    def get_or_make(self, tag: str, make: Callable[[], bytes]) -> bytes:
        """The file of a tag, made now if need be."""
        mine: Future[bytes] = Future()
        with self._lock:
            kept = self._get(tag)
            if kept is not None:
                return kept
            first = self._making.setdefault(tag, mine)
        self._numbers.looked(found=first is not mine)
        return self._made(tag, mine, make) if first is mine else first.result()

    def _made(self, tag: str, mine: Future[bytes], make: Callable[[], bytes]) -> bytes:
        try:
            file = make()
        except BaseException as error:
            with self._lock:
                del self._making[tag]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._making[tag]
            self._put(tag, file)
        mine.set_result(file)
        return file

    def _get(self, tag: str) -> bytes | None:
        kept = self._kept.get(tag)
        if kept is not None:
            self._kept.move_to_end(tag)
            self._numbers.looked(found=True)
        return kept

    def _put(self, tag: str, file: bytes) -> None:
        # One file may take an eighth of all, so that a poster does not push out a thousand slices.
        if len(file) > self._budget // 8:
            return
        self._kept[tag] = file
        self._size += len(file)
        while self._size > self._budget:
            self._size -= len(self._kept.popitem(last=False)[1])
        self._numbers.holds(self._size)
