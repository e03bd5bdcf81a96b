"""PS3.18 8.5 and 8.6.3: status codes, their headers, and Status Reports that say what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient
from tests import samples
from tests.conformance.shelf import open_shelf

from filmjacket.http.routes import STUDIES_SERVICE
from filmjacket.index.sql_index import SqlIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "/dicom-web"
UIDS = {"study": "1.2.3", "series": "1.2.4", "instance": "1.2.5", "frames": "1", "path": "7FE00010"}
TEMPLATES = sorted({row.template for row in STUDIES_SERVICE})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One empty archive for all tests that store nothing."""
    with open_shelf(tmp_path_factory.mktemp("shelf") / "archive") as opened:
        yield opened.client


def path_of(template: str) -> str:
    return BASE + template.format(**UIDS)


def assert_teaches(response, status: int) -> dict:
    """8.5: "all 4xx/5xx should explain the problem"; RFC 9457."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert problem["type"].startswith("urn:filmjacket:problem:")
    return problem


# 405 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_405_has_allow_and_every_allowed_method_is_one(client: TestClient, method: str, template: str) -> None:
    """RFC 9110 15.5.6 and 8.4.3: `Allow` shall be on every 405."""
    methods = {row.method for row in STUDIES_SERVICE if row.template == template}
    response = client.request(method, path_of(template))
    if method in methods:
        assert response.status_code != 405
        return
    problem = assert_teaches(response, 405)
    allowed = set(response.headers["allow"].split(", "))
    assert methods <= allowed
    assert method not in allowed
    assert ("HEAD" in allowed) == ("GET" in allowed)
    assert set(problem["accepted"]) == allowed


def test_put_studies_is_405(client: TestClient) -> None:
    """Fact sheet 16, item 33."""
    response = client.put(f"{BASE}/studies", content=b"x")
    assert response.status_code == 405
    assert {"GET", "HEAD", "POST"} <= set(response.headers["allow"].split(", "))


def test_options_is_retrieve_capabilities(client: TestClient) -> None:
    """8.9, rather than 404 or an empty 200."""
    response = client.options(f"{BASE}/studies")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/vnd.sun.wadl+xml")
    assert "GET" in response.headers["allow"]


# 404 and 400 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/dicom-web/nothing",
        "/dicom-web/studies/1.2.3/frames/1",
        "/dicom-web/studies/1.2.3/series/1.2.4/frames/1",
        "/dicom-web/studies/1.2.3/series/1.2.4/instances/1.2.5/frames/1/pixeldata",
        "/dicom-web/studies/1.2.3/series/1.2.4/instances/1.2.5/frames/1/metadata",
        "/dicom-web/Studies",
        "/dicom-web/studies/",
        "/dicom-web//studies",
        "/dicom-web/patients",
        "/dicom-web/studies/1.2.3/series/1.2.4/instances/1.2.5/nothing",
        "/studies",
    ],
)
def test_unknown_paths_are_404(client: TestClient, path: str) -> None:
    """Paths are case-sensitive, slashes count, and what the standard does not have is not there."""
    assert_teaches(client.get(path), 404)


@pytest.mark.parametrize("template", [template for template in TEMPLATES if "{study}" in template])
def test_a_well_formed_uid_that_is_not_stored_is_404_and_others_400(client: TestClient, template: str) -> None:
    searches = {row.template for row in STUDIES_SERVICE if row.name.startswith("search")}
    response = client.get(path_of(template))
    if template in searches:
        assert (response.status_code, response.json()) == (200, [])
    else:
        assert_teaches(response, 404)
    bad = client.get(BASE + template.format(**UIDS | {"study": "1.2.x"}))
    problem = assert_teaches(bad, 400)
    assert problem["offender"] == "study"


@pytest.mark.parametrize(
    "uid",
    [
        "..",
        "%2e%2e",
        "1.2%2F..%2F3",
        "1.2.3%0d%0aX-Injected:%20yes",
        "1.2.3%00",
        "%F0%9F%92%A9",
        "%ff",
        "%",
        "1" * 4000,
    ],
)
def test_hostile_uids_never_reach_the_archive(client: TestClient, uid: str) -> None:
    for path in (f"{BASE}/studies/{uid}/metadata", f"{BASE}/studies/1/series/{uid}/instances/1/frames/1"):
        response = client.get(path)
        assert response.status_code in {400, 404}
        assert "x-injected" not in response.headers
        assert response.headers["content-type"] == "application/problem+json"


# 413, 414, 415 -------------------------------------------------------------------------------------------------


def test_a_query_that_is_too_long_is_414(make_client: Callable[..., TestClient]) -> None:
    client = make_client(limits={"query_bytes": 1000})
    for below in ("/studies", "/instances", "/studies/1.2.3/metadata", "/studies/1.2.3"):
        problem = assert_teaches(client.get(f"{BASE}{below}?PatientID={'x' * 1000}"), 414)
        assert problem["offender"] == "query"
        assert client.get(f"{BASE}{below}?PatientID={'x' * 900}").status_code != 414


def test_a_payload_over_the_limit_is_413(make_client: Callable[..., TestClient]) -> None:
    client = make_client(limits={"request_bytes": 10_000})
    body, headers = samples.multipart(samples.sample("CT_small.dcm"))
    assert_teaches(client.post(f"{BASE}/studies", content=body, headers=headers), 413)
    assert_teaches(client.post(f"{BASE}/studies", content=iter([body]), headers=headers), 413)
    assert client.get(f"{BASE}/instances").json() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", None])
def test_a_payload_type_that_is_not_understood_is_415_with_what_is(
    client: TestClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    problem = assert_teaches(client.post(f"{BASE}/studies", content=b"hello", headers=headers), 415)
    assert any("application/dicom" in accepted for accepted in problem["accepted"])


# Reports -------------------------------------------------------------------------------------------------------


def test_refusals_name_the_offender_and_the_section(client: TestClient) -> None:
    for query, offender in [("limit=x", "limit"), ("fuzzymatching=maybe", "fuzzymatching")]:
        problem = assert_teaches(client.get(f"{BASE}/studies?{query}"), 400)
        assert problem["offender"] == offender
        assert problem["section"].startswith("PS3.18 8.3.4")


@pytest.mark.parametrize("query", ["PatientName=Secret%5EPatient&limit=x", "StudyDate=SecretPatient"])
def test_refusals_never_repeat_the_values(client: TestClient, query: str) -> None:
    """Keys of a search are patient data; error texts travel to logs and tickets."""
    response = client.get(f"{BASE}/studies?{query}")
    assert response.status_code == 400
    assert "Secret" not in response.text


def test_head_of_a_refusal_has_no_payload(client: TestClient) -> None:
    response = client.head(f"{BASE}/studies/1.2.3")
    assert (response.status_code, response.content) == (404, b"")


def test_every_answer_has_a_request_id(client: TestClient) -> None:
    first, second = client.get(f"{BASE}/studies"), client.get("/nothing")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_a_fault_of_the_server_is_500_without_details(
    make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("Doe^John")

    client = make_client()
    monkeypatch.setattr(SqlIndex, "instances", broken)
    quiet = TestClient(client.app, base_url="http://testserver:8104", raise_server_exceptions=False)
    quiet.portal, quiet.app_state = client.portal, client.app_state
    response = quiet.get(f"{BASE}/studies/1.2.3")
    assert_teaches(response, 500)
    assert "Doe" not in response.text
