"""WebSockets: event reports to a subscriber of the worklist (PS3.18 8.10, 11.13), and changes of any resource.

Both only speak; what a client sends is read and forgotten, so that its close is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

import anyio
import orjson
import structlog
from starlette.websockets import WebSocketDisconnect

from filmjacket.archive.changes import Log
from filmjacket.errors import BadRequest, FilmjacketError
from filmjacket.http.errors import on_filmjacket_error
from filmjacket.http.notifications import admit, check_origin
from filmjacket.http.request import base_url_of, context_of, raw_query
from filmjacket.services.notifications.entries import change_object
from filmjacket.services.notifications.feed import starting_point
from filmjacket.services.notifications.following import follow
from filmjacket.services.notifications.query import parse_change_query
from filmjacket.services.notifications.reporting import Reporting
from filmjacket.web.workitem_grammar import parse_ae_title, requester_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from filmjacket.http.context import Context
    from filmjacket.services.notifications.center import NotificationCenter

log = structlog.stdlib.get_logger("filmjacket.http")

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013
_SCHEMES: Final = {"http": "ws", "https": "wss"}
# What clients send is forgotten; one that floods is not worth a connection.
_MOST_MESSAGES: Final = 10_000
_POLICY_VIOLATION: Final = 1008


def subscriber_url(request: Request, aetitle: str) -> str:
    """The WebSocket URL at which a subscriber hears its events, for Content-Location of a subscription (11.10.3)."""
    scheme, _, rest = _http(base_url_of(request)).partition("://")
    return f"{_SCHEMES[scheme]}://{rest}/ws/subscribers/{quote(aetitle, safe='')}"


def _http(url: str) -> str:
    """The URL of the services: of a WebSocket the connection itself says ws."""
    return url.replace("ws", "http", 1) if url.startswith("ws") else url


async def subscriber(websocket: WebSocket) -> None:
    """Event reports to the subscriber that the URL names, at any of the places where clients look for them."""

    async def open_connection(context: Context) -> Coroutine[Any, Any, None]:
        title = parse_ae_title(_subscriber_of(websocket), "subscriber")
        keep = context.settings.notifications.queue_events
        reporting = Reporting(context.notifications, title, keep, websocket.send_text)
        await reporting.begin()
        return reporting.run(context.settings.notifications.heartbeat_seconds)

    await _serve(websocket, open_connection)


async def changes(websocket: WebSocket) -> None:
    """Changes that pass a filter in search syntax, one JSON object a frame; heartbeats say how far the log is."""

    async def open_connection(context: Context) -> Coroutine[Any, Any, None]:
        query = parse_change_query(_raw_query(websocket), live=True)
        center = context.notifications
        after = starting_point(query, await context.lanes.db(context.changes.extent, Log.CHANGES))
        base = _http(base_url_of(cast("Request", websocket)))
        seconds = context.settings.notifications.heartbeat_seconds

        async def speak() -> None:
            async for one, through in follow(center, query, after, seconds):
                said = {"heartbeat": True, "through": through} if one is None else change_object(one, base)
                await websocket.send_text(orjson.dumps(said).decode())

        return speak()

    await _serve(websocket, open_connection)


async def _serve(
    websocket: WebSocket, open_connection: Callable[[Context], Awaitable[Coroutine[Any, Any, None]]]
) -> None:
    """Refuse before the upgrade, or speak until the client goes or the server stops."""
    context = context_of(cast("Request", websocket))
    try:
        check_origin(websocket, context.settings.cors_origins)
        speaking = await open_connection(context)
    except FilmjacketError as error:
        await _refuse(websocket, error)
        return
    try:
        admit(context.notifications, websocket)
    except FilmjacketError as error:
        speaking.close()
        await _refuse(websocket, error)
        return
    try:
        await websocket.accept()
        await _converse(websocket, speaking, context.notifications)
    finally:
        speaking.close()
        context.notifications.dismiss(websocket)


async def _converse(websocket: WebSocket, speaking: Coroutine[Any, Any, None], center: NotificationCenter) -> None:
    speaker = asyncio.create_task(speaking)
    listener = asyncio.create_task(_listen(websocket))
    try:
        await asyncio.wait({speaker, listener}, return_when=asyncio.FIRST_COMPLETED)
        code = GOING_AWAY if center.stopping else NORMAL
        if listener.done():
            if listener.result():
                return
            code = _POLICY_VIOLATION
        elif speaker.exception() is not None:
            code = _code_of(speaker.exception())
        # granian closes once nobody waits for what the client says.
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(code)
    finally:
        for task in (speaker, listener):
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(speaker, listener, return_exceptions=True)


def _code_of(error: BaseException | None) -> int:
    if isinstance(error, FilmjacketError):
        return TRY_AGAIN_LATER
    if not isinstance(error, WebSocketDisconnect):
        log.error("websocket_failed", exc_info=error)
    return INTERNAL_ERROR


async def _listen(websocket: WebSocket) -> bool:
    """Until the client is gone: True; False when it says too much."""
    for _ in range(_MOST_MESSAGES):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return True
    return False


async def _refuse(websocket: WebSocket, error: FilmjacketError) -> None:
    """Answer the opening request as HTTP; a server without that extension of ASGI answers 403."""
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(on_filmjacket_error(cast("Request", websocket), error))
    else:
        await websocket.close(_POLICY_VIOLATION, error.message[:120])


def _subscriber_of(websocket: WebSocket) -> str:
    """The subscriber in the path, or in the query of the base URI (8.10.4.2)."""
    title = websocket.path_params.get("aetitle") or requester_of(_raw_query(websocket), None)
    if title is None:
        raise BadRequest(
            "The connection does not say whose events it wants.",
            section="8.10.4.2",
            offender="requester",
            accepted=("?requester={aetitle}", "/ws/subscribers/{aetitle}", "/subscribers/{aetitle}"),
        )
    return str(title)


def _raw_query(websocket: WebSocket) -> bytes:
    return raw_query(cast("Request", websocket))
