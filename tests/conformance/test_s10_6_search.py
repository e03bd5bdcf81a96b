"""PS3.18 10.6 Search transaction: resources, required keys at their levels, media types, status codes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tests.conformance.search_archive import encoded
from tests.conformance.wire import send

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.conformance.search_archive import Searchable

# Table 10.6.1-5: (keyword, tag, a value that only the study `multi` has, a value that nobody has)
STUDY_KEYS = [
    ("StudyDate", "00080020", "19991231", "19001231"),
    ("StudyTime", "00080030", "235958.25", "000001"),
    ("AccessionNumber", "00080050", "ACC 7/a", "ACC 8/a"),
    ("ReferringPhysicianName", "00080090", "Who^Doctor", "Nobody^Doctor"),
    ("PatientName", "00100010", "Multi^Level", "Nobody^At All"),
    ("PatientID", "00100020", "M+1,2&3=4", "M+1"),
    ("StudyID", "00200010", "SID#1", "SID#2"),
]
# value that only the series `multi/ct` has
SERIES_KEYS = [
    ("SeriesNumber", "00200011", "41", "999"),
    ("PerformedProcedureStepStartDate", "00400244", "19991230", "19001230"),
    ("PerformedProcedureStepStartTime", "00400245", "101112", "000001"),
    ("RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009", "STEP1", "STEP9"),
    ("RequestAttributesSequence.RequestedProcedureID", "00400275.00401001", "PROC2", "PROC9"),
]
FORMS = ["keyword", "tag"]
ALL_OF_MULTI = {"multi/ct/1", "multi/ct/2", "multi/ct/3", "multi/mr/1"}
CT_OF_MULTI = ALL_OF_MULTI - {"multi/mr/1"}


def _ids(rows: list[tuple[str, ...]]) -> list[str]:
    return [row[0] for row in rows]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("row", STUDY_KEYS, ids=_ids(STUDY_KEYS))
class TestTable10_6_1_5StudyKeys:  # noqa: N801 - named after the table
    def test_on_studies(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found(f"/studies?{name}={encoded(row[2])}") == {"multi"}
        assert searchable.found(f"/studies?{name}={encoded(row[3])}") == set()

    def test_on_all_series(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found(f"/series?{name}={encoded(row[2])}") == {"multi/ct", "multi/mr"}
        assert searchable.found(f"/series?{name}={encoded(row[3])}") == set()

    def test_on_all_instances(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found(f"/instances?{name}={encoded(row[2])}") == ALL_OF_MULTI
        assert searchable.found(f"/instances?{name}={encoded(row[3])}") == set()

    def test_a_higher_level_key_still_filters_below_a_study(
        self, searchable: Searchable, row: tuple[str, ...], form: str
    ) -> None:
        name = row[FORMS.index(form)]
        for resource, label in (("/series", "multi/ct"), ("/instances", "multi/ct/1")):
            assert label in searchable.found("{multi}" + f"{resource}?{name}={encoded(row[2])}")
            assert searchable.found("{multi}" + f"{resource}?{name}={encoded(row[3])}") == set()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("row", SERIES_KEYS, ids=_ids(SERIES_KEYS))
class TestTable10_6_1_5SeriesKeys:  # noqa: N801 - named after the table
    def test_on_all_series(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found(f"/series?{name}={encoded(row[2])}") == {"multi/ct"}
        assert searchable.found(f"/series?{name}={encoded(row[3])}") == set()

    def test_on_a_studys_series(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found("{multi}" + f"/series?{name}={encoded(row[2])}") == {"multi/ct"}
        assert searchable.found("{ct}" + f"/series?{name}={encoded(row[2])}") == set()

    def test_on_a_studys_instances(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found("{multi}" + f"/instances?{name}={encoded(row[2])}") == CT_OF_MULTI
        assert searchable.found("{multi}" + f"/instances?{name}={encoded(row[3])}") == set()

    def test_on_all_instances(self, searchable: Searchable, row: tuple[str, ...], form: str) -> None:
        name = row[FORMS.index(form)]
        assert searchable.found(f"/instances?{name}={encoded(row[2])}") == CT_OF_MULTI
        assert searchable.found(f"/instances?{name}={encoded(row[3])}") == set()


class TestTable10_6_1_5CodesAndUids:  # noqa: N801 - named after the table
    @pytest.mark.parametrize("name", ["ModalitiesInStudy", "00080061"])
    @pytest.mark.parametrize(
        ("modality", "matches"),
        [("NM", {"nm"}), ("US", {"acr-nema"}), ("ct", set()), ("CT", {"ct", "multi"})],
    )
    def test_modalities_in_study(self, searchable: Searchable, name: str, modality: str, matches: set[str]) -> None:
        assert searchable.found(f"/studies?{name}={modality}") == matches

    def test_modalities_in_study_on_instances_selects_whole_studies(self, searchable: Searchable) -> None:
        assert searchable.found("/instances?ModalitiesInStudy=CT") == {*ALL_OF_MULTI, "ct/a/1"}

    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    def test_study_instance_uid(self, searchable: Searchable, resource: str) -> None:
        uid = searchable.library.uid("multi")
        found = searchable.found(f"{resource}?StudyInstanceUID={uid}")
        assert {label.split("/")[0] for label in found} == {"multi"}
        assert searchable.found(f"{resource}?0020000D=1.2.3.4") == set()

    @pytest.mark.parametrize("resource", ["/series", "{multi}/series", "/instances", "{multi}/instances"])
    def test_series_instance_uid(self, searchable: Searchable, resource: str) -> None:
        uid = searchable.library.uid("multi/mr")
        assert len(searchable.found(f"{resource}?SeriesInstanceUID={uid}")) == 1
        assert searchable.found(f"{resource}?0020000E=1.2.3.4") == set()

    @pytest.mark.parametrize("resource", ["/instances", "{multi}/instances", "{multi/ct}/instances"])
    def test_sop_instance_uid(self, searchable: Searchable, resource: str) -> None:
        uid = searchable.library.uid("multi/ct/2")
        assert searchable.found(f"{resource}?SOPInstanceUID={uid}") == {"multi/ct/2"}
        assert searchable.found(f"{resource}?00080018=1.2.3.4") == set()

    @pytest.mark.parametrize("resource", ["{multi}/instances", "{multi/ct}/instances"])
    def test_sop_class_uid(self, searchable: Searchable, resource: str) -> None:
        assert searchable.found(f"{resource}?SOPClassUID=1.2.840.10008.5.1.4.1.1.2") == CT_OF_MULTI
        assert searchable.found(f"{resource}?00080016=1.2.840.10008.5.1.4.1.1.7") == set()

    @pytest.mark.parametrize("resource", ["/instances", "{multi}/instances", "{multi/ct}/instances"])
    @pytest.mark.parametrize("name", ["InstanceNumber", "00200013"])
    def test_instance_number(self, searchable: Searchable, resource: str, name: str) -> None:
        assert searchable.found(f"{resource}?{name}=102") == {"multi/ct/2"}
        assert searchable.found(f"{resource}?{name}=77") == set()

    @pytest.mark.parametrize("resource", ["/series", "{multi}/series", "{multi}/instances"])
    def test_modality(self, searchable: Searchable, resource: str) -> None:
        assert "multi/mr" in {label[:8] for label in searchable.found(f"{resource}?Modality=MR")}
        assert not {label for label in searchable.found(f"{resource}?Modality=CT") if "mr" in label}

    def test_two_keys_must_both_match(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientName=Multi*&ModalitiesInStudy=MR") == {"multi"}
        assert searchable.found("/studies?PatientName=Multi*&ModalitiesInStudy=US") == set()


class TestTable10_6_1_1Resources:  # noqa: N801 - named after the table
    """Without keys a search lists everything below its resource, and nothing else."""

    def test_all_studies(self, searchable: Searchable) -> None:
        assert searchable.found("/studies") == set(searchable.library.studies.values())

    def test_studys_series(self, searchable: Searchable) -> None:
        assert searchable.found("{multi}/series") == {"multi/ct", "multi/mr"}

    def test_studys_instances(self, searchable: Searchable) -> None:
        assert searchable.found("{multi}/instances") == ALL_OF_MULTI

    def test_all_series(self, searchable: Searchable) -> None:
        assert searchable.found("/series") == set(searchable.library.series.values())

    def test_series_instances(self, searchable: Searchable) -> None:
        assert searchable.found("{multi/ct}/instances") == CT_OF_MULTI

    def test_all_instances(self, searchable: Searchable) -> None:
        assert searchable.found("/instances") == set(searchable.library.instances.values())

    @pytest.mark.parametrize("target", ["/studies/1.2.3/series", "/studies/1.2.3/instances"])
    def test_unknown_uid_in_the_path_finds_nothing(self, searchable: Searchable, target: str) -> None:
        assert searchable.found(target) == set()

    def test_a_series_is_only_found_in_its_own_study(self, searchable: Searchable) -> None:
        series = searchable.library.uid("multi/ct")
        assert searchable.found("{ct}" + f"/series/{series}/instances") == set()


class TestSection10_6_1_2KeysOfLowerLevels:  # noqa: N801 - named after the section
    """A filter is never ignored: the answer would hold other patients' data."""

    @pytest.mark.parametrize(
        "target",
        [
            "/studies?SeriesNumber=1",
            "/studies?SeriesInstanceUID=1.2",
            "/studies?InstanceNumber=1",
            "/studies?SOPInstanceUID=1.2",
            "/studies?RequestAttributesSequence.ScheduledProcedureStepID=1",
            "/series?InstanceNumber=1",
            "/series?SOPClassUID=1.2",
            "{multi}/series?Rows=128",
        ],
    )
    def test_are_refused(self, searchable: Searchable, target: str) -> None:
        answer = searchable.get(target)
        assert answer.status == 400
        assert answer.json()["offender"] in target

    def test_modality_on_studies_means_modalities_in_study(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?Modality=CT") == {"ct", "multi"}

    @pytest.mark.parametrize("target", ["/studies?PatientsName=x", "/studies?Foo=x", "/studies?00080021x=1"])
    def test_an_unknown_keyword_is_refused_or_no_attribute_at_all(self, searchable: Searchable, target: str) -> None:
        answer = searchable.get(target)
        assert answer.status == (200 if "x=1" in target else 400)


class TestTable10_6_4_1MediaTypes:  # noqa: N801 - named after the table
    @pytest.mark.parametrize("accept", ["*/*", "application/dicom+json", "application/*", "application/json"])
    def test_json_is_the_default_and_one_array(self, searchable: Searchable, accept: str) -> None:
        answer = searchable.get("/studies?PatientID=1CT1", Accept=accept)
        assert answer.status == 200
        assert answer.header("content-type") == "application/dicom+json"
        assert len(answer.json()) == 1

    def test_xml_has_one_part_for_each_match(self, searchable: Searchable) -> None:
        accept = 'multipart/related; type="application/dicom+xml"'
        answer = searchable.get("{multi}/instances", Accept=accept)
        content_type = answer.header("content-type") or ""
        assert content_type.startswith('multipart/related; type="application/dicom+xml"; boundary=')
        boundary = content_type.partition("boundary=")[2].strip('"').encode()
        parts = answer.body.split(b"--" + boundary)[1:-1]
        assert len(parts) == 4
        for part in parts:
            head, _, document = part.partition(b"\r\n\r\n")
            assert b"application/dicom+xml" in head
            root = ET.fromstring(document.removesuffix(b"\r\n"))
            assert root.tag == "{http://dicom.nema.org/PS3.19/models/NativeDICOM}NativeDicomModel"
            assert any(child.get("keyword") == "SOPInstanceUID" for child in root)

    @pytest.mark.parametrize("accept", ["image/jpeg", "application/dicom", "text/html"])
    def test_anything_else_is_not_acceptable(self, searchable: Searchable, accept: str) -> None:
        answer = searchable.get("/studies", Accept=accept)
        assert answer.status == 406
        assert "application/dicom+json" in answer.body.decode()

    def test_accept_parameter_narrows_the_header(self, searchable: Searchable) -> None:
        assert searchable.get("/studies?accept=application/dicom+json").status == 200
        assert searchable.get("/studies?accept=application/dicom%2Bjson").status == 200

    def test_json_attributes_are_in_ascending_order(self, searchable: Searchable) -> None:
        for row in searchable.rows("/instances"):
            assert list(row) == sorted(row)


class TestTable10_6_3_1StatusCodes:  # noqa: N801 - named after the table
    def test_200_with_an_empty_array_when_nothing_matches(self, searchable: Searchable) -> None:
        answer = searchable.get("/studies?PatientID=NOBODY")
        assert (answer.status, answer.body) == (200, b"[]")

    def test_200_with_an_empty_archive(self, client: TestClient) -> None:
        for resource in ("/studies", "/series", "/instances"):
            assert (send(client, resource).status, send(client, resource).body) == (200, b"[]")

    def test_406_without_accept_when_strict(self, make_client) -> None:
        strict = make_client(strict_accept=True)
        del strict.headers["Accept"]
        answer = send(strict, "/studies", headers={"accept": ""})
        assert answer.status == 406

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_405_with_allow(self, searchable: Searchable, method: str) -> None:
        answer = send(searchable.client, "/studies", method=method)
        assert answer.status == 405
        assert {"GET", "POST"} <= set((answer.header("allow") or "").replace(" ", "").split(","))

    def test_head_is_get_without_a_payload(self, searchable: Searchable) -> None:
        answer = send(searchable.client, "/studies", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")

    def test_content_type_and_length_are_there(self, searchable: Searchable) -> None:
        answer = searchable.get("/studies?PatientID=1CT1")
        assert int(answer.header("content-length") or -1) == len(answer.body)
