"""PS3.18 10.6.3.3 Search results: which attributes each resource returns, computed ones, includefield (8.3.4.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.samples import sample

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.conformance.search_archive import Searchable

CHARSET, URL = {"00080005"}, {"00081190"}
# Table 10.6.3-3, as known of the study `multi`
STUDY = {
    "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00080201", "00100010", "00100020",
    "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208",
}  # fmt: skip
# Table 10.6.3-4, as known of the series `multi/ct`
SERIES = {
    "00080060", "0008103E", "00080201", "0020000E", "00200011", "00201209", "00400244", "00400245", "00400275",
}  # fmt: skip
# Table 10.6.3-5, as known of a CT image
INSTANCE = {
    "00080016", "00080018", "00080056", "00080201", "00083002", "00200013", "00280010", "00280011", "00280100",
}  # fmt: skip
STUDY_UID, SERIES_UID = {"0020000D"}, {"0020000E"}

RESOURCES = {
    "/studies?PatientName=Multi*": STUDY | CHARSET | URL,
    "{multi}/series?SeriesNumber=41": SERIES | STUDY_UID | CHARSET | URL,
    "/series?SeriesNumber=41": SERIES | STUDY | CHARSET | URL,
    "{multi/ct}/instances?InstanceNumber=101": INSTANCE | STUDY_UID | SERIES_UID | CHARSET | URL,
    "{multi}/instances?InstanceNumber=101": INSTANCE | SERIES | STUDY_UID | CHARSET | URL,
    "/instances?InstanceNumber=101": INSTANCE | SERIES | STUDY | CHARSET | URL,
}


@pytest.mark.parametrize("target", RESOURCES)
def test_tables_10_6_3_3_to_5(searchable: Searchable, target: str) -> None:
    (row,) = searchable.rows(target)
    # InstanceAvailability of a study is "if known", of a series not in the table.
    missing = RESOURCES[target] - set(row)
    more = set(row) - RESOURCES[target]
    assert (missing - {"00080201"}, more - {"00080056"}) == (set(), set())


@pytest.mark.parametrize(
    ("target", "values"),
    [
        (
            "/studies?PatientName=Multi*",
            {"00201206": [2], "00201208": [4], "00080061": ["CT", "MR"], "00080056": ["ONLINE"]},
        ),
        ("/series?SeriesNumber=41", {"00201209": [3], "00201206": [2], "00201208": [4], "00080060": ["CT"]}),
        ("/instances?InstanceNumber=201", {"00201209": [1], "00201206": [2], "00080061": ["CT", "MR"]}),
    ],
)
def test_counts_and_modalities_are_computed(searchable: Searchable, target: str, values: dict[str, list]) -> None:
    (row,) = searchable.rows(target)
    assert {tag: row[tag]["Value"] for tag in values} == values


@pytest.mark.parametrize("tag", ["00080020", "00080030", "00080050", "00100030", "00200010"])
def test_type_r_without_a_value_has_its_vr_alone(searchable: Searchable, tag: str) -> None:
    (row,) = searchable.rows("/studies?PatientName=Last%20Name%5EFirst%20Name&ModalitiesInStudy=SR")
    assert set(row[tag]) == {"vr"}


@pytest.mark.parametrize("tag", ["00080050", "00080090", "00100020", "00100030", "00200010"])
def test_type_r_that_the_file_does_not_even_hold_has_its_vr_alone(searchable: Searchable, tag: str) -> None:
    (row,) = searchable.rows("/studies?PatientName=Anonymized&ModalitiesInStudy=US")
    assert set(row[tag]) == {"vr"}


def test_modalities_in_study_is_left_out_when_there_is_none(searchable: Searchable) -> None:
    """Widespread viewers fail on the empty attribute (clients.md 1.2)."""
    (row,) = searchable.rows("/studies?PatientID=NOMOD")
    assert "00080061" not in row
    (series,) = searchable.rows("/series?PatientID=NOMOD")
    assert series["00080060"] == {"vr": "CS"}


def test_condition_if_known_is_left_out_when_unknown(searchable: Searchable) -> None:
    (row,) = searchable.rows("/series?PatientID=NOMOD")
    assert not {"0008103E", "00400244", "00400245", "00400275"} & set(row)
    (report,) = searchable.rows("{report}/instances")
    assert not {"00280008", "00280010", "00280011", "00280100"} & set(report)


def test_number_of_frames_of_a_multi_frame_image(searchable: Searchable) -> None:
    (row,) = searchable.rows("{rgb}/instances")
    assert row["00280008"] == {"vr": "IS", "Value": [2]}


def test_request_attributes_items_hold_the_two_attributes_of_the_table(searchable: Searchable) -> None:
    (row,) = searchable.rows("{multi}/series?SeriesNumber=41")
    items = row["00400275"]["Value"]
    assert [sorted(item) for item in items] == [["00400009", "00401001"]] * 2
    (real,) = searchable.rows("{overlay}/series")
    assert real["00400275"]["Value"] == [
        {
            "00400009": {"vr": "SH", "Value": ["8000000000330109"]},
            "00401001": {"vr": "SH", "Value": ["8000000000330109"]},
        }
    ]


def test_specific_character_set_is_that_of_json(searchable: Searchable) -> None:
    for row in searchable.rows("/instances"):
        assert row["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


class TestRetrieveUrl:
    """(0008,1190): VR UR, absolute, of the matched entity; what it names can be retrieved."""

    @pytest.mark.parametrize(
        ("target", "label"),
        [
            ("/studies?PatientName=Multi*", "multi"),
            ("{multi}/series?SeriesNumber=41", "multi/ct"),
            ("/series?SeriesNumber=41", "multi/ct"),
            ("/instances?InstanceNumber=101", "multi/ct/1"),
        ],
    )
    def test_is_absolute_and_works(self, searchable: Searchable, target: str, label: str) -> None:
        (row,) = searchable.rows(target)
        path = searchable.library.path(label)
        assert row["00081190"] == {"vr": "UR", "Value": [f"http://testserver:8104/dicom-web{path}"]}
        assert searchable.get(path + "/metadata").status == 200

    def test_includefield_of_it_changes_nothing(self, searchable: Searchable) -> None:
        (row,) = searchable.rows("/studies?PatientName=Multi*&includefield=RetrieveURL")
        assert len(row["00081190"]["Value"]) == 1


class TestAvailableTransferSyntaxUid:
    """(0008,3002): every listed one is reachable without loss; never Implicit VR or Big Endian (8.7.3.5)."""

    @pytest.mark.parametrize(
        ("label", "first"),
        [
            ("ct", "1.2.840.10008.1.2.1"),
            ("acr-nema", "1.2.840.10008.1.2.1"),  # stored as Explicit VR Big Endian
            ("report", "1.2.840.10008.1.2.1"),
            ("nm", "1.2.840.10008.1.2.4.91"),
            ("rgb", "1.2.840.10008.1.2.5"),
        ],
    )
    def test_at_instance_level(self, searchable: Searchable, label: str, first: str) -> None:
        (row,) = searchable.rows("{" + label + "}/instances")
        listed = row["00083002"]["Value"]
        assert first in listed
        assert not {"1.2.840.10008.1.2", "1.2.840.10008.1.2.2"} & set(listed)
        for syntax in listed:
            accept = f'application/dicom; transfer-syntax="{syntax}"'
            assert searchable.get(searchable.library.path(f"{label}/a/1"), Accept=accept).status == 200

    def test_at_study_level_when_asked_for(self, searchable: Searchable) -> None:
        (row,) = searchable.rows("/studies?PatientName=Multi*&includefield=00083002")
        assert row["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}

    def test_includefield_transfer_syntax_uid_at_instance_level(self, searchable: Searchable) -> None:
        """A client stops without it (clients.md 1.6)."""
        (row,) = searchable.rows("{nm}/instances?includefield=00020010")
        assert row["00020010"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.91"]}


class TestSection8_3_4_3Includefield:  # noqa: N801 - named after the section
    @pytest.mark.parametrize(
        "query",
        [
            "includefield=00081030,00100010",
            "includefield=StudyDescription,PatientName",
            "includefield=00081030%2CPatientName",
            "includefield=StudyDescription&includefield=00100010",
            "StudyDescription",
            "StudyDescription=",
        ],
    )
    def test_repeated_or_listed_by_tag_or_keyword_or_as_universal_key(self, searchable: Searchable, query: str) -> None:
        (row,) = searchable.rows(f"/studies?PatientName=Multi*&{query}")
        assert row["00081030"] == {"vr": "LO", "Value": ["Two series"]}

    def test_a_matched_attribute_is_returned(self, searchable: Searchable) -> None:
        (row,) = searchable.rows("/studies?StudyDescription=Two%20series")
        assert row["00081030"] == {"vr": "LO", "Value": ["Two series"]}

    @pytest.mark.parametrize("query", ["includefield=NoSuchKeyword", "includefield=00189999", "includefield=foo"])
    def test_what_is_not_known_is_not_returned(self, searchable: Searchable, query: str) -> None:
        (plain,) = searchable.rows("/studies?PatientName=Multi*")
        assert searchable.rows(f"/studies?PatientName=Multi*&{query}") == [plain]

    @pytest.mark.parametrize(
        ("target", "tag"),
        [
            ("/studies?PatientName=Multi*&includefield=Modality", "00080060"),
            ("/studies?PatientName=Multi*&includefield=SOPInstanceUID", "00080018"),
            ("{multi}/series?SeriesNumber=41&includefield=SOPClassUID", "00080016"),
            ("/series?SeriesNumber=41&includefield=Rows", "00280010"),
        ],
    )
    def test_a_lower_level_is_not_returned(self, searchable: Searchable, target: str, tag: str) -> None:
        (row,) = searchable.rows(target)
        assert tag not in row

    @pytest.mark.parametrize(
        ("target", "tag", "value"),
        [
            ("{multi}/series?SeriesNumber=41&includefield=PatientID", "00100020", "M+1,2&3=4"),
            ("{multi/ct}/instances?InstanceNumber=101&includefield=PatientID", "00100020", "M+1,2&3=4"),
            ("{multi/ct}/instances?InstanceNumber=101&includefield=SeriesDescription", "0008103E", "Axial"),
            ("/instances?InstanceNumber=101&includefield=KVP", "00180060", 120),
            ("/instances?InstanceNumber=101&includefield=ImageType", "00080008", "ORIGINAL"),
        ],
    )
    def test_a_higher_level_and_the_own_one_are(self, searchable: Searchable, target: str, tag: str, value) -> None:
        (row,) = searchable.rows(target)
        assert row[tag]["Value"][0] == value

    @pytest.mark.parametrize("query", ["includefield=all,PatientName", "includefield=all&includefield=PatientName"])
    def test_all_stands_alone(self, searchable: Searchable, query: str) -> None:
        assert searchable.get(f"/studies?{query}").status == 400

    @pytest.mark.parametrize(
        ("target", "has", "has_not"),
        [
            ("/studies?PatientName=Multi*&", {"00081030"}, {"00080060", "0020000E", "00080018", "00280010"}),
            ("{multi}/series?SeriesNumber=41&", {"0008103E"}, {"00080018", "00280010", "00200013"}),
            ("/instances?InstanceNumber=101&", {"00080008", "00180060"}, {"7FE00010", "00090010", "00091001"}),
        ],
    )
    def test_all_is_of_the_level_and_not_the_data_set(
        self, searchable: Searchable, target: str, has: set[str], has_not: set[str]
    ) -> None:
        (row,) = searchable.rows(f"{target}includefield=all")
        assert (has - set(row), has_not & set(row)) == (set(), set())
        assert "00020010" not in row

    def test_a_nested_path_returns_the_attribute_in_its_items(self, searchable: Searchable) -> None:
        (row,) = searchable.rows("/instances?PatientID=1CT1&includefield=OtherPatientIDsSequence.00100020")
        items = row["00101002"]["Value"]
        assert [item["00100020"]["Value"] for item in items] == [["ABCD1234"], ["1234ABCD"]]
        assert all("00100022" not in item for item in items)

    def test_a_path_into_request_attributes_adds_to_the_items(self, searchable: Searchable) -> None:
        path = "RequestAttributesSequence.RequestedProcedureDescription"
        (row,) = searchable.rows("{multi}/series?SeriesNumber=41&includefield=" + path)
        first = row["00400275"]["Value"][0]
        assert {"00400009", "00401001", "00321060"} == set(first)

    def test_private_attributes_with_their_creator(self, searchable: Searchable) -> None:
        query = "/instances?InstanceNumber=101&00090010=GEMS_IDEN_01&includefield=00091004"
        (row,) = searchable.rows(query)
        assert row["00091004"] == {"vr": "SH", "Value": ["HiSpeed CT/i"]}
        assert row["00090010"] == {"vr": "LO", "Value": ["GEMS_IDEN_01"]}
        assert "00091002" not in row

    def test_a_multi_valued_attribute_returns_all_values(self, searchable: Searchable) -> None:
        rows = searchable.rows("/instances?PatientID=1CT1&ImageType=AXIAL")
        assert rows[0]["00080008"]["Value"] == ["ORIGINAL", "PRIMARY", "AXIAL"]


@pytest.mark.parametrize("accept", ["application/dicom+json", 'multipart/related; type="application/dicom+xml"'])
def test_bulk_data_references_in_results_can_be_followed(client: TestClient, accept: str) -> None:
    """An attribute asked for that is bulk data comes as an absolute reference (10.4.1.1.5)."""
    file = sample("CT_small.dcm")
    headers = {"Content-Type": "application/dicom"}
    assert client.post("/dicom-web/studies", content=file, headers=headers).status_code == 200
    answer = client.get("/dicom-web/instances?includefield=7FE00010", headers={"Accept": accept})
    (url,) = re.findall(r"http://[^\"]+/bulkdata/7FE00010", answer.text)
    assert client.get(url).content == file[6300 : 6300 + 32768]
