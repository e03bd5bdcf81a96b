"""Reading ahead: who says what it is going to read gets it faster from a store that is far away."""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from filmjacket.archive.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from filmjacket.blobs.budget import ByteBudget

PIECE_BYTES: Final = 768 * 1024
"""One ranged read: an image of 512 by 512 pixels with its header. A slow reader holds one for as long as it likes."""

GAP_BYTES: Final = 64 * 1024
"""Spans of one blob so near to each other are read at once."""

SMALL_BYTES: Final = 4096
"""A read of less, an item header for example, does not move what is read ahead."""


class Piece:
    """A part of what is going to be read: bytes that are here, on their way, or not asked for."""

    __slots__ = ("__weakref__", "content", "future", "leased", "span")

    def __init__(self, span: Span, budget: ByteBudget) -> None:
        self.span = span
        self.leased = budget.try_acquire(span.length)
        if self.leased:
            weakref.finalize(self, budget.release, span.length).atexit = False
        self.content: bytes | None = None
        self.future: Future[bytes] | None = None


class ReadAhead:
    """Pieces of the spans that somebody is going to read in this order, fetched in parallel ahead of the reads.

    The piece that is being read is always fetched. Others are only if they fit into the `window`, and into the
    budget that all readers of a process share: a slow reader costs a piece, and many of them cost no more than
    many pieces and the budget. What is behind is forgotten, unless only headers were read of it yet. What `is_near`,
    in a local cache for example, is not worth a thread.
    """

    def __init__(
        self,
        spans: Iterable[Span],
        fetch: Callable[[Span], bytes],
        executor: Executor,
        budget: ByteBudget,
        window: int,
        is_near: Callable[[str], bool] = lambda _key: False,
    ) -> None:
        self._is_near = is_near
        self._spans = list(_pieces(spans))
        self._fetch = fetch
        self._executor = executor
        self._budget = budget
        self._window = max(window // PIECE_BYTES, 1)
        self._fits = sum(span.length for span in self._spans) <= window
        self._lock = threading.Lock()
        self._held: dict[int, Piece] = {}
        self._starts: dict[str, list[tuple[int, int]]] = {}
        for number, span in enumerate(self._spans):
            self._starts.setdefault(span.key, []).append((span.offset, number))
        for starts in self._starts.values():
            starts.sort()

    def end_of(self, key: str, offset: int) -> int | None:
        """Where the announced bytes around this position end, if it is announced."""
        found = end = None
        while (found := self._find(key, offset if end is None else end)) is not None:
            span = self._spans[found]
            end = span.offset + span.length
        return end

    def take(self, key: str, offset: int, length: int) -> bytes | None:
        """At least one and at most `length` bytes from `offset`; None if they should be read another way."""
        number = self._find(key, offset)
        if number is None:
            return None
        small = length < SMALL_BYTES
        with self._lock:
            if small and not self._fits and number not in self._held:
                return None
            piece = self._move(number, small=small)
        span = self._spans[number]
        content = self._content(number, piece)
        return content[offset - span.offset : offset - span.offset + length]

    def _find(self, key: str, offset: int) -> int | None:
        starts = self._starts.get(key)
        if starts is None:
            return None
        place = bisect_right(starts, (offset, len(self._spans))) - 1
        if place < 0:
            return None
        first, number = starts[place]
        return number if offset < first + self._spans[number].length else None

    def _content(self, number: int, piece: Piece) -> bytes:
        if piece.content is None:
            try:
                piece.content = self._fetch(piece.span) if piece.future is None else piece.future.result()
            except BaseException:
                with self._lock:
                    self._held.pop(number, None)
                raise
            piece.future = None
        return piece.content

    def _move(self, number: int, *, small: bool) -> Piece:
        """Forget what is behind, and ask for what comes."""
        last = min(number + self._window, len(self._spans))
        for held, piece in list(self._held.items()):
            if not (number <= held < last or (small and self._fits and piece.leased)):
                del self._held[held]
        wanted = self._held.get(number)
        if wanted is None:
            wanted = self._held[number] = Piece(self._spans[number], self._budget)
        for ahead in range(number + 1, last):
            if ahead not in self._held and not self._is_near(self._spans[ahead].key):
                piece = Piece(self._spans[ahead], self._budget)
                if not piece.leased:
                    break
                self._held[ahead] = piece
                piece.future = self._executor.submit(self._fetch, piece.span)
        return wanted


def _pieces(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans, neighbours joined, and cut."""
    joined: Span | None = None
    for span in spans:
        if joined is None:
            joined = span
        elif _are_neighbours(joined, span):
            end = max(joined.offset + joined.length, span.offset + span.length)
            joined = joined._replace(length=end - joined.offset)
        else:
            yield from _cut(joined)
            joined = span
    if joined is not None:
        yield from _cut(joined)


def _are_neighbours(first: Span, second: Span) -> bool:
    end = first.offset + first.length
    return first.key == second.key and first.offset <= second.offset <= end + GAP_BYTES


def _cut(span: Span) -> Iterator[Span]:
    for start in range(0, span.length, PIECE_BYTES):
        yield Span(span.key, span.offset + start, min(PIECE_BYTES, span.length - start))
