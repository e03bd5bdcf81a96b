"""Endpoints of the modality procedure step services (PS3.18 chapters 14 and 15), and of the schedule (extension)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson
import structlog
from starlette.responses import Response

from filmjacket.archive.procedure_records import StepKey, StepOutcome
from filmjacket.clock import now
from filmjacket.conformance.editions import EMPTY_SEARCH_STATUS
from filmjacket.errors import BadRequest, FilmjacketError
from filmjacket.http.errors import problem
from filmjacket.http.receiving import drain, receive_body
from filmjacket.http.request import base_url_of, context_of, preconditions_of, preferences_of, raw_query
from filmjacket.http.responses import Conditions, DownloadResponse, TextResponse, begin, start_download
from filmjacket.services.procedures import performed, scheduled
from filmjacket.services.procedures.csv_reader import read_csv
from filmjacket.services.procedures.intake import Entry, IntakeReport, OnFault, entries_of, take_in
from filmjacket.services.procedures.payloads import CSV, essence_of, read_data_sets, read_one_data_set
from filmjacket.services.procedures.performed import parse_includefield
from filmjacket.services.procedures.representations import REPORT_OFFERS, STEP_OFFERS, charset_for, choose, payload_of
from filmjacket.web import status
from filmjacket.web.caching import NOT_KEPT
from filmjacket.web.charset_choice import parse_charset_wishes
from filmjacket.web.media_types import JSON
from filmjacket.web.prefer import EXACT_COUNT, wants_exact_count
from filmjacket.web.query import parse_entity_search
from filmjacket.web.scheduled_step_tables import IN_STEP
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from starlette.requests import Request

    from filmjacket.services.studies.download import Download
    from filmjacket.services.studies.search import SearchAnswer
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes

log = structlog.stdlib.get_logger("filmjacket.http")

_PLACES = {True: "line", False: "item"}


async def search_scheduled(request: Request) -> Response:
    """Search for scheduled procedure steps (14.4)."""
    context = context_of(request)
    settings = context.settings
    query = parse_entity_search(raw_query(request), IN_STEP)
    limit = settings.search.default_limit if query.limit is None else query.limit
    query = replace(query, limit=limit, count=wants_exact_count(request.headers.getlist("prefer")))
    form, conditions = _form(request), Conditions.of(request)

    def work() -> tuple[SearchAnswer, Response]:
        most, rules = settings.search.maximum_results, settings.procedures.rules
        answer = scheduled.search(context.scheduled_steps, query, most, rules, form)
        return answer, DownloadResponse(begin(answer.download, conditions, context.delivery), context.lanes)

    answer, response = await context.lanes.db(work)
    if answer.matches == 0 and EMPTY_SEARCH_STATUS[settings.edition] == 204:
        response = _empty(204)
    if query.count:
        response.headers["X-Total-Count"] = str(answer.total)
        response.headers["Preference-Applied"] = EXACT_COUNT
    return response


async def create_performed(request: Request) -> Response:
    """Create a performed procedure step (15.4) or, with the parameter `update`, update it (15.5)."""
    return await (_update_performed if _says_update(raw_query(request)) else _create_performed)(request)


async def update_performed(request: Request) -> Response:
    """Update a performed procedure step (15.5): the path of the supplement's examples, and PATCH."""
    return await _update_performed(request)


async def _create_performed(request: Request) -> Response:
    uid = _performed_uid(request)
    content_type, body = await _payload(request)
    desk = _desk(request)

    def work() -> bool:
        return performed.create(desk, uid, read_one_data_set(content_type, body, performed.CREATE_SECTION))

    modified = await context_of(request).lanes.db(work)
    headers = {"Location": performed.performed_url(base_url_of(request), uid)}
    if modified:
        headers["Warning"] = status.warning(base_url_of(request), performed.CREATED_WITH_CHANGES)
    return _empty(201, headers)


async def _update_performed(request: Request) -> Response:
    uid = _performed_uid(request)
    content_type, body = await _payload(request)
    desk = _desk(request)

    def work() -> None:
        performed.update(desk, uid, read_one_data_set(content_type, body, performed.UPDATE_SECTION))

    try:
        await context_of(request).lanes.db(work)
    except performed.StepIsFinal as error:
        warning = status.warning(base_url_of(request), performed.FINAL_TEXT).replace("299", "A710", 1)
        return problem(
            error.status,
            error.reason_code,
            error.message,
            section=error.section,
            offender=error.offender,
            headers={"Warning": warning},
        )
    return _empty(200)


async def retrieve_performed(request: Request) -> Response:
    """Retrieve a performed procedure step (15.6)."""
    include = parse_includefield(raw_query(request))
    function = partial(performed.retrieve, _desk(request), _performed_uid(request), include, _form(request))
    return await start_download(context_of(request).lanes, request, function)


