"""PS3.18 14.4 Search for scheduled procedure steps (modality worklist): Table K.6-1 of PS3.4, matching, results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.procedures import JSON, SCHEDULE, SCHEDULED, STEP_SEQUENCE, attributes, code, scheduled, server

from filmjacket.dicom import dictionary
from filmjacket.dicom.xml_model import decode_native
from filmjacket.web.scheduled_step_tables import (
    ALWAYS_RETURNED,
    ALWAYS_RETURNED_OF_STEP,
    IN_STEP,
    KEY_TABLE,
    RETURNED_IF_KNOWN,
    RETURNED_OF_STEP_IF_KNOWN,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient
    from tests.engines.backends import Backend

CODES = {
    "ScheduledProtocolCodeSequence",
    "RequestedProcedureCodeSequence",
    "RequestedLateralityCodeSequence",
    "PatientPrimaryLanguageCodeSequence",
}
# Of the one step that has every attribute of the table, by keyword; sequences are items.
IN_ITEM: dict[str, Any] = {
    "ScheduledStationAETitle": ["FULL1", "FULL2"],
    "ScheduledProcedureStepStartDate": "20261224",
    "ScheduledProcedureStepStartTime": "181500",
    "Modality": "MG",
    "ScheduledPerformingPhysicianName": "Full^Performer",
    "ScheduledProcedureStepDescription": "Full step",
    "ScheduledStationName": "FULLSTATION",
    "ScheduledProcedureStepLocation": "FULLROOM",
    "ReferencedDefinedProtocolSequence": attributes(ReferencedSOPInstanceUID="1.2.9.1"),
    "ReferencedPerformedProtocolSequence": attributes(ReferencedSOPInstanceUID="1.2.9.2"),
    "ScheduledProtocolCodeSequence": code("FULLPROT"),
    "PreMedication": "FULLMED",
    "ScheduledProcedureStepID": "FULLSTEP",
    "RequestedContrastAgent": "FULLAGENT",
    "ScheduledProcedureStepStatus": "ARRIVED",
}
AROUND: dict[str, Any] = {
    "ScheduledSpecimenSequence": attributes(ContainerIdentifier="FULLCONTAINER"),
    "BarcodeValue": "FULLBARCODE",
    "RequestedProcedureID": "FULLRP",
    "RequestedProcedureDescription": "Full procedure",
    "RequestedProcedureCodeSequence": code("FULLPROC"),
    "RequestedLateralityCodeSequence": code("FULLSIDE"),
    "StudyInstanceUID": "1.2.9.9",
    "StudyDate": "20261201",
    "StudyTime": "0700",
    "ReferencedStudySequence": attributes(ReferencedSOPInstanceUID="1.2.9.3"),
    "RequestedProcedurePriority": "STAT",
    "PatientTransportArrangements": "FULLTRANSPORT",
    "AccessionNumber": "FULLACC",
    "IssuerOfAccessionNumberSequence": attributes(LocalNamespaceEntityID="FULLISSUER"),
    "RequestingPhysician": "Full^Requester",
    "ReferringPhysicianName": "Full^Referrer",
    "AdmissionID": "FULLADM",
    "IssuerOfAdmissionIDSequence": attributes(LocalNamespaceEntityID="FULLVISIT"),
    "CurrentPatientLocation": "FULLWARD",
    "ReferencedPatientSequence": attributes(ReferencedSOPInstanceUID="1.2.9.4"),
    "PatientName": "Full^Patient",
    "PatientID": "FULLPID",
    "IssuerOfPatientID": "FULLHOSP",
    "IssuerOfPatientIDQualifiersSequence": attributes(UniversalEntityID="FULLQUAL"),
    "OtherPatientIDsSequence": attributes(PatientID="FULLOTHER"),
    "PatientBirthDate": "19700203",
    "PatientSex": "O",
    "PatientWeight": 71.5,
    "PatientSize": 1.71,
    "PatientPrimaryLanguageCodeSequence": code("FULLLANG"),
    "ConfidentialityConstraintOnPatientDataDescription": "FULLSECRET",
    "PatientState": "FULLSTATE",
    "PregnancyStatus": 4,
    "MedicalAlerts": "FULLALERT",
    "Allergies": "FULLALLERGY",
    "SpecialNeeds": "FULLNEED",
    "PertinentDocumentsSequence": attributes(ReferencedSOPInstanceUID="1.2.9.5"),
}


class Worklist:
    """A server with a few steps, told apart by their Scheduled Procedure Step ID."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def schedule(self, *steps: dict[str, Any]) -> None:
        response = self.client.post(SCHEDULE, json=list(steps), headers=JSON)
        assert response.status_code in {200, 201}, response.text

    def search(self, query: str = "") -> list[dict[str, Any]]:
        response = self.client.get(f"{SCHEDULED}?{query}")
        assert response.status_code == 200, response.text
        return response.json()

    def found(self, query: str = "") -> list[str]:
        return [item_of(one)["00400009"]["Value"][0] for one in self.search(query)]


