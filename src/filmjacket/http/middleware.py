"""Pure ASGI middleware: request id, access log, CORS (peers' pain: errors need CORS headers too)."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import structlog
from starlette.middleware.cors import CORSMiddleware

from filmjacket.http.errors import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.stdlib.get_logger("filmjacket.access")

MOST_PATH_BYTES = 60_000
"""Room for lists of ten thousand frames; a little below where the HTTP servers refuse without a word."""

ALLOWED_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
EXPOSED_HEADERS = (
    "Content-Disposition",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "Warning",
    "X-Request-Id",
    "X-Total-Count",
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
        scope["request_id"] = request_id
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


class HeaderLimit:
    """Refuses requests with a very large header section or path (RFC 6585 5, RFC 9110 15.5.15).

    The HTTP servers have bounds of their own, larger ones, to keep their memory; this is where the client is told.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            size = sum(len(name) + len(value) for name, value in scope["headers"])
            if len(scope.get("raw_path") or scope["path"]) > MOST_PATH_BYTES:
                app = problem(
                    414,
                    "uri-too-long",
                    f"The path is longer than {MOST_PATH_BYTES} bytes.",
                    section="8.5",
                    offender="path",
                )
            elif size > self._limit:
                app = problem(
                    431,
                    "header-too-large",
                    f"The header section is larger than {self._limit} bytes.",
                    section="RFC 6585 5",
                    offender=_largest(scope["headers"]),
                )
        await app(scope, receive, send)


def _largest(headers: Sequence[tuple[bytes, bytes]]) -> str:
    return max(headers, key=lambda field: len(field[1]))[0].decode("latin-1")[:80]


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
