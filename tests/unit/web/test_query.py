"""The grammar of searches (PS3.18 8.3.4; fact sheet 3, 4 and 11.1)."""

from __future__ import annotations

import pytest

from filmjacket.dicom.levels import Level
from filmjacket.errors import BadRequest, FilmjacketError, UriTooLong
from filmjacket.web.matching import MatchKind
from filmjacket.web.query import MAXIMUM_PARAMETERS, MAXIMUM_QUERY_LENGTH, SearchQuery, parse_search
from filmjacket.web.refs import ResourceRef
from filmjacket.web.search_tables import default_return

STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
ANYWHERE = ResourceRef()


def studies(query: str) -> SearchQuery:
    return parse_search(STUDY, ANYWHERE, query)


@pytest.mark.parametrize("name", ["PatientID", "00100020"])
def test_an_attribute_is_a_keyword_or_a_tag(name: str) -> None:
    (key,) = studies(f"{name}=A1").keys
    assert (key.tag, key.vr, key.kind, key.values) == ("00100020", "LO", MatchKind.SINGLE, ("A1",))


@pytest.mark.parametrize(
    ("query", "kind", "values"),
    [
        ("PatientID", MatchKind.UNIVERSAL, ()),
        ("PatientID=", MatchKind.UNIVERSAL, ()),
        ("PatientID=*", MatchKind.UNIVERSAL, ()),
        ("PatientID=%2A%2a", MatchKind.UNIVERSAL, ()),
        ("PatientID=A%2CB", MatchKind.SINGLE, ("A,B",)),
        ("PatientID=A+B%20C", MatchKind.SINGLE, ("A+B C",)),
        ("PatientID=A%26B%3DC", MatchKind.SINGLE, ("A&B=C",)),
        ("PatientID=a=b", MatchKind.SINGLE, ("a=b",)),
        ("PatientID=A**B*", MatchKind.WILDCARD, ("A*B*",)),
        ("PatientID=A?", MatchKind.WILDCARD, ("A?",)),
        ("PatientName=M%C3%BCller%5eJ*", MatchKind.WILDCARD, ("muller^j*",)),
        ("PatientName=MÜLLER^^^", MatchKind.SINGLE, ("muller",)),
        ("PatientName=Yamada=%E5%B1%B1*", MatchKind.WILDCARD, ("yamada", "山*")),
        ("PatientName=*=*", MatchKind.UNIVERSAL, ()),
        ("PatientName=%20*", MatchKind.UNIVERSAL, ()),
        ("StudyInstanceUID=1.2,1.3", MatchKind.ANY_OF, ("1.2", "1.3")),
        ("StudyInstanceUID=1.2%2C1.3%5C1.4", MatchKind.ANY_OF, ("1.2", "1.3", "1.4")),
        ("StudyInstanceUID=1.2", MatchKind.ANY_OF, ("1.2",)),
        ("ModalitiesInStudy=CT%5CMR", MatchKind.ANY_OF, ("CT", "MR")),
        ("StudyTime=2230", MatchKind.SINGLE, ("223000.000000",)),
        ("StudyDate=2004.01.19", MatchKind.SINGLE, ("20040119",)),
        ("NumberOfStudyRelatedSeries=03", MatchKind.SINGLE, ("3",)),
        ("PatientSize=1.80", MatchKind.SINGLE, ("1.80",)),
        ("PatientAge=030Y", MatchKind.SINGLE, ("030Y",)),
    ],
)
def test_values_by_vr(query: str, kind: MatchKind, values: tuple[str, ...]) -> None:
    (key,) = studies(query).keys
    assert (key.kind, key.values) == (kind, values)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("StudyDate=20060705-20060707", "20060705", "20060707"),
        ("StudyDate=20060705-", "20060705", None),
        ("StudyDate=-20060707", None, "20060707"),
        ("StudyTime=1000-1800", "100000.000000", "180059.999999"),
        ("StudyTime=10-", "100000.000000", None),
    ],
)
def test_ranges(query: str, first: str | None, last: str | None) -> None:
    (key,) = studies(query).keys
    assert key.kind is MatchKind.RANGE
    assert key.span is not None
    assert (key.span.first, key.span.last) == (first, last)