def item_of(result: dict[str, Any]) -> dict[str, Any]:
    (item,) = result[STEP_SEQUENCE]["Value"]
    return item


STEPS = (
    scheduled(IN_ITEM, **AROUND),
    scheduled({"ScheduledProcedureStepID": "EARLY"}, PatientID="P1", PatientName="Müller^Anna"),
    scheduled(
        {
            "ScheduledProcedureStepID": "NIGHT",
            "ScheduledProcedureStepStartTime": "2330",
            "ScheduledStationAETitle": "CT2",
        },
        PatientID="P2",
        PatientName="Meyer^Bo",
        AccessionNumber="A2",
        StudyInstanceUID="1.2.3.2",
    ),
    scheduled(
        {
            "ScheduledProcedureStepID": "AFTER",
            "ScheduledProcedureStepStartDate": "20261123",
            "ScheduledProcedureStepStartTime": "0030",
            "Modality": "MR",
            "ScheduledStationAETitle": ["MR1", "MR2"],
            "ScheduledPerformingPhysicianName": "",
        },
        PatientID="P3",
        PatientName={"Alphabetic": "Li^Chan", "Ideographic": "李^強"},
        AccessionNumber="A3",
        StudyInstanceUID="1.2.3.3",
    ),
)


@pytest.fixture(scope="module")
def worklist(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Worklist]:
    with server(tmp_path_factory.mktemp("worklist") / "archive", backend) as client:
        made = Worklist(client)
        made.schedule(*STEPS)
        yield made


@pytest.fixture
def empty(client: TestClient) -> Worklist:
    return Worklist(client)


# Every key of Table K.6-1 -------------------------------------------------------------------------------------


def queries_for(path: tuple[str, ...]) -> tuple[str, str]:
    """A key that only the full step satisfies, and one that no step does."""
    keywords = [dictionary.keyword_of(tag) or tag for tag in path]
    known: Any = {**AROUND, **IN_ITEM}[keywords[-1]]
    name = ".".join(path)
    if keywords[-1] in CODES:
        return f"{name}.00080100={known['00080100']['Value'][0]}", f"{name}.00080100=NONE"
    if dictionary.vr_of(path[-1]) == "SQ":
        ((inner, one),) = known.items()
        return f"{name}.{inner}={one['Value'][0]}", f"{name}.{inner}={'9.9' if one['vr'] == 'UI' else 'NONE'}"
    value = known[1] if isinstance(known, list) else known
    vr = dictionary.vr_of(path[-1])
    nothing = {"DA": "19000101", "TM": "0001", "UI": "9.9", "DS": "9", "US": "9"}.get(vr or "", "NONE")
    return f"{name}={quote(str(value))}", f"{name}={nothing}"


KEYS = [row.path for row in KEY_TABLE if row.matching and row.path != (STEP_SEQUENCE,)]


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_every_key_of_the_table_narrows(worklist: Worklist, path: tuple[str, ...]) -> None:
    matching, other = queries_for(path)
    assert worklist.found(matching) == ["FULLSTEP"]
    assert worklist.found(other) == []


