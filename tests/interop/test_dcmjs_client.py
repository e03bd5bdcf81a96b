"""dicomweb-client of npm (dcmjs), the client inside OHIF and Slim, against real server processes.

The package is installed once into `.cache/npm`, where no lock file is kept. Without Node.js or the registry: skipped.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples
from tests.payloads import dataset_of, frames_of, storable

if TYPE_CHECKING:
    from tests.conftest import Server

PACKAGE = "dicomweb-client"
VERSION = "0.11"
CACHE = Path(__file__).parents[2] / ".cache" / "npm"
CALL = Path(__file__).parent / "javascript" / "call.cjs"
NODE_TOO_OLD = 18  # the first with fetch is 18


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of the installed package."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js or npm is not installed")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < NODE_TOO_OLD:
        pytest.skip(f"Node.js {version.strip()} has no fetch")
    folder = CACHE / "node_modules" / PACKAGE
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE.parent / ".gitignore").write_text("*\n")
        install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
        done = subprocess.run(
            [*install, str(CACHE), f"{PACKAGE}@{VERSION}"], check=False, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    return folder


class Client:
    """Calls methods of the JavaScript client, in a process of Node.js each time."""

    def __init__(self, package: Path, server: Server, **options: Any) -> None:
        self._package, self.url, self._options = package, server.url, options

    def __call__(self, method: str, **options: Any) -> Any:
        """The value that the method's promise is resolved with."""
        (answer,) = self.all((method, options))
        assert "value" in answer, answer
        return answer["value"]

    def all(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        request = {"url": self.url, "options": self._options, "calls": calls}
        done = subprocess.run(
            ["node", str(CALL), str(self._package)], check=False, input=json.dumps(request, default=encoded),
            capture_output=True, text=True, timeout=60, env=os.environ | {"NODE_OPTIONS": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout, object_hook=decoded)


def encoded(value: object) -> Any:
    assert isinstance(value, bytes)
    return {"base64": base64.b64encode(value).decode()}


def decoded(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value


@pytest.fixture
def client(package: Path, running: Server) -> Client:
    return Client(package, running)


def fresh(name: str) -> bytes:
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return samples.variant(name, **{keyword: generate_uid() for keyword in keywords})


def address(file: bytes) -> dict[str, str]:
    names = ("studyInstanceUID", "seriesInstanceUID", "sopInstanceUID")
    return dict(zip(names, samples.uids(file), strict=True))


def stored(client: Client, name: str) -> tuple[bytes, dict[str, str]]:
    file = fresh(name)
    client("storeInstances", datasets=[file])
    return file, address(file)


# Store, search, metadata -----------------------------------------------------------------------------------------


def test_store(client: Client) -> None:
    files = samples.series(3)
    study = samples.uids(files[0])[0]
    for options in ({}, {"studyInstanceUID": study}):
        client("storeInstances", datasets=files, **options)
    rows = client("searchForInstances", studyInstanceUID=study)
    assert {row["00080018"]["Value"][0] for row in rows} == {samples.uids(file)[2] for file in files}
    (refused,) = client.all(("storeInstances", {"datasets": files, "studyInstanceUID": "1.2.3"}))
    assert refused["status"] == 409


def test_search(client: Client) -> None:
    _, uids = stored(client, "CT_small.dcm")
    study, series = uids["studyInstanceUID"], uids["seriesInstanceUID"]
    query = {"StudyInstanceUID": study, "PatientName": "compressed*", "includefield": "00081030,00080060", "limit": 101}
    fuzzy = {"00100010": "ct1 compressedsamples", "StudyInstanceUID": study, "fuzzymatching": True}
    empty = {"StudyInstanceUID": study, "StudyDate": "19000101-19000102"}
    found, nothing, by_name, in_study, everywhere, instances = client.all(
        ("searchForStudies", {"queryParams": query}),
        ("searchForStudies", {"queryParams": empty}),
        ("searchForStudies", {"queryParams": fuzzy}),
        ("searchForSeries", {"studyInstanceUID": study}),
        ("searchForSeries", {"queryParams": {"SeriesInstanceUID": series}}),
        ("searchForInstances", {"studyInstanceUID": study, "seriesInstanceUID": series}),
    )
    assert [row["0020000D"]["Value"] for row in found["value"]] == [[study]]
    assert found["value"][0]["00081030"]["Value"] == ["e+1"]
    assert nothing["value"] == []
    assert len(by_name["value"]) == 1
    for answer in (in_study, everywhere, instances):
        assert [row["0020000E"]["Value"] for row in answer["value"]] == [[series]]


def test_metadata(client: Client) -> None:
    file, uids = stored(client, "CT_small.dcm")
    study, series, _ = uids.values()
    levels = client.all(
        ("retrieveStudyMetadata", {"studyInstanceUID": study}),
        ("retrieveSeriesMetadata", {"studyInstanceUID": study, "seriesInstanceUID": series}),
    )
    documents = [answer["value"][0] for answer in levels] + client("retrieveInstanceMetadata", **uids)
    expected = dataset_of(file)
    for document in documents:
        assert document["00080018"]["Value"] == [expected.SOPInstanceUID]
        assert document["00280010"]["Value"] == [expected.Rows]
        assert document["00100010"]["Value"] == [{"Alphabetic": str(expected.PatientName)}]


def test_what_is_not_there(client: Client) -> None:
    (answer,) = client.all(("retrieveStudyMetadata", {"studyInstanceUID": "1.2.3"}))
    assert answer["status"] == 404


# Instances, frames, bulk data --------------------------------------------------------------------------------------


def test_instances(client: Client) -> None:
    """This version asks for Explicit VR Little Endian and nothing else: its check refuses every media type here."""
    file, uids = stored(client, "CT_small.dcm")
    study, series, _ = uids.values()
    assert client("retrieveInstance", **uids) == file
    of_series, of_study = client.all(
        ("retrieveSeries", {"studyInstanceUID": study, "seriesInstanceUID": series}),
        ("retrieveStudy", {"studyInstanceUID": study}),
    )
    assert of_series["value"] == of_study["value"] == [file]


def test_a_document(client: Client) -> None:
    file = storable("test-SR.dcm")
    client("storeInstances", datasets=[file])
    assert client("retrieveInstance", **address(file)) == file


def kinds(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"mediaType": media_type, "transferSyntaxUID": syntax} for media_type, syntax in pairs]


# What Slim asks for: everything that it can decode, and plain bytes.
SLIM = kinds(
    ("image/jls", "1.2.840.10008.1.2.4.80"), ("image/jls", "1.2.840.10008.1.2.4.81"),
    ("image/jp2", "1.2.840.10008.1.2.4.90"), ("image/jp2", "1.2.840.10008.1.2.4.91"),
    ("image/jpx", "1.2.840.10008.1.2.4.92"), ("image/jpx", "1.2.840.10008.1.2.4.93"),
    ("image/jpeg", "1.2.840.10008.1.2.4.50"), ("application/octet-stream", "1.2.840.10008.1.2.1"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "media_types"),
    [
        ("emri_small.dcm", None),
        ("emri_small.dcm", kinds(("application/octet-stream", "*"))),
        ("emri_small.dcm", kinds(("application/octet-stream", "1.2.840.10008.1.2.1"))),
        ("emri_small.dcm", SLIM),
        ("emri_small_jpeg_2k_lossless.dcm", SLIM),
        ("emri_small_jpeg_2k_lossless.dcm", kinds(("image/jp2", "1.2.840.10008.1.2.4.90"))),
        ("emri_small_jpeg_2k_lossless.dcm", kinds(("image/jp2", "*"))),
        ("emri_small_jpeg_ls_lossless.dcm", SLIM),
    ],
)
def test_frames(client: Client, name: str, media_types: list[dict[str, str]] | None) -> None:
    file, uids = stored(client, name)
    more = {} if media_types is None else {"mediaTypes": media_types}
    expected = [frame.rstrip(b"\0") for frame in frames_of(dataset_of(file))]
    for numbers in ([1], [2, 3, 10]):
        read = client("retrieveInstanceFrames", frameNumbers=numbers, **uids, **more)
        assert [frame.rstrip(b"\0") for frame in read] == [expected[number - 1] for number in numbers]


def test_bulk_data(client: Client, package: Path, running: Server) -> None:
    file, uids = stored(client, "CT_small.dcm")
    (document,) = client("retrieveInstanceMetadata", **uids)
    uri = document["7FE00010"]["BulkDataURI"]
    expected = dataset_of(file).PixelData
    octets = [{"mediaType": "application/octet-stream"}]
    # A range makes no sense to a client that wants several parts; it gets all of the value, and can read it.
    for more in ({}, {"mediaTypes": octets}, {"mediaTypes": octets, "byteRange": [0, 9]}):
        assert client("retrieveBulkData", BulkDataURI=uri, **more) == [expected]
    singlepart = Client(package, running, singlepart=True)
    for headers in ({}, {"Accept": "application/octet-stream"}):
        assert singlepart("retrieveBulkData", BulkDataURI=uri, headers=headers) == [expected]
    ranged = {"Accept": "application/octet-stream", "Range": "bytes=10-19"}
    assert singlepart("retrieveBulkData", BulkDataURI=uri, headers=ranged) == [expected[10:20]]


# Rendered ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    [
        "retrieveInstanceRendered", "retrieveInstanceThumbnail", "retrieveInstanceFramesRendered",
        "retrieveInstanceFramesThumbnail",
    ],
)  # fmt: skip
def test_rendered(client: Client, method: str) -> None:
    _, uids = stored(client, "emri_small.dcm" if "Frames" in method else "CT_small.dcm")
    more = {"frameNumbers": [2]} if "Frames" in method else {}
    (answer,) = client.all((method, {**uids, **more, "mediaTypes": [{"mediaType": "image/jpeg"}]}))
    if answer.get("status") == 404:
        pytest.skip("this server has no rendered resources yet")
    assert answer["value"][0].startswith(b"\xff\xd8\xff") if isinstance(answer["value"], list) else answer["value"]
