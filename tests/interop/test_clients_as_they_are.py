"""Requests in the shapes that OHIF, Slim, wsidicom, ez-wsi and Weasis send, and what they choke on."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from tests import samples
from tests.conformance.wire import Answer, send
from tests.payloads import AS_STORED, EXPLICIT, dataset_of, frames_of, multipart_of, parts_of, storable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

BASE = "/dicom-web"
JSON = {"accept": "application/dicom+json"}
J2K = "1.2.840.10008.1.2.4.90"


def store(client: TestClient, *files: bytes) -> Any:
    body, headers = samples.multipart(*files)
    response = client.post(f"{BASE}/studies", content=body, headers=headers)
    assert response.status_code in {200, 202}, response.text
    return response


def rows(client: TestClient, target: str) -> list[dict[str, Any]]:
    answer = send(client, target, headers=JSON)
    assert answer.status == 200, answer.body
    return answer.json()


def single(answer: Answer) -> bytes:
    headers = {name: values[0] for name, values in answer.headers.items()}
    (part,) = multipart_of(headers, answer.body)
    return part.body


# OHIF ----------------------------------------------------------------------------------------------------------


def test_ohif_study_list(client: TestClient) -> None:
    """A limit, an offset, fuzzymatching and a series attribute in includefield, all on /studies (peers 2.7)."""
    for n in range(3):
        store(client, *samples.series(1, PatientID=f"P{n}"))
    found = rows(client, "/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060")
    assert len(found) == 3
    for row in found:
        assert row["00080061"]["Value"] == ["CT"]
        assert row["00081030"]["Value"]
        assert isinstance(row["00201206"]["Value"][0], int)
    fuzzy = "/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060&00100010=*Compressed*"
    assert len(rows(client, fuzzy)) == 3


def test_ohif_dies_on_modalities_without_a_value(client: TestClient) -> None:
    """It reads `.Value.length` of 00080061 (clients.md 1.2)."""
    store(client, samples.variant("CT_small.dcm", Modality=""))
    (row,) = rows(client, "/studies?includefield=00081030,00080060")
    assert "00080061" not in row or row["00080061"].get("Value")


def test_ohif_series_then_metadata_then_bulk(client: TestClient) -> None:
    files = samples.series(3)
    store(client, *files)
    study, series, _ = samples.uids(files[0])
    (row,) = rows(client, f"/studies/{study}/series?includefield=0008103E,00080021")
    assert row["00080060"]["Value"] == ["CT"]
    documents = rows(client, f"/studies/{study}/series/{series}/metadata")
    assert len(documents) == 3
    for document in documents:
        uri = document["7FE00010"]["BulkDataURI"]
        assert uri.startswith("http://testserver:8104/dicom-web/")


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        "multipart/related; type=application/octet-stream",
        "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
        'multipart/related; type="*/*"',
        "*/*",
    ],
)
def test_ohif_frames(client: TestClient, accept: str) -> None:
    """The quotes are a switch of its configuration; both must work."""
    file = samples.sample("emri_small.dcm")
    store(client, file)
    answer = send(client, samples.instance_path(file) + "/frames/7", headers={"accept": accept})
    assert single(answer) == frames_of(dataset_of(file))[6]


@pytest.mark.parametrize(
    ("accept", "multipart"),
    [
        ("application/octet-stream", False),
        ("multipart/related; type=application/octet-stream", True),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", True),
        ("*/*", False),
    ],
)
def test_ohif_bulk_data_single_or_multipart(client: TestClient, accept: str, *, multipart: bool) -> None:
    file = samples.sample("CT_small.dcm")
    store(client, file)
    answer = send(client, samples.instance_path(file) + "/bulkdata/7FE00010", headers={"accept": accept})
    assert (single(answer) if multipart else answer.body) == dataset_of(file).PixelData


# Slim and dcmjs dicomweb-client ----------------------------------------------------------------------------------

SLIM = ", ".join(
    f'multipart/related; type="{media_type}"; transfer-syntax={syntax}'
    for media_type, syntax in [
        ("image/jls", "1.2.840.10008.1.2.4.80"),
        ("image/jls", "1.2.840.10008.1.2.4.81"),
        ("image/jp2", "1.2.840.10008.1.2.4.90"),
        ("image/jp2", "1.2.840.10008.1.2.4.91"),
        ("image/jpx", "1.2.840.10008.1.2.4.92"),
        ("image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("application/octet-stream", "1.2.840.10008.1.2.1"),
        ("application/octet-stream", "*"),
    ]
)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("MR_small_jp2klossless.dcm", ("image/jp2", J2K)),
        ("MR_small_jpeg_ls_lossless.dcm", ("image/jls", "1.2.840.10008.1.2.4.80")),
        ("SC_rgb_jpeg_dcmtk.dcm", ("image/jpeg", "1.2.840.10008.1.2.4.50")),
        ("MR_small.dcm", ("application/octet-stream", "1.2.840.10008.1.2.1")),
    ],
)
def test_slim_frames_with_a_list_of_everything(client: TestClient, name: str, content_type: tuple[str, str]) -> None:
    """Slim reads the media type of the part to pick its decoder."""
    file = storable(name)
    store(client, file)
    response = client.get(BASE + samples.instance_path(file) + "/frames/1", headers={"Accept": SLIM})
    (part,) = parts_of(response)
    assert part.content_type == (content_type[0], {"transfer-syntax": content_type[1]})
    assert [part.body] == frames_of(dataset_of(file))


def test_slim_misnested_type(client: TestClient) -> None:
    """`type="image/jpeg; transfer-syntax=…"` (pain 8)."""
    file = storable("SC_rgb_jpeg_dcmtk.dcm")
    store(client, file)
    accept = 'multipart/related; type="image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"'
    answer = send(client, samples.instance_path(file) + "/frames/1", headers={"accept": accept})
    assert [single(answer)] == frames_of(dataset_of(file))


def test_icc_profiles_are_reachable(client: TestClient) -> None:
    """Slim, dicomslide and wsidicom fetch nested ICC profiles by their BulkDataURI, or take small ones inline."""
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    profile = samples.sample("crayons.icc")
    item = Dataset()
    item.ICCProfile = profile
    dataset.OpticalPathSequence = [item]
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    store(client, out.getvalue())
    (document,) = rows(client, samples.instance_path(out.getvalue()) + "/metadata")
    element = document["00480105"]["Value"][0]["00282000"]
    assert client.get(element["BulkDataURI"]).content == profile


# wsidicom, ez-wsi ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "syntax"), [("CT_small.dcm", "1.2.840.10008.1.2.1"), ("MR_small_jp2klossless.dcm", J2K)]
)
def test_wsidicom_and_ez_wsi_learn_the_transfer_syntax_from_search(client: TestClient, name: str, syntax: str) -> None:
    """Without it they probe for minutes or stop (pain 10; clients.md 1.6)."""
    file = storable(name)
    store(client, file)
    path = samples.instance_path(file).rpartition("/")[0]
    (row,) = rows(client, f"{path}?includefield=AvailableTransferSyntaxUID")
    assert row["00083002"]["Value"][0] == syntax
    (row,) = rows(client, f"{path}?includefield=00020010&includefield=00280008&includefield=00480006%2C00480007")
    assert row["00020010"]["Value"] == [syntax]


def test_available_transfer_syntaxes_can_be_had(client: TestClient) -> None:
    """11.3: every listed syntax must be reachable."""
    for name in ("MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "MR_small_jp2klossless.dcm"):
        file = samples.variant(name, SOPInstanceUID=generate_uid())
        store(client, file)
        path = samples.instance_path(file)
        (row,) = rows(client, f"{path.rpartition('/')[0]}?SOPInstanceUID={samples.uids(file)[2]}&includefield=00083002")
        for syntax in row["00083002"]["Value"]:
            accept = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
            (part,) = parts_of(client.get(BASE + path, headers={"Accept": accept}))
            assert part.content_type[1]["transfer-syntax"] == syntax


# Weasis ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/related;type=application/dicom;transfer-syntax=*",
        f"multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.70;q=0.9, {AS_STORED};q=0.7",
        AS_STORED,
    ],
)
def test_weasis_series(client: TestClient, accept: str) -> None:
    files = samples.series(3, "MR_small_jp2klossless.dcm")
    store(client, *files)
    study, series, _ = samples.uids(files[0])
    response = client.get(f"{BASE}/studies/{study}/series/{series}", headers={"Accept": accept})
    parts = parts_of(response)
    if accept.startswith(AS_STORED.partition("type=")[0]) and "4.70" not in accept:
        assert {part.body for part in parts} == set(files)
    wanted = {"1.2.840.10008.1.2.4.70" if "4.70" in accept else J2K}
    assert {part.content_type[1]["transfer-syntax"] for part in parts} == wanted


def test_weasis_worklist_by_patient(client: TestClient) -> None:
    file = samples.sample("CT_small.dcm")
    store(client, file)
    query = (
        "/studies?00100020=1CT1&includefield=00080020,00080030,00081030,00080050,00080090,00100010,00100030,00100040"
    )
    (row,) = rows(client, query)
    assert {"00080020", "00080030", "00080050", "00080090", "00100010", "00100030", "00100040"} <= set(row)


# Every request as it is sent ---------------------------------------------------------------------------------------

OCTETS = "multipart/related; type=application/octet-stream"
FILTERS = "00100010=*a*&00100020=*1*&00080050=*x*&00081030=*e*&00080061=MR%2CCT&StudyDate=19900101-20301231"
SLIDES = "00080016=1.2.840.10008.5.1.4.1.1.77.1.6&0020000E={series}&00080060=SM"
# (who, method, target, headers); {study}, {series}, {path} are those of a stored native multi-frame image.
REQUESTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("OHIF", "GET", "/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060", JSON),
    ("OHIF", "GET", f"/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060&{FILTERS}", JSON),
    ("OHIF", "GET", "/studies?StudyInstanceUID={study}", JSON),
    ("OHIF", "GET", "/studies?limit=101&offset=0&includefield=00081030,00080060,0020000D&_=1700000000000", JSON),
    ("OHIF", "GET", "/studies/{study}/series", JSON),
    ("OHIF", "GET", "/studies/{study}/series?includefield=0008103E%2C00080021", JSON),
    ("OHIF", "GET", "/studies/{study}/series?SeriesInstanceUID={series}", JSON),
    ("OHIF", "GET", "/studies/{study}/series/{series}/metadata", JSON),
    ("OHIF", "GET", "/studies/{study}/series/{series}/metadata", {"accept": "application/dicom+json, */*"}),
    ("OHIF", "GET", "/studies/{study}/series/{series}/instances?includefield=00080016,00280008", JSON),
    ("OHIF", "GET", "{path}/frames/1", {"accept": f"{OCTETS}; transfer-syntax=*"}),
    ("OHIF", "GET", "{path}/frames/1", {"accept": f"{OCTETS};transfer-syntax={EXPLICIT}", "range": "bytes=0-"}),
    ("OHIF", "GET", "{path}/bulkdata/7FE00010", {"accept": 'multipart/related; type="application/octet-stream"'}),
    ("OHIF", "GET", "{path}/bulkdata/7FE00010", {"accept": "application/octet-stream", "range": "bytes=0-9"}),
    ("OHIF", "GET", "{path}", {"accept": 'multipart/related; type="application/dicom"'}),
    ("Slim", "GET", "/studies?limit=101&offset=0&includefield=00081030&fuzzymatching=true&ModalitiesInStudy=MR", JSON),
    ("Slim", "GET", "/studies?ModalitiesInStudy=SM&limit=10&offset=0", JSON),
    ("Slim", "GET", "/studies/{study}/series?Modality=SM", JSON),
    ("Slim", "GET", "/studies/{study}/instances?Modality=ANN", JSON),
    ("Slim", "GET", "{path}/metadata", JSON),
    ("Slim", "GET", "{path}/frames/1", {"accept": SLIM}),
    ("Slim", "GET", "{path}/bulkdata/7FE00010", {"accept": 'multipart/related; type="application/octet-stream"'}),
    ("Weasis", "GET", "/studies?00100020=P1&limit=100&includefield=00081030&includefield=00080061", JSON),
    ("Weasis", "GET", "/studies?0020000D={study}&includefield=00080020,00080030,00081030,00080050,00080090", JSON),
    ("Weasis", "GET", "/studies/{study}/series?includefield=0008103E,00200011,00081190", JSON),
    ("Weasis", "GET", "/studies/{study}/series/{series}/instances?includefield=00200013,00081190,00280008", JSON),
    ("Weasis", "GET", "/studies?00080050=A1&includefield=all", {"accept": "application/json"}),
    ("Weasis", "GET", "{path}", {"accept": "multipart/related;type=application/dicom;transfer-syntax=*"}),
    ("Weasis", "GET", "/studies/{study}", {"accept": "multipart/related; type=application/dicom;q=0.9,*/*;q=0.1"}),
    ("3D Slicer", "GET", "/studies?limit=100&offset=0", {"accept": "application/dicom+json", "host": "127.0.0.1"}),
    ("3D Slicer", "GET", "/studies?includefield=ModalitiesInStudy&includefield=StudyDescription", JSON),
    ("3D Slicer", "GET", "/studies/{study}/series", {"accept": "application/dicom+json", "accept-encoding": "gzip"}),
    ("3D Slicer", "GET", "/studies/{study}/series/{series}/instances", JSON),
    ("3D Slicer", "GET", "{path}", {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}),
    ("3D Slicer", "GET", "/studies/{study}/series/{series}", {"accept": 'multipart/related; type="application/dicom"'}),
    ("wsidicom", "GET", f"/studies/{{study}}/instances?includefield=AvailableTransferSyntaxUID&{SLIDES}", JSON),
    ("ez-wsi", "GET", "/studies/{study}/series/{series}/instances?includefield=00020010&includefield=00280008", JSON),
    ("ez-wsi", "GET", "{path}/frames/1,2,3", {"accept": f"{OCTETS}; transfer-syntax=*"}),
    ("requests", "GET", "/studies?PatientName=%2A&limit=1", {"accept": "*/*", "accept-encoding": "gzip, deflate"}),
    ("a browser", "OPTIONS", "/studies", {"origin": "https://viewer.example.org"}),
    ("a load balancer", "HEAD", "/studies", {}),
    ("Grafana", "GET", "/studies?limit=1", {"accept": "application/json, text/plain, */*"}),
)  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_requests_of_clients_succeed(client: TestClient, request_: tuple[str, str, str, dict[str, str]]) -> None:
    """With default settings: no switch of the client or of the server is needed."""
    _, method, target, headers = request_
    file = samples.sample("emri_small.dcm")
    store(client, file)
    study, series, _ = samples.uids(file)
    path = samples.instance_path(file)
    answer = send(client, target.format(study=study, series=series, path=path), method=method, headers=headers)
    assert answer.status in {200, 206}, answer.body[:300]
    if headers.get("accept", "").startswith("application/dicom+json") and "content-encoding" not in answer.headers:
        assert isinstance(answer.json(), list)


# Spellings of queries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Doe^J*", "Doe^Ja?e", "*oe*", "DOE^JANE"])
def test_raw_and_encoded_queries_find_the_same(client: TestClient, name: str) -> None:
    """requests encodes `^`, browsers leave it; both leave `*` (clients.md 1.4)."""
    store(client, samples.variant("CT_small.dcm", PatientName="Doe^Jane"))
    for query in (name, quote(name, safe=""), quote(name, safe="*"), quote(name, safe="^")):
        for keyword in ("PatientName", "00100010"):
            assert len(rows(client, f"/studies?{keyword}={query}")) == 1, query


@pytest.mark.parametrize(
    "query",
    [
        "includefield=00081030&includefield=PatientAge",
        "includefield=00081030,PatientAge",
        "includefield=00081030%2CPatientAge",
        "includefield=StudyDescription&includefield=00101010%2C00081030",
        "includefield=0008103e&includefield=00081030,00101010",
    ],
)
def test_includefield_in_every_spelling(client: TestClient, query: str) -> None:
    """Repeated, comma-joined, encoded, as tag and keyword, all in one request (clients.md 1.5)."""
    store(client, samples.sample("CT_small.dcm"))
    (row,) = rows(client, f"/studies?{query}")
    assert row["00081030"]["Value"] == ["e+1"]
    assert row["00101010"]["Value"] == ["000Y"]


# Pains of clients with other servers ---------------------------------------------------------------------------------


def test_nothing_found_is_200_or_by_setting_204(make_client: Callable[..., TestClient]) -> None:
    """Pain 21, CP-2473."""
    for edition, expected in (("2026", (200, b"[]")), ("2024", (204, b""))):
        answer = send(make_client(edition=edition), "/studies?PatientID=nobody")
        assert (answer.status, answer.body) == expected


def test_paging_ends_and_says_what_is_left(client: TestClient) -> None:
    """Pain 20: an ignored offset loops forever."""
    store(
        client,
        *(
            samples.variant("CT_small.dcm", StudyInstanceUID=generate_uid(), SOPInstanceUID=generate_uid())
            for _ in range(5)
        ),
    )
    seen: list[str] = []
    for offset in range(0, 8, 2):
        answer = send(client, f"/studies?limit=2&offset={offset}")
        page = answer.json()
        left = 5 - offset - len(page)
        if page and left:
            assert f"There are {left} additional results" in (answer.header("warning") or "")
        else:
            assert answer.header("warning") is None
        seen += [row["0020000D"]["Value"][0] for row in page]
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("policy", ["keep", "replace", "reject"])
def test_sending_again_is_no_accident(make_client: Callable[..., TestClient], policy: str) -> None:
    """Pain 24: refused, duplicated, or destroyed. Identical bytes are a success under every policy."""
    client = make_client(duplicates=policy)
    file = samples.sample("CT_small.dcm")
    changed = samples.variant("CT_small.dcm", ImageComments="changed")
    store(client, file)
    again = store(client, file)
    assert again.status_code == 200
    assert len(rows(client, "/instances")) == 1
    body, headers = samples.multipart(changed)
    other = client.post(f"{BASE}/studies", content=body, headers=headers)
    assert other.status_code == {"keep": 202, "replace": 200, "reject": 409}[policy]
    assert len(rows(client, "/instances")) == 1
    (part,) = parts_of(client.get(BASE + samples.instance_path(file), headers={"Accept": AS_STORED}))
    assert part.body == (changed if policy == "replace" else file)


def test_a_browser_may_follow_any_link(client: TestClient) -> None:
    """A browser's Accept names text/html and */*; DICOM resources must not take that for a mixture (pain 9)."""
    file = samples.sample("CT_small.dcm")
    store(client, file)
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
    for below in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
        answer = send(client, samples.instance_path(file) + below, headers={"accept": accept})
        assert answer.status == 200, below
    assert send(client, "/studies", headers={"accept": accept}).status == 200
