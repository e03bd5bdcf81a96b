"""PS3.18 8.4, RFC 9110 13 and 14: entity tags, If-None-Match, Range and If-Range on single representations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid
from tests.conftest import BASE
from tests.samples import instance_path, sample, variant

from filmjacket.blobs.local import LocalBlobs

if TYPE_CHECKING:
    from collections.abc import Iterator

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


STUDY = INSTANCE.partition("/series/")[0]
MANY_FRAMES = f"{BASE}{instance_path(J2K)}"
PAYLOADS = {
    "study": (STUDY, 'multipart/related; type="application/dicom"'),
    "study as zip": (STUDY, "application/zip; transfer-syntax=*"),
    "instance": (INSTANCE, "*/*"),
    "native frame": (f"{INSTANCE}/frames/1", "*/*"),
    "compressed frames": (f"{MANY_FRAMES}/frames/1,5,6", "*/*"),
    "bulk data": (f"{STUDY}/bulkdata", "*/*"),
    "pixel data": (f"{MANY_FRAMES}/pixeldata", "*/*"),
    "pixel data value": (f"{MANY_FRAMES}/bulkdata/7FE00010", "*/*"),
}


@pytest.mark.parametrize("name", PAYLOADS)
class TestPayloadsOfManyParts:
    """8.4.2: a range counts the whole body, boundaries included, so that they are the same each time."""

    def test_every_range_is_that_of_the_whole(self, loaded: TestClient, name: str) -> None:
        url, accept = PAYLOADS[name]
        whole = loaded.get(url, headers={"Accept": accept})
        assert whole.status_code == 200
        body, size, tag = whole.content, len(whole.content), whole.headers["etag"]
        assert whole.headers["content-length"] == str(size)
        assert whole.headers["accept-ranges"] == "bytes"
        assert not tag.startswith("W/")
        for first, last in [(0, 0), (0, size - 1), (size - 1, size - 1), (size // 3, size // 2), (1, size - 40)]:
            asked = {"Accept": accept, "Range": f"bytes={first}-{last}", "If-Range": tag}
            part = loaded.get(url, headers=asked)
            assert part.status_code == 206
            assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
            assert part.headers["content-type"] == whole.headers["content-type"]
            assert part.headers["etag"] == tag
            assert part.content == body[first : last + 1]

    def test_any_cut_joins_again(self, loaded: TestClient, name: str) -> None:
        url, accept = PAYLOADS[name]
        body = loaded.get(url, headers={"Accept": accept}).content
        for cut in range(1, len(body), max(len(body) // 29, 1)):
            rest = loaded.get(url, headers={"Accept": accept, "Range": f"bytes={cut}-"})
            assert rest.status_code == 206
            assert body[:cut] + rest.content == body

    def test_a_tag_makes_the_second_request_304(self, loaded: TestClient, name: str) -> None:
        url, accept = PAYLOADS[name]
        tag = loaded.get(url, headers={"Accept": accept}).headers["etag"]
        again = loaded.get(url, headers={"Accept": accept, "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")

    def test_a_changed_tag_and_a_range_behind_the_end(self, loaded: TestClient, name: str) -> None:
        url, accept = PAYLOADS[name]
        size = len(loaded.get(url, headers={"Accept": accept}).content)
        stale = {"Accept": accept, "Range": "bytes=5-", "If-Range": '"other"'}
        assert loaded.get(url, headers=stale).status_code == 200
        behind = loaded.get(url, headers={"Accept": accept, "Range": f"bytes={size}-"})
        assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{size}")

    def test_head_has_the_headers_of_get_and_reads_nothing(
        self, loaded: TestClient, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of encapsulated pixel data what says how long codestreams are is read: item headers, signatures of JP2."""
        url, accept = PAYLOADS[name]
        got = loaded.get(url, headers={"Accept": accept})
        reads = spied_reads(monkeypatch)
        for conditions in ({}, {"Range": "bytes=5-"}):
            head = loaded.head(url, headers={"Accept": accept, **conditions})
            assert (head.status_code, head.content) == (200, b"")
            for field in ("content-length", "content-type", "etag", "accept-ranges"):
                assert head.headers[field] == got.headers[field]
        assert set(reads) <= {8, 12}

    def test_not_modified_reads_nothing(self, loaded: TestClient, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        url, accept = PAYLOADS[name]
        tag = loaded.get(url, headers={"Accept": accept}).headers["etag"]
        reads = spied_reads(monkeypatch)
        assert loaded.get(url, headers={"Accept": accept, "If-None-Match": tag}).status_code == 304
        assert set(reads) <= {8, 12}


def spied_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of all reads of blobs from now on."""
    reads: list[int] = []
    read, chunks = LocalBlobs.read, LocalBlobs.chunks

    def spied_read(self: LocalBlobs, key: str, offset: int, length: int) -> bytes:
        reads.append(length)
        return read(self, key, offset, length)

    def spied_chunks(self: LocalBlobs, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        reads.append(-1)
        return chunks(self, key, offset, length)

    monkeypatch.setattr(LocalBlobs, "read", spied_read)
    monkeypatch.setattr(LocalBlobs, "chunks", spied_chunks)
    return reads


def test_what_is_converted_has_a_tag_but_no_ranges(client: TestClient) -> None:
    """Its length is known only at the end."""
    file = sample("MR_small_implicit.dcm")
    client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    url = BASE + instance_path(file).partition("/series/")[0]
    for accept in ("*/*", "application/zip"):
        answer = client.get(url, headers={"Accept": accept, "Range": "bytes=5-"})
        assert answer.status_code == 200
        assert "accept-ranges" not in answer.headers
        again = client.get(url, headers={"Accept": accept, "If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert "content-length" not in client.head(url, headers={"Accept": accept}).headers


def test_a_study_that_has_grown_has_another_tag(loaded: TestClient) -> None:
    for accept in ("*/*", "application/zip; transfer-syntax=*"):
        tag = loaded.get(STUDY, headers={"Accept": accept}).headers["etag"]
        more = variant("CT_small.dcm", SOPInstanceUID=generate_uid())
        assert loaded.post(f"{BASE}/studies", content=more, headers={"Content-Type": "application/dicom"}).is_success
        ask = {"Accept": accept, "Range": "bytes=100-", "If-Range": tag, "If-None-Match": tag}
        answer = loaded.get(STUDY, headers=ask)
        assert (answer.status_code, answer.headers["etag"] == tag) == (200, False)