@pytest.mark.parametrize("path", [path for path in KEYS if path[0] == STEP_SEQUENCE], ids=".".join)
def test_what_is_in_the_step_may_be_named_without_its_sequence(worklist: Worklist, path: tuple[str, ...]) -> None:
    matching, other = (query.removeprefix(f"{STEP_SEQUENCE}.") for query in queries_for(path))
    assert worklist.found(matching) == ["FULLSTEP"]
    assert worklist.found(other) == []


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_keywords_are_as_good_as_tags(worklist: Worklist, path: tuple[str, ...]) -> None:
    query, _ = queries_for(path)
    name = ".".join(dictionary.keyword_of(tag) or tag for tag in path)
    assert worklist.found(query.replace(".".join(path), name, 1)) == ["FULLSTEP"]


# Matching types -----------------------------------------------------------------------------------------------

MATCHING = [
    ("", ["EARLY", "NIGHT", "AFTER", "FULLSTEP"]),
    ("PatientID=", ["EARLY", "NIGHT", "AFTER", "FULLSTEP"]),
    ("ScheduledProcedureStepSequence=", ["EARLY", "NIGHT", "AFTER", "FULLSTEP"]),
    ("PatientID=P?", ["EARLY", "NIGHT", "AFTER"]),
    ("PatientID=p1", []),
    ("PatientName=m%C3%BCller*", ["EARLY"]),
    ("PatientName=MULLER%5EANNA", ["EARLY"]),
    ("PatientName=*%E6%9D%8E*", ["AFTER"]),
    ("PatientName=Li%5EChan%3D%E6%9D%8E%5E%E5%BC%B7", ["AFTER"]),
    ("PatientName=maier&fuzzymatching=true", ["NIGHT"]),
    ("PatientName=anna mueller&fuzzymatching=true", ["EARLY"]),
    ("PatientName=maier", []),
    ("ScheduledPerformingPhysicianName=roe*", ["EARLY", "NIGHT"]),
    ("ScheduledPerformingPhysicianName=%22%22&emptyvaluematching=true", ["AFTER"]),
    ("ScheduledStationAETitle=MR2", ["AFTER"]),
    ("ScheduledStationAETitle=MR*", ["AFTER"]),
    ("ScheduledStationAETitle=*2", ["NIGHT", "AFTER", "FULLSTEP"]),
    ("ScheduledStationAETitle=MR1%5CMR2&multiplevaluematching=true", ["AFTER"]),
    ("ScheduledStationAETitle=MR1%5CCT2&multiplevaluematching=true", []),
    ("Modality=CT,MR", ["EARLY", "NIGHT", "AFTER"]),
    ("StudyInstanceUID=1.2.3.2,1.2.3.3", ["NIGHT", "AFTER"]),
    ("ScheduledProcedureStepStartDate=20261123-", ["AFTER", "FULLSTEP"]),
    ("ScheduledProcedureStepStartDate=-20261122", ["EARLY", "NIGHT"]),
    ("ScheduledProcedureStepStartTime=0000-0100", ["AFTER"]),
    ("ScheduledProcedureStepStartTime=083000", ["EARLY"]),
    ("Modality=CT&ScheduledProcedureStepSequence.ScheduledStationAETitle=CT2", ["NIGHT"]),
]


@pytest.mark.parametrize(("query", "steps"), MATCHING, ids=[row[0] or "nothing" for row in MATCHING])
def test_matching(worklist: Worklist, query: str, steps: list[str]) -> None:
    assert worklist.found(query) == steps


def test_ranges_of_date_and_time_are_combined_across_midnight(worklist: Worklist) -> None:
    """The test that a worklist for the night shift needs."""
    dates = "00400100.00400002=20261122-20261123"
    assert worklist.found(f"{dates}&00400100.00400003=2300-0100") == ["NIGHT", "AFTER"]
    assert worklist.found(f"{dates}&00400100.00400003=2340-0010") == []


