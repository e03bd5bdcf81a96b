"""Receiving a store payload, in whatever service: pieces in the disk lane while the next ones arrive (PS3.18 8.6.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect

from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.errors import FilmjacketError, TooLarge
from filmjacket.http.request import context_of
from filmjacket.http.responses import TextResponse
from filmjacket.services.studies.content_coding import ContentDecoder, content_coding_of
from filmjacket.services.studies.store import StoreLimits, StoreReport, StoreSession, open_session
from filmjacket.web.media_types import DICOM_JSON
from filmjacket.web.store_response import FailedInstance, StoredInstance

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.http.context import Context
    from filmjacket.offload import Lanes
    from filmjacket.services.studies.ingest import Ingest
    from filmjacket.services.studies.store import Target
    from filmjacket.web.store_response import StoreAnswer

FEED_BYTES = 1024 * 1024
DRAIN_BYTES = 64 * 2**20


async def receive_store(request: Request, ingest: Ingest, target: Target) -> StoreReport:
    """Take the whole payload of a store request. Raises what makes all of it fail."""
    context = context_of(request)
    limits = context.settings.limits
    try:
        check_announced_length(request, limits.request_bytes)
        session = open_session(
            ingest,
            content_type=request.headers.get("content-type"),
            content_encoding=request.headers.get("content-encoding"),
            target=target,
            limits=StoreLimits(
                limits.request_bytes, limits.part_bytes, limits.parts, limits.part_header_bytes, limits.metadata_bytes
            ),
        )
        return await _receive(request, context, session)
    except FilmjacketError:
        await drain(request)
        raise


def report_of(report: StoreReport) -> tuple[list[StoredInstance], list[FailedInstance]]:
    """What became of the instances, as the response tells it (Annex I)."""
    stored = [
        StoredInstance(
            item.place.study_uid,
            item.place.series_uid,
            item.candidate.sop_uid,
            item.candidate.sop_class_uid,
            warning_reason=item.warning_reason,
            original_attributes=item.coercions,
            comments=item.warnings,
        )
        for item in report.stored
    ]
    failed = [
        FailedInstance(item.reason, item.sop_class_uid, item.sop_uid, comments=(item.message,))
        for item in report.failures
    ]
    return stored, failed


def store_answer(answer: StoreAnswer, media_type: str) -> Response:
    """The Store Instances Response Module with its status and locations (10.5.3, 12.5.3)."""
    body = encode_attributes(answer.module) if media_type == DICOM_JSON else encode_native(answer.module)
    return TextResponse(body, answer.status, headers=dict(answer.headers), media_type=media_type)


async def receive_body(request: Request, most: int) -> bytes:
    """Take a payload that is small enough to be held as a whole, decoded; none is empty. Raises `TooLarge`."""
    check_announced_length(request, most)
    decoder = ContentDecoder(content_coding_of(request.headers.get("content-encoding")), most)
    body = bytearray()
    async for chunk in request.stream():
        for piece in decoder.decode(chunk):
            body += piece
    if body:
        decoder.finish()
    return bytes(body)


def check_announced_length(request: Request, limit: int | None) -> None:
    """Refuse a payload that says that it is too large before it is read. Raises `TooLarge`."""
    announced = request.headers.get("content-length", "")
    if limit is not None and announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The payload is larger than the configured {limit} bytes.", section="8.5", offender="payload")


async def _receive(request: Request, context: Context, session: StoreSession) -> StoreReport:
    """Feed the body to the session, a piece in the disk lane while the next one arrives; clean up however it ends."""
    feeding = _Feeding(context.lanes, session)
    try:
        async for chunk in request.stream():
            await feeding.take(chunk)
        return await feeding.finish()
    except FilmjacketError as error:
        await feeding.wait()
        return await context.lanes.disk(session.broken, error)
    except BaseException:  # the client went away, the server stops, or a fault of ours
        with anyio.CancelScope(shield=True):
            await feeding.wait()
            await context.lanes.disk(session.abandon)
        raise


class _Feeding:
    """Payload on its way into a session: at most one piece is being worked on while another is collected."""

    def __init__(self, lanes: Lanes, session: StoreSession) -> None:
        self._lanes = lanes
        self._session = session
        self._pending: list[bytes] = []
        self._size = 0
        self._running: asyncio.Task[None] | None = None

    async def take(self, chunk: bytes) -> None:
        """Take bytes as they arrive; raises what the session had against earlier ones."""
        self._pending.append(chunk)
        self._size += len(chunk)
        if self._size >= FEED_BYTES:
            await self._join()
            pending, self._pending, self._size = self._pending, [], 0
            self._running = asyncio.create_task(self._lanes.disk(_feed, self._session, pending))

    async def finish(self) -> StoreReport:
        """End of payload."""
        await self._join()
        return await self._lanes.disk(_finish, self._session, self._pending)

    async def wait(self) -> None:
        """Until nothing is being worked on, whatever becomes of it."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _join(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                self._running = running  # the work goes on in its thread; `wait` is for whoever cleans up
                raise


def _feed(session: StoreSession, chunks: list[bytes]) -> None:
    for chunk in chunks:
        if chunk:
            session.feed(chunk)


def _finish(session: StoreSession, chunks: list[bytes]) -> StoreReport:
    _feed(session, chunks)
    return session.finish()


async def drain(request: Request) -> None:
    """Read away what is left of a refused HTTP/2 upload: clients take an early answer for a broken stream."""
    if not request.scope.get("http_version", "1.1").startswith("2"):
        return
    left = DRAIN_BYTES
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):
        return
