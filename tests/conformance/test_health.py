"""Liveness and readiness: what an orchestrator asks before it sends traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.blobs.local import LocalBlobs
from filmjacket.errors import Unavailable
from filmjacket.index.sql_index import SqlIndex

if TYPE_CHECKING:
    import pytest
    from starlette.testclient import TestClient


def failing(*_arguments: object) -> None:
    raise Unavailable("It does not answer.")


def test_alive_and_ready(client: TestClient) -> None:
    for path in ("/healthz", "/healthz/live", "/healthz/ready"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.json()["version"]
        assert client.head(path).status_code == 200


def test_not_ready_names_what_fails_and_stays_alive(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlIndex, "check", failing)
    response = client.get("/healthz/ready")
    assert response.status_code == 503
    assert response.json()["failing"] == {"index": "It does not answer."}
    monkeypatch.setattr(LocalBlobs, "check", failing)
    assert set(client.get("/healthz").json()["failing"]) == {"index", "blobs"}
    assert client.get("/healthz/live").status_code == 200


def test_health_is_outside_the_base_path_and_needs_no_accept(client: TestClient) -> None:
    del client.headers["Accept"]
    assert client.get("/healthz/ready").status_code == 200
    assert client.get("/dicom-web/healthz").status_code == 404