async def take_in_steps(request: Request) -> Response:
    """Take steps into the schedule (extension): any number, as JSON, XML or CSV."""
    context = context_of(request)
    on_fault = _on_fault(raw_query(request))
    choose(preferences_of(request), REPORT_OFFERS)
    content_type, body = await _payload(request)
    is_csv = essence_of(content_type) == CSV
    most = context.settings.procedures.import_steps

    def work() -> IntakeReport:
        entries = read_csv(body) if is_csv else entries_of(read_data_sets(content_type, body, scheduled.EXTENSION))
        _check_number(entries, most)
        return take_in(context.scheduled_steps, entries, on_fault, at=now())

    report = await context.lanes.db(work)
    log.info("steps_taken_in", steps=len(report.taken), faults=len(report.faults))
    headers: dict[str, str] = {}
    if len(report.taken) == 1 and report.outcomes.get(StepOutcome.CREATED):
        headers["Location"] = scheduled.step_url(base_url_of(request), report.taken[0])
    code = 400 if report.refused else 201 if headers else 200
    return TextResponse(orjson.dumps(report.document(_PLACES[is_csv])), code, headers=headers, media_type=JSON)


async def retrieve_step(request: Request) -> Response:
    """Retrieve a step of the schedule, whatever its status (extension)."""
    key, form = _step_key(request), _form(request)
    schedule = _schedule(request)

    def work() -> Download:
        preferences, wishes, base_url = form
        offer = choose(preferences, STEP_OFFERS)
        charset = charset_for(offer, preferences, wishes)
        step = schedule.find(key)
        found = scheduled.present(step.attributes, None)
        revision = scheduled.revision_of(step)
        return payload_of([(scheduled.step_url(base_url, key), found)], offer, charset, revision=revision)

    return await start_download(context_of(request).lanes, request, work)


async def put_step(request: Request) -> Response:
    """Create or replace one step of the schedule (extension)."""
    key, preconditions = _step_key(request), preconditions_of(request)
    content_type, body = await _payload(request)
    schedule = _schedule(request)

    def work() -> StepOutcome:
        return schedule.put(key, read_one_data_set(content_type, body, scheduled.EXTENSION), preconditions)

    outcome = await context_of(request).lanes.db(work)
    if outcome is StepOutcome.CREATED:
        return _empty(201, {"Location": scheduled.step_url(base_url_of(request), key)})
    return _empty(200)


async def remove_step(request: Request) -> Response:
    """Take one step out of the schedule (extension)."""
    key, preconditions = _step_key(request), preconditions_of(request)
    await context_of(request).lanes.db(_schedule(request).remove, key, preconditions)
    return _empty(204)


def _form(request: Request) -> tuple[Preferences, CharsetWishes, str]:
    """What is acceptable, and the base URL."""
    wishes = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))
    return preferences_of(request), wishes, base_url_of(request)


async def _payload(request: Request) -> tuple[str | None, bytes]:
    try:
        body = await receive_body(request, context_of(request).settings.limits.metadata_bytes)
    except FilmjacketError:
        await drain(request)
        raise
    return request.headers.get("content-type"), body


def _desk(request: Request) -> performed.Performances:
    context = context_of(request)
    strict = context.settings.procedures.strict
    return performed.Performances(context.performed_steps, strict, now, preconditions_of(request))


def _schedule(request: Request) -> scheduled.Schedule:
    return scheduled.Schedule(context_of(request).scheduled_steps, now)


def _performed_uid(request: Request) -> str:
    return parse_uid(request.path_params["performed"], "performed procedure step")


def _step_key(request: Request) -> StepKey:
    return StepKey(parse_uid(request.path_params["study"], "study"), request.path_params["step"])


def _says_update(query: bytes) -> bool:
    """`update` is a name without a value; parsers that want one write `update=` or `update=true`."""
    found = [part.partition(b"=")[2] for part in query.split(b"&") if part.partition(b"=")[0] == b"update"]
    if not set(found) <= {b"", b"true"} or len(found) > 1:
        raise BadRequest("update has no value.", section="15.5", offender="update", accepted=("update",))
    return bool(found)


def _on_fault(query: bytes) -> OnFault:
    found = [part.partition(b"=")[2] for part in query.split(b"&") if part.partition(b"=")[0] == b"faults"]
    if not found:
        return OnFault.REFUSE
    if len(found) > 1 or found[0].decode("ascii", "replace") not in set(OnFault):
        raise BadRequest(
            "faults says what becomes of the other steps when one cannot be taken.",
            section=scheduled.EXTENSION,
            offender="faults",
            accepted=tuple(map(str, OnFault)),
        )
    return OnFault(found[0].decode("ascii"))


def _check_number(entries: list[Entry], most: int) -> None:
    if len(entries) > most:
        raise BadRequest(
            f"The payload has more than the configured {most} steps; send several.",
            section=scheduled.EXTENSION,
            offender="payload",
            accepted=("filmjacket schedule import FILE",),
        )


def _empty(code: int, headers: dict[str, str] | None = None) -> Response:
    return Response(status_code=code, headers={"Cache-Control": NOT_KEPT} | (headers or {}))