@pytest.mark.parametrize(
    ("query", "combined"),
    [
        ("StudyDate=20060705-20060707&StudyTime=1000-1800", True),
        # A range of date-times may begin later in the day than it ends.
        ("StudyTime=1800-1000&StudyDate=20060705-20060707", True),
        ("StudyDate=20060705-&StudyTime=1000-", True),
        ("StudyDate=-20060705&StudyTime=-1000", True),
        ("StudyDate=20060705-&StudyTime=1000-1800", False),
        ("StudyDate=20060705&StudyTime=1000-1800", False),
        ("StudyDate=20060705-20060707&StudyTime=1000", False),
        ("PatientBirthDate=1990-1991&PatientBirthTime=10-11", None),
        ("PatientBirthDate=19900101-19910101&PatientBirthTime=10-11", True),
    ],
)
def test_the_same_form_of_range_on_date_and_time_is_combined(query: str, combined: bool | None) -> None:
    """PS3.18 8.3.4.1.1."""
    if combined is None:
        with pytest.raises(BadRequest):
            studies(query)
        return
    kinds = [key.kind for key in studies(query).keys]
    assert (kinds == [MatchKind.COMBINED]) is combined


REFUSED = [
    (STUDY, "StudyDate=2013-05-09", "StudyDate"),
    (STUDY, "StudyDate=20130510-20130509", "StudyDate"),
    (STUDY, "StudyDate=garbage", "StudyDate"),
    (STUDY, "StudyDate=-", "StudyDate"),
    (STUDY, "StudyDate=*", "StudyDate"),
    (STUDY, "StudyDate=20061301", "StudyDate"),
    (STUDY, "StudyTime=1800-1000", "StudyTime"),
    (STUDY, "StudyDate=20060705-20060705&StudyTime=1800-1000", "StudyTime"),
    (STUDY, "StudyTime=25", "StudyTime"),
    (STUDY, "StudyInstanceUID=1.2.*", "StudyInstanceUID"),
    (STUDY, "StudyInstanceUID=1..2", "StudyInstanceUID"),
    (STUDY, "StudyInstanceUID=" + "1" * 65, "StudyInstanceUID"),
    (STUDY, "NumberOfStudyRelatedSeries=many", "NumberOfStudyRelatedSeries"),
    (STUDY, "NumberOfStudyRelatedSeries=1.5", "NumberOfStudyRelatedSeries"),
    (STUDY, f"NumberOfStudyRelatedSeries={'9' * 40}", "NumberOfStudyRelatedSeries"),
    (STUDY, "PatientWeight=1e999999999999999999999", "PatientWeight"),
    (STUDY, "PatientSize=NaN", "PatientSize"),
    (STUDY, "PatientID=1&PatientID=2", "PatientID"),
    (STUDY, "PatientID=1&00100020=1", "00100020"),
    (STUDY, "Modality=CT&ModalitiesInStudy=CT", "ModalitiesInStudy"),
    (STUDY, "PatientID=A,B", "PatientID"),
    (STUDY, f"PatientID={'A' * 9000}", "PatientID"),
    (STUDY, "PatientIDs=1", "PatientIDs"),
    (STUDY, "SeriesNumber=1", "SeriesNumber"),
    (STUDY, "Rows=1", "Rows"),
    (STUDY, "RequestAttributesSequence.00400009=1", "RequestAttributesSequence.00400009"),
    (SERIES, "InstanceNumber=1", "InstanceNumber"),
    (SERIES, "RequestAttributesSequence=1", "RequestAttributesSequence"),
    (SERIES, "Modality.PatientID=1", "Modality.PatientID"),
    (SERIES, "Modality=CT,M*", "Modality"),
    (INSTANCE, "PixelData=1", "PixelData"),
    (INSTANCE, "SOPClassesInStudy=1.2", "SOPClassesInStudy"),
    (INSTANCE, "TransferSyntaxUID=1.2", "TransferSyntaxUID"),
    (INSTANCE, "FrameIncrementPointer=xyz", "FrameIncrementPointer"),
    (INSTANCE, "00231001=1", "00231001"),
    (INSTANCE, "00230011=ACME&00231001=1", "00231001"),
    (STUDY, "fuzzymatching=maybe", "fuzzymatching"),
    (STUDY, "fuzzymatching", "fuzzymatching"),
    (STUDY, "fuzzymatching=true&fuzzymatching=true", "fuzzymatching"),
    (STUDY, "emptyvaluematching=1", "emptyvaluematching"),
    (STUDY, "limit=-1", "limit"),
    (STUDY, "limit", "limit"),
    (STUDY, "limit=", "limit"),
    (STUDY, "limit=1.0", "limit"),
    (STUDY, "limit=%D9%A3", "limit"),
    (STUDY, "offset=a", "offset"),
    (STUDY, "limit=1&limit=1", "limit"),
    (STUDY, "includefield=all&includefield=PatientName", "includefield"),
    (STUDY, "includefield=all,PatientName", "includefield"),
    (STUDY, "PatientID=%", "PatientID"),
    (STUDY, "PatientID=%zz", "PatientID"),
    (STUDY, "PatientID=%FF", "PatientID"),
    (STUDY, "PatientID=%00", "PatientID"),
    (STUDY, "PatientID=A%0A", "PatientID"),
    (STUDY, "TimezoneOffsetFromUTC=GMT", "TimezoneOffsetFromUTC"),
]