def test_a_time_zone_in_the_query_moves_what_states_one(empty: Worklist) -> None:
    empty.schedule(scheduled({"ScheduledProcedureStepStartTime": "2330"}, TimezoneOffsetFromUTC="+0100"))
    key = "ScheduledProcedureStepStartDate=2026112"
    assert empty.found(f"{key}3&TimezoneOffsetFromUTC=%2B0200") == ["STEP1"]
    assert empty.found(f"{key}2&TimezoneOffsetFromUTC=%2B0200") == []
    assert empty.found(f"{key}2") == ["STEP1"]


@pytest.mark.parametrize(
    "query",
    [
        "NoSuchKeyword=1",
        "ScheduledProcedureStepStartDate=2026-11-22",
        "ScheduledProcedureStepStartDate=20261123-20261122",
        "StudyInstanceUID=1.2*",
        "ScheduledProcedureStepSequence=x",
        "PatientID=A&00100020=B",
        "Modality=CT&ScheduledProcedureStepSequence.Modality=CT",
        "limit=-1",
    ],
)
def test_what_cannot_be_a_key_is_refused(worklist: Worklist, query: str) -> None:
    assert worklist.client.get(f"{SCHEDULED}?{query}").status_code == 400


# Results ------------------------------------------------------------------------------------------------------


def test_each_step_is_one_result_with_one_item(empty: Worklist) -> None:
    """The sample of the supplement has two items in one result, which PS3.4 K.6.1.2.2 does not allow."""
    first, second = (scheduled({"ScheduledProcedureStepID": name})[STEP_SEQUENCE]["Value"][0] for name in ("A", "B"))
    both = scheduled() | {STEP_SEQUENCE: {"vr": "SQ", "Value": [first, second]}}
    empty.schedule(both)
    assert empty.found() == ["A", "B"]
    assert len({one["0020000D"]["Value"][0] for one in empty.search()}) == 1


def test_a_result_has_the_attributes_of_types_1_and_2_and_known_conditional_ones(worklist: Worklist) -> None:
    (full,) = worklist.search("PatientID=FULLPID")
    known = {*ALWAYS_RETURNED, *(tag for tag in RETURNED_IF_KNOWN if tag in full)}
    assert set(full) == known
    assert {"00321060", "00321064"} <= set(full)
    (plain,) = worklist.search("PatientID=P2")
    assert set(plain) == {*ALWAYS_RETURNED, "00321060"}
    assert "Value" not in plain["00380010"]
    item = item_of(full)
    assert set(item) == {*ALWAYS_RETURNED_OF_STEP, *RETURNED_OF_STEP_IF_KNOWN}
    assert set(item_of(plain)) == {*ALWAYS_RETURNED_OF_STEP, "00400007"}


@pytest.mark.parametrize("row", [row for row in KEY_TABLE if row.returned == "3" and len(row.path) <= 2], ids=str)
def test_optional_attributes_are_returned_when_they_are_asked_for(worklist: Worklist, row: Any) -> None:
    (tag,) = row.path[-1:]
    for query in (f"includefield={'.'.join(row.path)}", f"includefield={dictionary.keyword_of(tag)}"):
        (found,) = worklist.search(f"PatientID=FULLPID&{query}")
        assert "Value" in (item_of(found) if tag in IN_STEP else found)[tag]
    (found,) = worklist.search("PatientID=FULLPID")
    assert tag not in found
    assert tag not in item_of(found)


def test_keys_are_returned_and_all_returns_everything(worklist: Worklist) -> None:
    (found,) = worklist.search("IssuerOfPatientID=FULLHOSP")
    assert found["00100021"]["Value"] == ["FULLHOSP"]
    (found,) = worklist.search("PatientID=FULLPID&includefield=all")
    wanted = {dictionary.tag_of(name) for name in AROUND} | {STEP_SEQUENCE}
    assert wanted <= set(found)
    assert {dictionary.tag_of(name) for name in IN_ITEM} <= set(item_of(found))


