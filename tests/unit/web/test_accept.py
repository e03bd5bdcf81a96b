"""Acceptable media types: PS3.18 8.3.3.1, 8.4.1, 8.7.5."""

from __future__ import annotations

import pytest

from filmjacket.errors import BadRequest
from filmjacket.web.accept import MediaRange, accept_parameter, parse_accept

DICOM = MediaRange("application/dicom", True, None, 1.0)


@pytest.mark.parametrize(
    "element",
    [
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        "multipart/related;type=application/dicom;boundary=**",
        "Multipart/Related; Type=Application/DICOM",
        "multipart/related; type='application/dicom'",
        'multipart/related; type="application/dicom"; q=1.000',
    ],
)
def test_one_meaning_for_every_spelling(element):
    assert parse_accept(element).header == (DICOM,)


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("*/*", MediaRange("*/*", None, None, 1.0)),
        ("application/*", MediaRange("application/*", False, None, 1.0)),
        ("multipart/*", MediaRange("*/*", True, None, 1.0)),
        ("multipart/related", MediaRange("*/*", True, None, 1.0)),
        ('multipart/related; type="*/*"', MediaRange("*/*", True, None, 1.0)),
        ('multipart/related; type="image/*"; q=0.5', MediaRange("image/*", True, None, 0.5)),
        ("application/dicom; transfer-syntax=*", MediaRange("application/dicom", False, "*", 1.0)),
        ('application/dicom; transfer-syntax="1.2"', MediaRange("application/dicom", False, "1.2", 1.0)),
        ('multipart/related; type="image/jpeg"; transfer-syntax=1.2', MediaRange("image/jpeg", True, "1.2", 1.0)),
        ('multipart/related; type="image/jpeg; transfer-syntax=1.2"', MediaRange("image/jpeg", True, "1.2", 1.0)),
        ('multipart/related; type="image/jpeg;transfer-syntax=1.2;q=0.2"', MediaRange("image/jpeg", True, "1.2", 0.2)),
        ("text/html;Q=0", MediaRange("text/html", False, None, 0.0)),
        ("text/html;q=.5", MediaRange("text/html", False, None, 0.5)),
        ("text/html;q=0.1234", MediaRange("text/html", False, None, 0.1234)),
    ],
)
def test_ranges(element, expected):
    assert parse_accept(element).header == (expected,)


@pytest.mark.parametrize(
    "garbage",
    [
        "garbage", "application/", "text/html;q=2", "text/html;q=-1", "text/html;q=x", "text/html;q=1.5",
        "text/html;q=NaN",
        "text/html;q=", 'multipart/related; type="', 'multipart/related; type="nonsense"', "a/b; x=1; x=2",
    ],
)  # fmt: skip
def test_section_8_7_5_invalid_ranges_are_ignored(garbage):
    header = f"{garbage}, multipart/related; type=application/dicom"
    if '"' in garbage and garbage.count('"') % 2:
        header = f"multipart/related; type=application/dicom, {garbage}"
    assert parse_accept(header).header == (DICOM,)


def test_order_is_kept():
    header = parse_accept("a/a;q=0.1, b/b, c/c;q=0.5").header
    assert [entry.item for entry in header] == ["a/a", "b/b", "c/c"]


@pytest.mark.parametrize("header", [None, "", "  "])
def test_section_8_7_7_missing_header(header):
    assert parse_accept(header).header == (MediaRange("*/*", None, None, 1.0),)
    assert parse_accept(header).refusal == ""
    assert "no Accept header" in parse_accept(header, strict=True).refusal
    assert "no Accept header" in parse_accept(header, ("application/dicom",), strict=True).refusal


def test_only_garbage_is_not_anything():
    preferences = parse_accept("garbage")
    assert preferences.header == ()
    assert preferences.refusal == ""


@pytest.mark.parametrize(
    "value",
    ["*/*", "image/*", 'multipart/related; type="image/*"', 'multipart/related; type="*/*"', "multipart/*",
     "application/dicom, image/*"],
)  # fmt: skip
def test_section_8_3_3_1_no_wildcards_in_the_parameter(value):
    with pytest.raises(BadRequest) as refusal:
        parse_accept("*/*", (value,))
    assert refusal.value.section == "8.3.3.1"
    assert refusal.value.offender == "accept"


