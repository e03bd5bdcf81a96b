"""Endpoint of the URI service, also called WADO-URI (PS3.18 chapter 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from filmjacket.http.request import base_url_of, context_of, raw_query
from filmjacket.http.responses import Conditions, DownloadResponse, begin
from filmjacket.services.studies.retrieve import retrieve_instances
from filmjacket.services.uri.retrieve import UriRetrieval, retrieve_uri
from filmjacket.web.uri_request import parse_uri_request

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from filmjacket.http.responses import Begun
    from filmjacket.services.studies.download import Download
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef


async def retrieve_by_uri(request: Request) -> Response:
    """Retrieve DICOM Instance (9.4) and Retrieve Rendered Instance (9.5)."""
    context = context_of(request)
    headers = request.headers
    asked = parse_uri_request(
        raw_query(request),
        ", ".join(headers.getlist("accept")) or None,
        ", ".join(headers.getlist("accept-charset")) or None,
        strict=context.settings.strict_accept,
    )
    conditions = Conditions.of(request)
    base_url = base_url_of(request)

    def instances(ref: ResourceRef, preferences: Preferences) -> Download:
        zip_names = context.settings.zip.template
        found = retrieve_instances(
            context.index, context.blobs, ref, preferences, base_url, zip_names=zip_names, coder=context.coder
        )
        return replace(found, elsewhere=None)  # clients of this service are old, and do not expect a redirect

    retrieval = UriRetrieval(
        context.studio, context.coder, base_url, asked, instances, context.pseudonyms, conditions.need_no_content
    )

    def work() -> Begun:
        return begin(retrieve_uri(retrieval), conditions, context.delivery)

    if asked.names_dicom:
        return DownloadResponse(await context.lanes.disk(work), context.lanes)
    return DownloadResponse(await context.lanes.cpu(work), context.lanes, cpu=True)
