"""The DICOM JSON Model as bytes: PS3.18 Annex F, fact sheet 12.1."""

import json

import pytest

from filmjacket.dicom.json_model import (
    decode_array,
    decode_attributes,
    encode_array,
    encode_attributes,
    filter_attributes,
)
from filmjacket.dicom.limits import MAX_DEPTH
from filmjacket.errors import DicomError


def nested(depth):
    item = {"00080060": {"vr": "CS", "Value": ["CT"]}}
    for _ in range(depth):
        item = {"00081115": {"vr": "SQ", "Value": [item]}}
    return item


def test_members_are_ordered_at_every_level():
    attributes = {
        "00400275": {
            "vr": "SQ",
            "Value": [{"00400009": {"vr": "SH"}, "00400007": {"vr": "LO"}, "0040000A": {"vr": "LO"}}],
        },
        "00080060": {"vr": "CS", "Value": ["CT"]},
    }
    document = json.loads(encode_attributes(attributes))
    assert list(document) == ["00080060", "00400275"]
    assert list(document["00400275"]["Value"][0]) == ["00400007", "00400009", "0040000A"]


def test_text_is_utf_8_without_escapes():
    name = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Jérôme"}]}}
    assert '"Jérôme"'.encode() in encode_attributes(name)


def test_array():
    rows = [{"00080060": {"vr": "CS"}}, {}]
    assert decode_array(encode_array(rows)) == rows
    assert encode_array([]) == b"[]"
    assert decode_array(b"{}") == [{}]


GOOD = {
    "AE AS CS and other strings": {"00080060": {"vr": "CS", "Value": ["CT", None, "PT"]}},
    "AT": {"00280009": {"vr": "AT", "Value": ["00181063"]}},
    "DS IS as numbers": {"00280030": {"vr": "DS", "Value": [0.5, 1]}, "00200013": {"vr": "IS", "Value": [1]}},
    "DS IS as text": {"00280030": {"vr": "DS", "Value": ["x"]}, "00200013": {"vr": "IS", "Value": ["1a"]}},
    "SV UV": {"00182041": {"vr": "UV", "Value": [1, "18446744073709551615"]}},
    "PN": {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A", "Phonetic": "P"}, None]}},
    "SQ": {"00081115": {"vr": "SQ", "Value": [{}, {"0020000E": {"vr": "UI", "Value": ["1.2"]}}]}},
    "empty": {"00081115": {"vr": "SQ"}, "00100010": {"vr": "PN"}, "00280010": {"vr": "US"}},
    "InlineBinary": {"00282000": {"vr": "OB", "InlineBinary": "AAE="}},
    "BulkDataURI": {"7FE00010": {"vr": "OW", "BulkDataURI": "http://host/bulk"}},
    "private": {"00090010": {"vr": "LO", "Value": ["ME"]}, "00091001": {"vr": "UN", "InlineBinary": "AA=="}},
    "backslash in text": {"00204000": {"vr": "LT", "Value": ["a\\b"]}},
    "control characters": {"00204000": {"vr": "LT", "Value": ["a\fb\u0000c\x1b"]}},
}


@pytest.mark.parametrize("name", GOOD)
def test_round_trip(name):
    assert decode_attributes(encode_attributes(GOOD[name])) == GOOD[name]


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({"0008001a": {"vr": "UI"}}, {"0008001A": {"vr": "UI"}}),
        ({"00080060": {"vr": "CS", "Value": []}}, {"00080060": {"vr": "CS"}}),
        ({"00080060": {"vr": "CS", "Value": [""]}}, {"00080060": {"vr": "CS"}}),
        ({"00080060": {"vr": "CS", "Value": [None]}}, {"00080060": {"vr": "CS"}}),
        ({"00080060": {"vr": "CS", "Value": None}}, {"00080060": {"vr": "CS"}}),
        ({"00081115": {"vr": "SQ", "Value": []}}, {"00081115": {"vr": "SQ"}}),
        ({"00100010": {"vr": "PN", "Value": [{}]}}, {"00100010": {"vr": "PN"}}),
        (
            {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A", "Phonetic": ""}]}},
            {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}},
        ),
        (
            {"00280009": {"vr": "AT", "Value": ["7fe00010"]}},
            {"00280009": {"vr": "AT", "Value": ["7FE00010"]}},
        ),
        ({"00280030": {"vr": "DS", "Value": ["0.5", "2"]}}, {"00280030": {"vr": "DS", "Value": [0.5, 2]}}),
        ({"00200013": {"vr": "IS", "Value": [3.0]}}, {"00200013": {"vr": "IS", "Value": [3]}}),
        ({"00280010": {"vr": "US", "Value": [512.0]}}, {"00280010": {"vr": "US", "Value": [512]}}),
        (
            {"00182041": {"vr": "UV", "Value": [2**64 - 1]}},
            {"00182041": {"vr": "UV", "Value": [str(2**64 - 1)]}},
        ),
        ({"00080000": {"vr": "UL", "Value": [4]}}, {}),
        ({"00282000": {"vr": "OB", "InlineBinary": ""}}, {"00282000": {"vr": "OB"}}),
        (
            {"00282000": {"vr": "OB", "InlineBinary": "AA\nE="}},
            {"00282000": {"vr": "OB", "InlineBinary": "AAE="}},
        ),
        ({"00080060": {"vr": "CS", "keyword": "Modality"}}, {"00080060": {"vr": "CS"}}),
    ],
)
def test_tolerated_forms_become_the_one_form(given, understood):
    assert decode_attributes(json.dumps(given).encode()) == understood


