"""Endpoint of the change feed, an extension: pages of the change log, on demand waiting for the next change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from starlette.responses import Response

from filmjacket.conformance.register import choose_offer
from filmjacket.http.notifications import admit
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query
from filmjacket.services.notifications.entries import change_object
from filmjacket.services.notifications.feed import read_page
from filmjacket.services.notifications.offers import FEED_OFFERS
from filmjacket.services.notifications.query import parse_change_query
from filmjacket.web.media_types import JSON

if TYPE_CHECKING:
    from starlette.requests import Request

    from filmjacket.services.notifications.center import NotificationCenter
    from filmjacket.services.notifications.feed import FeedPage
    from filmjacket.services.notifications.query import ChangeQuery


async def changes(request: Request) -> Response:
    """One page of the change log; with `wait` an empty last page is held back until there is something."""
    context = context_of(request)
    choose_offer(preferences_of(request), FEED_OFFERS)
    query = parse_change_query(raw_query(request))
    page = await context.lanes.db(read_page, context.changes, query)
    if query.wait and not page.changes and page.done and query.end is None:
        page = await _waited(context.notifications, query, page, query.wait)
    base = base_url_of(request)
    body = {
        "changes": [change_object(one, base) for one in page.changes],
        "through": page.through,
        "done": page.done,
        "first": page.extent.first,
        "latest": page.extent.last,
    }
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if not page.done:
        headers["Link"] = f'<{base}/changes?{_next_query(raw_query(request), page.through)}>; rel="next"'
    return Response(orjson.dumps(body), media_type=JSON, headers=headers)


async def _waited(center: NotificationCenter, query: ChangeQuery, page: FeedPage, seconds: float) -> FeedPage:
    listener = object()
    admit(center, listener)
    try:
        deadline = asyncio.get_running_loop().time() + seconds
        while page.done and not page.changes and not center.stopping:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or not await center.changes.next(page.through, left):
                break
            page = await center.run(read_page, center.log, replace(query, since=page.through, latest=False))
    finally:
        center.dismiss(listener)
    return page


def _next_query(raw: bytes, through: int) -> str:
    kept = [
        part for part in raw.decode("latin-1").split("&") if part and part.partition("=")[0] not in {"since", "wait"}
    ]
    return "&".join([*(quote(part, safe="%=,:.*?-_~+/@!$'()") for part in kept), f"since={through}"])
