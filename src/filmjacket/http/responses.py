"""Responses that stream downloads without holding them, and without blocking the event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response

from filmjacket.errors import NotAcceptable, PreconditionFailed
from filmjacket.http.coding import CodedAnswers, Collector, encode, encoded
from filmjacket.http.request import context_of
from filmjacket.web.caching import NOT_KEPT, VARY, cache_control
from filmjacket.web.conditional import coded_etag, is_not_modified, is_precondition_failed, is_range_allowed
from filmjacket.web.content_coding import IDENTITY, SMALLEST_CODED, acceptable_codings
from filmjacket.web.media_types import quoted
from filmjacket.web.ranges import content_range, parse_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from filmjacket.offload import Lanes
    from filmjacket.services.studies.download import Download

log = structlog.stdlib.get_logger("filmjacket.http")

_ACTIVE = frozenset(("text/html", "text/xml", "image/svg+xml"))
"""Types that browsers run scripts of. What is stored may come from anybody: a sandbox has no scripts and no origin."""

_WITHOUT_BODY = frozenset((HTTPStatus.NOT_MODIFIED, HTTPStatus.TEMPORARY_REDIRECT))

READ_BEFORE_HEADERS = 2**20
"""Downloads up to this size are read in the first thread hop; larger ones keep as little as possible, since a slow
reader holds it until the end."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a GET asks for besides the resource: only if it changed, a range of it, coded (RFC 9110 8.4, 13, 14).

    `head` says that only the header section is wanted.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    byte_range: str | None = None
    if_range: str | None = None
    accept_encoding: str | None = None
    head: bool = False

    @classmethod
    def of(cls, request: Request) -> Conditions:
        """The conditions of a request."""
        headers = request.headers
        return cls(
            headers.get("if-match"),
            headers.get("if-none-match"),
            headers.get("range"),
            headers.get("if-range"),
            _list_field(headers, "accept-encoding"),
            request.method == "HEAD",
        )

    def need_no_content(self, tag: str) -> bool:
        """Whether the representation with that tag need not be made: nobody wants its bytes."""
        return self.head or is_not_modified(self.if_none_match, tag) or is_precondition_failed(self.if_match, tag)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How this worker sends: the coded answers it keeps, and for how long immutable ones need no new request."""

    answers: CodedAnswers
    fresh_seconds: int = 0


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
    coding: str = IDENTITY
    cache_control: str = NOT_KEPT
    elsewhere: str | None = None


def begin(download: Download, conditions: Conditions, delivery: Delivery) -> Begun:
    """Judge the conditions and read the first bytes, all of a small payload; call it in a lane.

    Raises `PreconditionFailed` for a false `If-Match`, `RangeNotSatisfiable` for a range behind the end, and
    `NotAcceptable` for codings that cannot be had.
    """
    codings = _codings(download, conditions)
    begun = _begin_tagged(download, conditions, delivery, codings)
    if begun.elsewhere is not None:
        return begun  # the URL ends after a while, the bytes behind it do not
    # A payload with a location is one representation; one without may have more parts tomorrow.
    immutable = download.ranged is not None and download.location is not None
    return replace(
        begun,
        cache_control=cache_control(
            tagged=download.etag is not None, immutable=immutable, fresh_seconds=delivery.fresh_seconds
        ),
    )


def _begin_tagged(download: Download, conditions: Conditions, delivery: Delivery, codings: tuple[str, ...]) -> Begun:
    if download.etag is not None:
        tags = tuple(coded_etag(download.etag, coding) for coding in codings)
        if all(is_precondition_failed(conditions.if_match, tag) for tag in tags):
            raise PreconditionFailed(
                "The representation is not the one that If-Match names.",
                section="RFC 9110 13.1.1",
                offender="If-Match",
                accepted=tags,
            )
        for tag in tags:
            # Whichever of the acceptable codings the client has: it need not be the one it would get now.
            if is_not_modified(conditions.if_none_match, tag):
                return Begun(HTTPStatus.NOT_MODIFIED, replace(download, etag=tag), [], None, None)
    status = HTTPStatus.PARTIAL_CONTENT if download.partial else HTTPStatus.OK
    if conditions.head:
        return _begin_head(status, download, codings[0], delivery)
    url = download.elsewhere() if download.elsewhere is not None else None
    if url is not None:
        return Begun(HTTPStatus.TEMPORARY_REDIRECT, download, [], None, 0, elsewhere=url)
    return _begin_range(download, conditions) or _begin_whole(status, download, codings, delivery)


def _codings(download: Download, conditions: Conditions) -> tuple[str, ...]:
    """Acceptable codings of this download, best first. Pixel data are never coded: they are compressed already."""
    acceptable = acceptable_codings(conditions.accept_encoding)
    codings = acceptable if download.codable else tuple(coding for coding in acceptable if coding == IDENTITY)
    if not codings:
        raise NotAcceptable(
            "The Accept-Encoding header refuses every content coding that this resource can be had in.",
            section="RFC 9110 12.5.3",
            offender="Accept-Encoding",
            accepted=acceptable_codings("zstd, gzip, identity") if download.codable else (IDENTITY,),
        )
    return codings


def _begin_head(status: int, download: Download, coding: str, delivery: Delivery) -> Begun:
    """The header section of a GET without reading anything, hence the length only if it is known (9.3.2)."""
    small = download.length is not None and download.length < SMALLEST_CODED
    if coding == IDENTITY or small:
        return Begun(status, download, [], None, download.length)
    tagged = _coded(download, coding)
    kept = delivery.answers.get(tagged.etag) if tagged.etag is not None else None
    return Begun(status, tagged, [], None, None if kept is None else len(kept), coding=coding)


def _begin_range(download: Download, conditions: Conditions) -> Begun | None:
    tag, length = download.etag, download.length
    if tag is None or not (conditions.byte_range and download.ranged and length):
        return None
    if not is_range_allowed(conditions.if_range, tag):
        return None
    ranges = parse_range(conditions.byte_range, length)
    # Several ranges in one answer may be refused by sending everything (RFC 9110 14.2).
    if ranges is None or len(ranges) != 1:
        return None
    first, last = ranges[0]
    count = last - first + 1
    begun = _begin(HTTPStatus.PARTIAL_CONTENT, download, iter(download.ranged(first, count)), count)
    return replace(begun, content_range=content_range(first, last, length))


def _begin_whole(status: int, download: Download, codings: tuple[str, ...], delivery: Delivery) -> Begun:
    coding, *others = codings
    if coding == IDENTITY:
        return _begin(status, download, download.chunks, download.length)
    tagged = _coded(download, coding)
    kept = delivery.answers.get(tagged.etag) if tagged.etag is not None else None
    if kept is not None:
        return Begun(status, tagged, [kept], None, len(kept), coding=coding)
    head, chunks = _peek(download.chunks)
    if len(head) < SMALLEST_CODED and IDENTITY in others:
        return Begun(status, download, [head], None, len(head))
    collector = None
    if tagged.etag is not None and download.unchanged is not None:
        collector = Collector(delivery.answers, tagged.etag, download.unchanged)
    return replace(_begin(status, tagged, encoded(chunks, coding, collector), None), coding=coding)


def _coded(download: Download, coding: str) -> Download:
    return replace(download, etag=None if download.etag is None else coded_etag(download.etag, coding))


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Read until it is clear that an answer is not small; returns what was read, and all of it again."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= SMALLEST_CODED:
            break
    return head, chain((head,), chunks)


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
    """Run a retrieve function and the first reads in one thread hop; two if bytes have to be coded."""
    conditions, delivery = Conditions.of(request), context_of(request).delivery

    def work() -> Download | Begun:
        download = function()
        return download if download.coded else begin(download, conditions, delivery)

    found = await lanes.disk(work)
    if isinstance(found, Begun):
        return DownloadResponse(found, lanes)
    return DownloadResponse(await lanes.cpu(begin, found, conditions, delivery), lanes, cpu=True)


class DownloadResponse(Response):
    """Sends a begun download; an error after the first byte aborts the connection (never a short body)."""

    def __init__(self, begun: Begun, lanes: Lanes, *, cpu: bool = False) -> None:
        self._begun = begun
        self._lanes = lanes
        self._cpu = cpu
        self.status_code = int(begun.status)
        self.media_type = None
        self.background = None
        self.raw_headers = _headers(begun)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD" or self.status_code in _WITHOUT_BODY:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        first, rest = self._begun.first, self._begun.rest
        while first:
            chunk = first.pop(0)
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(first) or rest is not None})
        if rest is not None:
            await self._send_rest(rest, receive, send)

    async def _send_rest(self, rest: Iterator[bytes], receive: Receive, send: Send) -> None:
        # Servers take bytes for a client who is gone without a word; making them would be a waste.
        gone = asyncio.create_task(_disconnected(receive)) if self._cpu else None
        try:
            async with aclosing(self._lanes.stream(rest, cpu=self._cpu)) as chunks:
                async for chunk in chunks:
                    if gone is not None and gone.done():
                        return
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception:
            log.exception("download_aborted")
            raise
        finally:
            if gone is not None:
                gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    """Until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(begun: Begun) -> list[tuple[bytes, bytes]]:
    download = begun.download
    name = download.file_name
    headers = [("Cache-Control", begun.cache_control), ("Vary", VARY), ("X-Content-Type-Options", "nosniff")]
    if begun.status not in _WITHOUT_BODY:
        headers.append(("Content-Type", download.content_type))
    if download.content_type.partition(";")[0].lower() in _ACTIVE:
        headers.append(("Content-Security-Policy", "sandbox"))
    optional = (
        ("Content-Disposition", name and f"attachment; filename={quoted(name)}"),
        ("Content-Encoding", None if begun.coding == IDENTITY else begun.coding),
        ("Content-Length", None if begun.length is None else str(begun.length)),
        ("Content-Location", download.location),
        ("Content-Range", begun.content_range),
        ("ETag", download.etag),
        ("Location", begun.elsewhere),
        ("Accept-Ranges", "bytes" if download.ranged else None),
        *(("Warning", text) for text in download.warnings),
    )
    headers += [(name, value) for name, value in optional if value is not None]
    return [(name.lower().encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]


class TextResponse(Response):
    """A text at hand, coded as the client likes it when it is sent: receipts, problem documents.

    Their Vary says so; a receipt is never refused for its coding.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        codings = acceptable_codings(_list_field(Headers(scope=scope), "accept-encoding"))
        if len(self.body) >= SMALLEST_CODED and codings and codings[0] != IDENTITY:
            self.body = encode(bytes(self.body), codings[0])
            self.headers["Content-Encoding"] = codings[0]
            self.headers["Content-Length"] = str(len(self.body))
        self.headers["Vary"] = VARY
        self.headers.setdefault("Cache-Control", NOT_KEPT)
        await super().__call__(scope, receive, send)


def _list_field(headers: Headers, name: str) -> str | None:
    """A list that may come in several header fields (RFC 9110 5.3)."""
    values = headers.getlist(name)
    return ", ".join(values) if values else None
