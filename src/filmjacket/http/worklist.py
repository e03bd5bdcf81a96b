"""Endpoints of the Worklist service (PS3.18 chapter 11): UPS-RS."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING

from starlette.responses import Response

from filmjacket.archive.worklist_records import FILTERED_WORKLIST_UID, WORKLIST_UID
from filmjacket.clock import now
from filmjacket.conformance.editions import EMPTY_SEARCH_STATUS
from filmjacket.errors import BadRequest, FilmjacketError
from filmjacket.http.errors import problem
from filmjacket.http.receiving import drain, receive_body
from filmjacket.http.request import base_url_of, context_of, preconditions_of, preferences_of, raw_query
from filmjacket.http.responses import Conditions, DownloadResponse, begin, start_download
from filmjacket.http.websocket import subscriber_url
from filmjacket.services.worklist import subscriptions
from filmjacket.services.worklist.cancel import request_cancellation
from filmjacket.services.worklist.change_state import change_state
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.desk import Desk
from filmjacket.services.worklist.representation import workitem_url
from filmjacket.services.worklist.retrieve import retrieve
from filmjacket.services.worklist.search import SearchAnswer, search
from filmjacket.services.worklist.statuses import (
    CREATED_WITH_CHANGES,
    OPTIONAL_NOT_SUPPORTED,
    UPDATED_WITH_CHANGES,
    Refused,
)
from filmjacket.services.worklist.update import update
from filmjacket.web import status
from filmjacket.web.caching import NOT_KEPT
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.prefer import EXACT_COUNT, wants_exact_count
from filmjacket.web.targets import parse_uid
from filmjacket.web.workitem_grammar import (
    parse_ae_title,
    parse_subscription,
    parse_workitem_search,
    payload_type,
    read_data_set,
    requester_of,
    transaction_of,
    workitem_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from filmjacket.dicom.attributes import Attributes

    Endpoint = Callable[[Request], Awaitable[Response]]


def _answering(endpoint: Endpoint) -> Endpoint:
    """Answer what a workitem refuses with the status of the edition and the text of the standard (11.4 to 11.12)."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as error:
            edition = context_of(request).settings.edition.value
            return problem(
                error.answer.status_of(edition),
                error.reason_code,
                error.message,
                section=error.section,
                offender=error.offender,
                accepted=error.accepted,
                headers=_warnings(request, error.text),
            )

    return answered


@_answering
async def create_workitem(request: Request) -> Response:
    """Create Workitem (11.4)."""
    uid = workitem_of(raw_query(request))
    attributes = await _data_set(request)
    created = await context_of(request).lanes.db(create, _desk(request), attributes, uid)
    url = workitem_url(base_url_of(request), created.uid)
    warning = CREATED_WITH_CHANGES if created.modified else ""
    return _empty(201, {"Location": url, "Content-Location": url} | _warnings(request, warning))


@_answering
async def search_workitems(request: Request) -> Response:
    """Search for Workitems (11.9)."""
    context = context_of(request)
    preferences = preferences_of(request)
    query = parse_workitem_search(raw_query(request))
    limit = context.settings.search.default_limit if query.limit is None else query.limit
    query = replace(query, limit=limit, count=wants_exact_count(request.headers.getlist("prefer")))
    base_url = base_url_of(request)
    conditions = Conditions.of(request)
    charsets = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))
    desk = _desk(request)

    def work() -> tuple[SearchAnswer, Response]:
        most = context.settings.search.maximum_results
        answer = search(desk, query, most, preferences, charsets, base_url)
        return answer, DownloadResponse(begin(answer.download, conditions, context.delivery), context.lanes)

    answer, response = await context.lanes.db(work)
    if answer.matches == 0 and EMPTY_SEARCH_STATUS[context.settings.edition] == 204:
        response = _empty(204)
    if query.count:
        response.headers["X-Total-Count"] = str(answer.total)
        response.headers["Preference-Applied"] = EXACT_COUNT
    return response


@_answering
async def retrieve_workitem(request: Request) -> Response:
    """Retrieve Workitem (11.5)."""
    uid, preferences, base_url = _workitem_uid(request), preferences_of(request), base_url_of(request)
    charsets = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))
    desk = _desk(request)
    return await start_download(
        context_of(request).lanes, request, lambda: retrieve(desk, uid, preferences, charsets, base_url)
    )


