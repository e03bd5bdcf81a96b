"""The Search transaction on all six resources (PS3.18 10.6; fact sheet 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from filmjacket.dicom.levels import Level
from filmjacket.web.refs import ResourceRef
from filmjacket.web.search_tables import RETRIEVE_URL, default_return

if TYPE_CHECKING:
    from .conftest import Archive


@pytest.fixture
def filled(archive: Archive) -> Archive:
    archive.add("1.1", "1.1.1", "1.1.1.1", t00080020="20200101", t00100010="Doe^Jane", t00080060="CT", t00200013=10)
    archive.add("1.1", "1.1.1", "1.1.1.2", t00080020="20200101", t00100010="Doe^Jane", t00080060="CT", t00200013=2)
    archive.add("1.1", "1.1.2", "1.1.2.1", t00080020="20200101", t00080060="SR", t00200011=2)
    archive.add("1.2", "1.2.1", "1.2.1.1", t00080020="20210101", t00100010="Roe^Ann", t00080060="MR")
    archive.add("1.3", "1.3.1", "1.3.1.1", t00080020="", t00100010="", t00080060="")
    return archive


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("studies", "", ["1.2", "1.1", "1.3"]),
        ("studies/1.1/series", "", ["1.1.1", "1.1.2"]),
        ("studies/1.1/series/1.1.1/instances", "", ["1.1.1.2", "1.1.1.1"]),
        ("studies/1.1/instances", "", ["1.1.1.2", "1.1.1.1", "1.1.2.1"]),
        ("series", "", ["1.1.1", "1.1.2", "1.2.1", "1.3.1"]),
        ("instances", "", ["1.1.1.2", "1.1.1.1", "1.1.2.1", "1.2.1.1", "1.3.1.1"]),
        ("studies/9.9/series", "", []),
        ("studies/1.1/series/1.2.1/instances", "", []),
        # Keys of every level, on every resource below it (10.6.1.2.1).
        ("studies", "PatientName=doe*", ["1.1"]),
        ("series", "PatientName=doe*", ["1.1.1", "1.1.2"]),
        ("instances", "PatientName=doe*&InstanceNumber=2", ["1.1.1.2"]),
        ("studies/1.1/instances", "Modality=SR", ["1.1.2.1"]),
        ("studies/1.1/series/1.1.1/instances", "Modality=SR", []),
        ("studies", "ModalitiesInStudy=SR", ["1.1"]),
        ("studies", "Modality=SR", ["1.1"]),
        ("series", "ModalitiesInStudy=SR", ["1.1.1", "1.1.2"]),
        ("studies", "StudyInstanceUID=1.2,1.3", ["1.2", "1.3"]),
        ("studies", "StudyDate=20200101-20200601", ["1.1"]),
        ("studies", "StudyDate=-20991231", ["1.2", "1.1"]),
        ("studies", "NumberOfStudyRelatedInstances=3", ["1.1"]),
        # Any stored attribute: not promoted, at its own level and below.
        ("studies", "PatientSex=O", ["1.2", "1.1", "1.3"]),
        ("series", "Manufacturer=GE*&Modality=MR", ["1.2.1"]),
        ("studies/1.1/series/1.1.1/instances", "KVP=120&Rows=128&ImageType=AXIAL", ["1.1.1.2", "1.1.1.1"]),
        ("instances", "KVP=121", []),
        # Private attributes, found by group, creator and low byte whatever the block (PS3.5 7.8.1).
        ("instances", "00430010=GEMS_PARM_01&0043101E=2&InstanceNumber=10", ["1.1.1.1"]),
        ("instances", "00430077=GEMS_PARM_01&0043774E=10.6006098&InstanceNumber=10", ["1.1.1.1"]),
        ("studies", "00430010=GEMS_PARM_01&00431027=%2F1.0%3A1", ["1.2", "1.1", "1.3"]),
        ("studies", "00430010=SOMEBODY_ELSE", []),
    ],
)
def test_finds(filled: Archive, path: str, query: str, found: list[str]) -> None:
    assert filled.uids(path, query) == found


@pytest.mark.parametrize("path", ["studies", "instances"])
@pytest.mark.parametrize("query", ["", "PatientName=*o*&", "PatientSex=O&"])
def test_pages(filled: Archive, path: str, query: str) -> None:
    everything = filled.uids(path, query)
    assert len(everything) > 1
    for limit in range(len(everything) + 2):
        for offset in range(len(everything) + 2):
            part = filled.search(path, f"{query}limit={limit}&offset={offset}")
            found = [match.sop_uid or match.study_uid for match in part.matches]
            assert found == everything[offset : offset + limit]
            assert part.remaining == max(0, len(everything) - offset - limit)


def test_the_server_maximum_bounds_a_page(archive: Archive) -> None:
    archive.store(*(archive.candidate("1.2", "1.2.1", f"1.2.1.{number}") for number in range(60)))
    page_ = archive.search("instances", "limit=1000")
    assert (len(page_.matches), page_.remaining) == (50, 10)


@pytest.mark.parametrize(
    "path",
    [
        "studies",
        "series",
        "instances",
        "studies/1.1/series",
        "studies/1.1/instances",
        "studies/1.1/series/1.1.1/instances",
    ],
)
def test_returns_the_tables(filled: Archive, path: str) -> None:
    """10.6.3.3: with what CT_small knows, exactly the tables of the resource, RetrieveURL left to the caller."""
    parts = path.split("/")
    level = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}[parts[-1]]
    ref = ResourceRef(*parts[1::2][:2])
    absent = {RETRIEVE_URL, "0008103E", "00400244", "00400245", "00400275", "00280008"}
    match = next(match for match in filled.search(path).matches if match.study_uid == "1.1")
    assert set(match.attributes) == default_return(level, ref) - absent


def test_required_attributes_come_back_empty(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00080050=None, t00100010="", t00080020=None, t00200011=None, t00080060=None)
    (match,) = archive.search("series").matches
    for tag, vr in (("00080050", "SH"), ("00100010", "PN"), ("00080020", "DA"), ("00200011", "IS"), ("00080060", "CS")):
        assert match.attributes[tag] == {"vr": vr}
    # Viewers die on an empty ModalitiesInStudy: it is left out when there is no modality at all.
    assert "00080061" not in match.attributes


def returned(archive: Archive, path: str, query: str) -> dict[str, Any]:
    return archive.search(path, query).matches[0].attributes


@pytest.mark.parametrize(
    ("path", "query", "there", "not_there"),
    [
        ("studies", "", [], ["00081030"]),
        ("studies", "includefield=00081030,PatientAge", ["00081030", "00101010"], []),
        ("studies", "StudyDescription=", ["00081030"], []),
        ("studies", "StudyDescription=*", ["00081030"], []),
        ("studies", "StudyDescription=e*", ["00081030"], []),
        # Attributes of lower levels are not returned (8.3.4.3).
        ("studies", "includefield=Modality,Rows", [], ["00080060", "00280010"]),
        ("studies/1.2/series", "includefield=Rows,Manufacturer,PatientAge", ["00080070", "00101010"], ["00280010"]),
        (
            "studies/1.2/series/1.2.1/instances",
            "includefield=KVP,PatientAge,Manufacturer",
            ["00180060", "00101010", "00080070"],
            [],
        ),
        ("studies", "includefield=all", ["00081030", "00101010"], ["00080060", "00280010"]),
        ("series", "includefield=all", ["00080070"], ["00101010", "00280010", "00180060"]),
        ("instances", "includefield=all", ["00180060"], ["00101010", "7FE00010", "00430010"]),
        ("instances", "includefield=7FE00010", ["7FE00010"], []),
        ("instances", "includefield=NoSuchKeyword,0008FFFF", [], ["0008FFFF"]),
        ("instances", "includefield=00020010", ["00020010", "00083002"], []),
        ("studies", "includefield=AvailableTransferSyntaxUID", ["00083002"], []),
        ("series", "includefield=00083002", ["00083002"], []),
        ("instances", "00430010=GEMS_PARM_01&includefield=00431027", ["00430010", "00431027"], ["00431028"]),
        ("studies", "00430010=GEMS_PARM_01&includefield=00431027", ["00430010", "00431027"], ["00431028"]),
    ],
)
def test_includes(archive: Archive, path: str, query: str, there: list[str], not_there: list[str]) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    attributes = returned(archive, path, query)
    assert [tag for tag in there if tag not in attributes] == []
    assert [tag for tag in not_there if tag in attributes] == []


def test_the_stored_and_the_available_transfer_syntax(archive: Archive) -> None:
    implicit = archive.candidate("1.2", "1.2.1", "1.2.1.1")
    object.__setattr__(implicit, "transfer_syntax", "1.2.840.10008.1.2")
    jpeg = archive.candidate("1.2", "1.2.1", "1.2.1.2")
    object.__setattr__(jpeg, "transfer_syntax", "1.2.840.10008.1.2.4.70")
    archive.store(implicit, jpeg)
    attributes = returned(archive, "instances", "SOPInstanceUID=1.2.1.1&includefield=00020010")
    assert attributes["00020010"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2"]}
    assert attributes["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    union = returned(archive, "studies", "includefield=00083002")["00083002"]["Value"]
    assert union == ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"]


REQUESTS = {
    "vr": "SQ",
    "Value": [
        {"00400009": {"vr": "SH", "Value": ["S1"]}, "00401001": {"vr": "SH", "Value": ["P1"]}},
        {"00400009": {"vr": "SH", "Value": ["S2"]}, "00400007": {"vr": "LO", "Value": ["Scan"]}},
    ],
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ScheduledProcedureStepID=S1&{}.RequestedProcedureID=P1", True),
        # PS3.4 C.2.2.2.6: inside one and the same item.
        ("ScheduledProcedureStepID=S2&{}.RequestedProcedureID=P1", False),
        ("ScheduledProcedureStepID=S2&{}.RequestedProcedureID=", True),
        ("ScheduledProcedureStepID=S?", True),
        ("ScheduledProcedureStepID=s1", False),
        ("ScheduledProcedureStepID=S2&{}.00400007=Scan", True),
        ("ScheduledProcedureStepID=S1&{}.00400007=Scan", False),
    ],
)
def test_request_attributes_match_within_one_item(archive: Archive, query: str, found: bool) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00400275=REQUESTS)
    name = "RequestAttributesSequence"
    assert bool(archive.uids("series", f"{name}.{query.format(name)}")) is found


def test_request_attributes_are_returned_with_both_of_their_attributes(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00400275=REQUESTS)
    items = returned(archive, "series", "")["00400275"]["Value"]
    assert items[0] == REQUESTS["Value"][0]
    assert items[1] == {"00400009": {"vr": "SH", "Value": ["S2"]}, "00401001": {"vr": "SH"}}
    asked = returned(archive, "series", "includefield=00400275.00400007")["00400275"]["Value"]
    assert [sorted(item) for item in asked] == [["00400009", "00401001"], ["00400007", "00400009", "00401001"]]


def test_a_combined_range_is_one_interval(archive: Archive) -> None:
    """PS3.18 8.3.4.1.1: 5 July 10:00 to 7 July 18:00, not three daily windows."""
    moments = {
        "1.1": ("20060705", "0900"),
        "1.2": ("20060705", "1000"),
        "1.3": ("20060706", "2300"),
        "1.4": ("20060707", "1801"),
    }
    for uid, (date, time) in moments.items():
        archive.add(uid, f"{uid}.1", f"{uid}.1.1", t00080020=date, t00080030=time)
    query = "StudyDate=20060705-20060707&StudyTime=1000-1800"
    assert sorted(archive.uids("studies", query)) == ["1.2", "1.3"]


@pytest.mark.parametrize(
    ("path", "query", "index_name"),
    [
        ("studies", "PatientID=ABC*", "ix_studies_patient_id"),
        ("studies", "PatientID=ABC", "ix_studies_patient_id"),
        ("studies", "PatientName=DOE*", "ix_studies_patient_name"),
        ("studies", "StudyDate=20200101-20200102", "ix_studies_study_date"),
        ("studies", "AccessionNumber=A", "ix_studies_accession_number"),
        ("studies", "", "ix_studies_study_date"),
        ("studies", "PatientName=*=DOE*", "ix_studies_patient_name_ideographic"),
        ("studies", "PatientName=DOE&fuzzymatching=true", "ix_studies_patient_name"),
        ("studies", "PatientName=*DOE", "ix_studies_patient_name"),
        ("series", "SeriesInstanceUID=1.2", "ix_series_series_uid"),
        ("series", "Modality=CT", "ix_series_modality"),
        ("series", "PatientID=A", "ix_studies_patient_id"),
        ("series", "RequestAttributesSequence.RequestedProcedureID=A", "ix_request_attributes_requested_procedure_id"),
        ("series", "PerformedProcedureStepStartDate=20200101-", "ix_series_procedure_step_date"),
        ("instances", "SOPClassUID=1.2", "ix_instances_sop_class_uid"),
        ("instances", "SOPInstanceUID=1.2", "sop_uid"),
        ("studies/1.2/instances", "", "ix_instances_order"),
    ],
)
@pytest.mark.usefixtures("embedded_only")
def test_required_keys_use_an_index(archive: Archive, path: str, query: str, index_name: str) -> None:
    database = archive.index._database
    statements: list[str] = []
    # The pool has one connection as long as one is enough.
    with database.reading() as connection:
        connection.connection.driver_connection.set_trace_callback(statements.append)
    archive.search(path, query)
    with database.reading() as connection:
        statement = next(one for one in statements if "ORDER BY" in one)
        plan = "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"))
    assert index_name in plan