def test_more_than_ascii_is_said_to_be_unicode(worklist: Worklist) -> None:
    (found,) = worklist.search("PatientID=P1")
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    (found,) = worklist.search("PatientID=P2")
    assert "00080005" not in found


def test_paging_is_stable_and_says_what_is_left(worklist: Worklist) -> None:
    pages = [worklist.client.get(f"{SCHEDULED}?limit=1&offset={offset}") for offset in range(5)]
    assert [len(page.json()) for page in pages] == [1, 1, 1, 1, 0]
    ids = [item_of(page.json()[0])["00400009"]["Value"][0] for page in pages[:4]]
    assert ids == worklist.found()
    assert "There are 3 additional results that can be requested" in pages[0].headers["warning"]
    assert "warning" not in pages[3].headers
    counted = worklist.client.get(f"{SCHEDULED}?limit=1&Modality=CT", headers={"Prefer": "count=exact"})
    assert counted.headers["x-total-count"] == "2"


def test_no_match_is_answered_by_edition(make_client: Callable[..., TestClient]) -> None:
    for edition, status in (("2024", 204), ("2026", 200)):
        response = make_client(edition=edition).get(SCHEDULED)
        assert (response.status_code, response.content) == (status, b"" if status == 204 else b"[]")


# Media types --------------------------------------------------------------------------------------------------


def documents(response: Any) -> list[bytes]:
    boundary = re.search(r"boundary=\"?([^\";]+)", response.headers["content-type"])[1].encode()
    return [part.partition(b"\r\n\r\n")[2] for part in response.content.split(b"--" + boundary)[1:-1]]


def test_several_results_as_xml_come_in_parts(worklist: Worklist) -> None:
    for accept in ("application/dicom+xml", 'multipart/related; type="application/dicom+xml"'):
        response = worklist.client.get(SCHEDULED, headers={"Accept": accept})
        found = [decode_native(document.removesuffix(b"\r\n")) for document in documents(response)]
        assert [item_of(one)["00400009"]["Value"][0] for one in found] == worklist.found()


def test_one_result_as_xml_is_one_document(worklist: Worklist) -> None:
    response = worklist.client.get(f"{SCHEDULED}?PatientID=P1", headers={"Accept": "application/dicom+xml"})
    assert response.headers["content-type"] == "application/dicom+xml"
    assert item_of(decode_native(response.content))["00400009"]["Value"] == ["EARLY"]


def test_json_can_come_in_parts_too(worklist: Worklist) -> None:
    accept = {"Accept": 'multipart/related; type="application/dicom+json"'}
    assert len(documents(worklist.client.get(SCHEDULED, headers=accept))) == 4


def test_the_slash_of_the_supplement_is_tolerated(worklist: Worklist) -> None:
    assert worklist.client.get(f"{SCHEDULED}/?00400100.00400010=FULLSTATION").json()


# Statuses -----------------------------------------------------------------------------------------------------


def test_steps_that_are_over_are_found_only_by_their_status(empty: Worklist) -> None:
    for status in ("SCHEDULED", "STARTED", "DEPARTED"):
        item = {"ScheduledProcedureStepID": status, "ScheduledProcedureStepStatus": status}
        empty.schedule(scheduled(item))
    assert empty.found() == ["SCHEDULED", "STARTED"]
    assert empty.found("PatientID=P1") == ["SCHEDULED", "STARTED"]
    assert empty.found("ScheduledProcedureStepStatus=DEPARTED") == ["DEPARTED"]


def test_steps_that_are_being_done_can_be_hidden(make_client: Callable[..., TestClient]) -> None:
    worklist = Worklist(make_client(procedures={"hide_started": True}))
    for status in ("SCHEDULED", "STARTED"):
        item = {"ScheduledProcedureStepID": status, "ScheduledProcedureStepStatus": status}
        worklist.schedule(scheduled(item))
    assert worklist.found() == ["SCHEDULED"]
    assert worklist.found("ScheduledProcedureStepStatus=STARTED") == ["STARTED"]
