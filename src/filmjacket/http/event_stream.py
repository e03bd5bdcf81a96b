"""Endpoint of the change stream, an extension: the change log as server-sent events (WHATWG HTML 9.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import StreamingResponse

from filmjacket.archive.changes import Log
from filmjacket.conformance.register import choose_offer
from filmjacket.errors import BadRequest
from filmjacket.http.notifications import admit
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query
from filmjacket.services.notifications.entries import change_object
from filmjacket.services.notifications.feed import starting_point
from filmjacket.services.notifications.following import follow
from filmjacket.services.notifications.offers import EVENT_STREAM, STREAM_OFFERS
from filmjacket.services.notifications.query import EXTENSION, parse_change_query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.archive.changes import LoggedChange

_RETRY_MILLISECONDS: Final = 3000


async def stream(request: Request) -> Response:
    """Changes as they happen; `Last-Event-ID` resumes behind the last one that was read."""
    context = context_of(request)
    choose_offer(preferences_of(request), STREAM_OFFERS)
    query = parse_change_query(raw_query(request), live=True)
    read = _last_event_id(request)
    if read is not None:
        query = replace(query, since=read, latest=False)
    center = context.notifications
    after = starting_point(query, await context.lanes.db(context.changes.extent, Log.CHANGES))
    listener = object()
    admit(center, listener)
    seconds = context.settings.notifications.heartbeat_seconds
    headers = {"Cache-Control": "no-store", "Vary": "Accept", "X-Accel-Buffering": "no"}
    following = follow(center, query, after, seconds)
    body = _events(following, after, base_url_of(request), lambda: center.dismiss(listener))
    return StreamingResponse(body, media_type=EVENT_STREAM, headers=headers)


async def _events(
    following: AsyncGenerator[tuple[LoggedChange | None, int]], after: int, base_url: str, over: Callable[[], None]
) -> AsyncGenerator[str]:
    try:
        yield f"retry: {_RETRY_MILLISECONDS}\nid: {after}\n\n"
        async for one, through in following:
            yield _event(change_object(one, base_url)) if one is not None else f": heartbeat\nid: {through}\n\n"
    finally:
        over()


def _event(entry: dict[str, Any]) -> str:
    return f"id: {entry['number']}\nevent: {entry['level']}.{entry['action']}\ndata: {orjson.dumps(entry).decode()}\n\n"


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(
            "Last-Event-ID is not the number of a change.",
            section=EXTENSION,
            offender="Last-Event-ID",
            accepted=("the id of the last event that was read",),
        )
    return int(text)
