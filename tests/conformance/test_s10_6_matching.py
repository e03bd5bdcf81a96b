"""PS3.18 8.3.4.1 Attribute matching (PS3.4 C.2.2.2): each matching type for each VR it is for, and its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.search_archive import CHARSET_FILES, TIMELINE, encoded

if TYPE_CHECKING:
    from tests.conformance.search_archive import Searchable

CT = "ct/a/1"


class TestUniversalMatching:
    """PS3.4 C.2.2.2.3: a zero-length value, or `*` alone for a wildcard VR, matches everything and is returned."""

    @pytest.mark.parametrize("query", ["PatientName", "PatientName=", "PatientName=*", "PatientName=%2A", "00100010"])
    def test_matches_all_entities(self, searchable: Searchable, query: str) -> None:
        assert searchable.found(f"/studies?{query}") == set(searchable.library.studies.values())

    @pytest.mark.parametrize("query", ["StudyDate", "StudyDate=", "StudyInstanceUID=", "AccessionNumber=*"])
    def test_entities_without_a_value_too(self, searchable: Searchable, query: str) -> None:
        assert "no date" in searchable.found(f"/studies?{query}")


class TestSingleValueMatching:
    """PS3.4 C.2.2.2.1 on real values of CT_small.dcm, no one of which (but two) has a column of its own."""

    @pytest.mark.parametrize(
        ("vr", "hit", "miss"),
        [
            ("AS", "PatientAge=000Y", "PatientAge=001Y"),
            ("CS", "PatientPosition=FFS", "PatientPosition=ffs"),
            ("CS of several values", "ImageType=AXIAL", "ImageType=axial"),
            ("DA", "AcquisitionDate=19970430", "AcquisitionDate=19970429"),
            ("DS", "KVP=120", "KVP=121"),
            ("DS in another form", "SliceThickness=5", "SliceThickness=5.1"),
            ("DS with an exponent", "KVP=1.2E2", "KVP=1.2E3"),
            ("IS", "ExposureTime=1601", "ExposureTime=160"),
            ("IS with a sign", "ExposureTime=%2B1601", "ExposureTime=-1601"),
            ("LO", "Manufacturer=GE%20MEDICAL%20SYSTEMS", "Manufacturer=GE"),
            ("LT", "ImageComments=Uncompressed", "ImageComments=uncompressed"),
            ("SH", "StationName=CT01_OC0", "StationName=ct01_oc0"),
            ("TM", "AcquisitionTime=112936", "AcquisitionTime=112937"),
            ("UI", "FrameOfReferenceUID=1.3.6.1.4.1.5962.1.4.1.1.20040119072730.12322", "FrameOfReferenceUID=1.2"),
            ("US", "SamplesPerPixel=1&StationName=CT01_OC0", "SamplesPerPixel=3&StationName=CT01_OC0"),
            ("SS by the data set's signedness", "PixelPaddingValue=-2000", "PixelPaddingValue=2000"),
        ],
        ids=lambda value: value.partition("=")[0],
    )
    def test_by_vr(self, searchable: Searchable, vr: str, hit: str, miss: str) -> None:
        assert CT in searchable.found(f"/instances?PatientID=1CT1&{hit}")
        assert searchable.found(f"/instances?PatientID=1CT1&{miss}") == set()

    @pytest.mark.parametrize(
        ("query", "labels"),
        [
            ("AccessionNumber=ABC-100", {"upper"}),
            ("AccessionNumber=abc-100", {"lower"}),
            ("AccessionNumber=Abc-100", set()),
            ("AccessionNumber=%20ABC-100%20", {"upper"}),  # spaces around are padding (PS3.5 6.2)
            ("AccessionNumber=A%25C_100", {"percent"}),
        ],
    )
    def test_is_case_sensitive_except_for_names(self, searchable: Searchable, query: str, labels: set[str]) -> None:
        assert searchable.found(f"/studies?{query}") == labels

    @pytest.mark.parametrize("query", ["PatientID=1CT1", "StudyTime=072730", "PatientWeight=0&PatientID=1CT1"])
    def test_an_empty_value_matches_no_key(self, searchable: Searchable, query: str) -> None:
        assert "report" not in searchable.found(f"/studies?{query}")


class TestWildcardMatching:
    """PS3.4 C.2.2.2.4: `*` is any run of characters, `?` exactly one; not for UI, DA, TM, DT, IS, DS, AS."""

    @pytest.mark.parametrize(
        ("pattern", "labels"),
        [
            ("ABC*", {"upper", "longer"}),
            ("ABC-100*", {"upper", "longer"}),
            ("ABC-100?", {"longer"}),
            ("ABC-10?", {"upper"}),
            ("?BC-100", {"upper", "other"}),
            ("*BC-1*", {"upper", "longer", "other"}),
            ("*100", {"upper", "lower", "other", "percent"}),
            ("*0*0*", {"upper", "lower", "longer", "other", "percent"}),
            ("??C-100", {"upper", "other"}),
            ("A%25*", {"percent"}),  # % and _ are not wildcards
            ("A_C-100", set()),
            ("*****A*****%25*****", {"percent"}),
            ("[A]BC-100", set()),
            ("ABC.100", set()),
        ],
    )
    @pytest.mark.parametrize("form", ["raw", "percent-encoded"])
    def test_of_text(self, searchable: Searchable, pattern: str, labels: set[str], form: str) -> None:
        text = pattern if form == "raw" else pattern.replace("*", "%2A").replace("?", "%3F")
        assert searchable.found(f"/studies?PatientID=TEXTS&AccessionNumber={text}") == labels

    @pytest.mark.parametrize(
        "query",
        [
            "Modality=C*", "StationName=CT01*", "Manufacturer=GE*SYSTEMS", "ImageComments=Unc*", "PatientName=Compr*",
            "PatientID=1C?1", "ScanOptions=HELICAL*", "InstitutionName=*IMAGING*", "ImageType=AX?AL",
        ],
    )  # fmt: skip
    def test_for_every_text_vr(self, searchable: Searchable, query: str) -> None:
        assert searchable.found(f"/instances?StudyID=1CT1&{query}") == {CT}

    @pytest.mark.parametrize(
        "query",
        [
            "StudyInstanceUID=1.2.*", "SOPInstanceUID=1.2.?", "StudyDate=2006*", "StudyDate=????????",
            "StudyTime=10*", "InstanceNumber=1*", "SeriesNumber=?", "PatientAge=*1Y", "KVP=12?", "StudyDate=*",
            "AcquisitionDateTime=2006*",
        ],
    )  # fmt: skip
    def test_is_refused_or_literal_for_other_vrs(self, searchable: Searchable, query: str) -> None:
        answer = searchable.get(f"/instances?{query}")
        assert answer.status == 400 or (query.startswith("PatientAge") and answer.json() == [])


class TestPersonNameMatching:
    """PS3.4 C.2.2.2.1: case and accents do not count, any component group answers; real files in many scripts."""

    @pytest.mark.parametrize(
        ("name", "labels"),
        [
            ("CompressedSamples^CT1", {"ct"}),
            ("compressedsamples^ct1", {"ct"}),
            ("COMPRESSEDSAMPLES^C*", {"ct"}),
            ("buc^jerome", {"chrFren"}),
            ("Buc^Jérôme", {"chrFren"}),
            ("Aneas^Rudiger", {"chrGerm"}),
            ("Äneas*", {"chrGerm"}),
            ("müller^jürgen", {"plain"}),
            ("Muller*", {"plain"}),
            ("Люкceмбypг", {"chrRuss"}),
            ("люкceмбypг", {"chrRuss"}),
            ("Διονυσιος", {"chrGreek"}),
            ("ΔΙΟΝΥΣΙΟΣ", {"chrGreek"}),
            ("שרון^*", {"chrHbrw"}),
            ("قباني^*", {"chrArab"}),
            ("김희중", {"chrKoreanMulti"}),
            ("Yamada^Tarou", {"chrH31"}),
            ("山田^太郎", {"chrH31", "chrH32"}),
            ("やまだ*", {"chrH31", "chrH32"}),
            ("ﾔﾏﾀﾞ^ﾀﾛｳ", {"chrH32"}),
            ("ヤマダ^タロウ", {"chrH32"}),
            ("洪^吉洞", {"chrI2"}),
            ("홍^길동", {"chrI2"}),
            ("王^小東", {"chrX1"}),
            ("王^小东", {"chrX2"}),
            ("王^小?", {"chrX1", "chrX2"}),
            ("Wang^XiaoDong=王^小東", {"chrX1"}),
            ("=王^*", {"chrX1", "chrX2"}),
            ("Hong^*=洪^*=홍^*", {"chrI2"}),
            ("==홍^길동", {"chrI2"}),
            ("==洪^吉洞", set()),  # that is the ideographic group
            ("Van Dyke^Dick^^Mr", {"two parts"}),
            ("van dyke^dick*", {"two parts"}),
            ("Compressed", set()),
            ("Samples", set()),
        ],
    )
    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    def test_of_real_names(self, searchable: Searchable, resource: str, name: str, labels: set[str]) -> None:
        found = searchable.found(f"{resource}?PatientName={encoded(name)}")
        assert {label.split("/")[0] for label in found} == labels

    @pytest.mark.parametrize("name", ["Multi^Level", "Multi%5ELevel", "Multi^*", "Multi%5E%2A", "Multi^Leve?"])
    def test_raw_and_percent_encoded_delimiters(self, searchable: Searchable, name: str) -> None:
        assert searchable.found(f"/studies?PatientName={name}") == {"multi"}

    def test_every_character_set_file_is_found(self, searchable: Searchable) -> None:
        found = searchable.found("/studies?PatientName=*")
        assert set(CHARSET_FILES) <= found

    def test_names_come_back_in_all_their_groups(self, searchable: Searchable) -> None:
        (row,) = searchable.rows(f"/studies?PatientName={encoded('洪^吉洞')}")
        groups = {"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"}
        assert row["00100010"] == {"vr": "PN", "Value": [groups]}

    def test_another_name_attribute(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?ReferringPhysicianName=who^DOCTOR") == {"multi"}

    @pytest.mark.parametrize("name", ["^^^^", "%5E", "^"])
    def test_delimiters_alone_find_no_named_patient(self, searchable: Searchable, name: str) -> None:
        assert searchable.found(f"/studies?PatientName={name}") <= {"caret only", "carets"}


class TestListOfUidMatching:
    """PS3.4 C.2.2.2.2: any of the UIDs, separated by commas; backslashes as in DIMSE are understood."""

    @pytest.mark.parametrize("separator", [",", "%2C", "%5C", "\\"])
    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    def test_finds_each(self, searchable: Searchable, resource: str, separator: str) -> None:
        uids = [searchable.library.uid(label) for label in ("ct", "rgb")]
        found = searchable.found(f"{resource}?StudyInstanceUID={separator.join([*uids, '1.2.3'])}")
        assert {label.split("/")[0] for label in found} == {"ct", "rgb"}

    def test_on_an_attribute_without_a_column(self, searchable: Searchable) -> None:
        uid = "1.3.6.1.4.1.5962.1.4.1.1.20040119072730.12322"
        assert CT in searchable.found(f"/instances?FrameOfReferenceUID=1.2,{uid}")

    def test_of_a_thousand_uids(self, searchable: Searchable) -> None:
        uids = ",".join([f"1.2.3.{n}" for n in range(1000)] + [searchable.library.uid("multi/mr/1")])
        assert searchable.found(f"/instances?SOPInstanceUID={uids}") == {"multi/mr/1"}

    @pytest.mark.parametrize("value", ["abc", "1..2", "1.2/3", "1.2,abc", "9" * 65, "1.2.", ".1", "../etc"])
    def test_what_is_no_uid_is_refused(self, searchable: Searchable, value: str) -> None:
        assert searchable.get(f"/studies?StudyInstanceUID={value}").status == 400

    def test_other_attributes_take_one_value(self, searchable: Searchable) -> None:
        assert searchable.get("/studies?PatientID=a,b").status == 400
        assert searchable.found("/studies?PatientID=M%2B1%2C2%263%3D4") == {"multi"}


class TestRangeMatching:
    """PS3.4 C.2.2.2.5: `a-b`, `-b` and `a-` include their ends; single values compare by meaning."""

    @pytest.mark.parametrize(
        ("query", "labels"),
        [
            ("StudyDate=20060706", {"second day 03:00", "second day 23:00", "date without time"}),
            ("StudyDate=20060706-20060706", {"second day 03:00", "second day 23:00", "date without time"}),
            ("StudyDate=20060705-20060707", set(TIMELINE) - {"no date"}),
            ("StudyDate=20060707-", {"last day 18:00", "last day 18:01"}),
            ("StudyDate=-20060705", {"first day 09:59", "first day 10:00"}),
            ("StudyDate=2006.07.07", {"last day 18:00", "last day 18:01"}),  # ACR-NEMA form
            ("StudyTime=1800", {"last day 18:00"}),
            ("StudyTime=18", {"last day 18:00"}),
            ("StudyTime=180000.000000", {"last day 18:00"}),
            ("StudyTime=1000-1800", {"first day 10:00", "last day 18:00"}),
            ("StudyTime=2300-", {"second day 23:00"}),
            ("StudyTime=-0300", {"second day 03:00"}),
            ("StudyTime=09", set()),
            ("StudyTime=09-09", {"first day 09:59"}),
            ("PerformedProcedureStepStartDate", set(TIMELINE)),
        ],
    )
    def test_of_dates_and_times(self, searchable: Searchable, query: str, labels: set[str]) -> None:
        if "Performed" not in query:
            assert searchable.found(f"/studies?PatientID=TIMELINE&{query}") == labels
        in_series = query.replace("Study", "PerformedProcedureStepStart")
        found = searchable.found(f"/series?PatientID=TIMELINE&{in_series}")
        assert {label.split("/")[0] for label in found} == labels

    @pytest.mark.parametrize(
        ("query", "hit"),
        [
            ("AcquisitionDate=19970429-19970430", True),
            ("AcquisitionDate=19970501-", False),
            ("AcquisitionTime=112936-112936", True),
            ("AcquisitionTime=1130-", False),
            ("AcquisitionTime=1129-1129", True),
            ("SeriesDate=1997.04.30", True),
        ],
    )
    def test_of_attributes_without_a_column(self, searchable: Searchable, query: str, hit: bool) -> None:
        assert (CT in searchable.found(f"/instances?PatientID=1CT1&{query}")) is hit

    def test_stored_acr_nema_dates_and_times_are_found(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?StudyDate=19970424&StudyTime=140438") == {"acr-nema"}
        assert searchable.found("/studies?StudyDate=19970401-19970430") == {"acr-nema"}

    @pytest.mark.parametrize("query", ["StudyDate=-20991231", "StudyDate=19000101-", "StudyTime=-235959"])
    def test_an_empty_value_is_in_no_range(self, searchable: Searchable, query: str) -> None:
        assert not {"no date", "report"} & searchable.found(f"/studies?{query}")

    @pytest.mark.parametrize(
        "query",
        [
            "StudyDate=garbage", "StudyDate=2013-05-09", "StudyDate=20130510-20130509", "StudyDate=20131301",
            "StudyDate=20130230", "StudyDate=-", "StudyDate=2013", "StudyDate=20130101-20130102-20130103",
            "StudyTime=25", "StudyTime=1060", "StudyTime=2200-0200", "StudyTime=-", "StudyTime=10:00:00Z",
            "AcquisitionDateTime=yesterday", "InstanceNumber=one", "SeriesNumber=1.5", "InstanceNumber=1-3", "KVP=x",
            "KVP=NaN", "KVP=Infinity", "InstanceNumber=99999999999999999999999", "StudyDate=20060705%00",
            "FrameIncrementPointer=12", "PixelData=1", "RequestAttributesSequence=1",
        ],
    )  # fmt: skip
    def test_values_of_another_form_are_refused(self, searchable: Searchable, query: str) -> None:
        answer = searchable.get(f"/instances?{query}")
        assert answer.status == 400
        value = query.partition("=")[2]
        assert len(value) < 5 or value not in answer.json()["detail"]  # it may be patient data


class TestCombinedDateTimeMatching:
    """8.3.4.1.1: the ranges of a date and its time are one range of date-times, not one window a day."""

    @pytest.mark.parametrize(
        ("date", "time", "labels"),
        [
            (
                "20060705-20060707",
                "1000-1800",
                {"first day 10:00", "second day 03:00", "second day 23:00", "last day 18:00"},
            ),
            ("20060706-20060707", "2200-0200", {"second day 23:00"}),  # may cross midnight
            ("20060705-", "1000-", {
                "first day 10:00", "second day 03:00", "second day 23:00", "last day 18:00", "last day 18:01",
            }),
            ("-20060706", "-0300", {"first day 09:59", "first day 10:00", "second day 03:00"}),
            ("20060707-20060707", "1800-1800", {"last day 18:00"}),
            # not of the same form: two keys of their own
            ("20060706", "0000-1200", {"second day 03:00"}),
            ("20060705-20060707", "1800", {"last day 18:00"}),
            ("20060705-20060707", "1800-", {"second day 23:00", "last day 18:00", "last day 18:01"}),
        ],
    )  # fmt: skip
    def test_of_the_required_pairs(self, searchable: Searchable, date: str, time: str, labels: set[str]) -> None:
        for target, prefix in (("/studies", "Study"), ("/series", "PerformedProcedureStepStart")):
            found = searchable.found(f"{target}?PatientID=TIMELINE&{prefix}Time={time}&{prefix}Date={date}")
            assert {label.split("/")[0] for label in found} == labels

    @pytest.mark.parametrize(("time", "hit"), [("1100-1000", True), ("1128-1000", False)])
    def test_of_a_pair_without_columns(self, searchable: Searchable, time: str, hit: bool) -> None:
        query = f"/instances?PatientID=1CT1&SeriesDate=19970430-19970501&SeriesTime={time}"
        assert (CT in searchable.found(query)) is hit

    def test_a_day_that_ends_before_it_begins_is_refused(self, searchable: Searchable) -> None:
        assert searchable.get("/studies?StudyDate=20060705-20060705&StudyTime=1800-1000").status == 400

    def test_timezone_offset_is_not_matched(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=1CT1&TimezoneOffsetFromUTC=%2B0100") == {"ct"}
        assert searchable.found("/studies?PatientID=1CT1&TimezoneOffsetFromUTC=+0100") == {"ct"}
        assert searchable.get("/studies?TimezoneOffsetFromUTC=noon").status == 400

    def test_specific_character_set_is_not_matched(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=1CT1&SpecificCharacterSet=ISO_IR%20144") == {"ct"}


class TestSequenceMatching:
    """PS3.4 C.2.2.2.6: every key of a sequence must be satisfied inside one and the same item."""

    @pytest.mark.parametrize(
        ("step", "procedure", "hit"),
        [
            ("STEP1", "PROC1", True),
            ("STEP2", "PROC2", True),
            ("STEP1", "PROC2", False),
            ("STEP*", "PROC2", True),
            ("STEP?", "*", True),
            ("STEP1", "", True),
            ("STEP3", "PROC1", False),
        ],
    )
    @pytest.mark.parametrize("resource", ["/series", "{multi}/series", "/instances", "{multi}/instances"])
    def test_within_one_item(self, searchable: Searchable, resource: str, step: str, procedure: str, hit: bool) -> None:
        query = f"RequestAttributesSequence.00400009={step}&00400275.RequestedProcedureID={procedure}"
        found = searchable.found(f"{resource}?PatientName=Multi*&{query}")
        assert {label[:8] for label in found} == ({"multi/ct"} if hit else set())

    @pytest.mark.parametrize(
        ("query", "hit"),
        [
            ("OtherPatientIDsSequence.PatientID=ABCD1234", True),
            ("00101002.00100020=1234ABCD", True),
            ("OtherPatientIDsSequence.00100020=*ABCD*&00101002.TypeOfPatientID=TEXT", True),
            ("OtherPatientIDsSequence.PatientID=XYZ", False),
            ("OtherPatientIDsSequence.PatientID=ABCD1234&OtherPatientIDsSequence.TypeOfPatientID=RFID", False),
        ],
    )
    @pytest.mark.parametrize("resource", ["/studies", "/instances"])
    def test_of_a_sequence_without_columns(self, searchable: Searchable, resource: str, query: str, hit: bool) -> None:
        assert bool(searchable.found(f"{resource}?PatientID=1CT1&{query}")) is hit

    @pytest.mark.parametrize("query", ["PatientID.PatientName=x", "OtherPatientIDsSequence=x"])
    def test_a_path_goes_through_sequences_to_an_attribute(self, searchable: Searchable, query: str) -> None:
        assert searchable.get(f"/studies?{query}").status == 400


class TestPrivateAttributes:
    """8.3.4.1: the query must name the private creator; the block is that of each data set."""

    @pytest.mark.parametrize(
        ("query", "hit"),
        [
            ("00090010=GEMS_IDEN_01&00091002=CT01", True),
            ("00090010=GEMS_IDEN_01&00091002=CT0*", True),
            ("00090010=GEMS_IDEN_01&00091002=CT02", False),
            ("00090010=SOMEBODY_ELSE&00091002=CT01", False),
            ("00090010=GEMS_IDEN_01", True),
            ("00090010=GEMS_IDEN_02", False),
            ("00090020=GEMS_IDEN_01&00092002=CT01", True),  # the request may use another block
            ("00430010=GEMS_PARM_01&00431015=10431", True),
            ("00190010=GEMS_ACQU_01&00191003=373.75", True),
        ],
    )
    @pytest.mark.parametrize("resource", ["/studies", "/series", "/instances"])
    def test_with_their_creator(self, searchable: Searchable, resource: str, query: str, hit: bool) -> None:
        assert bool(searchable.found(f"{resource}?PatientID=1CT1&{query}")) is hit

    @pytest.mark.parametrize("query", ["00091002=CT01", "00100010=x&00091002=CT01", "00090010=&00091002=CT01"])
    def test_without_their_creator_are_refused(self, searchable: Searchable, query: str) -> None:
        answer = searchable.get(f"/instances?{query}")
        assert answer.status == 400
        assert "00090010" in answer.json()["accepted"][0]


class TestControlParameters:
    """8.3.4: flags are true or false; what they do is in test_s08_3_4_matching_flags.py."""

    @pytest.mark.parametrize("value", ["maybe", "TRUE", "1", "", "true,false"])
    @pytest.mark.parametrize("name", ["fuzzymatching", "emptyvaluematching", "multiplevaluematching"])
    def test_anything_else_is_refused(self, searchable: Searchable, name: str, value: str) -> None:
        assert searchable.get(f"/studies?{name}={value}").status == 400

    @pytest.mark.parametrize(
        "query",
        [
            "PatientID=1&PatientID=2", "PatientID=1&00100020=2", "PatientID=1&PatientID=1", "limit=1&limit=2",
            "Modality=CT&ModalitiesInStudy=CT",
        ],
    )  # fmt: skip
    def test_an_attribute_occurs_once(self, searchable: Searchable, query: str) -> None:
        assert searchable.get(f"/studies?{query}").status == 400

    @pytest.mark.parametrize("query", ["foo=bar", "_=123", "PatientID=1CT1&foo", "foo=%41"])
    def test_unknown_parameters_are_ignored(self, searchable: Searchable, query: str) -> None:
        assert searchable.get(f"/studies?{query}").status == 200

    def test_names_are_case_sensitive(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?patientid=1CT1") == set(searchable.library.studies.values())
        assert searchable.get("/studies?Limit=1").status == 400  # has the shape of a keyword, and is none

    def test_a_plus_is_a_plus(self, searchable: Searchable) -> None:
        assert searchable.found("/studies?PatientID=M+1%2C2%263%3D4") == {"multi"}
        assert searchable.found("/studies?PatientID=M%201%2C2%263%3D4") == set()
