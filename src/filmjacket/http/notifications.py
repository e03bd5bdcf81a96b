"""What all ways to listen share: who may, how an origin is checked, and who wakes those who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from filmjacket.errors import Forbidden, Unavailable
from filmjacket.events.wakeups import LOG

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from filmjacket.http.context import Context
    from filmjacket.services.notifications.center import NotificationCenter

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class WakeAfterWrites:
    """Wakes those who follow the logs when a request that may have written is answered: its data are durable then.

    Once a request, whatever it wrote; a wake-up for nothing costs a look.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                cast("Context", scope["state"]["context"]).notifications.wakeups.poke(LOG)
            await send(message)

        await self._app(scope, receive, observed)


def check_origin(connection: HTTPConnection, allowed: tuple[str, ...]) -> None:
    """Refuse WebSockets of other sites' pages, which no CORS protects (RFC 6455 10.2); programs send no Origin."""
    origin = connection.headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed:
        return
    if urlsplit(origin).netloc == connection.headers.get("host"):
        return
    raise Forbidden(
        "Pages of this origin may not open a connection. Whoever runs the server can allow it with the setting "
        "cors_origins.",
        section="8.10",
        offender="Origin",
        accepted=allowed,
    )


def admit(center: NotificationCenter, listener: object) -> None:
    """Count a listener in. Raises `Unavailable`."""
    if not center.admit(listener):
        raise Unavailable("As many connections listen as are allowed, or the server is about to stop.", section="8.10")