def test_transfer_syntax_star_is_no_wildcard_of_media_types():
    assert parse_accept("*/*", ("application/dicom;transfer-syntax=*",)).parameter[0].transfer_syntax == "*"


@pytest.mark.parametrize("value", ["", ",", "nonsense", "application/dicom;q=2", 'application/dicom;x="'])
def test_section_8_3_1_invalid_parameter(value):
    with pytest.raises(BadRequest) as refusal:
        parse_accept("*/*", (value,))
    assert refusal.value.section == "8.3.3.1"


@pytest.mark.parametrize(
    ("header", "value", "covered"),
    [
        ("*/*", "image/png", True),
        ("image/*", "image/png", True),
        ("image/png", "image/png", True),
        ("image/jpeg", "image/png", False),
        ("*/*, image/png;q=0", "image/png", False),
        ("multipart/*", "image/png", False),
        ("application/dicom", 'multipart/related; type="application/dicom"', False),
        ("multipart/related", 'multipart/related; type="application/dicom"', True),
        ("text/html, */*;q=0.8", 'multipart/related; type="application/dicom"', True),
        (None, "application/dicom+json", True),
    ],
)
def test_section_8_3_3_1_the_parameter_narrows_the_header(header, value, covered):
    preferences = parse_accept(header, (value,))
    assert len(preferences.parameter) == covered
    assert bool(preferences.refusal) is not covered


def test_uncovered_types_do_not_count_beside_covered_ones():
    preferences = parse_accept("image/jpeg", ("image/png,image/jpeg;q=0.5",))
    assert [entry.item for entry in preferences.parameter] == ["image/jpeg"]
    assert preferences.refusal == ""


@pytest.mark.parametrize(
    ("value", "item"),
    [
        ("application/dicom+xml", "application/dicom+xml"),
        ("application/dicom xml", "application/dicom+xml"),
        ('multipart/related; type="application/dicom xml"', "application/dicom+xml"),
        ("application/dicom json", "application/dicom+json"),
    ],
)
def test_a_plus_sign_lost_to_form_decoding_comes_back(value, item):
    assert parse_accept(None, (value,)).parameter[0].item == item


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (b"", None),
        (b"PatientID=1", None),
        (b"Accept=application/dicom", None),
        (b"accept=application/dicom+json", ("application/dicom+json",)),
        (b"a=1&accept=application%2Fdicom%2Bjson&b=2", ("application/dicom+json",)),
        (b"accept=a/b,c/d", ("a/b,c/d",)),
        (b"accept=a/b&accept=c/d", ("a/b", "c/d")),
        (b"accept", ("",)),
        (b"accept=multipart/related%3B%20type%3Dapplication/dicom", ("multipart/related; type=application/dicom",)),
    ],
)
def test_section_8_3_accept_in_a_raw_query(query, values):
    assert accept_parameter(query) == values


@pytest.mark.parametrize("query", [b"accept=%", b"accept=%zz", b"accept=a%2", b"accept=%ff"])
def test_broken_percent_encoding(query):
    with pytest.raises(BadRequest):
        accept_parameter(query)


@pytest.mark.parametrize(
    ("entry", "media_type", "multipart", "specificity"),
    [
        ("*/*", "image/jls", True, 1),
        ("*/*", "image/jls", False, 1),
        ('multipart/related; type="*/*"', "image/jls", True, 2),
        ('multipart/related; type="*/*"', "image/jls", False, 0),
        ("image/*", "image/jls", False, 3),
        ("image/*", "image/jls", True, 0),
        ("image/*", "imagery/jls", False, 0),
        ('multipart/related; type="image/*"', "image/jls", True, 3),
        ("image/jls", "image/jls", False, 4),
        ("image/jls", "image/jp2", False, 0),
    ],
)
def test_rfc_9110_12_5_1_specificity(entry, media_type, multipart, specificity):
    assert parse_accept(entry).header[0].specificity(media_type, multipart=multipart) == specificity
