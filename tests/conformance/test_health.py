"""Liveness and readiness: what an orchestrator asks before it sends traffic; metrics for who watches."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.conftest import free_port

from filmjacket.errors import Unavailable
from filmjacket.http.health import REMEMBERED_SECONDS
from filmjacket.index.sql_index import SqlIndex
from filmjacket.observability.blobs import WatchedBlobs
from filmjacket.observability.shared_directory import VARIABLE, begin_draining

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient


def failing(*_arguments: object) -> None:
    raise Unavailable("It does not answer.")


def test_alive_and_ready(client: TestClient) -> None:
    for path in ("/healthz", "/healthz/live", "/healthz/ready", "/healthz/startup"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.json()["version"]
        assert client.head(path).status_code == 200


def test_not_ready_names_what_fails_and_stays_alive(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlIndex, "check", failing)
    response = client.get("/healthz/ready")
    assert response.status_code == 503
    assert response.json()["failing"] == {"index": "It does not answer."}
    monkeypatch.setattr(type(client.app_state["context"].blobs), "check", failing)
    assert set(client.get("/healthz").json()["failing"]) == {"index", "blobs"}
    assert client.get("/healthz/live").status_code == 200


def test_health_is_outside_the_base_path_and_needs_no_accept(client: TestClient) -> None:
    del client.headers["Accept"]
    assert client.get("/healthz/ready").status_code == 200
    assert client.get("/dicom-web/healthz").status_code == 404


def test_each_check_is_named_with_its_state(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz/ready").json()["checks"] == {"index": "ok", "blobs": "ok", "draining": "ok"}
    monkeypatch.setattr(WatchedBlobs, "check", failing)
    time.sleep(REMEMBERED_SECONDS)
    answer = client.get("/healthz/ready")
    assert answer.json()["checks"] == {"index": "ok", "blobs": "It does not answer.", "draining": "ok"}
    assert answer.headers["cache-control"] == "no-store"


def test_many_who_ask_are_one_question(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(SqlIndex, "check", lambda _: asked.append(1))
    for _ in range(5):
        assert client.get("/healthz/ready").status_code == 200
    assert len(asked) == 1


def test_a_part_that_hangs_is_not_ready(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr("filmjacket.http.health.LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(SqlIndex, "check", lambda _: over.wait(10))
    answer = client.get("/healthz/ready")
    over.set()
    assert answer.status_code == 503
    assert answer.json()["failing"] == {"index": "It did not answer within 0.1 seconds."}


def test_a_server_that_stops_is_alive_and_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    begin_draining(tmp_path)
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["failing"]) == (503, {"draining": "The server is stopping."})
    assert client.get("/healthz/live").status_code == 200
    assert client.get("/healthz/startup").status_code == 200
    assert client.get("/dicom-web/studies").status_code == 200


def test_metrics_are_outside_the_base_path(client: TestClient) -> None:
    client.get("/dicom-web/studies?PatientName=DOE*")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'filmjacket_requests_total{status="2xx",transaction="search-studies"}' in answer.text
    assert "DOE" not in answer.text
    assert client.get("/dicom-web/metrics").status_code == 404


@pytest.mark.parametrize("metrics", [{"enabled": False}, {"listen": "127.0.0.1:{port}"}])
def test_metrics_can_be_off_or_elsewhere(make_client: Callable[..., TestClient], metrics: dict[str, object]) -> None:
    port = free_port()
    client = make_client(metrics={name: str(value).format(port=port) for name, value in metrics.items()})
    assert client.get("/metrics").status_code == 404
    if "listen" in metrics:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert b"filmjacket_workers 1.0" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
