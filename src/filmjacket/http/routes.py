"""THE table: which URL goes where, and which section of PS3.18 asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from filmjacket.http import capabilities, health, removal, rendered, studies, thumbnails, uri, volumes
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


_ANY_CASE = re.compile(r"(?<=/)rendered(?:mpr|3d)(?=\$)")


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

DESCRIPTIONS = (
    Row("GET", "/", capabilities.landing, "8.9", "landing"),
    Row("GET", "/openapi.json", capabilities.openapi, "8.9", "openapi"),
)

TABLE = (*VOLUMES, *STUDIES_SERVICE, *THUMBNAILS, *URI_SERVICE, *DESCRIPTIONS)
"""Every row. Each is declared in `filmjacket.conformance` under its name, and OPTIONS on its template says so."""


def routes(base_path: str) -> list[Route]:
    """Starlette routes of every row; methods of one template share a route, which knows its `Allow`."""
    templates: dict[str, dict[str, Row]] = {}
    for row in TABLE:
        templates.setdefault(row.template, {})[row.method] = row
    table = [
        _route(path, _by_method(template, rows))
        for template, rows in templates.items()
        for path in _paths(base_path, template)
    ]
    return [
        *table,
        Route("/healthz", health.ready, methods=["GET"]),
        Route("/healthz/live", health.live, methods=["GET"]),
        Route("/healthz/ready", health.ready, methods=["GET"]),
    ]


def _route(path: str, endpoint: Endpoint) -> Route:
    """A route of a template with every method: no other template is tried, `series/rendered3d` is no series.

    The last segments of volumes are found in any case: the standard has them in three.
    """
    route = Route(path, endpoint)
    route.methods = None
    route.path_regex = re.compile(_ANY_CASE.sub(r"(?i:\g<0>)", route.path_regex.pattern))
    return route


def _paths(base_path: str, template: str) -> list[str]:
    """The base URI is the same with and without its slash."""
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
        request.scope["route_name"] = row.name
        return await row.endpoint(request)

    return dispatch
