"""curl transcripts against real server processes: what people type, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples
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
        assert int(answer.headers["content-length"]) > 0
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
