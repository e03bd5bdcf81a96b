"""Retrieve Capabilities and the other descriptions of the server (PS3.18 8.9): WADL, JSON, OpenAPI, landing page."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

from filmjacket import __version__
from filmjacket.conformance.capabilities import describe, to_json, to_wadl
from filmjacket.conformance.landing import landing_json, landing_page
from filmjacket.conformance.openapi import openapi_document
from filmjacket.conformance.register import (
    CAPABILITIES_OFFERS,
    HTML,
    LANDING_OFFERS,
    WADL,
    choose_offer,
    operations,
    selection_of,
)
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query
from filmjacket.http.uri import retrieve_by_uri
from filmjacket.web.conditional import etag, is_not_modified
from filmjacket.web.media_types import JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from filmjacket.conformance.declarations import Selection

    Endpoint = Callable[[Request], Awaitable[Response]]

OPENAPI_OFFERS = operations()["openapi"][1].offers


def describing(template: str, names: tuple[str, ...]) -> Endpoint:
    """Endpoint of OPTIONS on the resource with a URI template: what it and everything below it can do.

    `names` are those of the rows that share the template. CORS preflights never get here: they have an Origin and
    Access-Control-Request-Method, and the middleware
    answers them where the setting `cors_origins` allows pages at all.
    """

    async def capabilities(request: Request) -> Response:
        offer = choose_offer(preferences_of(request), CAPABILITIES_OFFERS)
        selection = selection_of(context_of(request).settings)
        body = _capabilities(base_url_of(request), selection, template, offer.media_type)
        return _answer(request, body, offer.media_type, Allow=_allowed(names, selection))

    return capabilities


def _allowed(names: tuple[str, ...], selection: Selection) -> str:
    methods = {resource.method for name in names if selection.has(resource := operations()[name][1])}
    return ", ".join(sorted({*methods, "OPTIONS", *(("HEAD",) if "GET" in methods else ())}))


async def openapi(request: Request) -> Response:
    """The resources as OpenAPI 3.1."""
    choose_offer(preferences_of(request), OPENAPI_OFFERS)
    return _answer(request, _openapi(base_url_of(request), selection_of(context_of(request).settings)), JSON)


async def landing(request: Request) -> Response:
    """Links for whoever opens the base URL; a browser gets a page."""
    if b"requestType=" in raw_query(request):
        return await retrieve_by_uri(request)  # 9.1: the target of the URI service is its base URI
    offer = choose_offer(preferences_of(request), LANDING_OFFERS)
    base_url = base_url_of(request)
    if offer.media_type == HTML:
        return _answer(request, landing_page(base_url, __version__), f"{HTML}; charset=utf-8")
    return _answer(request, landing_json(base_url, __version__), JSON)


def _answer(request: Request, body: bytes, media_type: str, **headers: str) -> Response:
    tag = etag(hashlib.sha256(body).hexdigest()[:32])
    headers |= {"ETag": tag, "Vary": "Accept", "Cache-Control": "no-cache"}
    if is_not_modified(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=media_type)


# Bounded, since base URLs come with the requests.
@lru_cache(maxsize=16)
def _capabilities(base_url: str, selection: Selection, template: str, media_type: str) -> bytes:
    described = describe(base_url, selection, template)
    return to_wadl(described) if media_type == WADL else to_json(described)


@lru_cache(maxsize=4)
def _openapi(base_url: str, selection: Selection) -> bytes:
    return orjson.dumps(openapi_document(base_url, selection, __version__))
