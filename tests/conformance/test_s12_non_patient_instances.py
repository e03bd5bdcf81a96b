"""PS3.18 12.4, 12.5: Retrieve and Store of the Non-Patient Instance service, in every category."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from starlette.testclient import TestClient
from tests import samples
from tests.non_patient import ASSEMBLY, CATEGORY_OF, COLOR_PALETTE, HANGING_PROTOCOL, IMPLANT, file_of

from filmjacket.app import create_app
from filmjacket.archive.changes import Change, ChangeFilter, Log
from filmjacket.clock import now
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES
from filmjacket.dicom.xml_model import decode_native
from filmjacket.maintenance.sweep import sweep
from filmjacket.maintenance.verify import verify
from filmjacket.opening import open_archive
from filmjacket.services.non_patient.store import NonPatientTarget
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


BASE = "/dicom-web"
DICOM = {"Content-Type": "application/dicom"}
CLASSES = sorted(CATEGORY_OF)
FAILED, STORED, OTHER = "00081198", "00081199", "0008119A"


def path_of(sop_class: str, uid: str = "") -> str:
    return f"{BASE}/{CATEGORY_OF[sop_class]}" + (f"/{uid}" if uid else "")


def store(client: TestClient, sop_class: str, uid: str = "", **changes: Any) -> tuple[str, bytes]:
    uid = uid or generate_uid()
    file = file_of(sop_class, uid, **changes)
    response = client.post(path_of(sop_class), content=file, headers=DICOM)
    assert response.status_code == 200, response.text
    return uid, file


def failure(response: Any) -> tuple[int, str]:
    (item,) = response.json()[FAILED]["Value"]
    comment = item["00741048"]["Value"][0]["00000902"]["Value"][0]
    return item["00081197"]["Value"][0], comment


def test_every_class_has_a_category_and_an_object() -> None:
    assert {uid for uids in NON_PATIENT_CATEGORIES.values() for uid in uids} == set(CATEGORY_OF)


@pytest.mark.parametrize("sop_class", CLASSES)
def test_what_is_stored_can_be_retrieved_in_every_form(client: TestClient, sop_class: str) -> None:
    uid, file = store(client, sop_class)
    path = path_of(sop_class, uid)
    as_stored = client.get(path, headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert as_stored.content == file
    default = client.get(path)
    assert default.headers["content-type"] == "application/dicom+json"
    (data_set,) = default.json()
    assert data_set["00080018"]["Value"] == [uid]
    single = client.get(path, headers={"Accept": "application/dicom+xml"})
    assert decode_native(single.content) == data_set
    several = client.get(path, headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert single.content in several.content
    assert f"Content-Location: http://testserver:8104{path}".encode() in several.content


@pytest.mark.parametrize("sop_class", CLASSES)
def test_the_response_names_the_resource(client: TestClient, sop_class: str) -> None:
    uid = generate_uid()
    response = client.post(path_of(sop_class), content=file_of(sop_class, uid), headers=DICOM)
    url = f"http://testserver:8104{path_of(sop_class, uid)}"
    assert response.headers["location"] == url
    body = response.json()
    assert body["00081190"]["Value"] == [url]
    assert body[STORED]["Value"][0]["00081190"]["Value"] == [url]
    assert client.get(url).status_code == 200


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_the_default_transfer_syntax_is_explicit_vr_little_endian(client: TestClient, syntax: str) -> None:
    uid, _ = store(client, COLOR_PALETTE, syntax=syntax)
    response = client.get(path_of(COLOR_PALETTE, uid), headers={"Accept": "application/dicom"})
    assert response.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    read = pydicom.dcmread(io.BytesIO(response.content))
    assert read.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (read.ContentLabel, read.RedPaletteColorLookupTableData) == ("HOT_IRON", bytes(range(256)))
    other = {"Accept": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90"}
    assert client.get(path_of(COLOR_PALETTE, uid), headers=other).status_code == 406


def test_bulk_values_are_behind_their_references(client: TestClient) -> None:
    uid, _ = store(client, IMPLANT)
    (data_set,) = client.get(path_of(IMPLANT, uid)).json()
    (item,) = data_set["006862C0"]["Value"]
    url = item["00686300"]["BulkDataURI"]
    assert url.startswith(f"http://testserver:8104{path_of(IMPLANT, uid)}/bulkdata/")
    assert client.get(url).content == b"IN;SP1;" * 400
    assert client.get(url, headers={"Range": "bytes=0-1"}).content == b"IN"
    assert client.get(f"{path_of(IMPLANT, uid)}/bulkdata/00281201").status_code == 404


def test_conditions_and_ranges(client: TestClient) -> None:
    uid, file = store(client, HANGING_PROTOCOL)
    path, accept = path_of(HANGING_PROTOCOL, uid), {"Accept": "application/dicom; transfer-syntax=*"}
    tag = client.get(path, headers=accept).headers["etag"]
    assert client.get(path, headers=accept | {"If-None-Match": tag}).status_code == 304
    assert client.get(path, headers=accept | {"If-Match": '"x"'}).status_code == 412
    part = client.get(path, headers=accept | {"Range": "bytes=128-131"})
    assert (part.status_code, part.content) == (206, file[128:132])
    assert client.get(path).headers["etag"] != tag


@pytest.mark.parametrize(
    ("sop_class", "category"),
    [(one, name) for one in CLASSES for name in NON_PATIENT_CATEGORIES if name != CATEGORY_OF[one]],
)
def test_another_category_is_refused_by_name(searchless: TestClient, sop_class: str, category: str) -> None:
    response = searchless.post(f"{BASE}/{category}", content=file_of(sop_class), headers=DICOM)
    assert response.status_code == 409
    reason, comment = failure(response)
    assert reason == 0x0122
    assert f"/{CATEGORY_OF[sop_class]}" in comment


@pytest.fixture(scope="module")
def searchless(tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = Settings(data=tmp_path_factory.mktemp("categories") / "archive")
    with TestClient(create_app(settings), base_url="http://testserver:8104") as opened:
        opened.headers["Accept"] = "*/*"
        yield opened


@pytest.mark.parametrize("category", NON_PATIENT_CATEGORIES)
def test_objects_of_patients_are_refused(searchless: TestClient, category: str) -> None:
    response = searchless.post(f"{BASE}/{category}", content=samples.sample("CT_small.dcm"), headers=DICOM)
    assert response.status_code == 409
    reason, comment = failure(response)
    assert (reason, comment) == (0x0122, "Another category: store to /studies")


@pytest.mark.parametrize("sop_class", CLASSES)
def test_studies_refuse_them_and_never_show_them(client: TestClient, sop_class: str) -> None:
    refused = client.post(f"{BASE}/studies", content=file_of(sop_class), headers=DICOM)
    assert refused.status_code == 409
    assert failure(refused) == (0x0122, f"It belongs to no patient; store to /{CATEGORY_OF[sop_class]}")
    uid, _ = store(client, sop_class)
    for resource in ("studies", "series", "instances"):
        assert client.get(f"{BASE}/{resource}").json() == []
        assert client.get(f"{BASE}/{resource}?SOPInstanceUID={uid}").status_code in {200, 400}


def test_other_categories_do_not_have_it(client: TestClient) -> None:
    uid, _ = store(client, COLOR_PALETTE)
    assert client.get(path_of(HANGING_PROTOCOL, uid)).status_code == 404
    assert client.get(path_of(COLOR_PALETTE, "1.2.3")).status_code == 404
    assert client.get(path_of(COLOR_PALETTE, "1.2.x")).status_code == 400
    assert client.get(f"{BASE}/color-palette/{uid}").status_code == 404  # Annex H has the singular, wrongly


def test_the_uid_of_the_target_uri_must_be_that_of_the_instance(client: TestClient) -> None:
    uid = generate_uid()
    wrong = client.post(path_of(ASSEMBLY, "1.2.3"), content=file_of(ASSEMBLY, uid), headers=DICOM)
    assert (wrong.status_code, failure(wrong)[0]) == (409, 0xA900)
    assert client.get(path_of(ASSEMBLY, uid)).status_code == 404
    assert client.post(path_of(ASSEMBLY, uid), content=file_of(ASSEMBLY, uid), headers=DICOM).status_code == 200


def test_a_mixture_is_stored_in_part_with_200(client: TestClient) -> None:
    good, bad = file_of(COLOR_PALETTE, "1.2.3.4"), file_of(HANGING_PROTOCOL)
    body, headers = samples.multipart(good, bad, b"nonsense")
    response = client.post(path_of(COLOR_PALETTE), content=body, headers=headers)
    assert response.status_code == 200
    assert {tag: len(response.json()[tag]["Value"]) for tag in (FAILED, STORED, OTHER)} == {
        FAILED: 1,
        STORED: 1,
        OTHER: 1,
    }


def test_metadata_alone_are_enough(client: TestClient) -> None:
    uid, _ = store(client, HANGING_PROTOCOL)
    (data_set,) = client.get(path_of(HANGING_PROTOCOL, uid)).json()
    data_set["00080018"]["Value"] = ["1.2.3.4.5"]
    document = b"[" + encode_attributes(data_set) + b"]"
    response = client.post(
        path_of(HANGING_PROTOCOL), content=document, headers={"Content-Type": "application/dicom+json"}
    )
    assert response.status_code == 200, response.text
    assert client.get(path_of(HANGING_PROTOCOL, "1.2.3.4.5")).json() == [data_set]


@pytest.mark.parametrize(("content_type", "status"), [("text/plain", 415), ("application/dicom", 400)])
def test_bad_payloads(client: TestClient, content_type: str, status: int) -> None:
    response = client.post(path_of(COLOR_PALETTE), content=b"nonsense", headers={"Content-Type": content_type})
    assert response.status_code == status


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_nothing_else_can_be_done(client: TestClient, method: str) -> None:
    uid, _ = store(client, COLOR_PALETTE)
    response = client.request(method, path_of(COLOR_PALETTE, uid))
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("policy", "label", "reason"), [("keep", "FIRST", 0xB006), ("replace", "SECOND", None), ("reject", "FIRST", 0x0111)]
)
def test_duplicates_policy(make_client: Callable[..., TestClient], policy: str, label: str, reason: int | None) -> None:
    client = make_client(duplicates=policy)
    first = file_of(COLOR_PALETTE, "1.2.3", ContentLabel="FIRST")
    for file in (first, first):
        assert client.post(path_of(COLOR_PALETTE), content=file, headers=DICOM).status_code == 200
    again = client.post(
        path_of(COLOR_PALETTE), content=file_of(COLOR_PALETTE, "1.2.3", ContentLabel="SECOND"), headers=DICOM
    )
    assert again.status_code == (409 if policy == "reject" else 200)
    (item,) = again.json()[FAILED if policy == "reject" else STORED]["Value"]
    given = item.get("00081196", item.get("00081197", {})).get("Value", [None])
    assert given == [reason]
    (data_set,) = client.get(path_of(COLOR_PALETTE, "1.2.3")).json()
    assert data_set["00700080"]["Value"] == [label]
    context = client.app_state["context"]
    report = verify(context.index, context.blobs)
    assert (report.instances, report.sound) == (1, True)
    assert sweep(context.index, context.blobs, grace_seconds=0).orphans == ()


def test_a_uid_names_one_thing(make_client: Callable[..., TestClient]) -> None:
    client = make_client(duplicates="replace")
    store(client, COLOR_PALETTE, "1.2.3")
    response = client.post(path_of(HANGING_PROTOCOL), content=file_of(HANGING_PROTOCOL, "1.2.3"), headers=DICOM)
    assert (response.status_code, response.json()[FAILED]["Value"][0]["00081197"]["Value"]) == (409, [0x0111])
    assert client.get(path_of(COLOR_PALETTE, "1.2.3")).status_code == 200


def test_upkeep_knows_them(client: TestClient, tmp_path: Path) -> None:
    uids = {store(client, sop_class)[0] for sop_class in CLASSES}
    context = client.app_state["context"]
    assert {uid for batch in context.index.blobs(batch=2) for uid, _ in batch} == uids
    report = verify(context.index, context.blobs)
    assert (report.instances, report.sound) == (len(CLASSES), True)
    assert sweep(context.index, context.blobs, grace_seconds=0).orphans == ()
    for sop_class in CLASSES:
        assert len(client.get(path_of(sop_class)).json()) >= 1


def test_replaced_versions_are_kept_while_they_are_retained(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "archive", duplicates="replace", deletion={"minimum_retention_days": 1})
    archive = open_archive(settings)
    try:
        for label in ("FIRST", "SECOND"):
            incoming = archive.non_patient_ingest.begin(judge=_target().judge)
            incoming.write(file_of(COLOR_PALETTE, "1.2.3", ContentLabel=label))
            received = [incoming.finish()]
            archive.non_patient_ingest.publish(received)
            archive.non_patient_ingest.commit(received)
        assert verify(archive.index, archive.blobs).instances == 2
        assert sweep(archive.index, archive.blobs, grace_seconds=0).orphans == ()
        day = 24 * 3600 * 10**6
        at = now()
        assert archive.index.purge(at=at, retained_since=at - day).instances == 0
        assert archive.index.expired(at=at, retained_since=at + 1).instances == 1
        purged = archive.index.purge(at=at, retained_since=at + 1)
        assert (purged.instances, len(purged.blob_keys)) == (1, 1)
        assert archive.index.purge(at=at, retained_since=at + 1).instances == 0
    finally:
        archive.close()


def _target() -> Any:
    return NonPatientTarget("", "color-palettes")


def test_the_change_log_tells(make_client: Callable[..., TestClient]) -> None:
    client = make_client(duplicates="replace")
    for label in ("FIRST", "SECOND"):
        store(client, COLOR_PALETTE, "1.2.3", ContentLabel=label)
    log = client.app_state["context"].changes
    extent = log.extent(Log.CHANGES)
    changes = [one.change for one in log.changes(extent.first - 1, extent.last, 10, ChangeFilter())]
    detail = b'{"category":"color-palettes"}'
    assert changes == [Change("non-patient", action, uid="1.2.3", detail=detail) for action in ("created", "updated")]
