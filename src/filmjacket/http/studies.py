"""Endpoints of the Studies service (PS3.18 chapter 10): STOW-RS, QIDO-RS, WADO-RS."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from filmjacket.conformance.editions import EMPTY_SEARCH_STATUS
from filmjacket.http.receiving import receive_store, report_of, store_answer
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query, ref_of
from filmjacket.http.responses import Conditions, DownloadResponse, begin, start_download
from filmjacket.services.studies.bulk_collections import retrieve_bulk_collection, retrieve_pixel_collection
from filmjacket.services.studies.bulkdata import retrieve_bulk_data
from filmjacket.services.studies.frames import retrieve_frames
from filmjacket.services.studies.metadata import retrieve_metadata
from filmjacket.services.studies.retrieve import retrieve_instances
from filmjacket.services.studies.search import SearchAnswer, search
from filmjacket.services.studies.store import StoreTarget
from filmjacket.web import negotiate, store_response
from filmjacket.web.bulk_uri import parse_bulk_path
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.metadata_query import parse_metadata_query
from filmjacket.web.prefer import EXACT_COUNT, wants_exact_count
from filmjacket.web.query import Level, parse_search
from filmjacket.web.targets import parse_frame_list, study_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.services.studies.download import Download
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef

    Endpoint = Callable[[Request], Awaitable[Response]]


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
    ref, base_url = ref_of(request), base_url_of(request)
    report = await receive_store(request, context.ingest, StoreTarget(_target_url(base_url, ref.study), ref.study))
    answer = store_response.answer(*report_of(report), base_url)
    return store_answer(answer, representation.media_type)


def _target_url(base_url: str, study: str | None) -> str:
    return f"{base_url}/studies" if study is None else study_url(base_url, study)
