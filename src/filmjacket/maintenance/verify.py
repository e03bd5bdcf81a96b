"""Check every stored instance's bytes against the size and digest that the index holds."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.archive.blob_check import Damage, Finding, check_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import BlobRef

__all__ = ("Damage", "Finding", "VerifyReport", "check_blob", "verify")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of a whole check."""

    instances: int
    bytes: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether every instance is whole."""
        return not self.findings


def verify(
    index: Index,
    blobs: Blobs,
    *,
    workers: int | None = None,
    on_checked: Callable[[int], None] = lambda _size: None,
) -> VerifyReport:
    """Read every blob that the index refers to; `on_checked` is told the size of each one that was checked.

    An instance that is replaced or deleted while the check runs may be reported as missing; checking again
    tells.
    """
    instances = total = 0
    findings: list[Finding] = []
    for finding, blob in _check_all(index, blobs, workers or os.cpu_count() or 1):
        instances += 1
        total += blob.size
        if finding is not None:
            findings.append(finding)
        on_checked(blob.size)
    return VerifyReport(instances, total, tuple(findings))


def _check_all(index: Index, blobs: Blobs, workers: int) -> Iterator[tuple[Finding | None, BlobRef]]:
    """Results in the index's order, with no more work queued than keeps the workers busy."""
    running: deque[tuple[Future[Finding | None], BlobRef]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="verify")
    try:
        for batch in index.blobs():
            for sop_uid, blob in batch:
                running.append((executor.submit(check_blob, blobs, sop_uid, blob), blob))
                if len(running) > 2 * workers:
                    yield _first(running)
        while running:
            yield _first(running)
    finally:
        executor.shutdown(cancel_futures=True)


def _first(running: deque[tuple[Future[Finding | None], BlobRef]]) -> tuple[Finding | None, BlobRef]:
    future, blob = running.popleft()
    return future.result(), blob
