"""Pure ASGI middleware: request id, access log, CORS (peers' pain: errors need CORS headers too)."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import structlog
from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.stdlib.get_logger("filmjacket.access")

ALLOWED_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
EXPOSED_HEADERS = (
    "Content-Location",
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "Warning",
    "X-Request-Id",
)


class AccessLog:
    """Gives each request an id and writes one structured line when it ends.

    The line holds the method, the path template's shape and sizes, never the query: search keys are patient data.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        answered = {"status": 0, "bytes": 0}

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body":
                answered["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            log.info(
                "request",
                method=scope["method"],
                route=scope.get("route_name", "unmatched"),
                status=answered["status"],
                bytes=answered["bytes"],
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
            structlog.contextvars.unbind_contextvars("request_id")


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Wrap the whole application, so that refusals carry the headers as well; no origins, no CORS."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=list(ALLOWED_METHODS),
        allow_headers=["*"],
        expose_headers=list(EXPOSED_HEADERS),
        max_age=600,
    )
