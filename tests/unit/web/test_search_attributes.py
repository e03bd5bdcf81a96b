"""How search attributes are declared, and what their values become."""

from __future__ import annotations

import pytest

from filmjacket.dicom.levels import Level
from filmjacket.web.search_attributes import indexed_values, parse_search_attribute


@pytest.mark.parametrize(
    ("text", "name", "vr", "level"),
    [
        ("ProtocolName", "00181030", "LO", Level.SERIES),
        (" 00181030 ", "00181030", "LO", Level.SERIES),
        ("StudyDescription", "00081030", "LO", Level.STUDY),
        ("KVP", "00180060", "DS", Level.INSTANCE),
        ("RequestAttributesSequence.00321060", "00400275.00321060", "LO", Level.SERIES),
        ("00091001@ACME", "00091001@ACME", "", Level.INSTANCE),
        ("0009AB01@ACME", "00091001@ACME", "", Level.INSTANCE),
        ("0043xx27@GEMS_PARM_01".replace("xx", "10"), "00431027@GEMS_PARM_01", "SH", Level.INSTANCE),
    ],
)
def test_declarations(text: str, name: str, vr: str, level: Level) -> None:
    attribute = parse_search_attribute(text)
    assert (attribute.name, attribute.vr, attribute.level) == (name, vr, level)


@pytest.mark.parametrize(
    "text",
    [
        *("", "NoSuchKeyword", "PatientID", "0020000D", "TimezoneOffsetFromUTC", "NumberOfPatientRelatedStudies"),
        *("PixelData", "AcquisitionDateTime", "RequestAttributesSequence", "PatientName.PatientID", "00091001"),
        *("00090010@ACME", "ProtocolName@ACME", "00091001.00091002@ACME"),
    ],
)
def test_what_cannot_be_declared(text: str) -> None:
    with pytest.raises(ValueError, match=r"indexed|attribute|creator|sequence"):
        parse_search_attribute(text)


@pytest.mark.parametrize(
    ("text", "attributes", "values", "whole"),
    [
        ("ImageType", {"00080008": {"vr": "CS", "Value": ["A ", None, "B"]}}, {"A", "B"}, True),
        ("KVP", {"00180060": {"vr": "DS", "Value": ["120.0", 120, "x"]}}, {"1.2E+2"}, True),
        ("KVP", {"00180060": {"vr": "DS", "Value": ["-0", "9" * 40]}}, {"0"}, False),
        ("PatientBirthDate", {"00100030": {"vr": "DA", "Value": ["1970.01.02", "soon"]}}, {"19700102"}, True),
        ("StudyDescription", {"00081030": {"vr": "LO", "Value": ["x" * 300, "y"]}}, {"y"}, False),
        ("StudyDescription", {"00081030": {"vr": "UN", "InlineBinary": "SEVBRCA="}}, {"HEAD"}, True),
        ("KVP", {"00180060": {"vr": "UN", "InlineBinary": "MTIw"}}, set(), False),
        (
            "OperatorsName",
            {"00081070": {"vr": "PN", "Value": [{"Alphabetic": "Dö^J", "Ideographic": "山^田"}]}},
            {"do^j", "山^田"},
            True,
        ),
        (
            "00431027@ACME",
            {"00430022": {"vr": "LO", "Value": ["ACME"]}, "00432227": {"vr": "SH", "Value": ["a"]}},
            {"a"},
            True,
        ),
        (
            "00431027@ACME",
            {"00430010": {"vr": "LO", "Value": ["X"]}, "00431027": {"vr": "SH", "Value": ["a"]}},
            set(),
            True,
        ),
        ("StudyDescription", {}, set(), True),
    ],
)
def test_values(text: str, attributes: dict, values: set[str], whole: bool) -> None:  # type: ignore[type-arg]
    assert indexed_values(attributes, parse_search_attribute(text)) == (values, whole)
