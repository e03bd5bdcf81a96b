"""The dictionary answers as pydicom's does, for every tag that pydicom knows and many that it does not."""

from __future__ import annotations

import subprocess
import sys

from pydicom import datadict
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries

from filmjacket.dicom.dictionary import Entry, find_entry, private_vr, tag_of

REPEATED = [int(spelt.replace("x", digit), 16) for spelt in RepeatersDictionary for digit in "02468ACE13"]
UNKNOWN = [0x00100011, 0x00091001, 0x60010010, 0x7FE0FFFF, 0xFFFFFFFF, 0x00000000]


def entry_of(tag: int) -> Entry | None:
    try:
        vr, vm, _, _, keyword = datadict.get_entry(tag)
    except KeyError:
        return None
    return Entry(vr, vm, keyword)


def vr_of_private(creator: str, tag: int) -> str | None:
    try:
        vr = datadict.private_dictionary_VR(tag, creator)
    except KeyError:
        return None
    return vr if len(vr) == 2 else None


def test_every_public_tag():
    for tag in [*DicomDictionary, *REPEATED, *UNKNOWN]:
        assert find_entry(f"{tag:08X}") == entry_of(tag), f"{tag:08X}"


def test_every_keyword():
    for row in DicomDictionary.values():
        found = datadict.tag_for_keyword(row[4]) if row[4] else None
        assert tag_of(row[4]) == (None if found is None else f"{found:08X}")
    assert tag_of("NoSuchKeyword") is None


def test_every_private_tag():
    for creator, rows in private_dictionaries.items():
        for spelt in rows:
            for block in ("10", "E3"):
                tag = int(spelt.replace("xx", block), 16)
                assert private_vr(creator, f"{tag:08X}") == vr_of_private(creator, tag), (creator, spelt)
    assert private_vr("NOBODY", "00091001") is None


def test_it_is_loaded_without_the_package():
    code = (
        "import sys\n"
        "from filmjacket.dicom import dictionary, sop_classes\n"
        "assert dictionary.find_entry('00100010').keyword == 'PatientName'\n"
        "assert dictionary.private_vr('SIEMENS CSA HEADER', '00291010') == 'OB'\n"
        "assert sop_classes.storage_classes()\n"
        "assert not {'pydicom', 'numpy', 'PIL', 'requests'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
