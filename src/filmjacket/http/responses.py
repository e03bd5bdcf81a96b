"""Responses that stream downloads without holding them, and without blocking the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from filmjacket.offload import Lanes
    from filmjacket.services.studies.download import Download

log = structlog.stdlib.get_logger("filmjacket.http")

T = TypeVar("T")
READ_BEFORE_HEADERS = 2**20
"""Downloads up to this size are read in the first thread hop; larger ones keep as little as possible, since a slow
reader holds it until the end."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A download whose first bytes are read, so that most faults still have a proper status.

    `length` is the Content-Length: announced by the download, or counted when everything is read already.
    """

    download: Download
    first: list[bytes]
    rest: Iterator[bytes] | None
    length: int | None


def begin(download: Download) -> Begun:
    """Read the first bytes of a download, all of a small one; call it in a lane."""
    small = download.length is None or download.length <= READ_BEFORE_HEADERS
    enough = READ_BEFORE_HEADERS if small else 0
    first: list[bytes] = []
    size = 0
    for chunk in download.chunks:
        first.append(chunk)
        size += len(chunk)
        if size > enough:
            return Begun(download, first, download.chunks, download.length)
    return Begun(download, first or [b""], None, size)


async def start_download(lanes: Lanes, function: Callable[[], Download], *, status: int = 200) -> DownloadResponse:
    """Run a retrieve function and the first reads in one thread hop."""
    begun = await lanes.disk(lambda: begin(function()))
    return DownloadResponse(begun, lanes, status)


class DownloadResponse(Response):
    """Sends a begun download; an error after the first byte aborts the connection (never a short body)."""

    def __init__(self, begun: Begun, lanes: Lanes, status: int = 200) -> None:
        download = begun.download
        self._begun = begun
        self._lanes = lanes
        self.status_code = 206 if download.partial else status
        self.media_type = None
        self.background = None
        headers = {"Content-Type": download.content_type, "Cache-Control": "private", "Vary": "Accept"}
        if begun.length is not None:
            headers["Content-Length"] = str(begun.length)
        if download.location is not None:
            headers["Content-Location"] = download.location
        self.raw_headers = [
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
            *((b"warning", text.encode("latin-1", "replace")) for text in download.warnings),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        del receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        first, rest = self._begun.first, self._begun.rest
        while first:
            chunk = first.pop(0)
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(first) or rest is not None})
        if rest is not None:
            await self._send_rest(rest, send)

    async def _send_rest(self, rest: Iterator[bytes], send: Send) -> None:
        try:
            async for chunk in self._lanes.stream(rest):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception:
            log.exception("download_aborted")
            raise
        await send({"type": "http.response.body", "body": b"", "more_body": False})
