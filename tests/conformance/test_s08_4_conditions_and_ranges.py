"""PS3.18 8.4, RFC 9110 13 and 14: entity tags, If-None-Match, Range and If-Range on single representations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE
from tests.samples import instance_path, sample

if TYPE_CHECKING:
    from starlette.testclient import TestClient

CT = sample("CT_small.dcm")
J2K = sample("emri_small_jpeg_2k_lossless.dcm")
INSTANCE = BASE + instance_path(CT)
PIXELS = CT[6300 : 6300 + 32768]

RESOURCES = {
    "instance": (INSTANCE, "application/dicom", CT),
    "frame": (f"{INSTANCE}/frames/1", "application/octet-stream", PIXELS),
    "bulk data": (f"{INSTANCE}/bulkdata/7FE00010", "application/octet-stream", PIXELS),
    "private bulk data": (f"{INSTANCE}/bulkdata/00431029", "application/octet-stream", CT[3948 : 3948 + 2068]),
}


@pytest.fixture
def loaded(client: TestClient) -> TestClient:
    for file in (CT, J2K):
        headers = {"Content-Type": "application/dicom"}
        assert client.post(f"{BASE}/studies", content=file, headers=headers).status_code == 200
    return client


@pytest.mark.parametrize("name", RESOURCES)
class TestSingleRepresentations:
    def test_a_tag_makes_the_second_request_304(self, loaded: TestClient, name: str) -> None:
        url, accept, content = RESOURCES[name]
        first = loaded.get(url, headers={"Accept": accept})
        assert (first.status_code, first.content) == (200, content)
        tag = first.headers["etag"]
        assert tag.startswith('"'), "a weak tag would not allow ranges"
        again = loaded.get(url, headers={"Accept": accept, "If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert loaded.get(url, headers={"Accept": accept, "If-None-Match": '"other"'}).status_code == 200

    def test_if_match(self, loaded: TestClient, name: str) -> None:
        url, accept, content = RESOURCES[name]
        tag = loaded.get(url, headers={"Accept": accept}).headers["etag"]
        assert loaded.get(url, headers={"Accept": accept, "If-Match": tag}).content == content
        refused = loaded.get(url, headers={"Accept": accept, "If-Match": '"other"'})
        assert (refused.status_code, refused.json()["accepted"]) == (412, [tag])

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=1001-", 1001, None), ("bytes=-5", -5, None)],
    )
    def test_one_range(self, loaded: TestClient, name: str, asked: str, first: int, last: int | None) -> None:
        url, accept, content = RESOURCES[name]
        answer = loaded.get(url, headers={"Accept": accept, "Range": asked})
        expected = content[first : None if last is None else last + 1]
        assert (answer.status_code, answer.content) == (206, expected)
        start = first if first >= 0 else len(content) + first
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"
        assert answer.headers["content-length"] == str(len(expected))

    def test_a_range_behind_the_end_is_416(self, loaded: TestClient, name: str) -> None:
        url, accept, content = RESOURCES[name]
        answer = loaded.get(url, headers={"Accept": accept, "Range": f"bytes={len(content)}-"})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(content)}"

    def test_if_range(self, loaded: TestClient, name: str) -> None:
        url, accept, content = RESOURCES[name]
        tag = loaded.get(url, headers={"Accept": accept}).headers["etag"]
        ask = {"Accept": accept, "Range": "bytes=0-9"}
        assert loaded.get(url, headers=ask | {"If-Range": tag}).content == content[:10]
        assert loaded.get(url, headers=ask | {"If-Range": '"other"'}).content == content

    def test_several_ranges_are_answered_with_everything(self, loaded: TestClient, name: str) -> None:
        url, accept, content = RESOURCES[name]
        answer = loaded.get(url, headers={"Accept": accept, "Range": "bytes=0-1,5-6"})
        assert (answer.status_code, answer.content) == (200, content)


def test_tags_of_different_representations_differ(loaded: TestClient) -> None:
    frames = f"{BASE}{instance_path(J2K)}/frames"
    tags = {
        loaded.get(f"{frames}/{number}", headers={"Accept": "image/jp2"}).headers["etag"] for number in range(1, 11)
    }
    assert len(tags) == 10


def test_multipart_has_no_tag_since_its_boundary_is_new_each_time(loaded: TestClient) -> None:
    answer = loaded.get(
        INSTANCE, headers={"Accept": 'multipart/related; type="application/dicom"', "Range": "bytes=0-9"}
    )
    assert answer.status_code == 200
    assert "etag" not in answer.headers
