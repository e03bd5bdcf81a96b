"""Byte ranges: PS3.18 8.4.2, RFC 9110 14."""

from __future__ import annotations

import pytest

from filmjacket.errors import RangeNotSatisfiable
from filmjacket.web.ranges import MAX_RANGES, content_range, parse_range


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-0", ((0, 0),)),
        ("bytes=0-499", ((0, 499),)),
        ("bytes=500-999", ((500, 999),)),
        ("bytes=9500-", ((9500, 9999),)),
        ("bytes=-500", ((9500, 9999),)),
        ("bytes=-20000", ((0, 9999),)),
        ("bytes=9999-20000", ((9999, 9999),)),
        ("BYTES = 0-1", ((0, 1),)),
        ("bytes=0-0,-1", ((0, 0), (9999, 9999))),
        ("bytes= 500-600 , 0-10 ,", ((500, 600), (0, 10))),
        ("bytes=0-1,10000-", ((0, 1),)),
        ("bytes=0-9999999999999999999", ((0, 9999),)),
    ],
)
def test_rfc_9110_14_1_2_ranges(header, ranges):
    assert parse_range(header, 10_000) == ranges


@pytest.mark.parametrize(
    "header",
    [
        None, "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1", "items=0-5",
        "bytes 0-5", "bytes=0x1-2",
        "bytes=--5", "bytes=0-5-9", "bytes=0-5,x", "bytes=٠-٥", "bytes=0-5,3-9", "bytes=0-,-1", "bytes=0-0,0-0",
        "bytes=" + "9" * 5000 + "-", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2 * MAX_RANGES + 2, 2)),
    ],
)  # fmt: skip
def test_rfc_9110_14_2_whole_representation(header):
    assert parse_range(header, 10_000) is None


@pytest.mark.parametrize("header", ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=20000-,30000-"])
def test_rfc_9110_14_2_not_satisfiable(header):
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(header, 10_000)
    assert refusal.value.complete_length == 10_000


def test_the_largest_number_of_ranges():
    header = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2 * MAX_RANGES, 2))
    assert len(parse_range(header, 10_000) or ()) == MAX_RANGES


def test_an_empty_representation_has_no_bytes():
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)


def test_rfc_9110_14_1_2_suffix_of_an_empty_representation_is_all_of_it():
    assert parse_range("bytes=-5", 0) is None


def test_content_range():
    assert content_range(0, 499, 1234) == "bytes 0-499/1234"
