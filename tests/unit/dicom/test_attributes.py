"""Typed looks into the DICOM JSON shape."""

from filmjacket.dicom.attributes import (
    get_integer,
    get_items,
    get_path,
    get_text,
    get_texts,
    get_values,
    walk,
)

STUDY = {
    "00080005": {"vr": "CS"},
    "00080061": {"vr": "CS", "Value": ["CT", None, "PT"]},
    "00100010": {"vr": "PN", "Value": [{"Ideographic": "山田^太郎"}]},
    "00200013": {"vr": "IS", "Value": ["12 "]},
    "00280002": {"vr": "US", "Value": [3]},
    "00280008": {"vr": "IS", "Value": [12.0]},
    "00281050": {"vr": "DS", "Value": [40.5]},
    "00400275": {
        "vr": "SQ",
        "Value": [
            {"00400009": {"vr": "SH", "Value": ["A"]}, "00400008": {"vr": "SQ", "Value": [{}]}},
            {},
            {"00400009": {"vr": "SH", "Value": ["B"]}},
        ],
    },
    "7FE00010": {"vr": "OW", "BulkDataURI": "/7FE00010"},
}


def test_text():
    assert get_text(STUDY, "00100010") == "山田^太郎"
    assert get_text(STUDY, "00280002") == "3"
    assert get_text(STUDY, "00080005") is None
    assert get_text(STUDY, "00100020") is None
    assert get_text({"00100010": {"vr": "PN", "Value": [None, {"Alphabetic": "x"}]}}, "00100010") is None


def test_texts_leave_out_empty_values():
    assert get_texts(STUDY, "00080061") == ["CT", "PT"]
    assert get_texts(STUDY, "7FE00010") == []


def test_values_keep_empty_ones():
    assert get_values(STUDY, "00080061") == ["CT", None, "PT"]


def test_integer_is_tolerant():
    assert get_integer(STUDY, "00200013") == 12
    assert get_integer(STUDY, "00280008") == 12
    assert get_integer(STUDY, "00280002") == 3
    assert get_integer(STUDY, "00281050") is None
    assert get_integer(STUDY, "00080061") is None
    assert get_integer(STUDY, "00080005") is None


def test_items():
    assert len(get_items(STUDY, "00400275")) == 3
    assert get_items(STUDY, "00080061") == []
    assert get_items(STUDY, "00081110") == []


def test_path_goes_through_all_items():
    assert [element["Value"] for element in get_path(STUDY, ("00400275", "00400009"))] == [["A"], ["B"]]
    assert get_path(STUDY, ("00400275", "00400008", "00080100")) == []
    assert get_path(STUDY, ("00280002",)) == [{"vr": "US", "Value": [3]}]


def test_walk_visits_every_level_with_its_path():
    paths = [path for path, _ in walk(STUDY)]
    assert ("00400275", 0, "00400009") in paths
    assert ("00400275", 2, "00400009") in paths
    assert paths.index(("00400275",)) < paths.index(("00400275", 0, "00400009")) < paths.index(("7FE00010",))
    assert len(paths) == 12


def test_walk_is_not_bounded_by_the_interpreter():
    deep = {"00080060": {"vr": "CS"}}
    for _ in range(5000):
        deep = {"00400275": {"vr": "SQ", "Value": [deep]}}
    assert sum(1 for _ in walk(deep)) == 5001