@pytest.mark.parametrize(("level", "query", "offender"), REFUSED)
def test_refusals_name_parameter_and_section(level: Level, query: str, offender: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_search(level, ANYWHERE, query)
    assert refusal.value.offender == offender
    assert refusal.value.section
    # No value of the request, which may be patient data, gets into the message.
    for value in ("garbage", "9999999", "AAAA", "20130510"):
        assert value not in refusal.value.message


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("PatientID=" + "A" * MAXIMUM_QUERY_LENGTH, UriTooLong),
        ("a&" * 5_000_000, UriTooLong),
        ("&".join(f"x{number}" for number in range(MAXIMUM_PARAMETERS + 1)), BadRequest),
        ("StudyInstanceUID=" + ",".join(f"1.{number}" for number in range(5000)), BadRequest),
        ("includefield=" + ",".join(f"{number:08X}" for number in range(5000)), BadRequest),
    ],
)
def test_the_size_of_a_query_is_bounded(query: str, error: type[FilmjacketError]) -> None:
    with pytest.raises(error):
        studies(query)


def test_unknown_parameters_are_ignored() -> None:
    query = studies("foo=bar&accept=application/dicom+json&_=1&limit=3&")
    assert query == SearchQuery(STUDY, ANYWHERE, limit=3)


def test_modality_of_studies_means_modalities_in_study() -> None:
    (key,) = studies("Modality=CT").keys
    assert key.tag == "00080061"


def test_what_says_how_to_read_the_request_is_not_matched() -> None:
    query = parse_search(
        INSTANCE,
        ANYWHERE,
        "SpecificCharacterSet=ISO_IR%20100&TimezoneOffsetFromUTC=%2B0100&AcquisitionDateTime=20060705100000",
    )
    (key,) = query.keys
    assert key.values == ("20060705090000.000000",)


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("AcquisitionDateTime=2006-2007", None),
        ("AcquisitionDateTime=2006-0500", ("20060101050000.000000",)),
        ("AcquisitionDateTime=20060705120000+0200", ("20060705100000.000000",)),
        ("AcquisitionDateTime=20060705120000-0200-20060706", None),
    ],
)
def test_a_hyphen_in_a_date_time_is_a_sign_or_a_range(query: str, values: tuple[str, ...] | None) -> None:
    (key,) = parse_search(INSTANCE, ANYWHERE, query).keys
    assert key.kind is (MatchKind.RANGE if values is None else MatchKind.SINGLE)
    assert key.values == (values or ())


