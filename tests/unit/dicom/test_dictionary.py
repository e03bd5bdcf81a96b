"""The border around the data dictionary (PS3.6, PS3.5 A.1)."""

import subprocess
import sys

import pytest

from filmjacket.dicom import dictionary


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        ("00100010", "PN"),
        ("00083002", "UI"),
        ("7FE00010", "OW"),
        ("54000100", "SQ"),
        ("60003000", "OW"),
        ("60FE3000", "OW"),
        ("60020010", "US"),
        ("50000005", "US"),
        ("00283006", "OW"),
        ("00080000", "UL"),
        ("00090010", "LO"),
        ("000900FF", "LO"),
        ("0009000F", None),
        ("00091010", None),
        ("00080002", None),
        ("FFFEE000", None),
    ],
)
def test_vr_of(tag, vr):
    assert dictionary.vr_of(tag) == vr


@pytest.mark.parametrize("tag", ["00280106", "00280120", "00281101", "0040A30A"])
def test_us_or_ss_follows_pixel_representation(tag):
    expected = {False: "US", True: "SS"} if tag != "0040A30A" else {False: "DS", True: "DS"}
    assert {signed: dictionary.vr_of(tag, signed=signed) for signed in (False, True)} == expected


def test_every_vr_of_the_dictionary_is_resolved_to_a_known_one():
    from pydicom.datadict import DicomDictionary

    from filmjacket.dicom.vr import VALUE_REPRESENTATIONS

    resolved = {dictionary.vr_of(f"{tag:08X}") for tag in DicomDictionary if tag < 0xFFFE0000 and tag & 0xFFFF}
    assert resolved - set(VALUE_REPRESENTATIONS) == set()


def test_keyword_and_tag_are_inverse():
    assert dictionary.tag_of("RequestAttributesSequence") == "00400275"
    assert dictionary.keyword_of("00400275") == "RequestAttributesSequence"
    assert dictionary.tag_of("Nonsense") is None
    assert dictionary.tag_of("") is None
    assert dictionary.keyword_of("00080002") is None


def test_private_vr_needs_the_creator():
    assert dictionary.private_vr("SIEMENS CSA HEADER", "00291010") == "OB"
    assert dictionary.private_vr("SIEMENS CSA HEADER", "0029E010") == "OB"
    assert dictionary.private_vr("NOBODY", "00291010") is None


@pytest.mark.parametrize(
    ("tag", "several"),
    [("00080060", False), ("00080061", True), ("00201041", False), ("00200037", True), ("00091010", True)],
)
def test_multiplicity(tag, several):
    assert dictionary.is_multi_valued(tag) is several


def test_importing_the_format_does_not_import_pydicom():
    modules = "values, json_model, xml_model, writer, tags, charset"
    code = f"import sys; from filmjacket.dicom import {modules}; sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
