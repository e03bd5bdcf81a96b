"""PS3.18 chapter 15, modality performed procedure steps: Table F.7.2-1 of PS3.4 cell by cell, states, conditions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.procedures import (
    JSON,
    PERFORMED,
    SCHEDULE,
    SCHEDULED,
    STEP_SEQUENCE,
    attributes,
    clear,
    completing,
    element,
    performed,
    request_item,
    scheduled,
    series,
    server,
)

from filmjacket.dicom import dictionary
from filmjacket.dicom.xml_model import decode_native, encode_native
from filmjacket.services.procedures.mpps_table import MPPS_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient
    from tests.engines.backends import Backend

    from filmjacket.services.procedures.mpps_table import AttributeRow

URL = f"{PERFORMED}/1.2.3.4"
UPDATE = f"{URL}?update"
# Values for attributes of each VR; sequences get an item.
VALUES = {
    "AE": "CT1", "CS": "O", "DA": "20261122", "TM": "0900", "LO": "Text", "SH": "Text", "PN": "Doe^Jane",
    "UI": "1.2.3", "LT": "Text", "ST": "Text",
}  # fmt: skip
SEQUENCES: dict[str, dict[str, Any]] = {"00400270": request_item(), "00400340": series()}


def value_of(row: AttributeRow) -> dict[str, Any]:
    vr = dictionary.vr_of(row.tag) or ""
    if vr == "SQ":
        return element(row.tag, SEQUENCES.get(row.tag, {}))
    return element(row.tag, {"00400252": "IN PROGRESS"}.get(row.tag, VALUES.get(vr, "Text")))


def created(client: TestClient, body: dict[str, Any] | None = None) -> None:
    response = client.post(URL, json=body or performed(), headers=JSON)
    assert response.status_code == 201, response.text


def kept(client: TestClient) -> dict[str, Any]:
    response = client.get(URL)
    assert response.status_code == 200, response.text
    (step,) = response.json()
    return step


ROWS = [pytest.param(row, id=dictionary.keyword_of(row.tag)) for row in MPPS_TABLE]
ITEMS = [
    pytest.param(parent, row, id=f"{dictionary.keyword_of(parent.tag)}.{dictionary.keyword_of(row.tag)}")
    for parent in MPPS_TABLE
    for row in parent.items
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[tuple[TestClient, TestClient]]:
    folder = tmp_path_factory.mktemp("performed")
    with (
        server(folder / "a", backend) as tolerant,
        server(folder / "b", backend, procedures={"strict": True}) as strict,
    ):
        yield tolerant, strict


@pytest.fixture
def client(servers: tuple[TestClient, TestClient]) -> TestClient:
    """A server without steps."""
    clear(servers[0])
    return servers[0]


@pytest.fixture
def strict(servers: tuple[TestClient, TestClient]) -> TestClient:
    """A server that takes the table by its letter."""
    clear(servers[1])
    return servers[1]


class TestTableF7_2_1Create:  # noqa: N801 - named after the table
    @pytest.mark.parametrize("row", ROWS)
    def test_absent(self, client: TestClient, row: AttributeRow) -> None:
        body = performed()
        body.pop(row.tag, None)
        response = client.post(URL, json=body, headers=JSON)
        assert response.status_code == (400 if row.create == "1" else 201), response.text
        if row.create == "1":
            assert response.json()["offender"] == dictionary.keyword_of(row.tag)
        else:
            assert ("warning" in response.headers) is (row.create == "2")
            assert (row.tag in kept(client)) is (row.create == "2")

    @pytest.mark.parametrize("row", ROWS)
    def test_absent_with_strict(self, strict: TestClient, row: AttributeRow) -> None:
        body = performed()
        body.pop(row.tag, None)
        assert strict.post(URL, json=body, headers=JSON).status_code == (201 if row.create == "3" else 400)

    @pytest.mark.parametrize("row", ROWS)
    def test_empty(self, strict: TestClient, row: AttributeRow) -> None:
        body = performed() | {row.tag: element(row.tag)}
        assert strict.post(URL, json=body, headers=JSON).status_code == (400 if row.create == "1" else 201)

    @pytest.mark.parametrize("row", ROWS)
    def test_value(self, strict: TestClient, row: AttributeRow) -> None:
        created(strict, performed() | {row.tag: value_of(row)})
        assert kept(strict)[row.tag]["Value"]

    @pytest.mark.parametrize(("parent", "row"), ITEMS)
    def test_items(self, client: TestClient, parent: AttributeRow, row: AttributeRow) -> None:
        item = {tag: one for tag, one in SEQUENCES[parent.tag].items() if tag != row.tag}
        body = performed() | {parent.tag: element(parent.tag, item)}
        assert client.post(URL, json=body, headers=JSON).status_code == (400 if row.create == "1" else 201)

    @pytest.mark.parametrize(("parent", "row"), ITEMS)
    def test_items_with_strict(self, strict: TestClient, parent: AttributeRow, row: AttributeRow) -> None:
        item = {tag: one for tag, one in SEQUENCES[parent.tag].items() if tag != row.tag}
        body = performed() | {parent.tag: element(parent.tag, item)}
        assert strict.post(URL, json=body, headers=JSON).status_code == (201 if row.create == "3" else 400)


class TestTableF7_2_1Set:  # noqa: N801 - named after the table
    @pytest.mark.parametrize("row", ROWS)
    def test_value(self, client: TestClient, row: AttributeRow) -> None:
        created(client)
        before = kept(client)
        response = client.post(UPDATE, json={row.tag: value_of(row)}, headers=JSON)
        assert response.status_code == (400 if row.set == "NA" else 200), response.text
        assert kept(client).get(row.tag) == (before.get(row.tag) if row.set == "NA" else value_of(row))

    @pytest.mark.parametrize("row", [row for row in MPPS_TABLE if row.create == "3" and row.set == "3"], ids=str)
    def test_what_was_not_created_cannot_be_set_with_strict(self, strict: TestClient, row: AttributeRow) -> None:
        created(strict)
        assert strict.post(UPDATE, json={row.tag: value_of(row)}, headers=JSON).status_code == 409
        other = f"{PERFORMED}/1.2.3.5"
        assert strict.post(other, json=performed() | {row.tag: element(row.tag)}, headers=JSON).status_code == 201
        assert strict.post(f"{other}?update", json={row.tag: value_of(row)}, headers=JSON).status_code == 200

    @pytest.mark.parametrize(("parent", "row"), [one for one in ITEMS if one.values[0].set != "NA"])
    def test_items(self, strict: TestClient, parent: AttributeRow, row: AttributeRow) -> None:
        created(strict)
        item = {tag: one for tag, one in SEQUENCES[parent.tag].items() if tag != row.tag}
        assert strict.post(UPDATE, json={parent.tag: element(parent.tag, item)}, headers=JSON).status_code == 400

    def test_other_attributes_of_the_patient_cannot_be_set_and_those_of_the_dose_can(self, client: TestClient) -> None:
        created(client)
        assert client.post(UPDATE, json=attributes(PatientWeight=70), headers=JSON).status_code == 400
        assert client.post(UPDATE, json=attributes(TotalNumberOfExposures=2), headers=JSON).status_code == 200


class TestTableF7_2_1Final:  # noqa: N801 - named after the table
    @pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
    @pytest.mark.parametrize("row", [row for row in MPPS_TABLE if row.final], ids=str)
    def test_absent_or_empty(self, client: TestClient, row: AttributeRow, status: str) -> None:
        created(client)
        for body in (completing(status), completing(status) | {row.tag: element(row.tag)}):
            body.pop(row.tag) if "Value" in body[row.tag] else None
            response = client.post(UPDATE, json=body, headers=JSON)
            assert (response.status_code, response.json()["offender"]) == (400, dictionary.keyword_of(row.tag))
        assert kept(client)["00400252"]["Value"] == ["IN PROGRESS"]
        assert client.post(UPDATE, json=completing(status), headers=JSON).status_code == 200
        assert kept(client)["00400252"]["Value"] == [status]

    def test_what_was_set_before_counts(self, client: TestClient) -> None:
        created(client)
        body = completing()
        status = {"00400252": body.pop("00400252")}
        assert client.post(UPDATE, json=body, headers=JSON).status_code == 200
        assert client.post(UPDATE, json=status, headers=JSON).status_code == 200


# States -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED", "STARTED", ""])
def test_a_step_begins_in_progress(client: TestClient, status: str) -> None:
    body = performed(PerformedProcedureStepStatus=status or None)
    assert client.post(URL, json=body, headers=JSON).status_code == 400
    assert client.get(URL).status_code == 404


@pytest.mark.parametrize("first", ["COMPLETED", "DISCONTINUED"])
@pytest.mark.parametrize("second", ["COMPLETED", "DISCONTINUED", "IN PROGRESS", "again"])
def test_final_is_final(client: TestClient, first: str, second: str) -> None:
    created(client)
    assert client.post(UPDATE, json=completing(first), headers=JSON).status_code == 200
    body = attributes(PerformedProcedureStepDescription="x") if second == "again" else completing(second)
    response = client.post(UPDATE, json=body, headers=JSON)
    assert response.status_code == 409
    assert response.headers["warning"].startswith("A710 http://testserver:8104/dicom-web ")
    assert "Performed Procedure Step Object may no longer be updated" in response.headers["warning"]
    assert kept(client)["00400252"]["Value"] == [first]


def test_a_uid_is_used_once(client: TestClient) -> None:
    created(client)
    assert client.post(URL, json=performed(PatientID="P2"), headers=JSON).status_code == 409
    assert kept(client)["00100020"]["Value"] == ["P1"]


def test_the_location_of_a_new_step_is_said(client: TestClient) -> None:
    response = client.post(URL, json=performed(), headers=JSON)
    assert response.headers["location"] == f"http://testserver:8104{URL}"
    assert response.content == b""


# Update -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "suffix"),
    [("POST", "?update"), ("POST", "?update="), ("POST", "?update=true"), ("POST", "/update"), ("PATCH", "")],
)
def test_spellings_of_update(client: TestClient, method: str, suffix: str) -> None:
    """A parser that drops names without values would turn the first into a Create, hence a 409."""
    created(client)
    body = attributes(PerformedProcedureStepDescription="Head")
    assert client.request(method, URL + suffix, json=body, headers=JSON).status_code == 200
    assert kept(client)["00400254"]["Value"] == ["Head"]
    unknown = f"{PERFORMED}/1.2.3.9{suffix}"
    assert client.request(method, unknown, json=body, headers=JSON).status_code == 404


@pytest.mark.parametrize("suffix", ["?update=false", "?update=1", "?update&update"])
def test_update_has_no_value(client: TestClient, suffix: str) -> None:
    created(client)
    assert client.post(URL + suffix, json=performed(), headers=JSON).status_code == 400


def test_sequences_are_replaced_whole(client: TestClient) -> None:
    created(client)
    both = element("PerformedSeriesSequence", series(), series(SeriesInstanceUID="1.2.3.1.2"))
    assert client.post(UPDATE, json={"00400340": both}, headers=JSON).status_code == 200
    one = element("PerformedSeriesSequence", series(SeriesInstanceUID="1.2.3.1.3"))
    assert client.post(UPDATE, json={"00400340": one}, headers=JSON).status_code == 200
    (item,) = kept(client)["00400340"]["Value"]
    assert item["0020000E"]["Value"] == ["1.2.3.1.3"]


def test_character_sets_are_merged(client: TestClient) -> None:
    created(client, performed(PatientName="Müller^Anna"))
    body = attributes(PerformedProcedureStepDescription="頭部", SpecificCharacterSet="ISO_IR 192")
    assert client.post(UPDATE, json=body, headers=JSON).status_code == 200
    step = kept(client)
    assert step["00100010"]["Value"] == [{"Alphabetic": "Müller^Anna"}]
    assert step["00400254"]["Value"] == ["頭部"]
    assert step["00080005"]["Value"] == ["ISO_IR 192"]


def test_an_update_is_all_or_nothing(client: TestClient) -> None:
    created(client)
    body = attributes(PerformedProcedureStepDescription="Head", PatientID="P2")
    assert client.post(UPDATE, json=body, headers=JSON).status_code == 400
    assert "Value" not in kept(client)["00400254"]


def test_of_many_that_complete_a_step_one_does(client: TestClient) -> None:
    created(client)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.post(UPDATE, json=completing(), headers=JSON).status_code, range(8)))
    assert sorted(results) == [200] + [409] * 7


def test_of_many_that_create_a_step_one_does(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.post(URL, json=performed(), headers=JSON).status_code, range(8)))
    assert sorted(results) == [201] + [409] * 7


# Retrieve and payloads ----------------------------------------------------------------------------------------


def test_retrieve_is_an_array_of_one(client: TestClient) -> None:
    created(client)
    response = client.get(URL)
    assert response.headers["content-type"] == "application/dicom+json"
    step = kept(client)
    assert step["00080018"]["Value"] == ["1.2.3.4"]
    assert step["00080016"]["Value"] == ["1.2.840.10008.3.1.2.3.3"]
    assert {row.tag for row in MPPS_TABLE if row.create in "12"} <= set(step)


def test_includefield(client: TestClient) -> None:
    created(client)
    (some,) = client.get(f"{URL}?includefield=PatientID,ScheduledStepAttributesSequence.AccessionNumber").json()
    assert set(some) == {"00080016", "00080018", "00100020", "00400270"}
    assert set(some["00400270"]["Value"][0]) == {"00080050"}
    assert client.get(f"{URL}?includefield=all").json() == client.get(URL).json()


def test_xml(client: TestClient) -> None:
    body = encode_native(performed())
    response = client.post(URL, content=body, headers={"Content-Type": "application/dicom+xml"})
    assert response.status_code == 201, response.text
    response = client.get(URL, headers={"Accept": "application/dicom+xml"})
    assert decode_native(response.content) == kept(client)


def test_arrays_and_parts_are_understood(client: TestClient) -> None:
    assert client.post(URL, json=[performed()], headers=JSON).status_code == 201
    assert client.post(f"{PERFORMED}/1.2.3.5", json=[performed()] * 2, headers=JSON).status_code == 400
    part = b"--x\r\nContent-Type: application/dicom+xml\r\n\r\n" + encode_native(performed()) + b"\r\n--x--"
    headers = {"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=x'}
    assert client.post(f"{PERFORMED}/1.2.3.6", content=part, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/dicom+json", 400),
        (b"", "application/dicom+json", 400),
        (b"[]", "application/dicom+json", 400),
        (b"<x/>", "application/dicom+xml", 400),
        (b'{"00400340":{"vr":"SQ","Value":[1]}}', "application/dicom+json", 400),
        (b'{"00100010":{"vr":"LO","Value":["x"]}}', "application/dicom+json", 400),
        (b"x", "text/plain", 415),
        (b"x", "", 415),
        (b"x", "multipart/related; boundary=y", 400),
    ],
)
def test_bad_payloads(client: TestClient, body: bytes, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert client.post(URL, content=body, headers=headers).status_code == status
    assert client.get(URL).status_code == 404


def test_the_data_set_must_not_name_another_instance(client: TestClient) -> None:
    assert client.post(URL, json=performed(SOPInstanceUID="1.2.3.5"), headers=JSON).status_code == 400
    assert client.post(URL, json=performed(SOPInstanceUID="1.2.3.4"), headers=JSON).status_code == 201


def test_group_0000_is_not_kept(client: TestClient) -> None:
    created(client, performed() | {"00001000": {"vr": "UI", "Value": ["1.2.3.4"]}})
    assert "00001000" not in kept(client)


def test_conditional_retrieve(client: TestClient) -> None:
    created(client)
    tag = client.get(URL).headers["etag"]
    assert client.get(URL, headers={"If-None-Match": tag}).status_code == 304
    client.post(UPDATE, json=attributes(PerformedProcedureStepDescription="Head"), headers=JSON)
    assert client.get(URL, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_steps_are_not_deleted(client: TestClient, method: str) -> None:
    created(client)
    response = client.request(method, URL)
    assert response.status_code == 405
    assert {"GET", "HEAD", "OPTIONS", "PATCH", "POST"} == set(response.headers["allow"].split(", "))


# What becomes of the scheduled step ---------------------------------------------------------------------------


def status_of(client: TestClient, step: str = "STEP1") -> str:
    (found,) = client.get(f"{SCHEDULE}/1.2.3.1/{step}").json()
    return found[STEP_SEQUENCE]["Value"][0]["00400020"]["Value"][0]


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_the_scheduled_step_follows(client: TestClient, status: str) -> None:
    client.post(SCHEDULE, json=scheduled(), headers=JSON)
    assert status_of(client) == "SCHEDULED"
    created(client)
    assert status_of(client) == "STARTED"
    assert len(client.get(SCHEDULED).json()) == 1
    client.post(UPDATE, json=completing(status), headers=JSON)
    assert status_of(client) == "DEPARTED"
    assert client.get(SCHEDULED).json() == []


def test_a_step_performed_in_parts_is_over_with_the_last(client: TestClient) -> None:
    client.post(SCHEDULE, json=scheduled(), headers=JSON)
    other = f"{PERFORMED}/1.2.3.5"
    created(client)
    assert client.post(other, json=performed(), headers=JSON).status_code == 201
    client.post(UPDATE, json=completing(), headers=JSON)
    assert status_of(client) == "STARTED"
    client.post(f"{other}?update", json=completing(), headers=JSON)
    assert status_of(client) == "DEPARTED"


def test_a_step_may_be_about_several_scheduled_ones_and_about_none(client: TestClient) -> None:
    for name in ("A", "B", "C"):
        client.post(SCHEDULE, json=scheduled({"ScheduledProcedureStepID": name}), headers=JSON)
    body = performed(ScheduledStepAttributesSequence=[request_item(step=name) for name in ("A", "B", "UNKNOWN", None)])
    created(client, body)
    assert [status_of(client, name) for name in ("A", "B", "C")] == ["STARTED", "STARTED", "SCHEDULED"]


@pytest.mark.parametrize(("status", "expected"), [(None, "STARTED"), ("COMPLETED", "DEPARTED")])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_scheduled_step_that_comes_late_has_the_status_that_it_was_given(
    client: TestClient, status: str | None, expected: str, method: str
) -> None:
    created(client)
    if status is not None:
        client.post(UPDATE, json=completing(status), headers=JSON)
    path = SCHEDULE if method == "POST" else f"{SCHEDULE}/1.2.3.1/STEP1"
    assert client.request(method, path, json=scheduled(), headers=JSON).status_code == 201
    assert status_of(client) == expected
    assert bool(client.get(SCHEDULED).json()) is (expected == "STARTED")


def test_entity_tags_guard_updates(client: TestClient) -> None:
    created(client)
    first = client.get(URL).headers["etag"]
    change = attributes(CommentsOnThePerformedProcedureStep="first")
    assert client.post(UPDATE, json=change, headers=JSON | {"If-Match": first}).status_code == 200
    for send, path in ((client.post, UPDATE), (client.patch, URL), (client.post, f"{URL}/update")):
        refused = send(path, json=completing(), headers=JSON | {"If-Match": first})
        assert (refused.status_code, refused.json()["offender"]) == (412, "If-Match")
    assert client.get(URL).json()[0]["00400280"]["Value"] == ["first"]
    assert client.get(URL).json()[0]["00400252"]["Value"] == ["IN PROGRESS"]
