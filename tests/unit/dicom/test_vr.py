"""The table of Value Representations against PS3.5 and PS3.18."""

from filmjacket.dicom.vr import (
    BINARY_VRS,
    BULK_VRS,
    LONG_LENGTH_VRS,
    VALUE_REPRESENTATIONS,
    JsonKind,
    MatchingKind,
)


def _named(predicate):
    return {name for name, row in VALUE_REPRESENTATIONS.items() if predicate(row)}


def test_all_vrs_of_ps3_5_table_6_2_1():
    assert set(VALUE_REPRESENTATIONS) == {
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "OB",
        "OD",
        "OF",
        "OL",
        "OV",
        "OW",
        "PN",
        "SH",
        "SL",
        "SQ",
        "SS",
        "ST",
        "SV",
        "TM",
        "UC",
        "UI",
        "UL",
        "UN",
        "UR",
        "US",
        "UT",
        "UV",
    }


def test_ps3_18_10_4_3_3_2_bulk_vrs():
    assert {
        "DS",
        "FL",
        "FD",
        "IS",
        "LT",
        "OB",
        "OD",
        "OF",
        "OL",
        "OV",
        "OW",
        "SL",
        "SS",
        "ST",
        "SV",
        "UC",
        "UL",
        "UN",
        "US",
        "UT",
        "UV",
    } == BULK_VRS


def test_ps3_5_7_1_2_long_lengths():
    assert {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"} == LONG_LENGTH_VRS


def test_ps3_18_f_2_7_inline_binary():
    assert {"OB", "OD", "OF", "OL", "OV", "OW", "UN"} == BINARY_VRS


def test_ps3_18_table_f_2_3_1_kinds():
    assert _named(lambda row: row.json is JsonKind.NUMBER) == {"FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"}
    assert _named(lambda row: row.json is JsonKind.NUMBER_TEXT) == {"DS", "IS"}
    assert _named(lambda row: row.json is JsonKind.PERSON_NAME) == {"PN"}
    assert _named(lambda row: row.json is JsonKind.TAG) == {"AT"}
    assert _named(lambda row: row.json is JsonKind.SEQUENCE) == {"SQ"}


def test_ps3_4_c_2_2_2_matching():
    assert _named(lambda row: row.matching is MatchingKind.WILDCARD) == {
        "AE",
        "CS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "UC",
        "UR",
        "UT",
    }
    assert _named(lambda row: row.matching is MatchingKind.RANGE) == {"DA", "TM", "DT"}
    assert _named(lambda row: row.matching is MatchingKind.UID_LIST) == {"UI"}


def test_ps3_5_6_1_2_3_character_set():
    assert _named(lambda row: row.uses_charset) == {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}


def test_ps3_5_6_4_backslash():
    text = (JsonKind.STRING, JsonKind.NUMBER_TEXT, JsonKind.PERSON_NAME)
    single = {"LT", "ST", "UR", "UT"}
    assert _named(lambda row: row.json in text) - _named(lambda row: row.splits) == single


def test_padding():
    assert _named(lambda row: row.padding == b" ") == {
        "AE",
        "AS",
        "CS",
        "DA",
        "DS",
        "DT",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "TM",
        "UC",
        "UR",
        "UT",
    }
