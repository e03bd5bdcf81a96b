"""PS3.18 8.4.1, RFC 9110 8.4 and 12.5.3: content codings of text answers, entity tags, Vary, and what caches may do."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2
    from starlette.testclient import TestClient
    from tests.conformance.shelf import Shelf, StoredFile

BASE = "/dicom-web"
XML = 'multipart/related; type="application/dicom+xml"'
VARY = {"Accept", "Accept-Charset", "Accept-Encoding"}


@pytest.fixture(scope="module")
def stored(shelf: Shelf) -> StoredFile:
    return shelf.store(samples.sample("CT_small.dcm"))


def raw(client: TestClient, path: str, coding: str | None, accept: str = "*/*", **headers: str) -> httpx2.Response:
    """GET that leaves the coded bytes alone: they are in `response.raw_bytes`."""
    fields = {"Accept": accept, **headers}
    client_headers = {"Accept-Encoding": coding} if coding is not None else {}
    request = client.build_request("GET", path, headers=fields | client_headers)
    if coding is None:
        request.headers.pop("accept-encoding", None)
    response = client.send(request, stream=True)
    response.raw_bytes = b"".join(response.iter_raw())
    response.close()
    return response


def plain(response: httpx2.Response) -> bytes:
    coding = response.headers.get("content-encoding", "identity")
    decode = {
        "identity": bytes,
        "gzip": gzip.decompress,
        "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    }
    return decode[coding](response.raw_bytes)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("*", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0, zstd", "zstd"),
        ("gzip;q=rubbish", None),
    ],
)
def test_the_coding_liked_best_is_taken(stored: StoredFile, accept_encoding: str | None, expected: str | None) -> None:
    path = stored.path + "/metadata"
    identity = raw(stored.client, path, "identity")
    answer = raw(stored.client, path, accept_encoding)
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == expected
    assert plain(answer) == identity.raw_bytes
    assert int(answer.headers["content-length"]) == len(answer.raw_bytes)
    assert (len(answer.raw_bytes) < len(identity.raw_bytes) / 2) == (expected is not None)


@pytest.mark.parametrize(
    ("below", "accept_encoding"),
    [("/metadata", "identity;q=0"), ("/metadata", "*;q=0"), ("", "identity;q=0, gzip"), ("/frames/1", "gzip, *;q=0")],
)
def test_when_no_coding_is_acceptable_406_says_which_can_be_had(
    stored: StoredFile, below: str, accept_encoding: str
) -> None:
    answer = raw(stored.client, stored.path + below, accept_encoding)
    problem = json.loads(plain(answer))
    assert (answer.status_code, problem["offender"]) == (406, "Accept-Encoding")
    assert "identity" in problem["accepted"]
    assert set(answer.headers["vary"].split(", ")) == VARY


@pytest.mark.parametrize("below", ["", "/frames/1", "/bulkdata/7FE00010"])
def test_pixel_data_are_never_coded(stored: StoredFile, below: str) -> None:
    answer = raw(stored.client, stored.path + below, "gzip, zstd")
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_xml_is_coded_too(stored: StoredFile, coding: str) -> None:
    path = stored.study + "/metadata"
    identity, coded = (raw(stored.client, path, name, XML) for name in ("identity", coding))
    assert coded.headers["content-encoding"] == coding
    assert coded.headers["content-type"] == identity.headers["content-type"], "the boundary follows from the content"
    assert plain(coded) == identity.raw_bytes


def test_gzip_is_one_member(client: TestClient) -> None:
    """Browsers show what stands in the first member and drop the rest."""
    body, headers = samples.multipart(*samples.series(60))
    assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code == 200
    study = client.get(f"{BASE}/studies").json()[0]["0020000D"]["Value"][0]
    answer = raw(client, f"{BASE}/studies/{study}/metadata", "gzip")
    inflate = zlib.decompressobj(31)
    assert len(json.loads(inflate.decompress(answer.raw_bytes))) == 60
    assert (inflate.eof, inflate.unused_data) == (True, b"")


def test_small_answers_are_sent_as_they_are(client: TestClient) -> None:
    answer = raw(client, f"{BASE}/studies", "gzip")
    assert (answer.raw_bytes, answer.headers.get("content-encoding")) == (b"[]", None)
    refused = raw(client, f"{BASE}/studies", "gzip, identity;q=0")
    assert (plain(refused), refused.headers["content-encoding"]) == (b"[]", "gzip")


@pytest.mark.parametrize("accept", ["application/dicom+json", XML])
def test_searches_are_coded(client: TestClient, accept: str) -> None:
    for number in range(5):
        file = samples.variant("CT_small.dcm", StudyInstanceUID=f"1.2.{number}", SOPInstanceUID=f"1.3.{number}")
        client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    answer = raw(client, f"{BASE}/studies", "gzip", accept)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(answer.raw_bytes)
    assert plain(answer).count(b"1.2.840.113619") or plain(answer).count(b"0020000D") == 5


def test_receipts_and_problem_documents_are_coded_when_they_are_large(client: TestClient) -> None:
    body, headers = samples.multipart(*samples.series(10))
    receipt = client.post(f"{BASE}/studies", content=body, headers=headers | {"Accept-Encoding": "gzip"})
    assert receipt.headers["content-encoding"] == "gzip"
    assert receipt.headers["vary"] == "Accept, Accept-Charset, Accept-Encoding"
    assert len(receipt.json()["00081199"]["Value"]) == 10
    page = raw(client, "/nothing", "gzip", "text/html")
    assert (page.status_code, page.headers["content-encoding"]) == (404, "gzip")
    assert b"404" in plain(page)


# Tags and conditions -----------------------------------------------------------------------------------------------


def test_every_representation_has_its_own_strong_tag(stored: StoredFile) -> None:
    series = stored.series + "/metadata"
    answers = [
        raw(stored.client, series, "identity"),
        raw(stored.client, series, "gzip"),
        raw(stored.client, series, "zstd"),
        raw(stored.client, series, "identity", XML),
        raw(stored.client, series, "gzip", XML),
        raw(stored.client, series + "?includefield=PatientID", "identity"),
        raw(stored.client, series, "identity", Host="other.example.org"),
        raw(stored.client, series, "identity", XML, **{"Accept-Charset": "iso-8859-1"}),
    ]
    tags = [answer.headers["etag"] for answer in answers]
    assert all(tag.startswith('"') for tag in tags)
    assert len(set(tags)) == len({answer.raw_bytes for answer in answers}) == len(answers)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("accept", ["application/dicom+json", XML])
def test_a_tag_makes_the_second_request_304(stored: StoredFile, coding: str, accept: str) -> None:
    path = stored.series + "/metadata"
    first = raw(stored.client, path, coding, accept)
    again = raw(stored.client, path, coding, accept, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.raw_bytes) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert set(again.headers["vary"].split(", ")) == VARY
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert "content-type" not in again.headers


def test_304_and_head_read_no_document(stored: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored.series + "/metadata"
    tag = stored.get("/metadata").headers["etag"]
    series_tag = stored.client.get(path, headers={"Accept": "*/*"}).headers["etag"]
    index = stored.client.app_state["context"].index

    def unread(*_: object, **__: object) -> None:
        raise AssertionError("a document was read")

    monkeypatch.setattr(type(index), "metadata", unread)
    assert stored.client.get(path, headers={"If-None-Match": series_tag}).status_code == 304
    assert stored.get("/metadata", **{"If-None-Match": tag}).status_code == 304
    for accept in ("application/dicom+json", XML):
        head = stored.client.head(path, headers={"Accept": accept})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"]


def test_a_client_that_has_another_coding_has_the_answer(stored: StoredFile) -> None:
    path = stored.path + "/metadata"
    plain_tag = raw(stored.client, path, "identity").headers["etag"]
    again = raw(stored.client, path, "gzip", **{"If-None-Match": plain_tag})
    assert (again.status_code, again.headers["etag"]) == (304, plain_tag)
    zstd_tag = raw(stored.client, path, "zstd").headers["etag"]
    assert raw(stored.client, path, "gzip", **{"If-None-Match": zstd_tag}).status_code == 200, "it may not have that"


def test_if_match_on_metadata(stored: StoredFile) -> None:
    tag = stored.get("/metadata").headers["etag"]
    assert stored.get("/metadata", **{"If-Match": tag}).status_code == 200
    refused = stored.get("/metadata", **{"If-Match": '"other"'})
    assert (refused.status_code, refused.json()["offender"]) == (412, "If-Match")


def test_a_new_instance_is_a_new_tag(client: TestClient) -> None:
    one, two = samples.series(2)
    path = BASE + samples.instance_path(one).partition("/instances/")[0] + "/metadata"
    headers = {"Content-Type": "application/dicom"}
    client.post(f"{BASE}/studies", content=one, headers=headers)
    for coding in ("identity", "gzip"):
        assert len(json.loads(plain(raw(client, path, coding)))) == 1
    before = {coding: raw(client, path, coding).headers["etag"] for coding in ("identity", "gzip")}
    client.post(f"{BASE}/studies", content=two, headers=headers)
    for coding, tag in before.items():
        after = raw(client, path, coding, **{"If-None-Match": tag})
        assert after.status_code == 200
        assert after.headers["etag"] != tag
        assert len(json.loads(plain(after))) == 2, "nothing old was kept"


def test_a_replaced_instance_is_a_new_tag(make_client: Callable[..., TestClient]) -> None:
    client = make_client(duplicates="replace")
    for name in ("One", "Two"):
        file = samples.variant("CT_small.dcm", PatientID=name)
        client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
        answer = raw(client, BASE + samples.instance_path(file) + "/metadata", "gzip")
        assert json.loads(plain(answer))[0]["00100020"]["Value"] == [name]


def test_nothing_is_compressed_twice(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    body, headers = samples.multipart(*samples.series(20))
    client.post(f"{BASE}/studies", content=body, headers=headers)
    study = client.get(f"{BASE}/studies").json()[0]["0020000D"]["Value"][0]
    path = f"{BASE}/studies/{study}/metadata"
    first = raw(client, path, "gzip")

    def unread(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(type(client.app_state["context"].index), "metadata", unread)
    assert raw(client, path, "gzip").raw_bytes == first.raw_bytes
    head = client.head(path, headers={"Accept-Encoding": "gzip"})
    assert head.headers["content-length"] == str(len(first.raw_bytes))


# Caches ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("below", "accept", "expected"),
    [
        ("", "application/dicom", "private, no-cache"),
        ("/frames/1", "application/octet-stream", "private, no-cache"),
        ("/bulkdata/7FE00010", "application/octet-stream", "private, no-cache"),
        ("/metadata", "application/dicom+json", "private, no-cache"),
        ("/metadata", XML, "private, no-cache"),
        ("/nothing", "*/*", "no-store"),
    ],
)
def test_what_caches_may_do(stored: StoredFile, below: str, accept: str, expected: str) -> None:
    answer = stored.get(below, accept)
    assert answer.headers["cache-control"] == expected
    assert set(answer.headers["vary"].split(", ")) == VARY


def test_searches_and_receipts_are_not_kept(shelf: Shelf) -> None:
    receipt = shelf.client.post(
        f"{BASE}/studies", content=samples.sample("MR_small.dcm"), headers={"Content-Type": "application/dicom"}
    )
    for answer in (receipt, shelf.client.get(f"{BASE}/studies"), shelf.client.get(f"{BASE}/instances?limit=x")):
        assert answer.headers["cache-control"] == "no-store"
        assert set(answer.headers["vary"].split(", ")) == VARY


def test_the_administrator_may_let_browsers_keep_what_never_changes(make_client: Callable[..., TestClient]) -> None:
    client = make_client(cache_seconds=600)
    file = samples.sample("CT_small.dcm")
    client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    path = BASE + samples.instance_path(file)
    for below, accept, expected in [
        ("", "application/dicom", "private, max-age=600, immutable"),
        ("/frames/1", "application/octet-stream", "private, max-age=600, immutable"),
        ("/metadata", "application/dicom+json", "private, no-cache"),
    ]:
        assert client.get(path + below, headers={"Accept": accept}).headers["cache-control"] == expected
    study = client.get(path.partition("/series/")[0])
    assert "max-age" not in study.headers["cache-control"], "a study grows"
