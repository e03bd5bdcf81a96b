from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import capture_logs

from filmjacket.http.exchange import Watched, begin_transaction
from filmjacket.metrics import counter, gauge, histogram
from filmjacket.settings.watching import Access

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = b"PatientName=DOE^JANE&00100020=4711"
PATH = "/dicom-web/studies/1.2.3.4"


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def scope(**changes: Any) -> dict[str, Any]:
    headers = [(b"user-agent", b"Weasis/4.2 (DOE^JANE)"), (b"x-patient", b"DOE^JANE")]
    basis = {"type": "http", "method": "GET", "path": PATH, "query_string": QUERY, "headers": headers}
    return {**basis, **changes}


def serve(watched: Watched, given: dict[str, Any], *, body: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(watched(given, receive, send))
    return sent


def answering(status: int, *, transaction: str | None = "of-a-test", payload: bytes = b"12345") -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if transaction is not None:
            begin_transaction(scope, transaction)
            assert gauge("filmjacket_requests_in_flight", transaction=transaction).numbers() == [1]
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": payload, "more_body": True})
        await send({"type": "http.response.body", "body": payload, "more_body": False})

    return app


@pytest.mark.parametrize(
    ("status", "label"), [(200, "2xx"), (206, "2xx"), (304, "3xx"), (410, "4xx"), (503, "5xx"), (999, "5xx")]
)
def test_requests_are_counted_by_transaction_and_class_of_status(status: int, label: str) -> None:
    numbers = [
        counter("filmjacket_requests_total", transaction="of-a-test", status=label),
        counter("filmjacket_request_bytes_total", transaction="of-a-test"),
        counter("filmjacket_response_bytes_total", transaction="of-a-test"),
    ]
    before = [number.numbers()[0] for number in numbers]
    serve(Watched(answering(status)), scope(), body=b"abc")
    assert [number.numbers()[0] - was for number, was in zip(numbers, before, strict=True)] == [1, 3, 10]
    assert gauge("filmjacket_requests_in_flight", transaction="of-a-test").numbers() == [0]
    assert sum(histogram("filmjacket_request_seconds", transaction="of-a-test").numbers()[:-1]) >= 1


def test_a_request_without_an_answer_is_counted_and_logged_as_such() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        begin_transaction(scope, "broken")
        raise RuntimeError

    with capture_logs() as lines, pytest.raises(RuntimeError):
        serve(Watched(app, access=Access.ERRORS), scope())
    assert counter("filmjacket_requests_total", transaction="broken", status="none").numbers() == [1]
    assert gauge("filmjacket_requests_in_flight", transaction="broken").numbers() == [0]
    assert [line["status"] for line in lines] == [0]


def test_what_no_route_has_is_one_transaction() -> None:
    unmatched = counter("filmjacket_requests_total", transaction="unmatched", status="4xx")
    before = unmatched.numbers()[0]
    serve(Watched(answering(404, transaction=None)), scope())
    assert unmatched.numbers()[0] == before + 1


def test_a_line_tells_all_but_who_the_patient_is() -> None:
    with capture_logs() as lines:
        serve(Watched(answering(200)), scope(), body=b"abc")
    (line,) = lines
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "transaction": "of-a-test",
        "status": 200,
        "received": 3,
        "bytes": 10,
        "agent": "Weasis",
    }


@pytest.mark.parametrize(
    ("access", "every", "statuses", "logged"),
    [
        (Access.ALL, 1, [200, 404, 200], [200, 404, 200]),
        (Access.ALL, 3, [200, 200, 404, 200, 200], [200, 404, 200]),
        (Access.ERRORS, 1, [200, 404, 304, 500], [404, 500]),
        (Access.NONE, 1, [200, 404, 500], []),
    ],
)
def test_lines_can_be_few(access: Access, every: int, statuses: list[int], logged: list[int]) -> None:
    current = [0]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(current[0])(scope, receive, send)

    watched = Watched(app, access=access, every=every)
    with capture_logs() as lines:
        for current[0] in statuses:
            serve(watched, scope())
    assert [line["status"] for line in lines] == logged


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"3f2c-77.a_b:c", True),
        (b"", False),
        (b"a" * 64, True),
        (b"a" * 65, False),
        (b"DOE^JANE", False),
        (b"two words", False),
        (b"line\r\nbreak", False),
    ],
)
def test_the_request_id_of_a_client_is_kept_if_it_looks_like_one(given: bytes, kept: bool) -> None:
    sent = serve(Watched(answering(200)), scope(headers=[(b"x-request-id", given)]))
    answered = dict(sent[0]["headers"])[b"x-request-id"]
    assert (answered == given) == kept
    assert len(answered) >= 13


def test_other_protocols_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    serve(Watched(app), {"type": "websocket"})
    assert seen == ["websocket"]
