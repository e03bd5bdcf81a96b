"""Responses that stream downloads without holding them, and without blocking the event loop."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.responses import Response

from filmjacket.errors import PreconditionFailed
from filmjacket.web.conditional import is_not_modified, is_precondition_failed, is_range_allowed
from filmjacket.web.ranges import content_range, parse_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from filmjacket.offload import Lanes
    from filmjacket.services.studies.download import Download

log = structlog.stdlib.get_logger("filmjacket.http")

READ_BEFORE_HEADERS = 2**20
"""Downloads up to this size are read in the first thread hop; larger ones keep as little as possible, since a slow
reader holds it until the end."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a GET asks for besides the resource: only if it changed, or only a range of it (RFC 9110 13, 14)."""

    if_match: str | None = None
    if_none_match: str | None = None
    byte_range: str | None = None
    if_range: str | None = None

    @classmethod
    def of(cls, request: Request) -> Conditions:
        """The conditions of a request."""
        headers = request.headers
        return cls(headers.get("if-match"), headers.get("if-none-match"), headers.get("range"), headers.get("if-range"))


@dataclass(frozen=True, slots=True)
class Begun:
    """A download whose first bytes are read, so that most faults still have a proper status.

    `length` is the Content-Length: announced by the download, or counted when everything is read already.
    """

    status: int
    download: Download
    first: list[bytes]
    rest: Iterator[bytes] | None
    length: int | None
    content_range: str | None = None


def begin(download: Download, conditions: Conditions) -> Begun:
    """Judge the conditions and read the first bytes, all of a small payload; call it in a lane.

    Raises `PreconditionFailed` for a false `If-Match` and `RangeNotSatisfiable` for a range behind the end.
    """
    status = 206 if download.partial else 200
    if download.etag is None:
        return _begin(status, download, download.chunks, download.length)
    if is_precondition_failed(conditions.if_match, download.etag):
        raise PreconditionFailed(
            "The representation is not the one that If-Match names.",
            section="RFC 9110 13.1.1",
            offender="If-Match",
            accepted=(download.etag,),
        )
    if is_not_modified(conditions.if_none_match, download.etag):
        return Begun(304, download, [], None, None)
    length = download.length
    if conditions.byte_range and download.ranged and length and is_range_allowed(conditions.if_range, download.etag):
        ranges = parse_range(conditions.byte_range, length)
        # Several ranges in one answer may be refused by sending everything (RFC 9110 14.2).
        if ranges is not None and len(ranges) == 1:
            first, last = ranges[0]
            chunks = iter(download.ranged(first, last - first + 1))
            begun = _begin(206, download, chunks, last - first + 1)
            return replace(begun, content_range=content_range(first, last, length))
    return _begin(status, download, download.chunks, length)


def _begin(status: int, download: Download, chunks: Iterator[bytes], length: int | None) -> Begun:
    small = length is None or length <= READ_BEFORE_HEADERS
    enough = READ_BEFORE_HEADERS if small else 0
    first: list[bytes] = []
    size = 0
    for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        if size > enough:
            return Begun(status, download, first, chunks, length)
    return Begun(status, download, first or [b""], None, size)


async def start_download(lanes: Lanes, request: Request, function: Callable[[], Download]) -> DownloadResponse:
    """Run a retrieve function and the first reads in one thread hop."""
    conditions = Conditions.of(request)
    return DownloadResponse(await lanes.disk(lambda: begin(function(), conditions)), lanes)


class DownloadResponse(Response):
    """Sends a begun download; an error after the first byte aborts the connection (never a short body)."""

    def __init__(self, begun: Begun, lanes: Lanes) -> None:
        self._begun = begun
        self._lanes = lanes
        self.status_code = begun.status
        self.media_type = None
        self.background = None
        self.raw_headers = _headers(begun)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        del receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD" or self.status_code == HTTPStatus.NOT_MODIFIED:
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
            async with aclosing(self._lanes.stream(rest)) as chunks:
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception:
            log.exception("download_aborted")
            raise
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(begun: Begun) -> list[tuple[bytes, bytes]]:
    download = begun.download
    headers = [("Cache-Control", "private"), ("Vary", "Accept")]
    if begun.status != HTTPStatus.NOT_MODIFIED:
        headers.append(("Content-Type", download.content_type))
    optional = (
        ("Content-Length", None if begun.length is None else str(begun.length)),
        ("Content-Location", download.location),
        ("Content-Range", begun.content_range),
        ("ETag", download.etag),
        ("Accept-Ranges", "bytes" if download.ranged else None),
        *(("Warning", text) for text in download.warnings),
    )
    headers += [(name, value) for name, value in optional if value is not None]
    return [(name.lower().encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]