def test_keys_in_one_sequence_are_one_key() -> None:
    text = "RequestAttributesSequence.ScheduledProcedureStepID=S&00400275.RequestedProcedureID=P*&SeriesNumber=1"
    number, requests = parse_search(SERIES, ANYWHERE, text).keys
    assert number.tag == "00200011"
    assert (requests.tag, requests.kind) == ("00400275", MatchKind.SEQUENCE)
    assert [(key.tag, key.kind) for key in requests.items] == [
        ("00400009", MatchKind.SINGLE),
        ("00401001", MatchKind.WILDCARD),
    ]
    (universal,) = parse_search(SERIES, ANYWHERE, "RequestAttributesSequence.RequestedProcedureID").keys
    assert universal.kind is MatchKind.UNIVERSAL


def test_a_private_attribute_is_bound_to_its_creator() -> None:
    query = parse_search(STUDY, ANYWHERE, "00230010=AcmeCompany&00231001=001239")
    creator, private = query.keys
    assert (creator.kind, creator.values) == (MatchKind.CREATOR, ("AcmeCompany",))
    assert (private.tag, private.creator, private.values) == ("00231001", "AcmeCompany", ("001239",))
    assert query.creators == (("00230010", "AcmeCompany"),)


@pytest.mark.parametrize(
    ("level", "text", "include"),
    [
        (STUDY, "includefield=00081048,00081060", [("00081048",), ("00081060",)]),
        (STUDY, "includefield=00081048%2CPatientAge&includefield=PatientAge", [("00081048",), ("00101010",)]),
        (STUDY, "includefield=Modality,SOPClassUID,PatientAge", [("00101010",)]),
        (SERIES, "includefield=Modality,SOPClassUID,PatientAge", [("00080060",), ("00101010",)]),
        (STUDY, "includefield=NoSuchKeyword,,x", []),
        (STUDY, "includefield", []),
        (SERIES, "includefield=RequestAttributesSequence.00400009", [("00400275", "00400009")]),
        (STUDY, "includefield=AvailableTransferSyntaxUID", [("00083002",)]),
        (INSTANCE, "includefield=00020010", [("00020010",)]),
    ],
)
def test_includefield(level: Level, text: str, include: list[tuple[str, ...]]) -> None:
    query = parse_search(level, ANYWHERE, text)
    assert list(query.include) == include
    assert not query.include_all


def test_includefield_all() -> None:
    assert studies("includefield=all").include_all
    assert studies("includefield=all&includefield=all").include_all


@pytest.mark.parametrize(("text", "limit"), [("0", 0), ("007", 7), ("9" * 30, 2**31 - 1)])
def test_paging(text: str, limit: int) -> None:
    query = studies(f"limit={text}&offset={text}")
    assert (query.limit, query.offset) == (limit, limit)
    assert (studies("").limit, studies("").offset) == (None, 0)


@pytest.mark.parametrize(
    ("level", "ref", "there", "not_there"),
    [
        (STUDY, ResourceRef(), {"00100010", "00201208", "0020000D"}, {"00080060", "00080018"}),
        (SERIES, ResourceRef(), {"00100010", "00080060", "0020000D", "0020000E"}, {"00080018"}),
        (SERIES, ResourceRef("1.2"), {"00080060", "0020000D"}, {"00100010", "00080018"}),
        (INSTANCE, ResourceRef(), {"00100010", "00080060", "00080018"}, set()),
        (INSTANCE, ResourceRef("1.2"), {"00080060", "00080018", "0020000D", "0020000E"}, {"00100010"}),
        (INSTANCE, ResourceRef("1.2", "1.3"), {"00080018", "0020000D", "0020000E"}, {"00100010", "00080060"}),
    ],
)
def test_default_return(level: Level, ref: ResourceRef, there: set[str], not_there: set[str]) -> None:
    """PS3.18 10.6.3.3: relational searches return the parents' attributes, all searches the parents' UIDs."""
    tags = default_return(level, ref)
    assert there <= tags
    assert not not_there & tags
