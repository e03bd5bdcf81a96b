"""A documented extension of PS3.18 10.4: study, series and instance as `application/zip`."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydantic import ValidationError
from pydicom.uid import generate_uid
from tests import samples
from tests.conftest import BASE
from tests.payloads import undecodable

from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx2
    from starlette.testclient import TestClient

AS_STORED = "application/zip; transfer-syntax=*"
J2K = "emri_small_jpeg_2k_lossless.dcm"
EXPLICIT = "1.2.840.10008.1.2.1"


def store(client: TestClient, *files: bytes) -> None:
    for file in files:
        answer = client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
        assert answer.status_code == 200


def opened(answer: httpx2.Response) -> zipfile.ZipFile:
    assert answer.status_code in {200, 206}, answer.text
    assert answer.headers["content-type"] == "application/zip"
    if "content-length" in answer.headers:
        assert int(answer.headers["content-length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def two_series(**changes: object) -> list[bytes]:
    study = generate_uid()
    return [
        file
        for number in (2, 1)
        for file in samples.series(3, StudyInstanceUID=study, SeriesNumber=number, **changes)[::-1]
    ]


def study_url(file: bytes) -> str:
    return f"{BASE}/studies/{samples.uids(file)[0]}"


def test_every_file_as_stored_in_the_order_of_retrieval(client: TestClient) -> None:
    files = two_series()
    store(client, *files)
    archive = opened(client.get(study_url(files[0]), headers={"Accept": AS_STORED}))
    ordered = [*files[:2:-1], *files[2::-1]]
    assert archive.namelist() == ["/".join(samples.uids(file)) + ".dcm" for file in ordered]
    assert [archive.read(name) for name in archive.namelist()] == ordered
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("level", [1, 2, 3])
def test_study_series_and_instance(client: TestClient, level: int) -> None:
    files = two_series()
    store(client, *files)
    uids = samples.uids(files[0])
    path = "".join(f"/{name}/{uid}" for name, uid in zip(("studies", "series", "instances"), uids, strict=True))
    url = BASE + "/".join(path.split("/")[: 2 * level + 1])
    answer = client.get(url, headers={"Accept": AS_STORED})
    assert len(opened(answer).namelist()) == {1: 6, 2: 3, 3: 1}[level]
    assert answer.headers["content-disposition"] in {
        f"attachment; filename={q}{uids[level - 1]}.zip{q}" for q in ('"', "")
    }


@pytest.mark.parametrize(
    "ask",
    [
        {"headers": {"Accept": "application/zip"}},
        {"headers": {"Accept": "application/zip;q=0.9, image/webp"}},
        {"params": "accept=application/zip", "headers": {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}},
        {"params": "accept=application/zip;transfer-syntax=*"},
    ],
)
def test_asked_for_by_header_or_link(client: TestClient, ask: dict[str, object]) -> None:
    (file,) = samples.series(1)
    store(client, file)
    opened(client.get(study_url(file), **ask))


@pytest.mark.parametrize(
    ("accept", "essence"),
    [
        ("*/*", "multipart/related"),
        ("application/dicom, */*", "multipart/related"),
        ("multipart/related", "multipart/related"),
        ("application/*", "application/problem+json"),
    ],
)
def test_never_by_a_wildcard(client: TestClient, accept: str, essence: str) -> None:
    (file,) = samples.series(1)
    store(client, file)
    answer = client.get(study_url(file), headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == essence
    assert "content-disposition" not in answer.headers


def test_without_transfer_syntax_every_file_is_explicit_little_endian(client: TestClient) -> None:
    """As for application/dicom (8.7.8.2)."""
    study = generate_uid()
    names = ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm")
    files = [samples.variant(name, StudyInstanceUID=study, SOPInstanceUID=generate_uid()) for name in names]
    store(client, *files)
    answer = client.get(study_url(files[0]), headers={"Accept": "application/zip"})
    assert "accept-ranges" not in answer.headers
    archive = opened(answer)
    found = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert {dataset.file_meta.TransferSyntaxUID for dataset in found} == {EXPLICIT}
    assert {dataset.SOPInstanceUID for dataset in found} == {samples.uids(file)[2] for file in files}


def test_what_cannot_be_had_is_left_out_with_a_warning_or_refused(client: TestClient) -> None:
    """10.4.3.1, and 8.7.7 with the way out."""
    study = generate_uid()
    compressed = undecodable(study)
    store(client, compressed)
    refused = client.get(study_url(compressed), headers={"Accept": "application/zip"})
    assert refused.status_code == 406
    assert refused.json()["accepted"][0] == AS_STORED
    assert opened(client.get(study_url(compressed), headers={"Accept": AS_STORED})).infolist()[0].file_size > 0
    store(client, *samples.series(1, StudyInstanceUID=study))
    partial = client.get(study_url(compressed), headers={"Accept": "application/zip", "Range": "bytes=10-"})
    assert (partial.status_code, len(opened(partial).namelist())) == (206, 1)
    assert "1 of 2 instances" in partial.headers["warning"]
    assert "content-range" not in partial.headers


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{series_number}/{instance_number}.dcm", ["1/1.dcm", "1/2.dcm", "1/3.dcm", "2/1.dcm", "2/2.dcm", "2/3.dcm"]),
        ("Series {series_number:03}/IM{instance_number:04}", ["Series 001/IM0001", "Series 001/IM0002"]),
        ("{instance_number}.dcm", ["1.dcm", "2.dcm", "3.dcm", "1-2.dcm", "2-2.dcm", "3-2.dcm"]),
    ],
)
def test_names_follow_the_setting(make_client: Callable[..., TestClient], template: str, expected: list[str]) -> None:
    client = make_client(zip={"names": template})
    files = two_series()
    store(client, *files)
    archive = opened(client.get(study_url(files[0]), headers={"Accept": AS_STORED}))
    assert archive.namelist()[: len(expected)] == expected


def test_missing_numbers_and_equal_names(make_client: Callable[..., TestClient]) -> None:
    client = make_client(zip={"names": "{series_number}/{instance_number:03}.dcm"})
    study, series_uid = generate_uid(), generate_uid()
    same = {"StudyInstanceUID": study, "SeriesInstanceUID": series_uid, "SeriesNumber": None}
    files = [
        samples.variant("CT_small.dcm", SOPInstanceUID=generate_uid(), InstanceNumber=number, **same)
        for number in (None, None, -4)
    ]
    store(client, *files)
    archive = opened(client.get(study_url(files[0]), headers={"Accept": AS_STORED}))
    assert sorted(archive.namelist()) == ["unknown/minus004.dcm", "unknown/unknown-2.dcm", "unknown/unknown.dcm"]


def test_no_patient_data_in_names(client: TestClient) -> None:
    (file,) = samples.series(1, PatientName="Doe^Jane", PatientID="X123")
    store(client, file)
    answer = client.get(study_url(file), headers={"Accept": AS_STORED})
    texts = " ".join((*answer.headers.values(), *opened(answer).namelist()))
    assert "Doe" not in texts
    assert "X123" not in texts


@pytest.mark.parametrize(
    "template",
    [
        "", "all.dcm", "../{instance}.dcm", "/{instance}.dcm", "a//{instance}", "{instance}/", "{patient}/{instance}",
        "{instance!r}", "{instance.__class__}", "{study:04}/{instance}", "a\\{instance}", "{instance}\n", "-{instance}",
        "{instance} ", "{instance}.", "{instance}:{series}", "{", "é/{instance}", "{study}/" * 9 + "{instance}",
    ],
)  # fmt: skip
def test_unsafe_names_are_refused_when_the_server_starts(template: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Settings(data=tmp_path, zip={"names": template})


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
@pytest.mark.parametrize("accept", [AS_STORED, "application/zip"])
def test_unzip_finds_no_fault(client: TestClient, tmp_path: Path, accept: str) -> None:
    """With lengths known and unknown beforehand, that is without and with ZIP64."""
    files = [*two_series(), samples.variant("MR_small_implicit.dcm", SOPInstanceUID=generate_uid())]
    study = samples.uids(files[-1])[0]
    files[-2] = samples.variant("CT_small.dcm", StudyInstanceUID=study, SOPInstanceUID=generate_uid())
    store(client, *files)
    for url in {study_url(file) for file in files}:
        path = tmp_path / "study.zip"
        path.write_bytes(client.get(url, headers={"Accept": accept}).content)
        done = subprocess.run(["unzip", "-t", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No errors detected" in done.stdout


def test_the_same_study_is_the_same_archive(client: TestClient) -> None:
    files = two_series()
    store(client, *files)
    first, second = (client.get(study_url(files[0]), headers={"Accept": AS_STORED}) for _ in range(2))
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


def test_an_unknown_study_is_404(client: TestClient) -> None:
    assert client.get(f"{BASE}/studies/1.2.3", headers={"Accept": AS_STORED}).status_code == 404
