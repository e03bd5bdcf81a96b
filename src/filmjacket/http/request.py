"""From a Starlette request to the neutral values of the protocol core."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from filmjacket.errors import UriTooLong
from filmjacket.services.preconditions import Preconditions
from filmjacket.web.accept import accept_parameter, parse_accept
from filmjacket.web.forwarded import base_url, forwarded_origin
from filmjacket.web.refs import ResourceRef
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from starlette.requests import Request

    from filmjacket.http.context import Context
    from filmjacket.web.accept import Preferences


def context_of(request: Request) -> Context:
    """The worker's services."""
    return cast("Context", request.state.context)


def raw_query(request: Request) -> bytes:
    """The query as it came, undecoded (PS3.18 8.3: split first, decode then). Raises `UriTooLong`."""
    query = cast("bytes", request.scope.get("query_string", b""))
    limit = context_of(request).settings.limits.query_bytes
    if len(query) > limit:
        raise UriTooLong(f"The query is longer than {limit} bytes.", section="8.5", offender="query")
    return query


def preferences_of(request: Request) -> Preferences:
    """What the client accepts: the Accept header narrowed by the `accept` parameter (8.7.5)."""
    headers = request.headers.getlist("accept")
    return parse_accept(
        ", ".join(headers) if headers else None,
        accept_parameter(raw_query(request)),
        strict=context_of(request).settings.strict_accept,
    )


def preconditions_of(request: Request) -> Preconditions:
    """What a request that changes something says of the state that it wants to change."""
    joined = (", ".join(request.headers.getlist(name)) or None for name in ("if-match", "if-none-match"))
    return Preconditions(*joined)


def ref_of(request: Request) -> ResourceRef:
    """The study, series and instance of the target URI. Raises `BadRequest` for what is no UID."""
    uids = {name: request.path_params.get(name) for name in ("study", "series", "instance")}
    return ResourceRef(**{name: parse_uid(uid, name) for name, uid in uids.items() if uid is not None})


def base_url_of(request: Request) -> str:
    """Public base URL of the service, without a trailing slash: configured, forwarded by a trusted peer, or own."""
    settings = context_of(request).settings
    server = cast("tuple[str, int | str | None] | None", request.scope.get("server"))
    peer = request.client.host if request.client else None
    return base_url(
        scheme=str(request.scope["scheme"]),
        host=request.headers.get("host"),
        listening=(str(server[0]), int(server[1] or settings.port)) if server else (settings.host, settings.port),
        path=settings.base_path,
        forwarded=forwarded_origin(request.headers, peer=peer, trusted=settings.trusted_proxies),
        configured=settings.public_url,
    )