@pytest.mark.parametrize(
    "attribute",
    [
        '"CT"',
        "[]",
        "{}",
        '{"vr": 1}',
        '{"vr": "XX"}',
        '{"vr": "CS", "Value": "CT"}',
        '{"vr": "CS", "Value": [1]}',
        '{"vr": "CS", "Value": [["CT"]]}',
        '{"vr": "CS", "Value": ["A\\\\B"]}',
        '{"vr": "LT", "Value": ["a", "b"]}',
        '{"vr": "CS", "InlineBinary": "AA=="}',
        '{"vr": "CS", "BulkDataURI": "http://host"}',
        '{"vr": "OB", "Value": [1]}',
        '{"vr": "OB", "InlineBinary": "A"}',
        '{"vr": "OB", "InlineBinary": "A!=="}',
        '{"vr": "OB", "InlineBinary": "AA==", "BulkDataURI": "http://host"}',
        '{"vr": "OB", "BulkDataURI": ""}',
        '{"vr": "OB", "BulkDataURI": 1}',
        '{"vr": "US", "Value": ["1"]}',
        '{"vr": "US", "Value": [null]}',
        '{"vr": "US", "Value": [65536]}',
        '{"vr": "US", "Value": [-1]}',
        '{"vr": "US", "Value": [1.5]}',
        '{"vr": "US", "Value": [true]}',
        '{"vr": "UV", "Value": ["x"]}',
        '{"vr": "SV", "Value": ["--5"]}',
        '{"vr": "SV", "Value": ["٣"]}',
        '{"vr": "UV", "Value": [18446744073709551616]}',
        '{"vr": "FL", "Value": [1e39]}',
        '{"vr": "IS", "Value": [1.5]}',
        '{"vr": "AT", "Value": [1048608]}',
        '{"vr": "AT", "Value": ["PatientID"]}',
        '{"vr": "PN", "Value": ["Doe^John"]}',
        '{"vr": "PN", "Value": [{"alphabetic": "Doe^John"}]}',
        '{"vr": "PN", "Value": [{"Alphabetic": 1}]}',
        '{"vr": "PN", "Value": [{"Alphabetic": "A=B"}]}',
    ],
)
def test_wrong_shape_is_refused_with_the_tag_and_without_the_value(attribute):
    with pytest.raises(DicomError) as caught:
        decode_attributes(f'{{"00100010": {attribute}}}'.encode())
    assert caught.value.offender == "00100010"
    assert "00100010" in caught.value.message
    assert caught.value.section
    assert "Doe" not in caught.value.message


def test_wrong_shape_inside_a_sequence_is_found():
    with pytest.raises(DicomError) as caught:
        decode_attributes(b'{"00081115": {"vr": "SQ", "Value": [{}, {"00080060": {"vr": "CS", "Value": [1]}}]}}')
    assert caught.value.offender == "00080060"


@pytest.mark.parametrize(
    "document",
    [
        b'{"00080060": {"vr": "CS"}, "00080060": {"vr": "CS"}}',
        b'{"0008001A": {"vr": "UI"}, "0008001a": {"vr": "UI"}}',
        b'{"00080060": {"vr": "CS", "vr": "LO"}}',
        b'{"00081115": {"vr": "SQ", "Value": [{"00080060": {"vr": "CS"}, "00080060": {"vr": "CS"}}]}}',
    ],
)
def test_duplicates_are_refused(document):
    with pytest.raises(DicomError, match="twice"):
        decode_attributes(document)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"x",
        b"[",
        b"null",
        b'"text"',
        b"[1]",
        b'{"PatientID": {"vr": "LO"}}',
        b'{"00081115": {"vr": "SQ", "Value": [null]}}',
        b'{"00280030": {"vr": "FD", "Value": [NaN]}}',
        b'{"00080060": {"vr": "CS", "Value": ["\\ud800"]}}',
        b'{"00080060": {"vr": "CS", "Value": ["\xe9"]}}',
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"00280030": {"vr": "DS", "Value": [' + b"9" * 5000 + b"]}}",
    ],
)
def test_what_is_no_dicom_json_is_refused(document):
    with pytest.raises(DicomError):
        decode_attributes(document)


def test_nesting_has_a_limit_that_encoding_can_follow():
    deepest = nested(MAX_DEPTH)
    assert decode_attributes(encode_attributes(deepest)) == deepest
    with pytest.raises(DicomError, match="nested"):
        decode_attributes(json.dumps(nested(MAX_DEPTH + 1)).encode())
    with pytest.raises(DicomError, match="nested"):
        encode_attributes(nested(500))


def test_filter_takes_whole_attributes_and_parts_of_items():
    attributes = {
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100010": {"vr": "PN"},
        "00400275": {
            "vr": "SQ",
            "Value": [
                {"00400009": {"vr": "SH", "Value": ["A"]}, "00400007": {"vr": "LO", "Value": ["a"]}},
                {"00400007": {"vr": "LO", "Value": ["b"]}},
            ],
        },
        "00081110": {"vr": "SQ"},
    }
    assert filter_attributes(attributes, [("00100010",), ("00080020",)]) == {"00100010": {"vr": "PN"}}
    assert filter_attributes(attributes, [("00400275", "00400009")]) == {
        "00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["A"]}}, {}]}
    }
    whole = {"00400275": attributes["00400275"]}
    assert filter_attributes(attributes, [("00400275", "00400009"), ("00400275",)]) == whole
    assert filter_attributes(attributes, [("00081110", "00081150")]) == {"00081110": {"vr": "SQ"}}
    assert filter_attributes(attributes, []) == {}
