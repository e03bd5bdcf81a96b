"""The meaning of every matching type (PS3.4 C.2.2.2; fact sheet 4.2)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from filmjacket.dicom.levels import Level
from filmjacket.web.matching import matches, matches_all, wildcard_expression
from filmjacket.web.person_names import fold_name
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef


def does_match(query: str, attributes: dict[str, Any]) -> bool:
    keys = parse_search(Level.INSTANCE, ResourceRef(), query).keys
    return matches_all(attributes, keys)


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


@pytest.mark.parametrize(
    ("query", "vr", "values", "expected"),
    [
        # Single value: exact and case-sensitive (C.2.2.2.1); padding does not count.
        ("PatientID=A1", "LO", ["A1"], True),
        ("PatientID=a1", "LO", ["A1"], False),
        ("PatientID=A1", "LO", [" A1 "], True),
        ("PatientID=%20A1", "LO", ["A1"], True),
        ("PatientID=A", "LO", ["A1"], False),
        ("PatientComments=%20A", "LT", [" A "], True),
        ("PatientComments=A", "LT", [" A"], False),
        # Universal: everything, also what has no value (C.2.2.2.3); an empty value matches no other key.
        ("PatientID=", "LO", [], True),
        ("PatientID=A1", "LO", [], False),
        ("PatientID=?*", "LO", [], False),
        # Wildcards (C.2.2.2.4), no escape mechanism, special to no other notation.
        ("PatientID=A*", "LO", ["A"], True),
        ("PatientID=A?", "LO", ["A"], False),
        ("PatientID=A?", "LO", ["A."], True),
        ("PatientID=?", "LO", ["山"], True),
        ("PatientID=A.*", "LO", ["ABC"], False),
        ("PatientID=[AB]*", "LO", ["A"], False),
        ("PatientID=A%25*", "LO", ["ABC"], False),
        ("PatientID=a*", "LO", ["ABC"], False),
        ("PatientID=*1*2", "LO", ["A1B2C2"], True),
        # Multi-valued: any value (fact sheet 4.2).
        ("ImageType=AXIAL", "CS", ["ORIGINAL", None, "AXIAL"], True),
        ("ImageType=ORIGINAL%5CAXIAL", "CS", ["ORIGINAL", "AXIAL"], False),
        # Numbers by value, whatever their form.
        ("SeriesNumber=1", "IS", ["01 "], True),
        ("SeriesNumber=01", "IS", [1], True),
        ("SeriesNumber=1", "IS", ["abc"], False),
        ("SliceThickness=1.50", "DS", ["1.5"], True),
        ("SliceThickness=1.5", "DS", [1.5], True),
        ("Rows=512", "US", [512], True),
        ("RecommendedDisplayFrameRateInFloat=0.1", "FL", [0.10000000149011612], True),
        ("RealWorldValueSlope=0.1", "FD", [0.1], True),
        ("RealWorldValueSlope=0.1", "FD", [0.10000001], False),
        ("RealWorldValueSlope=1e400", "FD", [0.1], False),
        ("FrameIncrementPointer=00181063", "AT", ["00181063"], True),
        ("FrameIncrementPointer=0018106a", "AT", ["0018106A"], True),
        ("PatientAge=030Y", "AS", ["030Y"], True),
        # UIDs: whole, any of a list.
        ("SOPClassUID=1.2,1.3", "UI", ["1.3"], True),
        ("SOPClassUID=1.2,1.3", "UI", ["1.30"], False),
        # Dates and times by meaning; ranges include both ends.
        ("StudyDate=20040119", "DA", ["2004.01.19"], True),
        ("StudyDate=20040119", "DA", ["garbage"], False),
        ("StudyDate=20040101-20040119", "DA", ["20040119"], True),
        ("StudyDate=20040101-20040118", "DA", ["20040119"], False),
        ("StudyDate=-20040119", "DA", [], False),
        ("StudyTime=2230", "TM", ["223000"], True),
        ("StudyTime=223000.0", "TM", ["2230"], True),
        ("StudyTime=2230", "TM", ["223001"], False),
        ("StudyTime=1000-1800", "TM", ["180059.5"], True),
        ("StudyTime=1000-1800", "TM", ["180100"], False),
        ("StudyTime=1000-", "TM", ["095959"], False),
        ("AcquisitionDateTime=19980128103000.0000", "DT", ["19980128103000"], True),
        ("AcquisitionDateTime=1997-1998", "DT", ["19981231235959"], True),
        ("AcquisitionDateTime=20060705100000%2B0000", "DT", ["20060705120000+0200"], True),
        ("AcquisitionDateTime=2006", "DT", ["nonsense"], False),
    ],
)
def test_one_attribute(query: str, vr: str, values: list[Any], expected: bool) -> None:
    (key,) = parse_search(Level.INSTANCE, ResourceRef(), query).keys
    assert matches({key.tag: element(vr, *values)}, key) is expected
    if expected and values:
        assert not matches({}, key)


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("DOE^JOHN", {"Alphabetic": "Doe^John"}, True),
        ("Müller*", {"Alphabetic": "MULLER^J"}, True),
        ("MULLER^J", {"Alphabetic": "Mu\u0308ller^J^^^"}, True),
        ("DOE", {"Alphabetic": "DOE^JOHN"}, False),
        ("*john", {"Alphabetic": "DOE^JOHN"}, True),
        ("D?E*", {"Alphabetic": "DOE^JOHN"}, True),
        # Any group of the stored name ...
        ("山田*", {"Alphabetic": "YAMADA^TAROU", "Ideographic": "山田^太郎"}, True),
        ("やまだ*", {"Alphabetic": "YAMADA", "Ideographic": "山田", "Phonetic": "やまだ^たろう"}, True),
        # ... unless the key has groups.
        ("YAMADA*=山田*", {"Alphabetic": "YAMADA^TAROU", "Ideographic": "山田^太郎"}, True),
        ("YAMADA*=佐藤*", {"Alphabetic": "YAMADA^TAROU", "Ideographic": "山田^太郎"}, False),
        ("=山田*", {"Alphabetic": "YAMADA", "Ideographic": "山田^太郎"}, True),
        ("=YAMADA*", {"Alphabetic": "YAMADA", "Ideographic": "山田^太郎"}, False),
        ("YAMADA=山田", {"Alphabetic": "YAMADA"}, False),
        # Half-width and full-width forms are one letter, voiced and unvoiced kana two.
        ("ヤマダ", {"Alphabetic": "ﾔﾏﾀﾞ"}, True),
        ("かた", {"Phonetic": "がた"}, False),
        ("?*", {"Alphabetic": "^^^^"}, False),
    ],
)
def test_person_names(query: str, name: dict[str, str], expected: bool) -> None:
    assert does_match(f"PatientName={query}", {"00100010": element("PN", name)}) is expected


def test_fold_name_is_stable() -> None:
    for name in ("DOE ^ John^^", "Straße^İ", "ﾔﾏﾀﾞ^山", "ΣΊΣΥΦΟΣ"):
        assert fold_name(fold_name(name)) == fold_name(name)


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20060705", "0900", False),
        ("20060705", "1000", True),
        ("20060706", "0300", True),
        ("20060707", "180030", True),
        ("20060707", "1801", False),
        ("20060706", None, False),
        (None, "1200", False),
    ],
)
def test_combined_date_and_time(date: str | None, time: str | None, expected: bool) -> None:
    """PS3.18 8.3.4.1.1: 5 July 10:00 to 7 July 18:00 is one interval."""
    attributes = {"00080020": element("DA", *[date] * bool(date)), "00080030": element("TM", *[time] * bool(time))}
    assert does_match("StudyDate=20060705-20060707&StudyTime=1000-1800", attributes) is expected


ITEMS = {
    "00400275": {
        "vr": "SQ",
        "Value": [
            {"00400009": element("SH", "S1"), "00401001": element("SH", "P1")},
            {"00400009": element("SH", "S2")},
            {},
        ],
    }
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{}.ScheduledProcedureStepID=S1&{}.RequestedProcedureID=P1", True),
        ("{}.ScheduledProcedureStepID=S2&{}.RequestedProcedureID=P1", False),
        ("{}.ScheduledProcedureStepID=S2&{}.RequestedProcedureID=", True),
        ("{}.ScheduledProcedureStepID=S3", False),
        ("{}", True),
    ],
)
def test_sequences_match_within_one_item(query: str, expected: bool) -> None:
    """PS3.4 C.2.2.2.6."""
    assert does_match(query.replace("{}", "RequestAttributesSequence"), ITEMS) is expected


@pytest.mark.parametrize("block", ["10", "A7"])
def test_private_attributes_follow_their_creator(block: str) -> None:
    attributes = {
        f"002300{block}": element("LO", "AcmeCompany"),
        f"0023{block}01": element("SH", "001239"),
        f"0023{block}02": {"vr": "UN", "InlineBinary": "QUJDIA=="},
        "002300FE": element("LO", "Other"),
        "0023FE01": element("SH", "xxx"),
    }
    creator = "00230010=AcmeCompany"
    assert does_match(f"{creator}&00231001=001239", attributes)
    assert does_match(f"{creator}&00231001=00*", attributes)
    assert does_match(creator, attributes)
    assert does_match(f"{creator}&00231002=ABC", attributes)
    assert not does_match(f"{creator}&00231001=xxx", attributes)
    assert not does_match(f"{creator}&00231003=1", attributes)
    assert not does_match("00230010=Nobody&00231001=001239", attributes)


def test_a_hostile_pattern_takes_no_time() -> None:
    expression = wildcard_expression("a*" * 60 + "b")
    began = time.perf_counter()
    assert expression.fullmatch("a" * 20_000) is None
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*ab", "abab", True),
        ("a*a", "a", False),
        ("*a*b*", "xbxa", False),
        ("a?c*e", "abcde", True),
        ("*\n", "a\n", True),
        ("?", "\n", True),
    ],
)
def test_wildcard_expressions(pattern: str, text: str, expected: bool) -> None:
    assert (wildcard_expression(pattern).fullmatch(text) is not None) is expected
