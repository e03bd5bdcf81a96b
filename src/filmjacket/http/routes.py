"""THE table: which URL goes where, and which section of PS3.18 asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.routing import Route

from filmjacket.http import health, studies
from filmjacket.http.errors import problem
from filmjacket.web.query import Level

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint = Callable[[Request], Awaitable[Response]]

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"


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
)


def routes(base_path: str) -> list[Route]:
    """Starlette routes of every row; methods of one template share a route, so that 405 knows its `Allow`."""
    templates: dict[str, dict[str, Row]] = {}
    for row in STUDIES_SERVICE:
        templates.setdefault(row.template, {})[row.method] = row
    table = [
        Route(base_path + template, _by_method(rows), methods=[*rows, "OPTIONS"])
        for template, rows in templates.items()
    ]
    return [
        *table,
        Route("/healthz", health.ready, methods=["GET"]),
        Route("/healthz/live", health.live, methods=["GET"]),
        Route("/healthz/ready", health.ready, methods=["GET"]),
    ]


def _by_method(rows: dict[str, Row]) -> Endpoint:
    allow = ", ".join(sorted({*rows, "OPTIONS", *(("HEAD",) if "GET" in rows else ())}))

    async def dispatch(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        row = rows.get(method)
        if row is None:
            return problem(
                501,
                "not-implemented",
                "Retrieve Capabilities is not available yet.",
                section="8.9",
                offender="method",
                accepted=tuple(allow.split(", ")),
                headers={"Allow": allow},
            )
        request.scope["route_name"] = row.name
        return await row.endpoint(request)

    return dispatch
