"""DELETE on study, series and instance: an extension, for PS3.18 has no such transaction (8.5: 409, 410)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.conformance.wire import kept_blobs
from tests.samples import instance_path, multipart, series, uids

from filmjacket.app import create_app
from filmjacket.archive.deletions import Hold
from filmjacket.clock import now
from filmjacket.maintenance.purge import purge
from filmjacket.opening import open_archive
from filmjacket.settings import Settings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx2

BASE = "/dicom-web"
RULES = {"enabled": True}
LEVELS = ("study", "series", "instance")


@dataclass
class Deletable:
    """A study of two instances in one series."""

    client: TestClient
    files: list[bytes]
    settings: Settings

    @property
    def paths(self) -> dict[str, str]:
        """Path of the study, of its series, and of its first instance."""
        instance = BASE + instance_path(self.files[0])
        of_series = instance.partition("/instances/")[0]
        return {"study": of_series.partition("/series/")[0], "series": of_series, "instance": instance}

    @property
    def study_uid(self) -> str:
        return uids(self.files[0])[0]

    def store(self, *files: bytes) -> httpx2.Response:
        body, headers = multipart(*files)
        return self.client.post(f"{BASE}/studies", content=body, headers=headers)

    def delete(self, level: str, **headers: str) -> httpx2.Response:
        return self.client.delete(self.paths[level], headers=headers)

    def purge(self) -> None:
        """What `filmjacket purge` does, when the undo window is over."""
        opened = open_archive(self.settings)
        at = now() + 8 * 24 * 3600 * 1_000_000
        purge(opened.index, opened.blobs, self.settings.deletion.rules, at=at)
        opened.close()


@pytest.fixture
def deletable(
    tmp_path: Path,
    blank_archive: Path,
    make_client: Callable[..., TestClient],
    backend_settings: Callable[[Path], dict[str, Any]],
) -> Callable[..., Deletable]:
    def make(*, count: int = 2, **changes: object) -> Deletable:
        changes.setdefault("deletion", RULES)
        settings = Settings(data=tmp_path / "archive", **backend_settings(tmp_path / "archive"), **changes)
        made = Deletable(make_client(**(changes | {"data": settings.data})), series(count), settings)
        assert made.store(*made.files).status_code == 200
        return made

    return make


def problem(response: httpx2.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    return body


@pytest.mark.parametrize("level", LEVELS)
def test_the_answer_says_what_is_gone_and_until_when_it_can_be_restored(
    deletable: Callable[..., Deletable], level: str
) -> None:
    response = deletable().delete(level)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["instances"] == (1 if level == "instance" else 2)
    assert body["series"] == 1
    assert body["deletedAt"][:10] < body["restorableUntil"][:10]


# State of the archive, and what DELETE answers then, at study, series and instance level.
STATES = {
    "stored": (200, 200, 200),
    "study deleted": (410, 410, 410),
    "series deleted": (410, 410, 410),
    "instance deleted": (200, 200, 410),
    "study purged": (410, 410, 410),
    "stored again": (200, 200, 200),
    "restored": (200, 200, 200),
    "on hold": (409, 409, 409),
    "never there": (404, 404, 404),
}


def bring_into(state: str, made: Deletable) -> None:
    if state == "on hold":
        opened = open_archive(made.settings)
        opened.index.add_hold(Hold(made.study_uid, "", 0))
        opened.close()
    elif state == "never there":
        made.files = series(1)
    elif state != "stored":
        first = state.split(maxsplit=1)[0]
        assert made.delete(first if first in LEVELS else "study").status_code == 200
        if state == "study purged":
            made.purge()
        elif state == "stored again":
            assert made.store(*made.files).status_code == 200
        elif state == "restored":
            opened = open_archive(made.settings)
            opened.index.restore(ResourceRef(made.study_uid))
            opened.close()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("level", LEVELS)
def test_each_resource_in_each_state(deletable: Callable[..., Deletable], level: str, state: str) -> None:
    made = deletable()
    bring_into(state, made)
    expected = STATES[state][LEVELS.index(level)]
    response = made.delete(level)
    assert response.status_code == expected, response.text
    if expected >= 400:
        body = problem(response)
        assert body["section"] == ("PS3.18 10.4.3.1" if expected == 404 else "PS3.18 8.5")
        assert made.study_uid not in str(body)
    # What was refused because of its state can still be had as before.
    assert made.client.get(made.paths[level]).status_code == {200: 410, 409: 200}.get(expected, expected)


@pytest.mark.parametrize("purged", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("level", "below"),
    [
        ("study", ""),
        ("study", "/metadata"),
        ("series", ""),
        ("series", "/metadata"),
        ("instance", ""),
        ("instance", "/metadata"),
        ("instance", "/frames/1"),
        ("instance", "/bulkdata/7FE00010"),
    ],
)
def test_every_resource_of_what_is_deleted_is_gone(
    deletable: Callable[..., Deletable], level: str, below: str, method: str, purged: bool
) -> None:
    made = deletable()
    url = made.paths[level] + below
    assert made.client.request(method, url).status_code == 200
    assert made.delete("study").status_code == 200
    if purged:
        made.purge()
    response = made.client.request(method, url)
    assert response.status_code == 410
    if method == "GET":
        body = problem(response)
        assert str(body["detail"]).startswith(f"This {level} was deleted")
        assert ("restore" in str(body)) is not purged


def test_unknown_instances_of_a_deleted_study_were_never_there(deletable: Callable[..., Deletable]) -> None:
    made = deletable()
    made.delete("study")
    assert made.client.get(made.paths["series"] + "/instances/1.2.3").status_code == 404


def test_searches_and_counters_follow_at_once(deletable: Callable[..., Deletable]) -> None:
    made = deletable()
    search = f"{BASE}/studies?StudyInstanceUID={made.study_uid}&includefield=all"
    assert made.client.get(search).json()[0]["00201208"]["Value"] == [2]
    made.delete("instance")
    (study,) = made.client.get(search).json()
    assert study["00201208"]["Value"] == [1]
    assert len(made.client.get(made.paths["series"] + "/instances").json()) == 1
    assert len(made.client.get(made.paths["study"] + "/metadata").json()) == 1
    made.delete("study")
    for url in (search, made.paths["study"] + "/series", made.paths["study"] + "/instances", f"{BASE}/instances"):
        response = made.client.get(url)
        assert (response.status_code, response.json()) == (200, [])


def test_what_is_deleted_can_be_stored_again(deletable: Callable[..., Deletable]) -> None:
    made = deletable()
    made.delete("study")
    response = made.store(made.files[0])
    assert response.status_code == 200
    assert (
        made.client.get(made.paths["instance"], headers={"Accept": "application/dicom; transfer-syntax=*"}).content
        == (made.files[0])
    )
    made.purge()
    assert made.client.get(made.paths["instance"]).status_code == 200
    assert len(made.client.get(made.paths["study"] + "/metadata").json()) == 1
    assert made.client.get(BASE + instance_path(made.files[1])).status_code == 410
    assert len(kept_blobs(made.client)) == 1


def test_can_be_switched_off(make_client: Callable[..., TestClient]) -> None:
    client = make_client(deletion={"enabled": False})
    for path, allowed in (
        ("/studies/1.2", "GET, HEAD, OPTIONS, POST"),
        ("/studies/1.2/series/1.3", "GET, HEAD, OPTIONS"),
        ("/studies/1.2/series/1.3/instances/1.4", "GET, HEAD, OPTIONS"),
    ):
        response = client.delete(BASE + path)
        assert response.status_code == 405
        assert response.headers["allow"] == allowed
        assert "deletion.enabled" in str(problem(response)["detail"])


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances", "/studies/1.2/series", "/studies/1.2/metadata"])
def test_collections_and_parts_of_instances_cannot_be_deleted(
    make_client: Callable[..., TestClient], path: str
) -> None:
    response = make_client(deletion=RULES).delete(BASE + path)
    assert response.status_code == 405
    assert "DELETE" not in response.headers["allow"]


def test_other_methods_are_told_of_delete(make_client: Callable[..., TestClient]) -> None:
    response = make_client(deletion=RULES).put(f"{BASE}/studies/1.2")
    assert response.status_code == 405
    assert "DELETE" in response.headers["allow"].split(", ")


def test_a_query_is_refused_before_it_can_be_taken_for_a_filter(deletable: Callable[..., Deletable]) -> None:
    made = deletable()
    response = made.client.delete(made.paths["study"] + "?Modality=SR")
    assert response.status_code == 400
    assert problem(response)["offender"] == "query"
    assert made.client.get(made.paths["study"]).status_code == 200


def test_a_malformed_uid_is_refused(make_client: Callable[..., TestClient]) -> None:
    assert make_client(deletion=RULES).delete(f"{BASE}/studies/x").status_code == 400


@pytest.mark.parametrize(
    ("level", "if_match", "expected"),
    [
        ("instance", "current", 200),
        ("instance", '"other", current', 200),
        ("instance", "*", 200),
        ("instance", '"other"', 412),
        ("instance", "W/current", 412),
        ("instance", "nonsense", 412),
        ("series", "*", 200),
        ("series", "current", 412),
        ("study", "current", 412),
    ],
)
def test_if_match(deletable: Callable[..., Deletable], level: str, if_match: str, expected: int) -> None:
    made = deletable()
    current = made.client.get(made.paths["instance"], headers={"Accept": "application/dicom"}).headers["etag"]
    response = made.delete(level, **{"If-Match": if_match.replace("current", current)})
    assert response.status_code == expected, response.text
    assert made.client.get(made.paths[level]).status_code == (410 if expected == 200 else 200)


def test_minimum_retention(deletable: Callable[..., Deletable]) -> None:
    made = deletable(deletion={"enabled": True, "minimum_retention_days": 30})
    for level in LEVELS:
        response = made.delete(level)
        assert response.status_code == 409
        body = problem(response)
        assert body["type"] == "urn:filmjacket:problem:retention"
        assert "30 days" in str(body["detail"])
        assert made.client.get(made.paths[level]).status_code == 200


def test_a_replaced_version_of_a_retained_study_is_kept(deletable: Callable[..., Deletable]) -> None:
    made = deletable(count=1, duplicates="replace", deletion={"enabled": True, "minimum_retention_days": 30})
    other = made.files[0][:1] + b"\1" + made.files[0][2:]  # the preamble may hold anything (PS3.10 7.1)
    assert made.store(other).status_code == 200
    got = made.client.get(made.paths["instance"], headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert got.content == other
    assert len(kept_blobs(made.client)) == 2
    made.purge()
    assert len(kept_blobs(made.client)) == 2


def test_a_download_that_has_begun_ends_although_its_study_is_deleted(tmp_path: Path, blank_archive: Path) -> None:
    """Bytes are removed by a purge, never by a deletion."""
    shutil.copytree(blank_archive, tmp_path / "archive")
    settings = Settings(data=tmp_path / "archive", deletion=RULES)
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        made = Deletable(client, series(40), settings)
        assert made.store(*made.files).status_code == 200
        opened = open_archive(settings)
        download = (opened.blobs.chunks(one.blob.key) for one in opened.index.instances(ResourceRef(made.study_uid)))
        first = b"".join(next(download))
        assert made.delete("study").status_code == 200
        assert [first, *(b"".join(chunks) for chunks in download)] == made.files
        opened.close()
