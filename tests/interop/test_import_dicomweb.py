"""`import-dicomweb` from servers that are not this process: Filmjacket itself, and Orthanc where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import free_port, start_server
from tests.samples import sample, series, uids
from typer.testing import CliRunner, Result

from filmjacket.cli.main import app
from filmjacket.opening import open_archive
from filmjacket.settings import Settings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

pytestmark = pytest.mark.slow

ORTHANC = shutil.which("Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NAMES = ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "SC_rgb_jpeg_gdcm.dcm", "JPEG2000.dcm")
# An Implicit VR file comes as Explicit VR: no DICOMweb payload uses the former (PS3.18 8.7.3).
IMPLICIT = uids(sample("rtplan.dcm"))[2]
CONVERTED = "converted"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@cache
def files() -> list[bytes]:
    return [*map(sample, NAMES), *series(12)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("source")
    for number, content in enumerate(files()):
        (folder / f"{number}.dcm").write_bytes(content)
    invoke("import", folder, "--data", folder / "archive", "--quiet")
    running = start_server(folder / "archive", FILMJACKET_SEARCH__MAXIMUM_RESULTS="5")
    yield running
    running.stop()


def contents(data: Path) -> dict[str, str]:
    archive = open_archive(Settings(data=data))
    try:
        return {
            found.sop_uid: CONVERTED if found.sop_uid == IMPLICIT else found.blob.sha256
            for found in archive.index.instances(ResourceRef())
        }
    finally:
        archive.close()


def test_everything_comes_as_it_is_stored_there(source: Server, tmp_path: Path):
    done = invoke("import-dicomweb", source.url, "--data", tmp_path / "archive", "--quiet")
    assert done.exit_code == 0, done.stdout
    assert "6 of 6 studies have the same instances here and there; 0 are missing here." in done.stdout
    assert contents(tmp_path / "archive") == contents(source.data)


def test_what_is_here_is_not_fetched_again(source: Server, tmp_path: Path):
    data, report = tmp_path / "archive", tmp_path / "report.jsonl"
    invoke("import-dicomweb", source.url, "--data", data, "--match", "Modality=CT", "--quiet")
    before = contents(data)
    assert 0 < len(before) < len(files())
    done = invoke("import-dicomweb", source.url, "--data", data, "--report", report, "--quiet")
    assert done.exit_code == 0
    outcomes = [json.loads(line) for line in report.read_text().splitlines()]
    already = {row["sop_instance_uid"] for row in outcomes if row["outcome"] == "already stored"}
    assert already == set(before)
    assert contents(data) == contents(source.data)


def test_comparing_tells_what_is_missing_and_imports_nothing(source: Server, tmp_path: Path):
    done = invoke("import-dicomweb", source.url, "--compare", "--data", tmp_path / "archive", "--quiet")
    assert done.exit_code == 1
    assert "0 of 6 studies" in done.stdout
    assert f"{uids(sample('CT_small.dcm'))[0]}: 1 instances are missing here, 0 are only here" in done.stdout
    assert contents(tmp_path / "archive") == {}


def test_a_server_that_is_not_there_is_told(tmp_path: Path):
    done = invoke("import-dicomweb", f"http://127.0.0.1:{free_port()}/dicom-web", "--data", tmp_path / "archive")
    assert done.exit_code != 0
    assert "does not answer" in str(done.exception)


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[str]:
    if ORTHANC is None or not PLUGIN.is_file():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    port = free_port()
    settings = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([str(ORTHANC), str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{base}/system", timeout=1).close()
            break
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, (tmp_path / "orthanc.log").read_text()[-2000:]
            time.sleep(0.1)
    for content in files():
        urllib.request.urlopen(urllib.request.Request(f"{base}/instances", content, method="POST")).close()
    yield f"{base}/dicom-web"
    process.terminate()
    process.wait(20)


def test_an_orthanc_moves_in(orthanc: str, tmp_path: Path):
    data = tmp_path / "archive"
    done = invoke("import-dicomweb", orthanc, "--data", data, "--quiet")
    assert done.exit_code == 0, done.stdout
    assert "6 of 6 studies have the same instances here and there; 0 are missing here." in done.stdout
    assert set(contents(data)) == {uids(content)[2] for content in files()}
