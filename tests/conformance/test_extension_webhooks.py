"""Webhooks, an extension: registered on the command line, delivered by the server, signed CloudEvents."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests import samples
from typer.testing import CliRunner

from filmjacket.cli.main import app
from filmjacket.cli.webhooks import app as webhooks
from filmjacket.errors import BadRequest
from filmjacket.services.notifications.delivery import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient

BASE = "/dicom-web"
SECRET = "sixteen letters!"


class Target:
    """An HTTP server that takes events, or refuses as many as it is told to."""

    def __init__(self) -> None:
        self.events: list[tuple[dict[str, str], bytes]] = []
        self.refuse = 0
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = target.refuse > 0
                target.refuse -= refused
                if not refused:
                    target.events.append((dict(self.headers), body))
                self.send_response(500 if refused else 204)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def wait(self, count: int) -> list[dict[str, Any]]:
        until = time.monotonic() + 15
        while len(self.events) < count and time.monotonic() < until:
            time.sleep(0.02)
        return [json.loads(body) for _, body in self.events]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


@pytest.fixture
def hooked(make_client: Callable[..., TestClient], target: Target) -> TestClient:
    """A server that may deliver to the target."""
    settings = {
        "allow_http": True,
        "allowed_networks": ("127.0.0.1",),
        "ports": (target.port,),
        "first_wait_seconds": 0.05,
        "attempts": 2,
    }
    return make_client(webhooks=settings, public_url="https://pacs.example.org")


@pytest.fixture
def run(hooked: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run `filmjacket webhooks ...` on the server's archive; returns what it prints."""
    settings = hooked.app_state["context"].settings
    chosen = settings.webhooks
    monkeypatch.setenv("FILMJACKET_WEBHOOKS__ALLOW_HTTP", "true")
    monkeypatch.setenv("FILMJACKET_WEBHOOKS__ALLOWED_NETWORKS", ",".join(chosen.allowed_networks))
    monkeypatch.setenv("FILMJACKET_WEBHOOKS__PORTS", ",".join(map(str, chosen.ports)))
    if settings.database is not None:
        monkeypatch.setenv("FILMJACKET_DATABASE", settings.database.get_secret_value())

    def invoke(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(webhooks, [*arguments, "--data", str(settings.data)])
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def store(client: TestClient, study: str) -> None:
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1", "SOPInstanceUID": f"{study}.1.1"}
    file = samples.variant("CT_small.dcm", **uids)
    assert (
        client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"}).status_code == 200
    )


def test_a_stored_study_is_told(hooked: TestClient, target: Target, run: Callable[..., str]) -> None:
    run("add", "ai", target.url, "--secret", SECRET)
    store(hooked, "1.2")
    (event,) = target.wait(1)
    headers, body = target.events[0]
    assert event["type"] == "org.filmjacket.study.created"
    assert event["source"] == "https://pacs.example.org/dicom-web"
    assert event["data"]["url"] == "https://pacs.example.org/dicom-web/studies/1.2"
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    at, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert digest == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_a_filter_in_search_syntax(hooked: TestClient, target: Target, run: Callable[..., str]) -> None:
    run("add", "ai", target.url, "--filter", "level=instance&StudyInstanceUID=1.3&Modality=CT")
    store(hooked, "1.2")
    store(hooked, "1.3")
    (event,) = target.wait(1)
    assert event["data"]["sopInstanceUID"] == "1.3.1.1"


def test_dead_letters_are_seen_and_sent_again(hooked: TestClient, target: Target, run: Callable[..., str]) -> None:
    run("add", "ai", target.url)
    target.refuse = 2
    store(hooked, "1.2")
    store(hooked, "1.3")
    (event,) = target.wait(1)
    assert event["data"]["studyInstanceUID"] == "1.3"
    assert "ai 1: HTTP status 500, 2 attempts" in run("dead", code=1)
    assert "1 dead letters" in run("list")
    run("redeliver", "ai")
    events = target.wait(2)
    assert [event["id"] for event in events] == ["4", "1"]
    until = time.monotonic() + 10
    while CliRunner().invoke(webhooks, ["dead", "--data", data_of(hooked)]).exit_code and time.monotonic() < until:
        time.sleep(0.05)
    assert run("dead") == ""


def data_of(client: TestClient) -> str:
    return str(client.app_state["context"].settings.data)


def test_a_trial(target: Target, run: Callable[..., str]) -> None:
    run("add", "ai", target.url)
    assert run("test", "ai") == "ai: taken.\n"
    (event,) = target.wait(1)
    assert event["type"] == "org.filmjacket.ping"
    target.refuse = 1
    assert run("test", "ai", code=1) == "ai: HTTP status 500.\n"


def test_a_secret_is_shown_once(target: Target, run: Callable[..., str]) -> None:
    said = run("add", "ai", target.url)
    assert "shown only now: " in said
    secret = said.rpartition("shown only now: ")[2].strip()
    assert secret not in run("list")
    run("remove", "ai")
    assert run("list") == ""


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "https://user:x@hook.example.org/", "ftp://x/"]
)
def test_what_may_not_be_a_target(hooked: TestClient, run: Callable[..., str], url: str) -> None:
    result = CliRunner().invoke(app, ["webhooks", "add", "ai", url, "--data", data_of(hooked)])
    assert isinstance(result.exception, BadRequest)
    assert run("list") == ""
