"""Endpoints of the Non-Patient Instance service (PS3.18 chapter 12), one set for each category."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from filmjacket.conformance.editions import EMPTY_SEARCH_STATUS
from filmjacket.http.receiving import receive_store, report_of, store_answer
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query
from filmjacket.http.responses import Conditions, DownloadResponse, begin, start_download
from filmjacket.services.non_patient.retrieve import NonPatientResources
from filmjacket.services.non_patient.search import search_non_patient
from filmjacket.services.non_patient.store import NonPatientTarget
from filmjacket.web import negotiate, store_response
from filmjacket.web.bulk_uri import parse_bulk_path
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.prefer import EXACT_COUNT, wants_exact_count
from filmjacket.web.query import parse_entity_search
from filmjacket.web.targets import non_patient_url, parse_uid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from filmjacket.services.studies.search import SearchAnswer

    Endpoint = Callable[[Request], Awaitable[Response]]


def searching(category: str) -> Endpoint:
    """Endpoint of Search in a category (12.6)."""

    async def search(request: Request) -> Response:
        context = context_of(request)
        preferences = preferences_of(request)
        query = parse_entity_search(raw_query(request))
        if query.limit is None:
            query = replace(query, limit=context.settings.search.default_limit)
        query = replace(query, count=wants_exact_count(request.headers.getlist("prefer")))
        base_url = base_url_of(request)
        conditions = Conditions.of(request)
        charsets = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))

        def work() -> tuple[SearchAnswer, Response]:
            answer = search_non_patient(context.non_patient, category, query, preferences, base_url, charsets)
            return answer, DownloadResponse(begin(answer.download, conditions, context.delivery), context.lanes)

        answer, response = await context.lanes.db(work)
        if answer.matches == 0 and EMPTY_SEARCH_STATUS[context.settings.edition] == 204:
            response = Response(status_code=204)
        if query.count:
            response.headers["X-Total-Count"] = str(answer.total)
            response.headers["Preference-Applied"] = EXACT_COUNT
        return response

    return search


def retrieving(category: str) -> Endpoint:
    """Endpoint of Retrieve (12.4)."""

    async def retrieve(request: Request) -> Response:
        charsets = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))
        found = partial(_resources(request).retrieve, category, _uid_of(request), preferences_of(request), charsets)
        return await start_download(context_of(request).lanes, request, found)

    return retrieve


def retrieving_bulk(category: str) -> Endpoint:
    """Endpoint of the bulk values that metadata refer to."""

    async def retrieve_bulk(request: Request) -> Response:
        path = parse_bulk_path(request.path_params["path"])
        found = partial(_resources(request).bulk_value, category, _uid_of(request), path, preferences_of(request))
        return await start_download(context_of(request).lanes, request, found)

    return retrieve_bulk


def storing(category: str) -> Endpoint:
    """Endpoint of Store, to a category or under the UID of one instance (12.5)."""

    async def store(request: Request) -> Response:
        context = context_of(request)
        representation = negotiate.choose_store_response(preferences_of(request))
        base_url = base_url_of(request)
        named = _uid_of(request) if "uid" in request.path_params else None
        url = f"{base_url}/{category}" if named is None else non_patient_url(base_url, category, named)
        report = await receive_store(request, context.non_patient_ingest, NonPatientTarget(url, category, named))
        answer = store_response.non_patient_answer(*report_of(report), base_url)
        return store_answer(answer, representation.media_type)

    return store


def _resources(request: Request) -> NonPatientResources:
    context = context_of(request)
    return NonPatientResources(context.non_patient, context.blobs, base_url_of(request))


def _uid_of(request: Request) -> str:
    return parse_uid(request.path_params["uid"], "instance")
