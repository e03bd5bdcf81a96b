"""The only mapping from errors to HTTP: status, headers and a body that teaches (PS3.18 8.5, 8.6.3; RFC 9457)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from filmjacket.errors import FilmjacketError, RangeNotSatisfiable
from filmjacket.http.responses import TextResponse
from filmjacket.web.media_types import HTML
from filmjacket.web.problem_document import Problem, choose_problem_type, write_problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

log = structlog.stdlib.get_logger("filmjacket.http")

RETRY_AFTER_SECONDS = "5"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


class ProblemResponse(Response):
    """A problem document, written for whoever asked when it is sent."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(None, problem.status)
        self._problem = problem
        self._headers = headers or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        accept = Headers(scope=scope).getlist("accept")
        media_type = choose_problem_type(", ".join(accept) if accept else None)
        problem = replace(self._problem, request_id=scope.get("request_id", ""))
        headers = self._headers | (PAGE_HEADERS if media_type == HTML else {})
        body = write_problem(problem, media_type)
        await TextResponse(body, problem.status, headers=headers, media_type=media_type)(scope, receive, send)


def problem(
    status: int,
    reason_code: str,
    message: str,
    *,
    section: str = "",
    offender: str = "",
    accepted: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A Status Report as problem details: what was wrong, what would be accepted, which section says so."""
    return ProblemResponse(Problem(status, reason_code, message, section, offender, accepted), headers)


def on_filmjacket_error(_request: Request, error: Exception) -> Response:
    """Answer a refusal raised by a service or by the protocol core."""
    if not isinstance(error, FilmjacketError):
        raise error
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(error.accepted)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER_SECONDS
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.complete_length}"
    return problem(
        error.status,
        error.reason_code,
        error.message,
        section=error.section,
        offender=error.offender,
        accepted=error.accepted,
        headers=headers,
    )


def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what the router refuses: unknown paths and methods that a resource does not have."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = tuple(headers.get("Allow", "").split(", "))
        return problem(
            405,
            "method-not-allowed",
            "This resource does not have this method.",
            section="8.5",
            offender="method",
            accepted=allowed,
            headers=headers,
        )
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(404, "not-found", "No resource of this server has this path.", section="10.1")
    return problem(error.status_code, "http-error", f"{error.detail}.", section="8.5", headers=headers)


def on_client_disconnect(_request: Request, error: Exception) -> Response:
    """Answer a payload that broke off or is framed wrongly (RFC 9112 6.3): often nobody is left to read it."""
    if not isinstance(error, ClientDisconnect):
        raise error
    return problem(
        400, "incomplete-payload", "The payload ended before it was complete.", section="RFC 9112 8", offender="payload"
    )


def on_unexpected(_request: Request, error: Exception) -> Response:
    """Answer a fault of the server itself: the log has the details, the client gets none."""
    log.error("unexpected_error", exc_info=error)
    return problem(500, "internal-error", "The server failed; its log says why.", section="8.5")
