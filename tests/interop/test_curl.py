"""curl transcripts against real server processes: what people type, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from pydicom.uid import generate_uid
from tests import codestreams, samples, store_parts
from tests.payloads import AS_STORED, dataset_of, frames_of, multipart_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@dataclass
class Answer:
    status: int
    version: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Curl:
    server: Server
    folder: Path

    def __call__(self, path: str, *arguments: str, stdin: bytes | None = None) -> Answer:
        body, head = self.folder / "body", self.folder / "head"
        body.write_bytes(b"")
        url = path if path.startswith("http") else self.server.url + path
        report = ("-o", str(body), "-D", str(head), "-w", "%{http_code} %{http_version}")
        command = ["curl", "-sS", "--max-time", "30", *report, *arguments, url]
        done = subprocess.run(command, check=False, input=stdin, capture_output=True, timeout=40)
        assert done.returncode == 0, done.stderr.decode()
        status, version = done.stdout.decode().split()
        blocks = head.read_text().strip().split("\n\n")
        lines = [line.partition(": ") for line in blocks[-1].splitlines()[1:]]
        return Answer(int(status), version, {name.lower(): value for name, _, value in lines}, body.read_bytes())

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def curl(running: Server, tmp_path: Path) -> Curl:
    return Curl(running, tmp_path)


@pytest.fixture
def curl2(running: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Curl:
    """curl on the server that speaks HTTP/2 without TLS."""
    if request.node.callspec.params["running"] == "uvicorn":
        pytest.skip("uvicorn has no HTTP/2")
    if "HTTP2" not in subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout:
        pytest.skip("this curl has no HTTP/2")
    return Curl(running, tmp_path)


def fresh(name: str = "CT_small.dcm") -> bytes:
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    return samples.variant(name, **uids)


def stored_again(curl: Curl, file: bytes, *arguments: str) -> bool:
    answer = curl(samples.instance_path(file), "-H", "Accept: application/dicom; transfer-syntax=*", *arguments)
    return answer.status == 200 and answer.body == file


# Store ---------------------------------------------------------------------------------------------------------


def test_store_one_file(curl: Curl) -> None:
    file = fresh()
    name = curl.file("one.dcm", file)
    answer = curl("/studies", "-H", "Content-Type: application/dicom", "--data-binary", f"@{name}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.headers["location"] == f"{curl.server.url}/studies/{samples.uids(file)[0]}"
    assert stored_again(curl, file)


def test_store_with_dash_t_and_chunks(curl: Curl) -> None:
    file = fresh()
    name = curl.file("one.dcm", file)
    upload = ("-X", "POST", "-H", "Content-Type: application/dicom")
    assert curl("/studies", *upload, "-T", name).status == 200
    assert curl("/studies", *upload, "-H", "Transfer-Encoding: chunked", "-T", name).status == 200
    assert curl("/studies", *upload, "-T", "-", stdin=file).status == 200
    assert stored_again(curl, file)


def test_store_multipart(curl: Curl) -> None:
    files = samples.series(3)
    body, headers = samples.multipart(*files)
    name = curl.file("payload", body)
    header = ("-H", f"Content-Type: {headers['Content-Type']}")
    answer = curl("/studies", *header, "--data-binary", f"@{name}")
    assert answer.status == 200
    assert len(answer.json()["00081199"]["Value"]) == 3
    assert curl("/studies", *header, "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{name}").status == 200
    assert all(stored_again(curl, file) for file in files)


def test_store_gzip(curl: Curl) -> None:
    file = fresh()
    name = curl.file("one.dcm.gz", gzip.compress(file))
    headers = ("-H", "Content-Type: application/dicom", "-H", "Content-Encoding: gzip")
    assert curl("/studies", *headers, "--data-binary", f"@{name}").status == 200
    assert stored_again(curl, file)


def test_store_with_expect_100(curl: Curl) -> None:
    file = fresh("emri_small.dcm")
    name = curl.file("one.dcm", file)
    headers = ("-H", "Content-Type: application/dicom", "-H", "Expect: 100-continue")
    assert curl("/studies", *headers, "--data-binary", f"@{name}").status == 200
    assert stored_again(curl, file)


def test_store_what_is_no_dicom(curl: Curl) -> None:
    answer = curl("/studies", "-H", "Content-Type: application/dicom", "--data-binary", "hello")
    assert answer.status in {400, 409}
    assert "0008119A" in answer.json()
    assert curl("/studies", "--data-binary", "hello").status == 415


# Search and retrieve -------------------------------------------------------------------------------------------


def test_host_without_port(curl: Curl) -> None:
    """The port in URLs is then the one listened on, not 80 (clients.md 1.1)."""
    file = fresh()
    upload = ("-H", "Content-Type: application/dicom", "--data-binary", f"@{curl.file('one.dcm', file)}")
    answer = curl("/studies", "-H", "Host: 127.0.0.1", *upload)
    assert answer.headers["location"] == f"{curl.server.url}/studies/{samples.uids(file)[0]}"


def test_search_and_retrieve(curl: Curl) -> None:
    file = fresh()
    study = samples.uids(file)[0]
    curl("/studies", "-H", "Content-Type: application/dicom", "--data-binary", f"@{curl.file('one.dcm', file)}")
    (row,) = curl(f"/studies?StudyInstanceUID={study}&includefield=all").json()
    assert row["00081190"]["Value"] == [f"{curl.server.url}/studies/{study}"]
    assert curl("/studies?PatientName=NO%5EBODY*").json() == []
    searched = curl("/studies", "-G", "--data-urlencode", f"StudyInstanceUID={study}")
    assert len(searched.json()) == 1
    instance = curl(row["00081190"]["Value"][0], "-H", f"Accept: {AS_STORED}")
    assert [part.body for part in multipart_of(instance.headers, instance.body)] == [file]
    frame = curl(samples.instance_path(file) + "/frames/1", "-H", "Accept: application/octet-stream")
    assert [frame.body] == frames_of(dataset_of(file))
    metadata = curl(samples.instance_path(file) + "/metadata")
    assert metadata.headers["content-type"] == "application/dicom+json"
    assert curl(metadata.json()[0]["7FE00010"]["BulkDataURI"]).body == frame.body


def test_head(curl: Curl) -> None:
    file = fresh()
    curl("/studies", "-H", "Content-Type: application/dicom", "--data-binary", f"@{curl.file('one.dcm', file)}")
    for below in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
        answer = curl(samples.instance_path(file) + below, "-I")
        assert (answer.status, answer.body[:4] not in {b"--fi", b'[{"0'}) == (200, True)
        # The length of metadata is known once they are read, which HEAD does not do.
        assert below == "/metadata" or int(answer.headers["content-length"]) > 0
    assert curl("/studies/1.2.3", "-I").status == 404


def test_refusals(curl: Curl) -> None:
    assert curl("/studies", "-X", "DELETE").headers["allow"]
    assert curl("/studies/1.2.3").status == 404
    long = curl(f"/studies?PatientID={'x' * 70_000}")
    assert long.status in {414, 431, 400}
    assert curl("/studies/..%2f..%2fetc", "--path-as-is").status in {400, 404}
    assert curl("/studies/../../etc/passwd", "--path-as-is").status in {400, 404}


# HTTP/2 --------------------------------------------------------------------------------------------------------


def test_http2_upload_and_download(curl2: Curl) -> None:
    file = fresh("emri_small.dcm")
    name = curl2.file("one.dcm", file)
    prior = "--http2-prior-knowledge"
    upload = ("-H", "Content-Type: application/dicom", "--data-binary", f"@{name}")
    answer = curl2("/studies", prior, *upload)
    assert (answer.status, answer.version) == (200, "2")
    assert answer.headers["location"] == f"{curl2.server.url}/studies/{samples.uids(file)[0]}"
    assert stored_again(curl2, file, prior)
    whole = curl2(samples.instance_path(file), prior, "-H", f"Accept: {AS_STORED}")
    assert [part.body for part in multipart_of(whole.headers, whole.body)] == [file]
    assert whole.version == "2"


def test_http2_multipart_of_some_megabytes(curl2: Curl) -> None:
    files = [fresh("emri_small.dcm") for _ in range(30)]
    body, headers = samples.multipart(*files)
    name = curl2.file("payload", body)
    header = ("-H", f"Content-Type: {headers['Content-Type']}")
    answer = curl2("/studies", "--http2-prior-knowledge", *header, "--data-binary", f"@{name}")
    assert (answer.status, answer.version) == (200, "2")
    assert len(answer.json()["00081199"]["Value"]) == 30


def test_http2_refusals_are_answers(curl2: Curl) -> None:
    """A refused upload must end in its status, not in a broken stream."""
    body = b"x" * 3_000_000
    name = curl2.file("payload", body)
    answer = curl2("/studies", "--http2-prior-knowledge", "-H", "Content-Type: text/plain", "--data-binary", f"@{name}")
    assert answer.status == 415
    assert answer.json()["accepted"]


@pytest.mark.parametrize(
    "accept", ['multipart/related; type="application/dicom"; transfer-syntax=*', "application/zip; transfer-syntax=*"]
)
def test_an_interrupted_download_of_a_study_is_resumed(curl: Curl, tmp_path: Path, accept: str) -> None:
    """`curl -C -` asks for the rest of what it has; boundary and order are the same in both requests (8.4.2)."""
    study = generate_uid()
    files = samples.series(20, StudyInstanceUID=study)
    body, headers = samples.multipart(*files)
    payload = curl.file("payload", body)
    content_type = f"Content-Type: {headers['Content-Type']}"
    stored = curl("/studies", "-X", "POST", "-H", content_type, "--data-binary", f"@{payload}")
    assert stored.status == 200
    url, target = f"{curl.server.url}/studies/{study}", tmp_path / "study"
    whole = curl(f"/studies/{study}", "-H", f"Accept: {accept}").body
    command = ["curl", "-sS", "--max-time", "30", "-H", f"Accept: {accept}", "-o", str(target)]
    for size in (1, len(whole) // 3, len(whole) - 1):
        target.write_bytes(whole[:size])
        done = subprocess.run([*command, "-C", "-", url], check=False, capture_output=True, text=True, timeout=40)
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == whole


# Archives, photos, deletion, capabilities, conditions, ranges, codings ------------------------------------------------


def stored(curl: Curl, name: str = "CT_small.dcm") -> tuple[bytes, str]:
    """A fresh file that is stored, and its path."""
    file = fresh(name)
    upload = ("-H", "Content-Type: application/dicom", "--data-binary", f"@{curl.file('one.dcm', file)}")
    assert curl("/studies", *upload).status == 200
    return file, samples.instance_path(file)


def test_a_study_as_zip_under_its_own_name(curl: Curl) -> None:
    file, path = stored(curl)
    study = samples.uids(file)[0]
    answer = curl(f"/studies/{study}", "-H", "Accept: application/zip; transfer-syntax=*")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f"attachment; filename={study}.zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        (name,) = archive.namelist()
        assert name == f"{path.removeprefix('/studies/').replace('/series/', '/').replace('/instances/', '/')}.dcm"
        assert archive.read(name) == file
    link = curl(f"/studies/{study}?accept=application/zip;transfer-syntax=*", "-H", "Accept: text/html, */*;q=0.8")
    assert link.body == answer.body


@pytest.mark.parametrize("kind", [store_parts.DICOM_JSON, store_parts.DICOM_XML])
def test_a_photo_and_what_it_is(curl: Curl, kind: str) -> None:
    photo = codestreams.encoded()["jpeg"]
    attributes = store_parts.metadata("1.2.840.10008.5.1.4.1.1.77.1.4", t7FE00010=store_parts.pixels())
    body, headers = store_parts.payload(kind, [attributes], store_parts.Bulk(photo, "image/jpeg"))
    content_type = f"Content-Type: {headers['Content-Type']}"
    assert curl("/studies", "-H", content_type, "--data-binary", f"@{curl.file('payload', body)}").status == 200
    path = store_parts.path_of(attributes)
    (document,) = curl(f"{path}/metadata").json()
    assert [document[tag]["Value"] for tag in ("00280002", "00280004")] == [[3], ["YBR_FULL_422"]]
    frame = curl(f"{path}/frames/1", "-H", "Accept: image/jpeg")
    assert frame.body.rstrip(b"\0") == photo.rstrip(b"\0")


def test_delete(curl: Curl) -> None:
    file, path = stored(curl)
    assert curl(path, "-X", "DELETE", "-H", 'If-Match: "another"').status == 412
    assert curl(path, "-X", "DELETE").json()["instances"] == 1
    for method in ("GET", "HEAD", "DELETE"):
        assert curl(path, *(("-I",) if method == "HEAD" else ("-X", method))).status == 410
    assert curl("/studies/1.2.3", "-X", "DELETE").status == 404
    assert curl("/studies", "-X", "DELETE").status == 405
    upload = ("-H", "Content-Type: application/dicom", "--data-binary", f"@{curl.file('one.dcm', file)}")
    assert curl("/studies", *upload).status == 200
    assert stored_again(curl, file)


def test_options(curl: Curl) -> None:
    answer = curl("/studies", "-X", "OPTIONS")
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (200, {"GET", "HEAD", "OPTIONS", "POST"})
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    assert b"<application" in answer.body
    assert curl("/", "-X", "OPTIONS", "-H", "Accept: application/json").json()
    assert curl("/openapi.json").json()["openapi"].startswith("3.1")


def test_conditions(curl: Curl) -> None:
    _, path = stored(curl)
    for below, accept in (
        ("", "application/dicom"), ("/metadata", "*/*"), ("/frames/1", "application/octet-stream"),
        ("/bulkdata/7FE00010", "*/*"),
    ):  # fmt: skip
        first = curl(path + below, "-H", f"Accept: {accept}")
        tag = first.headers["etag"]
        again = curl(path + below, "-H", f"Accept: {accept}", "-H", f"If-None-Match: {tag}")
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert curl(path + below, "-H", f"Accept: {accept}", "-H", 'If-None-Match: "x"').body == first.body
        assert curl(path + below, "-H", f"Accept: {accept}", "-H", 'If-Match: "x"').status == 412


@pytest.mark.parametrize("asked", ["0-9", "100-", "-7", "5-5"])
@pytest.mark.parametrize("below", ["", "/frames/1", "/bulkdata/7FE00010"])
def test_ranges(curl: Curl, below: str, asked: str) -> None:
    _, path = stored(curl)
    accept = ("-H", f"Accept: {'application/octet-stream' if below else 'application/dicom'}")
    whole = curl(path + below, *accept)
    first, _, last = asked.partition("-")
    expected = whole.body[int(first) : int(last) + 1 if last else None] if first else whole.body[-int(last) :]
    part = curl(path + below, *accept, "-r", asked)
    assert (part.status, part.body) == (206, expected)
    assert part.headers["content-range"].endswith(f"/{len(whole.body)}")
    same = curl(path + below, *accept, "-r", asked, "-H", f"If-Range: {whole.headers['etag']}")
    assert same.body == expected
    other = curl(path + below, *accept, "-r", asked, "-H", 'If-Range: "x"')
    assert (other.status, other.body) == (200, whole.body)
    assert curl(path + below, *accept, "-r", "99999999-").status == 416


@pytest.mark.parametrize("target", ["/metadata", "search"])
def test_content_codings(curl: Curl, target: str) -> None:
    file, path = stored(curl)
    where = path + target if target != "search" else f"/instances?StudyInstanceUID={samples.uids(file)[0]}"
    where += "" if target != "search" else "&includefield=all"
    plain = curl(where)
    assert "content-encoding" not in plain.headers
    for coding, decode in (
        ("gzip", gzip.decompress),
        ("zstd", zstandard.ZstdDecompressor().decompressobj().decompress),
    ):
        coded = curl(where, "-H", f"Accept-Encoding: {coding}")
        assert coded.headers["content-encoding"] == coding
        assert len(coded.body) < len(plain.body)
        assert decode(coded.body) == plain.body
    assert "accept-encoding" in plain.headers["vary"].lower()


# Odd but legal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        ['Accept:   multipart/related ;  type = "application/dicom" ;transfer-syntax= *  ,, '],
        ['Accept: multipart/related;\ttype="application/dicom";\ttransfer-syntax=*'],
        ['Accept: MULTIPART/RELATED; TYPE="APPLICATION/DICOM"; TRANSFER-SYNTAX=*'],
        ["Accept;"], ["Accept:"], ["Accept: */*;q=0.001"],
        ["Accept: application/zip;q=0.1", "Accept: application/dicom;transfer-syntax=*"],
        ["Host;"], ["Range: seconds=1-2"], ["Range: bytes=0-1,4-5"], ["If-Modified-Since: yesterday"],
        ["Accept-Charset: klingon"], ["TE: trailers"], ["Connection: close"], ["Expect:"], ["Cookie: a=b; c"],
        ["X-Nobody-Knows: \xe4"],
    ],
    ids=str,
)  # fmt: skip
def test_odd_headers(curl: Curl, headers: list[str]) -> None:
    _, path = stored(curl)
    arguments = [argument for header in headers for argument in ("-H", header)]
    answer = curl(path, *arguments)
    assert answer.status == 200
    assert answer.body


def test_odd_targets(curl: Curl) -> None:
    file, path = stored(curl)
    study = samples.uids(file)[0]
    dots = study.replace(".", "%2E")
    for target in (
        f"/%73tudies/{dots}/metadata", f"/studies/{dots}/metadata?", f"/studies/{study}/metadata?&&foo=bar&",
        f"{path}/frames/%31", f"{path}/bulkdata/7fe00010", f"{path}/metadata?accept=application/dicom+json",
        f"/studies?StudyInstanceUID={study}%5C1.2.3", f"/studies?StudyInstanceUID={study},1.2.3&limit=00001",
    ):  # fmt: skip
        assert curl(target).status == 200, target
    absolute = f"{curl.server.url}/studies?limit=1"
    assert curl(absolute, "--request-target", absolute).status == 200
    for target in ("/studies/", f"{path}/", "//studies", f"{path}/metadata/"):
        answer = curl(target)
        assert (answer.status, answer.json()["status"]) == (404, 404)
    assert curl(path, "--http1.0", "-H", "Accept: application/dicom").body == file


def test_head_is_a_get_without_its_body(curl: Curl) -> None:
    _, path = stored(curl, "emri_small.dcm")
    study = path.split("/series/", 1)[0]
    for target in (
        "/", "/openapi.json", f"/studies?StudyInstanceUID={study.rpartition('/')[2]}", study, f"{study}/metadata",
        f"{study}/series", f"{study}/instances", f"{study}/bulkdata", f"{study}/pixeldata", path, f"{path}/metadata",
        f"{path}/frames/1", f"{path}/frames/1,2", f"{path}/bulkdata", f"{path}/pixeldata", "/studies/1.2.3", "/nothing",
    ):  # fmt: skip
        get, head = curl(target), curl(target, "-I")
        assert head.status == get.status, target
        ignored = {"date", "x-request-id"}
        # What it takes reading to know is left out (RFC 9110 9.3.2): refusals name their request, metadata are joined.
        lengths = {"content-length"} if get.status >= 400 or target.endswith("/metadata") else set()
        names = set(get.headers) - ignored - lengths
        assert {name: head.headers.get(name) for name in names} == {name: get.headers[name] for name in names}, target
