"""Following the change log with a filter, for connections that stay open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from filmjacket.services.notifications.feed import chosen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from filmjacket.archive.changes import LoggedChange
    from filmjacket.services.notifications.center import NotificationCenter
    from filmjacket.services.notifications.query import ChangeQuery


async def follow(
    center: NotificationCenter, query: ChangeQuery, after: int, seconds: float
) -> AsyncGenerator[tuple[LoggedChange | None, int]]:
    """Yield wanted changes with their numbers, and (None, how far it is) when there was none for `seconds`.

    Ends when the server stops, after as many as the query is limited to, or when there was none for its `wait`.
    """
    left = query.limit
    clock = asyncio.get_running_loop().time
    heard_at = clock()
    while not center.stopping:
        patience = seconds if query.wait is None else min(seconds, max(0.0, heard_at + query.wait - clock()))
        entries = await center.changes.next(after, patience)
        wanted = [one for one in entries if query.wanted.admits(one.change)]
        if wanted and query.wanted.query is not None:
            wanted = await center.run(chosen, center.log, wanted, query.wanted)
        for one in wanted:
            yield one, one.number
            left -= 1
            if left == 0:
                return
            heard_at = clock()
        if entries:
            after = entries[-1].number
        elif query.wait is not None and clock() >= heard_at + query.wait:
            return
        elif not center.stopping:
            yield None, after
