"""The schedule, an extension: how scheduled procedure steps come in, change and go, by hand and by themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from tests import samples
from tests.procedures import (
    JSON,
    SCHEDULE,
    SCHEDULED,
    STEP_SEQUENCE,
    attributes,
    clear,
    code,
    element,
    scheduled,
    server,
)

from filmjacket.dicom.xml_model import encode_native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient
    from tests.engines.backends import Backend

URL = f"{SCHEDULE}/1.2.3.1/STEP1"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[tuple[TestClient, TestClient]]:
    folder = tmp_path_factory.mktemp("schedule")
    with (
        server(folder / "a", backend) as plain,
        server(folder / "b", backend, procedures={"from_workitems": True}) as deriving,
    ):
        yield plain, deriving


@pytest.fixture
def client(servers: tuple[TestClient, TestClient]) -> TestClient:
    """A server without steps."""
    clear(servers[0])
    return servers[0]


@pytest.fixture
def deriving(servers: tuple[TestClient, TestClient]) -> TestClient:
    """A server whose schedule is derived from its workitems."""
    clear(servers[1])
    return servers[1]


CSV = {"Content-Type": "text/csv"}
HEAD = (
    "PatientID,PatientName,AccessionNumber,ScheduledStationAETitle,Modality,ScheduledProcedureStepStartDate,"
    "ScheduledProcedureStepStartTime,ScheduledProcedureStepID,ScheduledProcedureStepDescription"
)
LINE = "P{0},Doe^Jane,A{0},CT1,CT,20261122,0830,S{0},CT of the head"


def csv_of(*lines: str, head: str = HEAD) -> bytes:
    return "\r\n".join((head, *lines)).encode()


def found(client: TestClient, query: str = "includefield=all") -> list[dict[str, Any]]:
    return client.get(f"{SCHEDULED}?{query}").json()


def status_of(step: dict[str, Any]) -> str:
    return step[STEP_SEQUENCE]["Value"][0]["00400020"]["Value"][0]


# One step -----------------------------------------------------------------------------------------------------


def test_create_retrieve_replace_delete(client: TestClient) -> None:
    assert client.get(URL).status_code == 404
    response = client.put(URL, json=scheduled(), headers=JSON)
    assert (response.status_code, response.headers["location"]) == (201, f"http://testserver:8104{URL}")
    assert client.put(URL, json=scheduled(PatientName="Roe^Jo"), headers=JSON).status_code == 200
    (step,) = client.get(URL).json()
    assert step["00100010"]["Value"] == [{"Alphabetic": "Roe^Jo"}]
    assert client.delete(URL).status_code == 204
    assert client.delete(URL).status_code == 404
    assert found(client) == []


def test_entity_tags_guard_changes(client: TestClient) -> None:
    create = JSON | {"If-None-Match": "*"}
    assert client.put(URL, json=scheduled(), headers=create).status_code == 201
    assert client.put(URL, json=scheduled(), headers=create).status_code == 412
    first = client.get(URL).headers["etag"]
    assert client.put(URL, json=scheduled(PatientID="P2"), headers=JSON | {"If-Match": first}).status_code == 200
    assert client.put(URL, json=scheduled(PatientID="P3"), headers=JSON | {"If-Match": first}).status_code == 412
    assert client.delete(URL, headers={"If-Match": first}).status_code == 412
    as_xml = client.get(URL, headers={"Accept": "application/dicom+xml"}).headers["etag"]
    assert client.delete(URL, headers={"If-Match": as_xml}).status_code == 204
    assert client.put(URL, json=scheduled(), headers=JSON | {"If-Match": "*"}).status_code == 412


def test_a_tag_of_a_step_that_was_deleted_is_not_that_of_the_next(client: TestClient) -> None:
    client.put(URL, json=scheduled(), headers=JSON)
    tag = client.get(URL).headers["etag"]
    client.delete(URL)
    client.put(URL, json=scheduled(), headers=JSON)
    assert client.delete(URL, headers={"If-Match": tag}).status_code == 412


def test_the_payload_is_the_step_of_the_target(client: TestClient) -> None:
    other = scheduled({"ScheduledProcedureStepID": "OTHER"})
    assert client.put(URL, json=other, headers=JSON).status_code == 400
    assert client.put(URL, json=scheduled(StudyInstanceUID="9.9"), headers=JSON).status_code == 400
    without = scheduled()
    del without["0020000D"]
    assert client.put(URL, json=without, headers=JSON).status_code == 201


def test_identifiers_may_hold_any_character(client: TestClient) -> None:
    step = scheduled({"ScheduledProcedureStepID": "2026/1 é?#%"})
    response = client.post(SCHEDULE, json=step, headers=JSON)
    assert response.status_code == 201
    (kept,) = client.get(response.headers["location"]).json()
    assert kept[STEP_SEQUENCE]["Value"][0]["00400009"]["Value"] == ["2026/1 é?#%"]
    assert client.delete(response.headers["location"]).status_code == 204


def test_a_status_stays_when_a_step_is_replaced_without_one(client: TestClient) -> None:
    client.put(URL, json=scheduled({"ScheduledProcedureStepStatus": "ARRIVED"}), headers=JSON)
    client.put(URL, json=scheduled(PatientName="Roe^Jo"), headers=JSON)
    client.post(SCHEDULE, json=scheduled(PatientName="Moe^Jo"), headers=JSON)
    (step,) = found(client)
    assert (status_of(step), step["00100010"]["Value"]) == ("ARRIVED", [{"Alphabetic": "Moe^Jo"}])


def test_what_follows_from_the_rest_is_filled_in(client: TestClient) -> None:
    step = scheduled()
    for tag in ("0020000D", "00401001", "00321060"):
        del step[tag]
    assert client.post(SCHEDULE, json=step, headers=JSON).status_code == 201
    (kept,) = found(client)
    assert kept["00401001"]["Value"] == ["A1"]
    assert kept["00321060"]["Value"] == ["CT of the head"]
    assert kept["0020000D"]["Value"][0].startswith("2.25.")
    assert client.post(SCHEDULE, json=step, headers=JSON).json()["unchanged"] == 1


# Faults -------------------------------------------------------------------------------------------------------

FAULTS = [
    ({}, {"PatientID": ""}, "PatientID"),
    ({}, {"PatientName": "^^"}, "PatientName"),
    ({}, {"AccessionNumber": "", "RequestedProcedureID": ""}, "RequestedProcedureID"),
    ({}, {"PatientID": "x" * 65}, "PatientID"),
    ({}, {"PatientBirthDate": "1970-01-01"}, "PatientBirthDate"),
    ({}, {"StudyInstanceUID": "x"}, "StudyInstanceUID"),
    ({}, {"Modality": "CT"}, "Modality"),
    *(
        ({keyword: ""}, {}, f"ScheduledProcedureStepSequence.{keyword}")
        for keyword in (
            "ScheduledStationAETitle",
            "ScheduledProcedureStepStartDate",
            "ScheduledProcedureStepStartTime",
            "Modality",
            "ScheduledProcedureStepID",
            "ScheduledProcedureStepDescription",
        )
    ),
    *(
        ({keyword: value}, {}, f"ScheduledProcedureStepSequence.{keyword}")
        for keyword, value in (
            ("ScheduledProcedureStepStartDate", "20261301"),
            ("ScheduledProcedureStepStartTime", "2500"),
            ("ScheduledProcedureStepStatus", "DONE"),
            ("Modality", ["CT", "MR"]),
            ("ScheduledStationAETitle", "SEVENTEEN_LETTERS"),
            ("ScheduledProcedureStepID", "A\nB"),
        )
    ),
]


@pytest.mark.parametrize(("item", "around", "attribute"), FAULTS, ids=[row[2] for row in FAULTS])
def test_a_fault_is_told_with_its_attribute(client: TestClient, item: Any, around: Any, attribute: str) -> None:
    step = scheduled(item, **around)
    response = client.post(SCHEDULE, json=[step], headers=JSON)
    assert response.status_code == 400
    (fault,) = response.json()["faults"]
    assert (fault["item"], fault["attribute"]) == (1, attribute)
    response = client.put(URL, json=step, headers=JSON)
    assert response.status_code == 400
    assert found(client) == []


def test_a_step_needs_its_sequence(client: TestClient) -> None:
    step = scheduled()
    del step[STEP_SEQUENCE]
    assert client.post(SCHEDULE, json=step, headers=JSON).json()["faults"][0]["attribute"] == (
        "ScheduledProcedureStepSequence"
    )


@pytest.mark.parametrize(
    ("faults", "status", "steps"), [("", 400, 0), ("?faults=refuse", 400, 0), ("?faults=skip", 200, 2)]
)
def test_the_others_are_refused_or_taken(client: TestClient, faults: str, status: int, steps: int) -> None:
    body = csv_of(LINE.format(1), LINE.format(2).replace("20261122", "soon"), LINE.format(3))
    response = client.post(SCHEDULE + faults, content=body, headers=CSV)
    assert response.status_code == status
    report = response.json()
    assert (report["created"], len(found(client))) == (steps, steps)
    (fault,) = report["faults"]
    assert fault["line"] == 3
    assert fault["attribute"] == "ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate"
    assert "soon" not in response.text


def test_a_step_that_is_there_twice_is_a_fault(client: TestClient) -> None:
    report = client.post(SCHEDULE, content=csv_of(LINE.format(1), LINE.format(1)), headers=CSV).json()
    assert [fault["line"] for fault in report["faults"]] == [3]


@pytest.mark.parametrize("query", ["?faults=", "?faults=maybe", "?faults=skip&faults=skip"])
def test_faults_is_refuse_or_skip(client: TestClient, query: str) -> None:
    assert client.post(SCHEDULE + query, json=scheduled(), headers=JSON).status_code == 400


def test_a_request_may_hold_so_many_steps(make_client: Callable[..., TestClient]) -> None:
    client = make_client(procedures={"import_steps": 2})
    assert client.post(SCHEDULE, content=csv_of(*map(LINE.format, range(2))), headers=CSV).status_code == 200
    assert client.post(SCHEDULE, content=csv_of(*map(LINE.format, range(3))), headers=CSV).status_code == 400


# CSV, JSON, XML -----------------------------------------------------------------------------------------------


def test_csv(client: TestClient) -> None:
    head = f"{HEAD},RequestedProcedureCodeSequence.CodeValue,00100040,PatientWeight,AdditionalPatientHistory"
    lines = (
        LINE.format(1) + ",X1,F,71.5,",
        '"P2","Müller^Anna=李^安","A2",CT1\\CT2,CT,20261122,0900,S2,"CT, ""chest""",,,,"two\r\nlines"',
        ",,,,,,,,,,,,",
        LINE.format(3),
    )
    response = client.post(SCHEDULE, content=b"\xef\xbb\xbf" + csv_of(*lines, head=head), headers=CSV)
    assert (response.status_code, response.json()) == (200, {"created": 3, "updated": 0, "unchanged": 0, "faults": []})
    first, third, second = found(client)
    assert first["00321064"]["Value"] == [{"00080100": element("CodeValue", "X1")}]
    assert (first["00100040"]["Value"], first["00101030"]["Value"]) == (["F"], [71.5])
    assert second["00100010"]["Value"] == [{"Alphabetic": "Müller^Anna", "Ideographic": "李^安"}]
    item = second[STEP_SEQUENCE]["Value"][0]
    assert item["00400001"]["Value"] == ["CT1", "CT2"]
    assert item["00400007"]["Value"] == ['CT, "chest"']
    assert second["001021B0"]["Value"] == ["two\r\nlines"]
    assert third["00100020"]["Value"] == ["P3"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_of_spreadsheets(client: TestClient, separator: str) -> None:
    body = csv_of(LINE.format(1)).replace(b",", separator.encode())
    assert client.post(SCHEDULE, content=body, headers=CSV).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"NoSuchColumn,PatientID\r\nx,y",
        b"PatientID,PatientID\r\nx,y",
        b"PatientID,00100020\r\nx,y",
        b"Modality,ScheduledProcedureStepSequence.Modality\r\nCT,MR",
        b"ScheduledProcedureStepSequence\r\nx",
        b"PatientID.PatientName\r\nx",
        b"PixelData\r\nx",
        b'"PatientID\r\nx',
    ],
)
def test_csv_without_usable_columns(client: TestClient, body: bytes) -> None:
    response = client.post(f"{SCHEDULE}?faults=skip", content=body, headers=CSV)
    assert response.status_code == 400
    assert "CSV" in response.json()["detail"]


