"""Following a log: one reader a worker, however many listen.

The reader runs only while somebody follows. It keeps the newest entries, from which all followers are served; one
that is further behind reads for itself until it has caught up, so that a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import structlog

from filmjacket.errors import FilmjacketError
from filmjacket.events.wakeups import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from filmjacket.events.wakeups import Wakeups

log = structlog.stdlib.get_logger("filmjacket.events")

_KEPT = 2048
_READ_AT_ONCE = 500
# Looks without anybody waiting until the reader stops: a follower is away while it sends what it got.
_IDLE_TURNS = 40
# After a failed read, so that a database that is gone is not asked forty times a second.
_RETRY_SECONDS = 1.0


class _Numbered(Protocol):
    @property
    def number(self) -> int: ...


_Entry = TypeVar("_Entry", bound=_Numbered)


class Followers(Generic[_Entry]):
    """Those who follow one log in this worker.

    `read(after, limit)` returns the next entries, `last()` the newest number; both block and run through `run`.
    """

    def __init__(
        self,
        read: Callable[[int, int], Sequence[_Entry]],
        last: Callable[[], int],
        wakeups: Wakeups,
        run: Callable[..., Coroutine[Any, Any, Any]],
    ) -> None:
        self._read = read
        self._last = last
        self._wakeups = wakeups
        self._run = run
        self._newest: deque[_Entry] = deque(maxlen=_KEPT)
        self._head: int | None = None
        self._waiting = 0
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the worker is about to stop: nobody shall wait any more."""
        return self._closed

    async def last(self) -> int:
        """The newest number of the log."""
        return await self._run(self._last)

    async def next(self, after: int, seconds: float) -> Sequence[_Entry]:
        """The entries behind a number, as many as are there; [] when none came in time or all is over."""
        deadline = asyncio.get_running_loop().time() + seconds
        self._waiting += 1
        try:
            while not self._closed:
                news = self._news
                found = self._kept(after)
                if found is None:
                    found = await self._run(self._read, after, _READ_AT_ONCE)
                if found:
                    return found
                self._ensure_reader()
                async with asyncio.timeout_at(deadline):
                    await news.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return []

    async def close(self) -> None:
        """Let everybody go."""
        self._closed = True
        self._tell()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def _kept(self, after: int) -> Sequence[_Entry] | None:
        """What is kept behind a number; None when it is not known whether that is all."""
        if self._head is None:
            return None
        if after >= self._head:
            return []
        oldest = self._newest[0].number if self._newest else self._head + 1
        if after < oldest - 1:
            return None
        start = after - oldest + 1
        return list(islice(self._newest, start, start + _READ_AT_ONCE))

    def _ensure_reader(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """Read on until nobody waits any more."""
        idle = 0
        while idle < _IDLE_TURNS:
            try:
                found = await self._read_on()
            except FilmjacketError:
                log.warning("log_unreadable")
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if found:
                idle = 0
                continue
            await self._wakeups.wait(LOG, self._wakeups.poll_seconds)
            idle = 0 if self._waiting else idle + 1
        self._head = None
        self._newest.clear()

    async def _read_on(self) -> bool:
        if self._head is None:
            self._head = await self.last()
            self._tell()
        found: Sequence[_Entry] = await self._run(self._read, self._head, _READ_AT_ONCE)
        if found:
            self._newest.extend(found)
            self._head = found[-1].number
            self._tell()
        return bool(found)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
