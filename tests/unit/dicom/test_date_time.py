"""Dates and times by meaning: PS3.5 6.2, PS3.4 C.2.2.2.1.3 and C.2.2.2.5."""

import pytest

from filmjacket.dicom.date_time import Span, parse_date, parse_datetime, parse_offset, parse_range, parse_time


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20040119", "20040119"),
        ("2004.01.19", "20040119"),
        (" 20040119 ", "20040119"),
        ("20040229", "20040229"),
        ("20030229", None),
        ("20041301", None),
        ("2004-01-19", None),
        ("2004.0119", None),
        ("200401", None),
        ("00000101", None),
        ("", None),
    ],
)
def test_date(text, day):
    assert parse_date(text) == day


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10", "100000.000000", "105959.999999"),
        ("1030", "103000.000000", "103059.999999"),
        ("103015", "103015.000000", "103015.999999"),
        ("103015.5", "103015.500000", "103015.599999"),
        ("10:30:15", "103015.000000", "103015.999999"),
        ("235960", "235960.000000", "235960.999999"),
    ],
)
def test_time_is_a_span_of_its_precision(text, first, last):
    assert parse_time(text) == Span(first, last)


@pytest.mark.parametrize("text", ["", "1", "24", "1060", "103061", "103015.", "10-11", "1030.5", "103015.1234567"])
def test_no_time(text):
    assert parse_time(text) is None


def test_the_same_time_written_differently_starts_at_once():
    assert parse_time("2230").first == parse_time("223000").first == parse_time("22:30:00.000").first


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2004", "20040101000000.000000", "20041231235959.999999"),
        ("200402", "20040201000000.000000", "20040229235959.999999"),
        ("200412", "20041201000000.000000", "20041231235959.999999"),
        ("20040119", "20040119000000.000000", "20040119235959.999999"),
        ("20040119072730", "20040119072730.000000", "20040119072730.999999"),
        ("20040119072730.25+0100", "20040119062730.250000", "20040119062730.259999"),
        ("20040119003000-0500", "20040119053000.000000", "20040119053000.999999"),
    ],
)
def test_datetime_is_a_span_in_utc(text, first, last):
    assert parse_datetime(text) == Span(first, last)


def test_datetime_without_offset_takes_the_one_given():
    assert parse_datetime("20040119003000", default_offset=60).first == "20040118233000.000000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "200",
        "20041",
        "20041301",
        "20040231",
        "2004.5",
        "20040119+01",
        "20040119+1500",
        "20040119-1300",
        "x",
    ],
)
def test_no_datetime(text):
    assert parse_datetime(text) is None


def test_offset():
    assert parse_offset("+0530") == 330
    assert parse_offset("-0100") == -60
    assert parse_offset("0100") is None
    assert parse_offset("+0199") is None


@pytest.mark.parametrize(
    ("vr", "key", "first", "last"),
    [
        ("DA", "20040101-20041231", "20040101", "20041231"),
        ("DA", "-20041231", None, "20041231"),
        ("DA", "20040101-", "20040101", None),
        ("DA", "20040101", "20040101", "20040101"),
        ("TM", "10-12", "100000.000000", "125959.999999"),
        ("TM", "1030-", "103000.000000", None),
        ("DT", "2004-2005", "20040101000000.000000", "20051231235959.999999"),
        ("DT", "2004-0500-2005-0500", "20040101050000.000000", "20060101045959.999999"),
        ("DT", "20040101-0500", "20040101050000.000000", "20040102045959.999999"),
        ("DT", "20040101-0500-", "20040101050000.000000", None),
        ("DT", "-20040101-0500", None, "20040102045959.999999"),
        ("DT", "20040101+0100-20040102", "20031231230000.000000", "20040102235959.999999"),
    ],
)
def test_range(vr, key, first, last):
    assert parse_range(vr, key) == Span(first, last)


@pytest.mark.parametrize(
    ("vr", "key"),
    [
        ("DA", "20041231-20040101"),
        ("DA", "-"),
        ("DA", "2004-05-09"),
        ("DA", "a-b"),
        ("TM", "12-10"),
        ("DT", "-"),
        ("DT", "2005-2004"),
        ("DT", "2005-a1b2"),
        ("DA", ""),
    ],
)
def test_no_range(vr, key):
    assert parse_range(vr, key) is None


def test_span_holds_a_value_by_its_start():
    morning = parse_range("TM", "0800-1200")
    assert morning.contains(parse_time("12"))
    assert not morning.contains(parse_time("1201"))
    assert not morning.contains(parse_time("075959.999"))
    assert Span(None, None).contains(parse_time("00"))
    assert not Span(None, None).contains(Span(None, None))
