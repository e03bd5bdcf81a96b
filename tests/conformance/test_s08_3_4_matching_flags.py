"""Fuzzy, empty value and multiple value matching (PS3.18 8.3.4.2, 8.3.4.5, 8.3.4.6; fact sheet 4), time zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid
from starlette.testclient import TestClient
from tests.conformance.search_archive import encoded, item, made
from tests.conformance.wire import BASE, send
from tests.samples import multipart

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.search_archive import Searchable

FLAGS = ["fuzzymatching", "emptyvaluematching", "multiplevaluematching"]


@pytest.fixture(scope="module")
def make_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TestClient]]:
    """An archive for a class of tests, filled with the given files."""
    clients: list[TestClient] = []

    def make(*files: bytes) -> TestClient:
        app = create_app(Settings(data=tmp_path_factory.mktemp("zones") / "archive"))
        client = TestClient(app, base_url="http://testserver:8104")
        client.__enter__()
        clients.append(client)
        client.headers["Accept"] = "*/*"
        body, headers = multipart(*files)
        assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code in {200, 202}
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


class TestFuzzyMatching:
    """Every word of the key begins, or sounds like, some word of the name: see docs/explanation/search.md."""

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            # Case, accents, order of the words, their beginnings
            ("muller jurgen", {"plain"}),
            ("JÜRGEN MÜLLER", {"plain"}),
            ("jur^mul", {"plain"}),
            ("müller, jürgen", {"plain"}),
            # Sound: Müller, Mueller and Miller are one in Cologne phonetics
            ("miler", {"plain", "capitals"}),
            ("mueller", {"plain", "capitals"}),
            ("mueller anna", {"capitals"}),
            ("miller hannah", {"capitals"}),
            ("mueller dick", set()),
            # Words of a component, and written as one
            ("dyke", {"two parts"}),
            ("vandyke", {"two parts"}),
            ("Van^Dyk", {"two parts"}),
            ("dick van", {"two parts"}),
            # Wildcards stay wildcards, within a word; asterisks around it do not change its sound
            ("*yke*", {"two parts"}),
            ("*miler*", {"plain", "capitals"}),
            ("D?ck", {"two parts"}),
            ("?ick m*r", {"two parts"}),
        ],
    )
    def test_alphabetic_names(self, searchable: Searchable, name: str, found: set[str]) -> None:
        query = f"/studies?PatientID=NAMES&PatientName={encoded(name)}&fuzzymatching=true"
        assert searchable.found(query) == found

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            # All three groups of Yamada^Tarou=山田^太郎=やまだ^たろう
            ("yamada", {"chrH31"}),
            ("ヤマダ", {"chrH32"}),
            ("山田", {"chrH31", "chrH32"}),
            ("山", {"chrH31", "chrH32"}),
            ("太郎 山田", {"chrH31", "chrH32"}),
            ("山田太郎", {"chrH31", "chrH32"}),
            ("やまだ", {"chrH31", "chrH32"}),
            ("田", set()),
            # Group by group
            ("yam=山", {"chrH31"}),
            ("=太郎", {"chrH31", "chrH32"}),
            ("=yamada", set()),
            # Korean, Chinese, Greek, Russian
            ("洪 吉洞", {"chrI2"}),
            ("gildong hong", {"chrI2"}),
            ("Люкceмбypг", {"chrRuss"}),
        ],
    )
    def test_names_of_all_groups(self, searchable: Searchable, name: str, found: set[str]) -> None:
        assert searchable.found(f"/studies?PatientName={encoded(name)}&fuzzymatching=true") == found

    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    def test_on_every_resource_and_for_other_names(self, searchable: Searchable, resource: str) -> None:
        expected = {"/studies": "multi", "/series": "multi/ct", "/instances": "multi/ct/1"}[resource]
        found = searchable.found(f"{resource}?ReferringPhysicianName=doctor%20wu&fuzzymatching=true")
        assert expected in found
        assert all(label.startswith("multi") for label in found)

    def test_other_text_stays_literal(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=names&fuzzymatching=true") == set()
        assert searchable.found("/studies?AccessionNumber=ABC&PatientID=TEXTS&fuzzymatching=true") == set()

    @pytest.mark.parametrize("key", ["PatientName", "PatientName=", "PatientName=*", "PatientName=**"])
    def test_universal_stays_universal(self, searchable: Searchable, key: str) -> None:
        everything = searchable.found("/studies")
        assert searchable.found(f"/studies?{key}&fuzzymatching=true") == everything

    def test_false_is_literal(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=NAMES&PatientName=dyke&fuzzymatching=false") == set()
        assert searchable.found("/studies?PatientID=NAMES&PatientName=dyke") == set()


class TestEmptyValueMatching:
    """Two quotation marks match what is absent or empty (PS3.4 C.2.2.2.7)."""

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("PatientID=TEXTS&AccessionNumber=%22%22", {"empty"}),
            ('PatientID=TEXTS&AccessionNumber=""', {"empty"}),
            ("PatientID=TIMELINE&StudyDate=%22%22", {"no date"}),
            ("PatientID=TIMELINE&StudyTime=%22%22", {"date without time", "no date"}),
            ("PatientID=NAMES&PatientName=%22%22", {"caret only"}),
            ("PatientID=NOMOD&ModalitiesInStudy=%22%22", {"no modality"}),
            ("PatientID=1CT1&ModalitiesInStudy=%22%22", set()),
            ("StudyInstanceUID=%22%22", set()),
            ("NumberOfStudyRelatedSeries=%22%22", set()),
        ],
    )
    def test_at_the_study_level(self, searchable: Searchable, query: str, found: set[str]) -> None:
        assert searchable.found(f"/studies?{query}&emptyvaluematching=true") == found

    @pytest.mark.parametrize(
        ("target", "found"),
        [
            ("/series?PatientID=TEXTS&AccessionNumber=%22%22", {"empty/a"}),
            ("{multi}/series?RequestAttributesSequence=%22%22", {"multi/mr"}),
            # A sequence without items holds no procedure ID
            ("{multi}/series?RequestAttributesSequence.RequestedProcedureID=%22%22", {"multi/mr"}),
            # One item, one key of it empty
            (
                "{multi}/series?RequestAttributesSequence.00321060=%22%22&00400275.00401001=PROC2",
                {"multi/ct"},
            ),
            (
                "{multi}/series?RequestAttributesSequence.00321060=%22%22&00400275.00401001=PROC1",
                set(),
            ),
            ("{multi}/series?SeriesNumber=%22%22", set()),
            ("{multi}/instances?KVP=%22%22", {"multi/mr/1"}),
            ("{multi}/instances?RotationDirection=%22%22&InstanceNumber=201", {"multi/mr/1"}),
            ("{multi/ct}/instances?InstanceNumber=%22%22", set()),
        ],
    )
    def test_below(self, searchable: Searchable, target: str, found: set[str]) -> None:
        assert searchable.found(f"{target}&emptyvaluematching=true") == found

    def test_without_the_flag_the_marks_are_text(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=TEXTS&AccessionNumber=%22%22") == set()
        assert searchable.get("/studies?StudyDate=%22%22").status == 400


class TestMultipleValueMatching:
    """All values of the key are among those of the attribute, in any order (PS3.4 C.2.2.2.8)."""

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("CT%5CMR", {"multi"}),
            ("MR,CT", {"multi"}),
            ("MR%5CMR%5CCT", {"multi"}),
            ("CT%5CPT", set()),
            ("CT%5Cct", set()),
        ],
    )
    def test_modalities_in_study(self, searchable: Searchable, value: str, found: set[str]) -> None:
        assert searchable.found(f"/studies?ModalitiesInStudy={value}&multiplevaluematching=true") == found
        assert searchable.found(f"/studies?Modality={value}&multiplevaluematching=true") == found

    @pytest.mark.parametrize(
        ("key", "matches"),
        [
            ("ImageType=ORIGINAL%5CAXIAL", True),
            ("ImageType=AXIAL,PRIMARY", True),
            ("ImageType=AXIAL%5CSECONDARY", False),
            ("ImageType=AX*", True),
        ],
    )
    def test_any_attribute_with_several_values(self, searchable: Searchable, key: str, matches: bool) -> None:
        found = searchable.found(f"/instances?PatientID=1CT1&{key}&multiplevaluematching=true")
        assert found == ({"ct/a/1"} if matches else set())

    def test_attributes_with_one_value_are_not_concerned(self, searchable: Searchable) -> None:
        """UIDs list alternatives, as without the flag; of other attributes a comma stays an error."""
        both = f"{searchable.library.uid('ct')},{searchable.library.uid('nm')}"
        assert searchable.found(f"/studies?StudyInstanceUID={both}&multiplevaluematching=true") == {"ct", "nm"}
        assert searchable.found("{multi}/series?Modality=CT,MR&multiplevaluematching=true") == {"multi/ct", "multi/mr"}
        assert searchable.get("/studies?PatientID=a,b&multiplevaluematching=true").status == 400

    def test_lists_hold_no_wildcards(self, searchable: Searchable) -> None:
        assert searchable.get("/studies?ModalitiesInStudy=C*%5CMR&multiplevaluematching=true").status == 400

    def test_without_the_flag_any_modality_will_do(self, searchable: Searchable) -> None:
        found = searchable.found("/studies?ModalitiesInStudy=CT%5CMR")
        assert {"multi", "ct"} <= found


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_supported_so_that_no_warning_is_due(searchable: Searchable, flag: str) -> None:
    for value in ("true", "false"):
        assert "warning" not in searchable.get(f"/studies?PatientID=1CT1&{flag}={value}").headers


@pytest.fixture(scope="module")
def zones(make_archive: Callable[..., TestClient]) -> TestClient:
    return make_archive(
        *(
            made(
                "MR_small.dcm",
                PatientID=name,
                StudyDate=date,
                StudyTime=time,
                TimezoneOffsetFromUTC=zone,
                AcquisitionDateTime=moment,
                StudyInstanceUID=generate_uid(),
            )
            for name, date, time, zone, moment in (
                # 20 May 2020, 23:30 UTC, three times, and the same digits without a zone
                ("LONDON", "20200520", "233000", "+0000", "20200520233000"),
                ("TOKYO", "20200521", "083000", "+0900", "20200521083000"),
                ("NEW YORK", "20200520", "193000", "-0400", "20200520233000+0000"),
                ("NOWHERE", "20200520", "233000", "", "20200520233000"),
            )
        )
    )


class TestTimezone:
    """TimezoneOffsetFromUTC in the query says in which zone its dates and times are (8.3.4.1; PS3.3 C.12.1.1.8)."""

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            # Without a zone in the query everything is as it is written
            ("StudyDate=20200520", {"LONDON", "NEW YORK", "NOWHERE"}),
            ("StudyTime=2330", {"LONDON", "NOWHERE"}),
            # In Berlin it was the 21st, half past one
            ("StudyDate=20200521&TimezoneOffsetFromUTC=%2B0200", {"LONDON", "TOKYO", "NEW YORK"}),
            ("StudyDate=20200520&TimezoneOffsetFromUTC=%2B0200", {"NOWHERE"}),
            ("StudyTime=0130&TimezoneOffsetFromUTC=%2B0200", {"LONDON", "TOKYO", "NEW YORK"}),
            ("StudyTime=0100-0200&TimezoneOffsetFromUTC=+0200", {"LONDON", "TOKYO", "NEW YORK"}),
            (
                "StudyDate=20200520-20200520&StudyTime=2300-2359&TimezoneOffsetFromUTC=%2B0000",
                {"LONDON", "TOKYO", "NEW YORK", "NOWHERE"},
            ),
            (
                "StudyDate=20200521-20200521&StudyTime=0100-0200&TimezoneOffsetFromUTC=%2B0200",
                {"LONDON", "TOKYO", "NEW YORK"},
            ),
            # Bare it asks for nothing
            ("StudyDate=20200521&TimezoneOffsetFromUTC", {"TOKYO"}),
        ],
    )
    def test_dates_and_times(self, zones: TestClient, query: str, found: set[str]) -> None:
        answer = send(zones, f"/studies?{query}")
        assert answer.status == 200, answer.body
        assert {row["00100020"]["Value"][0] for row in answer.json()} == found

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("AcquisitionDateTime=20200520233000%2B0000", {"LONDON", "TOKYO", "NEW YORK", "NOWHERE"}),
            ("AcquisitionDateTime=20200521013000%2B0200", {"LONDON", "TOKYO", "NEW YORK", "NOWHERE"}),
            ("AcquisitionDateTime=20200521013000&TimezoneOffsetFromUTC=%2B0200", {"LONDON", "TOKYO", "NEW YORK"}),
            ("AcquisitionDateTime=20200520233000&TimezoneOffsetFromUTC=%2B0200", {"NOWHERE"}),
            (
                "AcquisitionDateTime=20200521013000-20200521013000&TimezoneOffsetFromUTC=%2B0200",
                {"LONDON", "TOKYO", "NEW YORK"},
            ),
        ],
    )
    def test_date_times_are_instants(self, zones: TestClient, query: str, found: set[str]) -> None:
        answer = send(zones, f"/instances?{query}&includefield=PatientID")
        assert answer.status == 200, answer.body
        assert {row["00100020"]["Value"][0] for row in answer.json()} == found

    @pytest.mark.parametrize("zone", ["CET", "0100", "%2B2500", "+01:00"])
    def test_what_is_no_offset_is_refused(self, zones: TestClient, zone: str) -> None:
        assert send(zones, f"/studies?StudyDate=20200520&TimezoneOffsetFromUTC={zone}").status == 400


class TestTotalCount:
    """X-Total-Count, a documented extension: only when `Prefer: count=exact` asks for it (RFC 7240)."""

    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    @pytest.mark.parametrize("page", ["", "&limit=1", "&limit=0", "&limit=2&offset=3", "&offset=100000"])
    def test_of_all_matches_whatever_the_page(self, searchable: Searchable, resource: str, page: str) -> None:
        expected = len(searchable.rows(f"{resource}?PatientID=T*"))
        answer = searchable.get(f"{resource}?PatientID=T*{page}", Prefer="count=exact")
        assert answer.headers["x-total-count"] == [str(expected)]
        assert answer.headers["preference-applied"] == ["count=exact"]

    def test_of_matches_that_no_column_decides(self, searchable: Searchable) -> None:
        answer = searchable.get(
            "/instances?ImageType=AXIAL&limit=1&offset=50", Prefer="respond-async, Count=Exact; x=1"
        )
        assert answer.headers["x-total-count"] == [str(len(searchable.rows("/instances?ImageType=AXIAL")))]

    @pytest.mark.parametrize("prefer", [None, "count=planned", "return=minimal", "count", "exact"])
    def test_only_when_asked_for(self, searchable: Searchable, prefer: str | None) -> None:
        answer = searchable.get("/studies", **({} if prefer is None else {"Prefer": prefer}))
        assert "x-total-count" not in answer.headers
        assert "preference-applied" not in answer.headers


class TestXmlResults:
    """`multipart/related; type="application/dicom+xml"` on all six resources (Table 10.6.4-1)."""

    @pytest.mark.parametrize(
        "target",
        ["/studies", "{multi}/series", "{multi/ct}/instances", "{multi}/instances", "/series", "/instances"],
    )
    def test_one_part_for_each_match(self, searchable: Searchable, target: str) -> None:
        query = f"{target}?PatientName=multi^level"
        answer = searchable.get(query, Accept='multipart/related; type="application/dicom+xml"')
        assert answer.status == 200
        assert answer.body.count(b"<NativeDicomModel") == len(searchable.rows(query)) > 0


class TestPrivateAttributes:
    """8.3.4.1: a private attribute needs its creator, in keys and in includefield."""

    @pytest.mark.parametrize("query", ["00431027=x", "includefield=00431027", "00431027.PatientID=x"])
    def test_without_a_creator_is_refused_with_what_is_missing(self, searchable: Searchable, query: str) -> None:
        answer = searchable.get(f"/instances?{query}")
        assert answer.status == 400
        assert answer.json()["accepted"] == ["00430010={private creator}"]

    def test_the_block_does_not_count(self, searchable: Searchable) -> None:
        for block in ("10", "77"):
            query = f"004300{block}=GEMS_PARM_01&0043{block}27=%2F1.0%3A1"
            assert "ct/a/1" in searchable.found(f"/instances?{query}")
            (row,) = searchable.rows(f"/instances?PatientID=1CT1&004300{block}=GEMS_PARM_01&includefield=0043{block}27")
            assert row["00430010"]["Value"] == ["GEMS_PARM_01"]
            assert row["00431027"]["Value"] == ["/1.0:1"]

    def test_empty_and_multiple_values(self, searchable: Searchable) -> None:
        of_ct = "/instances?PatientID=1CT1&00430010=GEMS_PARM_01"
        assert searchable.found(f"{of_ct}&004310FE=%22%22&emptyvaluematching=true") == {"ct/a/1"}
        assert searchable.found(f"{of_ct}&00431027=%22%22&emptyvaluematching=true") == set()


def test_sequences_with_two_levels(make_archive: Callable[..., TestClient]) -> None:
    """A path through two sequences: all keys inside one item of each (PS3.4 C.2.2.2.6)."""
    code = item(CodeValue="P1", CodingSchemeDesignator="99X")
    other = item(CodeValue="P2", CodingSchemeDesignator="99Y")
    request = [item(RequestedProcedureID="A", RequestedProcedureCodeSequence=[code, other])]
    client = make_archive(made("MR_small.dcm", RequestAttributesSequence=request))
    path = "RequestAttributesSequence.RequestedProcedureCodeSequence"
    for value, scheme, count in (("P1", "99X", 1), ("P2", "99Y", 1), ("P1", "99Y", 0)):
        query = f"{path}.CodeValue={value}&{path}.CodingSchemeDesignator={scheme}"
        assert len(send(client, f"/series?{query}&RequestAttributesSequence.00401001=A").json()) == count
