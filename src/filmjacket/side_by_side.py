"""Work on many items in threads, with the results in the order of the items."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, workers: int, name: str
) -> Generator[_Result]:
    """Results of `work`, with no more of it begun than keeps the workers busy.

    When the consumer stops early, what has begun is completed and the rest is left.
    """
    running: deque[Future[_Result]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        for item in items:
            running.append(executor.submit(work, item))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
