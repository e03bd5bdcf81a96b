"""CORS in one setting: preflight, exposed headers, and the headers on refusals too (pain 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

BASE = "/dicom-web"
VIEWER = "https://viewer.example.org"
OTHER = "https://elsewhere.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "GET"}


@pytest.fixture
def shared(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(cors_origins=(VIEWER,))


def test_without_the_setting_there_is_no_cors(client: TestClient) -> None:
    response = client.get(f"{BASE}/studies", headers={"Origin": VIEWER})
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("headers", ["accept", "authorization", "accept, content-type", "range", "x-any"])
def test_preflight_of_a_known_origin(shared: TestClient, method: str, headers: str) -> None:
    """OHIF and Slim send Accept and Authorization; a preflight is answered before Retrieve Capabilities."""
    response = shared.options(
        f"{BASE}/studies",
        headers={
            "Origin": VIEWER,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )
    assert response.status_code in {200, 204}
    assert response.headers["access-control-allow-origin"] == VIEWER
    assert method in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    assert all(name.strip() in allowed for name in headers.split(","))


def test_preflight_of_an_unknown_origin_allows_nothing(shared: TestClient) -> None:
    response = shared.options(f"{BASE}/studies", headers={"Origin": OTHER, **PREFLIGHT})
    assert "access-control-allow-origin" not in response.headers


def test_what_pages_may_read(shared: TestClient) -> None:
    response = shared.get(f"{BASE}/studies", headers={"Origin": VIEWER})
    assert response.headers["access-control-allow-origin"] == VIEWER
    exposed = response.headers["access-control-expose-headers"]
    for name in ("ETag", "Content-Range", "Warning", "Content-Location", "Location"):
        assert name in exposed
    assert "origin" in response.headers["vary"].lower()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/studies/1.2.3", {}, 404),
        ("/studies/x", {}, 400),
        ("/studies/1.2.3/metadata", {"Accept": "image/png"}, 406),
        ("/nothing", {}, 404),
    ],
)
def test_refusals_carry_the_headers_too(shared: TestClient, path: str, headers: dict[str, str], status: int) -> None:
    response = shared.get(BASE + path, headers={"Origin": VIEWER, **headers})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == VIEWER
    assert shared.put(f"{BASE}/studies", headers={"Origin": VIEWER}).headers["access-control-allow-origin"] == VIEWER


def test_retrieved_payloads_carry_the_headers_and_keep_their_vary(shared: TestClient) -> None:
    file = samples.sample("CT_small.dcm")
    shared.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    response = shared.get(BASE + samples.instance_path(file), headers={"Origin": VIEWER})
    assert response.headers["access-control-allow-origin"] == VIEWER
    varies = {name.strip().lower() for name in response.headers["vary"].split(",")}
    assert {"accept", "origin"} <= varies


def test_every_origin(make_client: Callable[..., TestClient]) -> None:
    client = make_client(cors_origins=("*",))
    response = client.get(f"{BASE}/studies", headers={"Origin": OTHER})
    assert response.headers["access-control-allow-origin"] in {"*", OTHER}
    assert "access-control-allow-credentials" not in response.headers


def test_requests_from_no_page_are_as_without(shared: TestClient) -> None:
    assert "access-control-allow-origin" not in shared.get(f"{BASE}/studies").headers
    described = shared.options(f"{BASE}/studies")
    assert (described.status_code, described.headers["content-type"]) == (200, "application/vnd.sun.wadl+xml")
