"""Endpoints of the Studies service (PS3.18 chapter 10): STOW-RS, QIDO-RS, WADO-RS."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from filmjacket.conformance.editions import EMPTY_SEARCH_STATUS
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.errors import FilmjacketError, TooLarge
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query, ref_of
from filmjacket.http.responses import Conditions, DownloadResponse, TextResponse, begin, start_download
from filmjacket.services.studies.bulk_collections import retrieve_bulk_collection, retrieve_pixel_collection
from filmjacket.services.studies.bulkdata import retrieve_bulk_data
from filmjacket.services.studies.frames import retrieve_frames
from filmjacket.services.studies.metadata import retrieve_metadata
from filmjacket.services.studies.retrieve import retrieve_instances
from filmjacket.services.studies.search import SearchAnswer, search
from filmjacket.services.studies.store import StoreLimits, StoreReport, StoreSession, StoreTarget, open_session
from filmjacket.web import negotiate, store_response
from filmjacket.web.bulk_uri import parse_bulk_path
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.media_types import DICOM_JSON
from filmjacket.web.metadata_query import parse_metadata_query
from filmjacket.web.prefer import EXACT_COUNT, wants_exact_count
from filmjacket.web.query import Level, parse_search
from filmjacket.web.targets import parse_frame_list, study_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.http.context import Context
    from filmjacket.offload import Lanes
    from filmjacket.services.studies.download import Download
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef

    Endpoint = Callable[[Request], Awaitable[Response]]

FEED_BYTES = 1024 * 1024
DRAIN_BYTES = 64 * 2**20


def searching(level: Level) -> Endpoint:
    """Endpoint of a Search transaction at one level (10.6)."""

    async def search_studies(request: Request) -> Response:
        context = context_of(request)
        preferences = preferences_of(request)
        query = parse_search(level, ref_of(request), raw_query(request))
        if query.limit is None:
            query = replace(query, limit=context.settings.search.default_limit)
        query = replace(query, count=wants_exact_count(request.headers.getlist("prefer")))
        base_url = base_url_of(request)
        conditions = Conditions.of(request)
        charsets = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))

        def work() -> tuple[SearchAnswer, Response]:
            answer = search(context.index, query, preferences, base_url, charsets)
            return answer, DownloadResponse(begin(answer.download, conditions, context.delivery), context.lanes)

        answer, response = await context.lanes.db(work)
        if answer.matches == 0 and EMPTY_SEARCH_STATUS[context.settings.edition] == 204:
            response = Response(status_code=204, headers=_warning_headers(answer))
        if query.count:
            response.headers["X-Total-Count"] = str(answer.total)
            response.headers["Preference-Applied"] = EXACT_COUNT
        return response

    return search_studies


def _warning_headers(answer: SearchAnswer) -> dict[str, str]:
    return {"Warning": ", ".join(answer.download.warnings)} if answer.download.warnings else {}


async def retrieve(request: Request) -> Response:
    """Retrieve Study, Series or Instance (10.4.1.1.1)."""
    context = context_of(request)
    return await _download(
        request, partial(retrieve_instances, zip_names=context.settings.zip.template, coder=context.coder)
    )


async def metadata(request: Request) -> Response:
    """Retrieve Metadata (10.4.1.1.2)."""
    query = parse_metadata_query(raw_query(request), request.headers.get("accept-charset"))
    return await _download(
        request,
        lambda index, _, ref, preferences, base_url: retrieve_metadata(index, ref, preferences, base_url, query),
    )


async def frames(request: Request) -> Response:
    """Retrieve Frames (10.4.1.1.6)."""
    numbers = parse_frame_list(request.path_params["frames"])
    return await _download(request, partial(retrieve_frames, numbers=numbers, coder=context_of(request).coder))


async def bulk_data_of_all(request: Request) -> Response:
    """Retrieve every bulk value of a study, series or instance (10.4.1.1.5)."""
    return await _download(request, partial(retrieve_bulk_collection, coder=context_of(request).coder))


async def pixel_data(request: Request) -> Response:
    """Retrieve the pixel data of a study, series or instance (10.4.1.1.5)."""
    return await _download(request, partial(retrieve_pixel_collection, coder=context_of(request).coder))


async def bulk_data(request: Request) -> Response:
    """Retrieve one bulk value (10.4.1.1.5)."""
    path = parse_bulk_path(request.path_params["path"])
    return await _download(request, partial(retrieve_bulk_data, path=path, coder=context_of(request).coder))


async def _download(
    request: Request, retrieve: Callable[[Index, Blobs, ResourceRef, Preferences, str], Download]
) -> Response:
    context = context_of(request)
    function = partial(
        retrieve, context.index, context.blobs, ref_of(request), preferences_of(request), base_url_of(request)
    )
    return await start_download(context.lanes, request, function)


async def store(request: Request) -> Response:
    """Store Instances (10.5)."""
    context = context_of(request)
    representation = negotiate.choose_store_response(preferences_of(request))
    ref = ref_of(request)
    try:
        _check_announced_length(request, context.settings.limits.request_bytes)
        limits = context.settings.limits
        session = open_session(
            context.ingest,
            content_type=request.headers.get("content-type"),
            content_encoding=request.headers.get("content-encoding"),
            target=StoreTarget(_target_url(base_url_of(request), ref.study), ref.study),
            limits=StoreLimits(
                limits.request_bytes, limits.part_bytes, limits.parts, limits.part_header_bytes, limits.metadata_bytes
            ),
        )
        report = await _receive(request, context, session)
    except FilmjacketError:
        await _drain(request)
        raise
    return _store_answer(report, base_url_of(request), representation.media_type)


def _target_url(base_url: str, study: str | None) -> str:
    return f"{base_url}/studies" if study is None else study_url(base_url, study)


def _check_announced_length(request: Request, limit: int | None) -> None:
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


async def _drain(request: Request) -> None:
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


def _store_answer(report: StoreReport, base_url: str, media_type: str) -> Response:
    """The Store Instances Response Module with its status and locations (10.5.3)."""
    stored = [
        store_response.StoredInstance(
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
        store_response.FailedInstance(item.reason, item.sop_class_uid, item.sop_uid, comments=(item.message,))
        for item in report.failures
    ]
    answer = store_response.answer(stored, failed, base_url)
    body = encode_attributes(answer.module) if media_type == DICOM_JSON else encode_native(answer.module)
    return TextResponse(body, answer.status, headers=dict(answer.headers), media_type=media_type)
