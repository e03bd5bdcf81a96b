"""THE table: which URL goes where, and which section of PS3.18 asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, WebSocketRoute

from filmjacket.archive.worklist_records import FILTERED_WORKLIST_UID, WORKLIST_UID
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES
from filmjacket.http import (
    capabilities,
    change_feed,
    commitment,
    event_stream,
    health,
    non_patient,
    procedures,
    removal,
    rendered,
    studies,
    thumbnails,
    uri,
    volumes,
    websocket,
    worklist,
)
from filmjacket.http import metrics as counted
from filmjacket.http.exchange import begin_transaction
from filmjacket.web.query import Level
from filmjacket.web.volume_rendering import Operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint = Callable[[Request], Awaitable[Response]]

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"


_SLASHED = re.compile(r"\(\?P<(step|aetitle|requester)>\[\^/\]\+\)")
"""Variables whose values, of VR SH and AE, may have a slash."""
_OPEN_ENDED = ("{aetitle}", "{requester}")
"""Templates that end so would take what comes behind for a part of the value: others are tried first."""
_ANY_CASE = re.compile(r"(?<=/)rendered(?:mpr|3d)(?=\$)")

_AnyRoute = TypeVar("_AnyRoute", Route, WebSocketRoute)


@dataclass(frozen=True, slots=True)
class Row:
    """One resource and method: template below the base path, endpoint, section of PS3.18."""

    method: str
    template: str
    endpoint: Endpoint
    section: str
    name: str


STUDIES_SERVICE = (
    Row("GET", "/studies", studies.searching(Level.STUDY), "10.6", "search-studies"),
    Row("GET", STUDY + "/series", studies.searching(Level.SERIES), "10.6", "search-study-series"),
    Row("GET", STUDY + "/instances", studies.searching(Level.INSTANCE), "10.6", "search-study-instances"),
    Row("GET", "/series", studies.searching(Level.SERIES), "10.6", "search-series"),
    Row("GET", SERIES + "/instances", studies.searching(Level.INSTANCE), "10.6", "search-series-instances"),
    Row("GET", "/instances", studies.searching(Level.INSTANCE), "10.6", "search-instances"),
    Row("POST", "/studies", studies.store, "10.5", "store"),
    Row("POST", STUDY, studies.store, "10.5", "store-study"),
    Row("GET", STUDY, studies.retrieve, "10.4", "retrieve-study"),
    Row("GET", SERIES, studies.retrieve, "10.4", "retrieve-series"),
    Row("GET", INSTANCE, studies.retrieve, "10.4", "retrieve-instance"),
    Row("GET", STUDY + "/metadata", studies.metadata, "10.4", "study-metadata"),
    Row("GET", SERIES + "/metadata", studies.metadata, "10.4", "series-metadata"),
    Row("GET", INSTANCE + "/metadata", studies.metadata, "10.4", "instance-metadata"),
    Row("GET", INSTANCE + "/frames/{frames}", studies.frames, "10.4", "frames"),
    Row("GET", INSTANCE + "/bulkdata/{path}", studies.bulk_data, "10.4", "bulk-data"),
    Row("DELETE", STUDY, removal.delete, "8.5", "delete-study"),
    Row("DELETE", SERIES, removal.delete, "8.5", "delete-series"),
    Row("DELETE", INSTANCE, removal.delete, "8.5", "delete-instance"),
    Row("GET", STUDY + "/bulkdata", studies.bulk_data_of_all, "10.4", "study-bulkdata"),
    Row("GET", SERIES + "/bulkdata", studies.bulk_data_of_all, "10.4", "series-bulkdata"),
    Row("GET", INSTANCE + "/bulkdata", studies.bulk_data_of_all, "10.4", "instance-bulkdata"),
    Row("GET", STUDY + "/pixeldata", studies.pixel_data, "10.4", "study-pixeldata"),
    Row("GET", SERIES + "/pixeldata", studies.pixel_data, "10.4", "series-pixeldata"),
    Row("GET", INSTANCE + "/pixeldata", studies.pixel_data, "10.4", "instance-pixeldata"),
    Row("GET", STUDY + "/rendered", rendered.rendered, "10.4", "rendered-study"),
    Row("GET", SERIES + "/rendered", rendered.rendered, "10.4", "rendered-series"),
    Row("GET", INSTANCE + "/rendered", rendered.rendered, "10.4", "rendered-instance"),
    Row("GET", INSTANCE + "/frames/{frames}/rendered", rendered.rendered_frames, "10.4", "rendered-frames"),
)

VOLUMES = (
    # The template that Table 10.4.1.8-1 prints; it must be in front of series, whose UID it can never be.
    Row(
        "GET", STUDY + "/series/rendered3d", volumes.rendering(Operation.THREE_D), "10.4", "study-rendered3d-as-printed"
    ),
    *(
        Row("GET", f"{template}/{name}", volumes.rendering(operation), "10.4", f"{level}-{name}")
        for name, operation in (("renderedmpr", Operation.MPR), ("rendered3d", Operation.THREE_D))
        for level, template in (
            ("study", STUDY),
            ("series", SERIES),
            ("instance", INSTANCE),
            ("frames", INSTANCE + "/frames/{frames}"),
        )
    ),
)

THUMBNAILS = (
    Row("GET", STUDY + "/thumbnail", thumbnails.thumbnail, "10.4", "study-thumbnail"),
    Row("GET", SERIES + "/thumbnail", thumbnails.thumbnail, "10.4", "series-thumbnail"),
    Row("GET", INSTANCE + "/thumbnail", thumbnails.thumbnail, "10.4", "instance-thumbnail"),
    Row("GET", INSTANCE + "/frames/{frames}/thumbnail", thumbnails.frame_thumbnail, "10.4", "frames-thumbnail"),
)

URI_SERVICE = (Row("GET", "/wado", uri.retrieve_by_uri, "9", "wado-uri"),)

NON_PATIENT_SERVICE = tuple(
    row
    for category in NON_PATIENT_CATEGORIES
    for row in (
        Row("GET", f"/{category}", non_patient.searching(category), "12.6", f"search-{category}"),
        Row("POST", f"/{category}", non_patient.storing(category), "12.5", f"store-{category}"),
        Row("GET", f"/{category}/{{uid}}", non_patient.retrieving(category), "12.4", f"retrieve-{category}"),
        Row("POST", f"/{category}/{{uid}}", non_patient.storing(category), "12.5", f"store-one-of-{category}"),
        Row(
            "GET",
            f"/{category}/{{uid}}/bulkdata/{{path}}",
            non_patient.retrieving_bulk(category),
            "12.4",
            f"bulkdata-of-{category}",
        ),
    )
)

CHANGE_FEED = (
    Row("GET", "/changes", change_feed.changes, "8.10", "change-feed"),
    Row("GET", "/changes/stream", event_stream.stream, "8.10", "change-stream"),
)

WEBSOCKETS = (
    # Where clients of every edition look for the reports of the worklist (8.10.4, 11.13), and an extension.
    ("/", websocket.subscriber),
    ("/subscribers/{aetitle}", websocket.subscriber),
    ("/ws/subscribers/{aetitle}", websocket.subscriber),
    ("/changes/socket", websocket.changes),
)
"""Templates that are opened as WebSockets; each is declared in `filmjacket.conformance.notifications`."""

WORKITEM = "/workitems/{workitem}"

WORKLIST_SERVICE = (
    # The well-known UIDs stand for workitems in subscriptions and are none: they come first.
    *(
        Row(method, f"/workitems/{uid}/subscribers/{{aetitle}}{suffix}", endpoint, section, f"{verb}-{name}")
        for uid, name in ((WORKLIST_UID, "worklist"), (FILTERED_WORKLIST_UID, "filtered-worklist"))
        for method, suffix, endpoint, section, verb in (
            ("POST", "", worklist.subscribe, "11.10", "subscribe"),
            ("DELETE", "", worklist.unsubscribe, "11.11", "unsubscribe"),
            ("POST", "/suspend", worklist.suspend, "11.12", "suspend"),
        )
    ),
    Row("POST", "/workitems", worklist.create_workitem, "11.4", "create-workitem"),
    Row("GET", "/workitems", worklist.search_workitems, "11.9", "search-workitems"),
    Row("GET", WORKITEM, worklist.retrieve_workitem, "11.5", "retrieve-workitem"),
    Row("POST", WORKITEM, worklist.update_workitem, "11.6", "update-workitem"),
    Row("PUT", WORKITEM + "/state", worklist.change_workitem_state, "11.7", "change-workitem-state"),
    Row("PUT", WORKITEM + "/state/{requester}", worklist.change_workitem_state, "11.7", "change-workitem-state-as"),
    Row("POST", WORKITEM + "/cancelrequest", worklist.request_workitem_cancellation, "11.8", "request-cancellation"),
    Row(
        "POST",
        WORKITEM + "/cancelrequest/{requester}",
        worklist.request_workitem_cancellation,
        "11.8",
        "request-cancellation-as",
    ),
    Row("POST", WORKITEM + "/subscribers/{aetitle}", worklist.subscribe, "11.10", "subscribe-workitem"),
    Row("DELETE", WORKITEM + "/subscribers/{aetitle}", worklist.unsubscribe, "11.11", "unsubscribe-workitem"),
    Row("POST", WORKITEM + "/subscribers/{aetitle}/suspend", worklist.suspend, "11.12", "suspend-workitem"),
)

COMMITMENT_SERVICE = (
    Row(
        "POST",
        "/commitment-requests/{transaction}",
        commitment.request_commitment,
        "13.4",
        "request-commitment",
    ),
    Row("GET", "/commitment-requests/{transaction}", commitment.check_result, "13.5", "commitment-result"),
)

DESCRIPTIONS = (
    Row("GET", "/", capabilities.landing, "8.9", "landing"),
    Row("GET", "/openapi.json", capabilities.openapi, "8.9", "openapi"),
)

_SCHEDULED = "/modality-scheduled-procedure-steps"
_PERFORMED = "/modality-performed-procedure-steps/{performed}"
_STEP = "/schedule/{study}/{step}"

PROCEDURE_SERVICES = (
    Row("GET", _SCHEDULED, procedures.search_scheduled, "14.4", "search-scheduled-steps"),
    Row("POST", _PERFORMED, procedures.create_performed, "15.4", "create-performed-step"),
    Row("POST", _PERFORMED + "/update", procedures.update_performed, "15.5", "update-performed-step"),
    Row("PATCH", _PERFORMED, procedures.update_performed, "15.5", "patch-performed-step"),
    Row("GET", _PERFORMED, procedures.retrieve_performed, "15.6", "retrieve-performed-step"),
    Row("POST", "/schedule", procedures.take_in_steps, "14", "take-in-steps"),
    Row("GET", _STEP, procedures.retrieve_step, "14", "retrieve-scheduled-step"),
    Row("PUT", _STEP, procedures.put_step, "14", "put-scheduled-step"),
    Row("DELETE", _STEP, procedures.remove_step, "14", "remove-scheduled-step"),
)

TABLE = (
    *VOLUMES,
    *STUDIES_SERVICE,
    *THUMBNAILS,
    *URI_SERVICE,
    *NON_PATIENT_SERVICE,
    *WORKLIST_SERVICE,
    *COMMITMENT_SERVICE,
    *PROCEDURE_SERVICES,
    *CHANGE_FEED,
    *DESCRIPTIONS,
)
"""Every row. Each is declared in `filmjacket.conformance` under its name, and OPTIONS on its template says so."""


def routes(base_path: str, *, metrics: bool = True) -> list[BaseRoute]:
    """Starlette routes of every row; methods of one template share a route, which knows its `Allow`."""
    templates: dict[str, dict[str, Row]] = {}
    for row in TABLE:
        templates.setdefault(row.template, {})[row.method] = row
    table = [
        _route(path, _by_method(template, rows))
        for template, rows in sorted(templates.items(), key=lambda item: item[0].endswith(_OPEN_ENDED))
        for path in _paths(base_path, template)
    ]
    return [
        *(
            _with_slashes(WebSocketRoute(path, endpoint))
            for template, endpoint in WEBSOCKETS
            for path in _paths(base_path, template)
        ),
        *table,
        Route("/healthz", health.ready, methods=["GET"]),
        Route("/healthz/live", health.live, methods=["GET"]),
        Route("/healthz/ready", health.ready, methods=["GET"]),
        Route("/healthz/startup", health.startup, methods=["GET"]),
        *([Route("/metrics", counted.metrics, methods=["GET"])] if metrics else []),
    ]


def _route(path: str, endpoint: Endpoint) -> Route:
    """A route of a template with every method: no other template is tried, `series/rendered3d` is no series.

    The last segments of volumes are found in any case: the standard has them in three.
    """
    route = _with_slashes(Route(path, endpoint))
    route.methods = None
    route.path_regex = re.compile(_ANY_CASE.sub(r"(?i:\g<0>)", route.path_regex.pattern))
    return route


def _with_slashes(route: _AnyRoute) -> _AnyRoute:
    """Let values of DICOM that may have a slash have one in the path, where it comes decoded."""
    route.path_regex = re.compile(_SLASHED.sub(r"(?P<\1>.+)", route.path_regex.pattern))
    return route


def _paths(base_path: str, template: str) -> list[str]:
    """The base URI is the same with and without its slash; Supplement 246 has one behind the scheduled steps."""
    if template == _SCHEDULED:
        return [base_path + template, f"{base_path}{template}/"]
    return [base_path, f"{base_path}/"] if base_path and template == "/" else [base_path + template]


def _by_method(template: str, rows: dict[str, Row]) -> Endpoint:
    names = tuple(row.name for row in rows.values())
    options = Row("OPTIONS", template, capabilities.describing(template, names), "8.9", "capabilities")
    every = {**rows, "OPTIONS": options} | ({"HEAD": rows["GET"]} if "GET" in rows else {})

    allow = {"Allow": ", ".join(sorted(every))}

    async def dispatch(request: Request) -> Response:
        row = every.get(request.method)
        if row is None:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers=allow)
        begin_transaction(request.scope, row.name)
        return await row.endpoint(request)

    return dispatch
