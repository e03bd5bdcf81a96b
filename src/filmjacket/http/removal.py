"""Endpoint of the Delete transaction, an extension of the Studies service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import structlog
from starlette.responses import Response

from filmjacket.clock import moment_text, now
from filmjacket.errors import BadRequest, MethodNotAllowed, PreconditionFailed
from filmjacket.http.request import context_of, raw_query, ref_of
from filmjacket.services.studies.remove import EXTENSION, Remover
from filmjacket.web.conditional import listed_digests
from filmjacket.web.media_types import JSON

if TYPE_CHECKING:
    from starlette.requests import Request

    from filmjacket.web.refs import ResourceRef

log = structlog.stdlib.get_logger("filmjacket.http")


async def delete(request: Request) -> Response:
    """Delete Study, Series or Instance: 200 and what is gone, until when it can be restored."""
    context = context_of(request)
    deletion = context.settings.deletion
    if not deletion.enabled:
        raise MethodNotAllowed(
            "Deleting over HTTP is switched off. Whoever runs the server can allow it with the setting "
            "deletion.enabled, or delete with the command `filmjacket delete`.",
            section=EXTENSION,
            offender="method",
            accepted=_methods_without_deletion(request),
        )
    if raw_query(request):
        raise BadRequest(
            "DELETE takes no parameters: it deletes everything below the target resource.",
            section=EXTENSION,
            offender="query",
            accepted=("a target URI without a query",),
        )
    ref = ref_of(request)
    digests = _digests_of(request, ref)
    remover = Remover(context.index, deletion.rules, now)
    removed = await context.lanes.db(remover.delete, ref, digests)
    log.info("deleted", series=removed.series, instances=removed.instances)
    body = {
        "instances": removed.instances,
        "series": removed.series,
        "deletedAt": moment_text(removed.deleted_at),
        "restorableUntil": moment_text(removed.restorable_until),
    }
    return Response(orjson.dumps(body), media_type=JSON, headers={"Cache-Control": "no-store"})


def _digests_of(request: Request, ref: ResourceRef) -> frozenset[str] | None:
    """What `If-Match` wants the instance to be; a study or series has no entity tag that a deletion could check."""
    values = request.headers.getlist("if-match")
    digests = listed_digests(", ".join(values) if values else None)
    if digests is not None and ref.instance is None:
        raise PreconditionFailed(
            "If-Match of a DELETE is checked for instances; studies and series can only be asked to exist.",
            section="RFC 9110 13.1.1",
            offender="If-Match",
            accepted=("*",),
        )
    return digests


def _methods_without_deletion(request: Request) -> tuple[str, ...]:
    """What else the resource has: a study can also be stored to."""
    return ("GET", "HEAD", "OPTIONS", *(() if "series" in request.path_params else ("POST",)))