@pytest.mark.parametrize("line", [LINE.format(2) + ",one too many", '"' + LINE.format(2)])
def test_a_line_that_is_no_csv_is_a_fault(client: TestClient, line: str) -> None:
    report = client.post(f"{SCHEDULE}?faults=skip", content=csv_of(LINE.format(1), line), headers=CSV).json()
    assert (report["created"], [fault["line"] for fault in report["faults"]]) == (1, [3])


def test_xml_and_parts(client: TestClient) -> None:
    xml = {"Content-Type": "application/dicom+xml"}
    assert client.post(SCHEDULE, content=encode_native(scheduled()), headers=xml).status_code == 201
    documents = [encode_native(scheduled({"ScheduledProcedureStepID": name})) for name in ("A", "B")]
    parts = b"".join(b"--x\r\nContent-Type: application/dicom+xml\r\n\r\n" + one + b"\r\n" for one in documents)
    headers = {"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=x'}
    assert client.post(SCHEDULE, content=parts + b"--x--", headers=headers).json()["created"] == 2


def test_many_that_bring_in_the_same_step_make_one(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        send = lambda number: client.put(URL, json=scheduled(PatientID=f"P{number}"), headers=JSON).status_code  # noqa: E731
        codes = list(pool.map(send, range(16)))
    assert sorted(codes) == [200] * 15 + [201]
    assert len(found(client)) == 1


# Stored instances ---------------------------------------------------------------------------------------------


def store(client: TestClient, *requests: tuple[str, str], study: str = "1.2.3.1", accession: str = "") -> None:
    items: list[Dataset] = []
    for step, of_item in requests:
        item = Dataset()
        item.ScheduledProcedureStepID = step
        if of_item:
            item.AccessionNumber = of_item
        items.append(item)
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": generate_uid(), "SOPInstanceUID": generate_uid()}
    file = samples.variant("CT_small.dcm", RequestAttributesSequence=items, AccessionNumber=accession, **uids)
    response = client.post("/dicom-web/studies", content=file, headers={"Content-Type": "application/dicom"})
    assert response.status_code in {200, 202}, response.text


@pytest.mark.parametrize(
    ("requests", "study", "accession", "status"),
    [
        ((("STEP1", ""),), "1.2.3.1", "", "STARTED"),
        ((("OTHER", ""), ("STEP1", "")), "1.2.3.1", "", "STARTED"),
        ((("STEP1", ""),), "9.9", "A1", "STARTED"),
        ((("STEP1", "A1"),), "9.9", "", "STARTED"),
        ((("STEP1", ""),), "9.9", "", "SCHEDULED"),
        ((("STEP1", ""),), "9.9", "A2", "SCHEDULED"),
        ((("OTHER", ""),), "1.2.3.1", "A1", "SCHEDULED"),
        ((), "1.2.3.1", "A1", "SCHEDULED"),
    ],
)
def test_the_first_instance_of_a_step_starts_it(
    make_client: Callable[..., TestClient], requests: Any, study: str, accession: str, status: str
) -> None:
    client = make_client()
    client.put(URL, json=scheduled(), headers=JSON)
    store(client, *requests, study=study, accession=accession)
    (step,) = found(client)
    assert status_of(step) == status


def test_instances_do_not_bring_back_what_is_over(make_client: Callable[..., TestClient]) -> None:
    client = make_client()
    client.put(URL, json=scheduled({"ScheduledProcedureStepStatus": "DEPARTED"}), headers=JSON)
    store(client, ("STEP1", ""))
    assert found(client) == []


def test_instances_are_not_looked_at_when_the_setting_says_so(make_client: Callable[..., TestClient]) -> None:
    client = make_client(procedures={"mark_stored": False})
    client.put(URL, json=scheduled(), headers=JSON)
    store(client, ("STEP1", ""))
    (step,) = found(client)
    assert status_of(step) == "SCHEDULED"


# Workitems ----------------------------------------------------------------------------------------------------


def workitem() -> dict[str, Any]:
    return attributes(
        ProcedureStepState="SCHEDULED",
        TransactionUID=None,
        ScheduledProcedureStepPriority="HIGH",
        ProcedureStepLabel="Photo of the wound",
        WorklistLabel="WARD",
        ScheduledProcedureStepStartDateTime="20261122103000+0100",
        InputReadinessState="READY",
        ScheduledStationNameCodeSequence=code("CAM", "CAMERA1"),
        ScheduledStationClassCodeSequence=code("XC", "External-camera photography"),
        ScheduledWorkitemCodeSequence=code("PHOTO", "Photo"),
        ReferencedRequestSequence=attributes(
            StudyInstanceUID="1.2.7",
            AccessionNumber="A7",
            RequestedProcedureID="RP7",
            RequestedProcedureDescription="Photo",
        ),
        PatientName="Doe^Jane",
        PatientID="P7",
    )  # fmt: skip


def create_workitem(client: TestClient, **changes: Any) -> str:
    uid = generate_uid()
    response = client.post(
        f"/dicom-web/workitems?workitem={uid}", json=workitem() | attributes(**changes), headers=JSON
    )
    assert response.status_code == 201, response.text
    return f"/dicom-web/workitems/{uid}"


def change_state(client: TestClient, url: str, state: str) -> None:
    body = attributes(ProcedureStepState=state, TransactionUID="2.25.7")
    assert client.put(f"{url}/state", json=body, headers=JSON).status_code == 200


def test_a_workitem_is_a_step(deriving: TestClient) -> None:
    create_workitem(deriving)
    (step,) = found(deriving)
    item = step[STEP_SEQUENCE]["Value"][0]
    assert (step["00080050"]["Value"], step["0020000D"]["Value"]) == (["A7"], ["1.2.7"])
    assert (step["00401003"]["Value"], step["00080201"]["Value"]) == (["HIGH"], ["+0100"])
    assert item["00400001"]["Value"] == ["CAMERA1"]
    assert (item["00400002"]["Value"], item["00400003"]["Value"]) == (["20261122"], ["103000"])
    assert item["00080060"]["Value"] == ["XC"]
    assert item["00400007"]["Value"] == ["Photo of the wound"]
    assert len(item["00400009"]["Value"][0]) == 16
    assert found(deriving, "ScheduledStationAETitle=CAMERA1&ScheduledProcedureStepStartDate=20261122")


def test_the_step_follows_its_workitem(deriving: TestClient) -> None:
    url = create_workitem(deriving)
    body = attributes(ProcedureStepLabel="Another photo")
    assert deriving.post(url, json=body, headers=JSON).status_code == 200
    (step,) = found(deriving)
    assert step[STEP_SEQUENCE]["Value"][0]["00400007"]["Value"] == ["Another photo"]
    change_state(deriving, url, "IN PROGRESS")
    (step,) = found(deriving)
    assert status_of(step) == "STARTED"


def test_the_change_log_has_both(deriving: TestClient) -> None:
    before = deriving.get("/dicom-web/changes?since=latest").json()["through"]
    url = create_workitem(deriving)
    change_state(deriving, url, "IN PROGRESS")
    update = attributes(WorklistLabel="OTHER", TransactionUID="2.25.7")
    assert deriving.post(url, json=update, headers=JSON).status_code == 200
    changes = deriving.get(f"/dicom-web/changes?since={before}").json()["changes"]
    assert [(one["level"], one["action"]) for one in changes] == [
        ("workitem", "created"),
        ("scheduled-step", "created"),
        ("workitem", "updated"),
        ("scheduled-step", "updated"),
        ("workitem", "updated"),
    ]
    assert deriving.get(changes[3]["url"]).status_code == 200


def test_a_workitem_that_is_canceled_is_no_step_any_more(deriving: TestClient) -> None:
    url = create_workitem(deriving)
    assert deriving.post(f"{url}/cancelrequest").status_code == 202
    assert found(deriving) == []
    assert found(deriving, "ScheduledProcedureStepStatus=*") == []


def test_a_workitem_for_no_modality_is_no_step(deriving: TestClient) -> None:
    create_workitem(deriving, ScheduledStationNameCodeSequence=None)
    assert found(deriving) == []


def test_workitems_are_no_steps_by_default(client: TestClient) -> None:
    create_workitem(client)
    assert found(client) == []