@_answering
async def update_workitem(request: Request) -> Response:
    """Update Workitem (11.6)."""
    uid, lock = _workitem_uid(request), transaction_of(raw_query(request))
    attributes = await _data_set(request)
    updated = await context_of(request).lanes.db(update, _desk(request), uid, attributes, lock)
    texts = (
        *((UPDATED_WITH_CHANGES,) if updated.modified else ()),
        *((OPTIONAL_NOT_SUPPORTED,) if updated.dropped else ()),
    )
    return _empty(200, _warnings(request, *texts))


@_answering
async def change_workitem_state(request: Request) -> Response:
    """Change Workitem State (11.7)."""
    uid, requester = _workitem_uid(request), _requester(request)
    attributes = await _data_set(request)
    text = await context_of(request).lanes.db(change_state, _desk(request), uid, attributes, requester)
    return _empty(200, _warnings(request, text))


@_answering
async def request_workitem_cancellation(request: Request) -> Response:
    """Request Workitem Cancellation (11.8); the payload may be left out."""
    uid, requester = _workitem_uid(request), _requester(request)
    attributes = await _data_set(request, optional=True)
    text = await context_of(request).lanes.db(request_cancellation, _desk(request), uid, attributes, requester)
    return _empty(202, _warnings(request, text))


@_answering
async def subscribe(request: Request) -> Response:
    """Subscribe to a workitem, to the worklist, or to what passes a filter (11.10)."""
    uid, subscriber = _subscription(request)
    query = parse_subscription(raw_query(request), filtered=subscriptions.is_filtered(uid))
    text = await context_of(request).lanes.db(subscriptions.subscribe, _desk(request), uid, subscriber, query)
    url = subscriber_url(request, subscriber)
    return _empty(201, {"Location": url, "Content-Location": url} | _warnings(request, text))


@_answering
async def unsubscribe(request: Request) -> Response:
    """Unsubscribe (11.11)."""
    uid, subscriber = _subscription(request)
    await context_of(request).lanes.db(subscriptions.unsubscribe, _desk(request), uid, subscriber)
    return _empty(200)


@_answering
async def suspend(request: Request) -> Response:
    """Suspend a subscription to the worklist (11.12)."""
    uid, subscriber = _subscription(request)
    await context_of(request).lanes.db(subscriptions.suspend, _desk(request), uid, subscriber)
    return _empty(200)


def _desk(request: Request) -> Desk:
    context = context_of(request)
    return Desk(context.worklist, context.settings.worklist.rules, now, preconditions_of(request))


def _workitem_uid(request: Request) -> str:
    return parse_uid(request.path_params["workitem"], "workitem")


def _subscription(request: Request) -> tuple[str, str]:
    """The UID and the subscriber of the path; the well-known UIDs have routes of their own, without a variable."""
    subscriber = parse_ae_title(request.path_params["aetitle"], "aetitle")
    if "workitem" in request.path_params:
        return _workitem_uid(request), subscriber
    filtered = f"/workitems/{FILTERED_WORKLIST_UID}/" in request.url.path
    return FILTERED_WORKLIST_UID if filtered else WORKLIST_UID, subscriber


def _requester(request: Request) -> str:
    """Who asks: as the request says, or else as the site has it for those who do not."""
    settings = context_of(request).settings.worklist
    requester = requester_of(raw_query(request), request.path_params.get("requester"))
    if requester is None and settings.requester_required:
        raise BadRequest(
            "The request does not say who makes it.",
            section="11.7.1",
            offender="requester",
            accepted=("?requester={aetitle}",),
        )
    return requester or settings.default_requester


async def _data_set(request: Request, *, optional: bool = False) -> Attributes:
    """The one data set of the payload; of an optional one that is not there, an empty data set."""
    most = context_of(request).settings.worklist.payload_bytes
    try:
        if optional and "content-type" not in request.headers and not await receive_body(request, most):
            return {}
        media_type = payload_type(request.headers.get("content-type"))
        body = await receive_body(request, most)
    except FilmjacketError:
        await drain(request)
        raise
    if optional and not body.strip():
        return {}
    return await context_of(request).lanes.db(read_data_set, media_type, body)


def _empty(code: int, headers: dict[str, str] | None = None) -> Response:
    return Response(status_code=code, headers={"Cache-Control": NOT_KEPT, **(headers or {})})


def _warnings(request: Request, *texts: str) -> dict[str, str]:
    """The Warning header, if there is something to say."""
    said = [status.warning(base_url_of(request), text) for text in texts if text]
    return {"Warning": ", ".join(said)} if said else {}
