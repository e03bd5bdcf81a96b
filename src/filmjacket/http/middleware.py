"""Pure ASGI middleware: bounds of what comes before the payload, CORS (peers' pain: errors need CORS headers too)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from filmjacket.http.errors import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_PATH_BYTES = 60_000
"""Room for lists of ten thousand frames; a little below where the HTTP servers refuse without a word."""

ALLOWED_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
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
