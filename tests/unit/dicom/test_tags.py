"""Tags, keywords and paths (PS3.18 8.3.4.1, PS3.5 7.8)."""

import pytest

from filmjacket.dicom import tags
from filmjacket.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("PatientID", "00100020"),
        ("00100020", "00100020"),
        ("0040a730", "0040A730"),
        ("00091002", "00091002"),
        ("00020010", "00020010"),
        ("patientid", None),
        ("0010002", None),
        ("001000200", None),
        ("0010,0020", None),
        ("", None),
        ("NoSuchKeyword", None),
        ("٠٠١٠٠٠٢٠", None),
    ],
)
def test_attribute_is_a_tag_or_a_keyword(text, tag):
    assert tags.parse_attribute(text) == tag


def test_path_mixes_tags_and_keywords():
    assert tags.parse_path("RequestAttributesSequence.00400009") == ("00400275", "00400009")
    assert tags.parse_path("PatientID") == ("00100020",)


@pytest.mark.parametrize(
    "text", ["", ".", "PatientID.", ".PatientID", "A..B", "PatientID.x", ".".join(["00081115"] * 17)]
)
def test_wrong_path_is_refused_with_what_is_accepted(text):
    with pytest.raises(BadRequest) as caught:
        tags.parse_path(text)
    assert caught.value.section == "PS3.18 8.3.4.1"
    assert "PatientID" in caught.value.accepted


def test_longest_path_is_accepted():
    assert len(tags.parse_path(".".join(["00081115"] * 16))) == 16


@pytest.mark.parametrize(
    ("tag", "private", "creator", "creator_tag"),
    [
        ("00090010", True, True, None),
        ("000900FF", True, True, None),
        ("00091002", True, False, "00090010"),
        ("0009FF02", True, False, "000900FF"),
        ("00090001", True, False, None),
        ("00090100", True, False, None),
        ("00080010", False, False, None),
        ("00081010", False, False, None),
    ],
)
def test_private_tags(tag, private, creator, creator_tag):
    assert tags.is_private(tag) is private
    assert tags.is_private_creator(tag) is creator
    assert tags.creator_tag_of(tag) == creator_tag


def test_group_length():
    assert tags.is_group_length("00080000")
    assert not tags.is_group_length("00080010")


def test_keyword_of_public_tags_only():
    assert tags.keyword_of("00100010") == "PatientName"
    assert tags.keyword_of("00091002") is None
