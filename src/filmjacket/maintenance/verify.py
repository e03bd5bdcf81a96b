"""Check every stored instance's bytes against the size and digest that the index holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket.archive.blob_check import Damage, Finding, check_blob
from filmjacket.side_by_side import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """Results in the index's order."""

    def check(item: tuple[str, BlobRef]) -> tuple[Finding | None, BlobRef]:
        return check_blob(blobs, *item), item[1]

    yield from in_order(check, chain.from_iterable(index.blobs()), workers=workers, name="verify")
