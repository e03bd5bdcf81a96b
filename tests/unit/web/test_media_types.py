"""Media types: PS3.18 8.7.1, RFC 9110 8.3.1."""

from __future__ import annotations

import contextlib
import time

import pytest

from filmjacket.errors import BadRequest
from filmjacket.web.media_types import (
    MAX_MEDIA_TYPE,
    MediaType,
    item_type,
    parse_media_type,
    quoted,
    split_list,
    written,
)


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("application/dicom", "application/dicom", ()),
        (" Application/DICOM+JSON ", "application/dicom+json", ()),
        ("application/dicom+json; charset=utf-8", "application/dicom+json", (("charset", "utf-8"),)),
        ('multipart/related; type="application/dicom"', "multipart/related", (("type", "application/dicom"),)),
        ("multipart/related;type=application/dicom", "multipart/related", (("type", "application/dicom"),)),
        ("multipart/related ; Type = application/dicom ; boundary=x ", "multipart/related",
         (("type", "application/dicom"), ("boundary", "x"))),
        ('multipart/related; boundary="a b; c, d"', "multipart/related", (("boundary", "a b; c, d"),)),
        (r'multipart/related; boundary="a\"b\\c"', "multipart/related", (("boundary", r'a"b\c'),)),
        ("multipart/related; boundary=a=b:c/d", "multipart/related", (("boundary", "a=b:c/d"),)),
        ("multipart/related; boundary=**", "multipart/related", (("boundary", "**"),)),
        ("image/jpeg;;transfer-syntax=*;", "image/jpeg", (("transfer-syntax", "*"),)),
        ("image/jpeg; a=1; A=1", "image/jpeg", (("a", "1"),)),
        ('image/jpeg; a=""', "image/jpeg", (("a", ""),)),
        ("*/*", "*/*", ()),
    ],
)  # fmt: skip
def test_section_8_7_1_quoted_and_unquoted_are_equivalent(text, essence, parameters):
    media_type = parse_media_type(text)
    assert (media_type.essence, media_type.parameters) == (essence, parameters)


@pytest.mark.parametrize(
    "text",
    [
        "", "application", "/", "application/", "/dicom", "application dicom", "application/dicom json", "a/b/c",
        "application/dicom; type", "application/dicom; =x", 'multipart/related; type="application/dicom',
        'multipart/related; type="a"b', 'multipart/related; type=a"b"', "multipart/related; boundary=a; boundary=b",
        "äpplication/dicom", "application/dicom, application/json", "x/" + "y" * MAX_MEDIA_TYPE,
    ],
)  # fmt: skip
def test_malformed_media_types(text):
    with pytest.raises(BadRequest) as refusal:
        parse_media_type(text)
    assert refusal.value.section == "8.7.1"


def test_parameters_by_name():
    media_type = parse_media_type("multipart/related; TYPE=application/dicom")
    assert media_type.get("type") == "application/dicom"
    assert media_type.get("boundary") is None


@pytest.mark.parametrize(
    "media_type",
    [
        MediaType("application", "dicom"),
        MediaType("multipart", "related", (("type", "application/dicom"), ("boundary", 'a "b"\\ c'))),
        MediaType("image", "jls", (("transfer-syntax", "1.2.840.10008.1.2.4.80"),)),
        MediaType("a", "b", (("empty", ""),)),
    ],
)
def test_written_form_reads_back(media_type):
    assert parse_media_type(str(media_type)) == media_type


def test_only_tokens_stay_unquoted():
    assert quoted("1.2.840") == "1.2.840"
    assert quoted("application/dicom") == '"application/dicom"'
    assert quoted("") == '""'


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("a/b, c/d", ["a/b", "c/d"]),
        (" a/b ,, ,c/d,", ["a/b", "c/d"]),
        ('a/b; x="1,2", c/d', ['a/b; x="1,2"', "c/d"]),
        (r'a/b; x="\",", c/d', [r'a/b; x="\","', "c/d"]),
        ('a/b; x="open, c/d', ['a/b; x="open, c/d']),
        ("", []),
    ],
)
def test_lists_do_not_split_inside_quotes(text, elements):
    assert split_list(text) == elements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('multipart/related; type="application/dicom"', MediaType("application", "dicom")),
        ("multipart/related; type='image/jpeg'", MediaType("image", "jpeg")),
        (
            'multipart/related; type="image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"',
            MediaType("image", "jpeg", (("transfer-syntax", "1.2.840.10008.1.2.4.50"),)),
        ),
        ("multipart/related", None),
    ],
)
def test_item_type(text, expected):
    assert item_type(parse_media_type(text)) == expected


def test_written():
    assert written("application/dicom") == "application/dicom"
    assert (
        written("application/dicom", multipart=True, transfer_syntax="*")
        == 'multipart/related; type="application/dicom"; transfer-syntax=*'
    )


@pytest.mark.parametrize(
    "unit",
    ["\\", "; ", "x", '\\"', " ", '"', '";', ",", '",', ";x=", '\\\\"', ' "', "\n"],
)
@pytest.mark.parametrize("start", ["a/b; ", 'a/b; x="', "a/b;", ""])
def test_hostile_media_types_take_linear_time(start, unit):
    text = (start + unit * MAX_MEDIA_TYPE)[: MAX_MEDIA_TYPE - 1] + "!"
    started = time.process_time()
    with contextlib.suppress(BadRequest):
        parse_media_type(text)
    split_list((start + unit * 100_000)[:100_000] + "!")
    assert time.process_time() - started < 0.2
