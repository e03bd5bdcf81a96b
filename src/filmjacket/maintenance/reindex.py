"""Fill in what searches look up, for everything that was stored before it was declared; the server may run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.ports import Index


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """How many studies, series and instances were looked at."""

    looked_at: int


def reindex(
    index: Index,
    *,
    everything: bool = False,
    on_total: Callable[[int], None] = lambda _total: None,
    on_done: Callable[[int], None] = lambda _size: None,
) -> ReindexReport:
    """Fill in declared search attributes and words of names; goes on where a run before this one was stopped.

    With `everything` it begins anew. `on_total` is told how many data sets there are, `on_done` the size of each.
    """
    on_total(index.begin_reindex(everything=everything))
    looked_at = 0
    while sizes := index.reindex():
        looked_at += len(sizes)
        for size in sizes:
            on_done(size)
    return ReindexReport(looked_at)
