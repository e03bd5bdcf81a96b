"""The change feed: pages of the change log, and what of new entries somebody wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.archive.changes import Log
from filmjacket.errors import Conflict, Gone
from filmjacket.services.notifications.query import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.archive.change_port import ChangeLog
    from filmjacket.archive.changes import ChangeFilter, LogExtent, LoggedChange
    from filmjacket.services.notifications.query import ChangeQuery

_LOOKED_AT = 50_000
"""Numbers that one page goes over: what it costs does not depend on how rare the wanted changes are."""
_MATCHED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes in order; `through` is the last number looked at, from which the next page goes on."""

    changes: tuple[LoggedChange, ...]
    through: int
    done: bool
    extent: LogExtent


def read_page(log: ChangeLog, query: ChangeQuery) -> FeedPage:
    """One page of the log. Raises `Gone` when its beginning is no longer kept, `Conflict` when there is no such place.

    A page may be empty although there is more: then `done` is false, and the next one goes on at `through`.
    """
    extent = log.extent(Log.CHANGES)
    after = starting_point(query, extent)
    if query.begin is not None:
        after = max(after, log.number_before(query.begin))
    end = extent.last if query.end is None else min(extent.last, log.number_before(query.end))
    upto = min(end, max(after, extent.first - 1) + _LOOKED_AT)
    found: list[LoggedChange] = []
    while after < upto and len(found) < query.limit:
        portion = query.limit if query.wanted.query is None else _MATCHED_AT_ONCE
        some = log.changes(after, upto, portion, query.wanted)
        after = some[-1].number if len(some) == portion else upto
        found += chosen(log, some, query.wanted)
    if len(found) > query.limit:
        del found[query.limit :]
        after = found[-1].number
    return FeedPage(tuple(found), after, after >= end, extent)


def starting_point(query: ChangeQuery, extent: LogExtent) -> int:
    """The number after which a reader wants to go on; both ends of the log are checked, so that no gap is missed."""
    if query.latest:
        return extent.last
    if query.since is None:
        return extent.first - 1
    if query.since + 1 < extent.first:
        raise Gone(
            f"Changes up to {extent.first - 1} are no longer kept; the first that can be read is {extent.first}. "
            "What happened before shows in a search only.",
            section=EXTENSION,
            offender="since",
            accepted=(str(extent.first - 1),),
        )
    if query.since > extent.last:
        raise Conflict(
            f"The log ends at {extent.last}: this number is of another archive, or of a later state of this one.",
            section=EXTENSION,
            offender="since",
            accepted=(f"{extent.first - 1} to {extent.last}", "latest"),
        )
    return query.since


def chosen(log: ChangeLog, changes: Sequence[LoggedChange], wanted: ChangeFilter) -> list[LoggedChange]:
    """Those of the changes that pass a filter, its query included."""
    admitted = [one for one in changes if wanted.admits(one.change)]
    if wanted.query is None or not admitted:
        return admitted
    return log.matching(admitted, wanted.query)
