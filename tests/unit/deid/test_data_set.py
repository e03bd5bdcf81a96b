"""What is left of a data set after de-identification (PS3.15 Annex E)."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import pydicom.data
import pytest

from filmjacket.deid.actions import Action, action_of, table
from filmjacket.deid.data_set import DUMMY_TEXT, deidentify, is_deidentified
from filmjacket.deid.pseudonyms import Pseudonyms
from filmjacket.dicom import dictionary
from filmjacket.dicom.attributes import get_text, walk
from filmjacket.dicom.header import read_header
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS
from filmjacket.dicom.writer import write_file
from filmjacket.errors import FilmjacketError
from tests import samples

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

KEY = Pseudonyms(b"a key of the tests")


def cleaned(**elements: Any) -> Attributes:
    """The cleaned form of elements given by keyword: `PatientName=("PN", [...])`."""
    attributes: Attributes = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    }
    for name, (vr, values) in elements.items():
        tag = name.removeprefix("t") if name.startswith("t") else dictionary.tag_of(name)
        assert tag
        attributes[tag] = {"vr": vr} if values is None else {"vr": vr, "Value": values}
    return deidentify(attributes, KEY)


def value(attributes: Attributes, keyword: str) -> object:
    element = attributes.get(dictionary.tag_of(keyword) or "")
    return None if element is None else element.get("Value", [])


def test_the_table_is_that_of_the_standard() -> None:
    rows = table()
    assert len(rows) == 652
    assert set(rows.values()) == {"X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}
    for tag, action in (
        ("00100010", "Z"), ("00100020", "Z/D"), ("00080018", "U"), ("0020000D", "U"), ("00100030", "Z"),
        ("00080080", "X/Z/D"), ("00081030", "X"), ("0040A730", "D"), ("00081140", "X/Z/U*"), ("00080050", "Z"),
    ):  # fmt: skip
        assert rows[tag] == action, tag


@pytest.mark.parametrize(
    ("keyword", "vr", "values", "left"),
    [
        ("AccessionNumber", "SH", ["A1"], []),
        ("StudyDescription", "LO", ["Knee of Mr X"], None),
        ("InstitutionName", "LO", ["Hospital"], [DUMMY_TEXT]),
        ("OperatorsName", "PN", [{"Alphabetic": "Doe^John"}], [{"Alphabetic": DUMMY_TEXT}]),
        ("ContentDate", "DA", ["20200101"], ["19000101"]),
        ("ContentTime", "TM", ["120000"], ["000000"]),
        ("AcquisitionDateTime", "DT", ["20200101"], ["19000101000000"]),
        ("PatientBirthDate", "DA", ["19700101"], []),
        ("PatientAge", "AS", ["050Y"], None),
        ("ContentCreatorName", "PN", None, None),  # was empty already: nothing is made up
        ("Rows", "US", [512], [512]),
        ("Modality", "CS", ["CT"], ["CT"]),
        ("WindowCenter", "DS", [40], [40]),
        ("EvaluatorName", "PN", [{"Alphabetic": "Doe"}], [{"Alphabetic": DUMMY_TEXT}]),  # not in the table
        ("SegmentDescription", "ST", ["of Mr X"], None),  # free text that the table does not list
        ("ProcedureCreationDate", "DA", ["20200101"], ["19000101"]),
        ("SOPClassUID", "UI", ["1.3.6.1.4.1.99"], ["1.3.6.1.4.1.99"]),
        ("TargetFrameOfReferenceUID", "UI", ["1.2.840.10008.1.1"], ["1.2.840.10008.1.1"]),  # well known
    ],
)
def test_one_attribute(keyword: str, vr: str, values: list[object] | None, left: list[object] | None) -> None:
    made = cleaned(**{keyword: (vr, values)})
    if keyword == "ContentCreatorName":
        assert value(made, keyword) == []
    else:
        assert value(made, keyword) == left


@pytest.mark.parametrize("tag", ["00091001", "00090010", "60003000", "60000010", "50003000", "00189999", "60020022"])
def test_what_nobody_knows_is_gone(tag: str) -> None:
    assert tag not in cleaned(**{f"t{tag}": ("LO", ["x"])})


def test_uids_stay_together_and_cannot_be_found_out() -> None:
    reference = {"00081155": {"vr": "UI", "Value": ["1.2.3.4"]}, "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5"]}}
    made = cleaned(SOPInstanceUID=("UI", ["1.2.3.4"]), ReferencedImageSequence=("SQ", [reference]))
    new = get_text(made, "00080018")
    assert new
    assert new.startswith("2.25.")
    assert made["00081140"]["Value"][0]["00081155"]["Value"] == [new]
    assert made["00081140"]["Value"][0]["00081150"]["Value"] == ["1.2.840.10008.5"]
    assert Pseudonyms(b"another key").uid("1.2.3.4") != new


@pytest.mark.parametrize("seed", range(20))
def test_new_uids_are_valid(seed: int) -> None:
    uid = KEY.uid(f"1.2.{random.Random(seed).getrandbits(60)}")
    assert len(uid) <= 64
    assert 0 < int(uid.removeprefix("2.25.")) < 1 << 128


def test_a_sequence_that_may_hold_nothing_real() -> None:
    item = {
        "00700006": {"vr": "ST", "Value": ["of Mr X"]},
        "00700022": {"vr": "FL", "Value": [1.0, 2.0]},
        "0070001A": {"vr": "CS", "Value": ["N"]},
        "0040A043": {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["Mr X"]}}]},
    }
    made = cleaned(GraphicAnnotationSequence=("SQ", [item]))
    assert "Mr X" not in repr(made)
    assert made["00700001"]["Value"][0]["00700022"]["Value"] == [1.0, 2.0]


def test_what_is_nested_deeply() -> None:
    item: Attributes = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Secret"}]}}
    for _ in range(60):
        item = {"00081140": {"vr": "SQ", "Value": [item]}}
    made = cleaned(ReferencedImageSequence=("SQ", [item]))
    assert "Secret" not in repr(made)


def test_text_behind_a_uri_is_gone() -> None:
    attributes: Attributes = {
        "00080016": {"vr": "UI", "Value": ["1.2.3"]},
        "00283006": {"vr": "OW", "BulkDataURI": "/00283006"},
        "00189321": {"vr": "LO", "BulkDataURI": "/00189321"},
    }
    made = deidentify(attributes, KEY)
    assert "00283006" in made
    assert "00189321" not in made


def test_says_what_was_done() -> None:
    made = cleaned(PatientName=("PN", [{"Alphabetic": "Doe"}]))
    assert is_deidentified(made)
    assert get_text(made, "00280303") == "REMOVED"
    assert "00280301" not in made  # no pixels, nothing burned in
    del made["00120064"]
    assert not is_deidentified(made)


FILES = sorted(Path(pydicom.data.__file__ or "").parent.joinpath("test_files").glob("*.dcm"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files(path: Path) -> None:
    """Nothing of what identifies is left at any level, whatever else the file holds; what is made can be written."""
    try:
        header = read_header(path.read_bytes())
    except FilmjacketError:
        pytest.skip("not readable as DICOM")
    attributes = header.attributes
    if not (get_text(attributes, "00080018") and get_text(attributes, "00080016")):
        pytest.skip("no instance")
    made = deidentify(attributes, KEY)
    old_uids = {
        uid
        for _, element in walk(attributes)
        if element["vr"] == "UI"
        for uid in element.get("Value", [])
        if uid and not uid.startswith("1.2.840.10008.")
    }
    names = {
        str(value) for _, element in walk(attributes) if element["vr"] == "PN" for value in element.get("Value", [])
    }
    classes = {"00080016", "00081150", "0008010C", "0008010D", "00080117"}
    for place, element in walk(made):
        tag = str(place[-1])
        assert action_of(tag, element["vr"]) is not Action.REMOVE
        for value_left in element.get("Value", []):
            if element["vr"] == "UI" and tag not in classes:
                assert value_left not in old_uids
            if element["vr"] == "PN" and value_left:
                assert str(value_left) not in names
    small = {tag: element for tag, element in made.items() if "BulkDataURI" not in element}
    written = b"".join(write_file(_without_bulk(small), transfer_syntax="1.2.840.10008.1.2.1"))
    assert pydicom.dcmread(io.BytesIO(written)).PatientIdentityRemoved == "YES"


def _without_bulk(attributes: Attributes) -> Attributes:
    kept: Attributes = {}
    for tag, element in attributes.items():
        if "BulkDataURI" in element:
            continue
        if element["vr"] == "SQ":
            kept[tag] = {"vr": "SQ", "Value": [_without_bulk(item) for item in element.get("Value", [])]}
        else:
            kept[tag] = element
    return kept


def test_every_action_has_an_attribute_and_every_vr_a_dummy() -> None:
    from filmjacket.deid.data_set import _dummy

    for vr in VALUE_REPRESENTATIONS:
        if vr == "SQ":
            continue
        made = _dummy({"vr": vr, "Value": ["x"]})
        assert made["vr"] == vr
        data = {
            "00080016": {"vr": "UI", "Value": ["1.2"]},
            "00080018": {"vr": "UI", "Value": ["1.3"]},
            "00091001": made,
        }
        assert b"".join(write_file(data, transfer_syntax="1.2.840.10008.1.2.1"))


def test_the_input_is_not_changed() -> None:
    header = read_header(samples.sample("CT_small.dcm"))
    before = repr(header.attributes)
    deidentify(header.attributes, KEY)
    assert repr(header.attributes) == before
