"""Target resources: PS3.18 8.2, 10.1; UIDs of PS3.5 9.1."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from filmjacket.errors import BadRequest
from filmjacket.web import targets


@pytest.mark.parametrize("uid", ["1", "1.2.840.10008.1.2", "2.25." + "9" * 39, "1.02.3", "0.0", "1" * 64])
def test_ps3_5_section_9_1_uids(uid):
    assert targets.parse_uid(uid, "study") == uid


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "1..2", ".1", "1.", "1.2.", "1/2", "../../etc/passwd", "1.2.3x", "1.2.-3", " 1.2", "1.2\n", "1.2\0",
     "1" * 65, "1.٢", "%31", "1.2,1.3", "*", "1.²"],
)  # fmt: skip
def test_ps3_5_section_9_1_not_uids(text):
    with pytest.raises(BadRequest) as refusal:
        targets.parse_uid(text, "series")
    assert refusal.value.offender == "series"
    assert len(text) < 4 or text not in refusal.value.message


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1", (1,)), ("1,2,5", (1, 2, 5)), ("007", (7,)), ("190123", (190123,)), ("9999999999", (9999999999,)),
     ("99999999999999999999", (10**20 - 1,)), ("0" * 999 + "7", (7,)), ("9" * 1000, (10**1000 - 1,))],
)  # fmt: skip
def test_section_8_2_frame_lists(text, numbers):
    assert targets.parse_frame_list(text) == numbers


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "1,", ",1", "1,,2", "a", "1.0", "1 ", "1, 2", "1-3", "٣", "1_0", "1e3",
    "0,1", "1;2", "9" * 1001, "0" * 5000 + "1", "1," + "9" * 10_000_000,
     "1\n", ",".join(map(str, range(1, targets.MAX_FRAMES + 2))), "9" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("ascending", [True, False])
def test_section_8_2_bad_frame_lists(text, ascending):
    with pytest.raises(BadRequest) as refusal:
        targets.parse_frame_list(text, ascending=ascending)
    assert refusal.value.offender == "frames"


@pytest.mark.parametrize("text", ["2,1", "1,1", "1,3,2"])
def test_section_8_2_frame_lists_ascend(text):
    with pytest.raises(BadRequest):
        targets.parse_frame_list(text)
    assert targets.parse_frame_list(text, ascending=False) == tuple(map(int, text.split(",")))


def test_a_long_list_of_frames():
    numbers = range(1, targets.MAX_FRAMES + 1)
    assert targets.parse_frame_list(",".join(map(str, numbers))) == tuple(numbers)


def test_section_10_1_urls():
    @dataclass(frozen=True)
    class Reference:
        path: str

    base = "https://pacs.example.org/dicom-web"
    assert targets.study_url(base, "1.2") == f"{base}/studies/1.2"
    assert targets.series_url(base, "1.2", "1.3") == f"{base}/studies/1.2/series/1.3"
    assert targets.instance_url(base, "1.2", "1.3", "1.4") == f"{base}/studies/1.2/series/1.3/instances/1.4"
    assert targets.frame_url(base, "1.2", "1.3", "1.4", 5) == f"{base}/studies/1.2/series/1.3/instances/1.4/frames/5"
    assert targets.resource_url(base, Reference("studies/1.2")) == f"{base}/studies/1.2"
