from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.samples import instance_path, series

from filmjacket import spans
from filmjacket.http.exchange import Watched, begin_transaction
from filmjacket.observability.tracing import open_tracer
from filmjacket.offload import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Where the spans of a test arrive when its tracer is closed."""
    memory = InMemorySpanExporter()
    tracer = open_tracer("http://localhost:1/v1/traces", sample=1.0, exporter=memory)
    spans.install(tracer)
    yield memory
    spans.install(None)
    tracer.close()


def finished(exporter: InMemorySpanExporter) -> dict[str, Any]:
    tracer: Any = spans._INSTALLED.tracer
    tracer._provider.force_flush()
    return {span.name: span for span in exporter.get_finished_spans()}


def serve(app: Any, **changes: Any) -> None:
    async def nothing(*_: Any) -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"PatientID=4711", "headers": []}
    asyncio.run(Watched(app)(scope | changes, nothing, nothing))


async def searching(scope: Any, receive: Any, send: Any) -> None:
    begin_transaction(scope, "search-studies")

    def work() -> None:
        with spans.span("index.read"):
            pass

    await Lanes(db=1, disk=1).db(work)
    await send({"type": "http.response.start", "status": 200, "headers": []})


def test_a_request_is_a_span_below_the_clients_and_above_ours(exporter: InMemorySpanExporter) -> None:
    serve(searching, headers=[(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())])
    found = finished(exporter)
    request, lane, index = (found[name] for name in ("GET search-studies", "lane.db", "index.read"))
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {TRACE}
    assert f"{request.parent.span_id:016x}" == PARENT
    assert lane.parent.span_id == request.context.span_id
    assert index.parent.span_id == lane.context.span_id
    assert dict(request.attributes) == {
        "http.request.method": "GET",
        "http.route": "search-studies",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize("header", [b"", b"nonsense", b"00-0-0-01"])
def test_a_bad_traceparent_is_none(exporter: InMemorySpanExporter, header: bytes) -> None:
    serve(searching, headers=[(b"traceparent", header)])
    assert finished(exporter)["GET search-studies"].parent is None


def test_what_fails_says_so_and_not_why(exporter: InMemorySpanExporter) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with spans.span("index.read"):
            raise ValueError("DOE^JANE")

    with pytest.raises(ValueError, match="DOE"):
        serve(app, method="BREW")
    found = finished(exporter)
    request = found["_OTHER unmatched"]
    assert not request.status.is_ok
    assert "DOE" not in "".join(span.to_json() for span in found.values())


def test_spans_of_a_server_name_nobody(make_client: Callable[..., TestClient], exporter: InMemorySpanExporter) -> None:
    tracer = spans._INSTALLED.tracer
    client = make_client()
    spans.install(tracer)  # the application has installed none, as its settings ask for none
    file = series(1, PatientName="DOE^JANE", PatientID="P-4711-Q")[0]
    client.post("/dicom-web/studies", content=file, headers={"Content-Type": "application/dicom"})
    client.get("/dicom-web/studies?PatientName=DOE*&PatientID=P-4711-Q")
    client.get(f"/dicom-web{instance_path(file)}")
    found = finished(exporter)
    assert {"POST store", "GET search-studies", "GET retrieve-instance", "index.write", "blobs.publish"} <= set(found)
    text = "".join(span.to_json() for span in exporter.get_finished_spans())
    for secret in ("DOE", "P-4711-Q", *instance_path(file).split("/")[2::2]):
        assert secret not in text


def test_spans_are_sent_to_the_endpoint() -> None:
    received: list[tuple[str, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        tracer = open_tracer(f"http://127.0.0.1:{server.server_port}/v1/traces", sample=1.0)
        with tracer.span("index.read"):
            pass
        tracer.close()
        thread.join(10)
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"index.read" in body
    assert b"filmjacket" in body


def test_nothing_happens_without_a_tracer() -> None:
    spans.install(None)
    with spans.span("x"):
        assert spans.request_span({}) is None


def test_without_the_extra_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from filmjacket.observability.tracing import open_tracer\n"
        "from filmjacket.errors import FilmjacketError\n"
        "try: open_tracer('http://x/', sample=1)\n"
        "except FilmjacketError as error: print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "filmjacket[otel]" in done.stdout
