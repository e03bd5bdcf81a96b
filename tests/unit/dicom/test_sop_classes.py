"""Storage classes of PS3.4 Annex B.5, categories of PS3.18 chapter 12 and Table 8.7.2-1."""

import pytest

from filmjacket.dicom.sop_classes import (
    NON_PATIENT_CATEGORIES,
    is_multi_frame,
    is_non_patient,
    is_storage,
    is_text,
    non_patient_category,
    storage_name,
)

ROOT = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (ROOT + "2", True),  # CT
        (ROOT + "1.1.1", True),
        (ROOT + "5", True),  # retired NM
        (ROOT + "9999", True),  # younger than the dictionary
        ("1.2.840.10008.5.1.4.34.7", True),  # RT Beams Delivery Instruction
        ("1.2.840.10008.5.1.4.38.1", True),  # Hanging Protocol
        ("1.2.840.10008.1.3.10", False),  # DICOMDIR
        ("1.2.840.10008.1.1", False),  # Verification
        ("1.2.840.10008.1.20.1", False),  # Storage Commitment
        ("1.2.840.10008.5.1.4.1.2.2.1", False),  # Study Root find
        ("1.2.840.10008.5.1.4.1.1.", False),
        ("1.2.3", False),
        ("", False),
    ],
)
def test_storage(uid, expected):
    assert is_storage(uid) is expected


def test_names():
    assert storage_name(ROOT + "2") == "CT Image Storage"
    assert storage_name(ROOT + "9999") is None
    assert storage_name("1.2.840.10008.1.1") is None


def test_every_non_patient_class_is_a_storage_class():
    uids = [uid for category in NON_PATIENT_CATEGORIES.values() for uid in category]
    assert len(set(uids)) == len(uids) == 9
    assert all(is_storage(uid) and is_non_patient(uid) for uid in uids)


@pytest.mark.parametrize(
    ("uid", "category"),
    [
        ("1.2.840.10008.5.1.4.39.1", "color-palettes"),
        (ROOT + "200.7", "defined-procedure-protocols"),
        (ROOT + "200.2", None),  # performed protocols belong to a patient
        ("1.2.840.10008.5.1.4.44.1", "implant-templates"),
        (ROOT + "201.1", "inventories"),
        (ROOT + "2", None),
    ],
)
def test_non_patient_categories(uid, category):
    assert non_patient_category(uid) == category
    assert is_non_patient(uid) is (category is not None)


@pytest.mark.parametrize(
    ("suffix", "multi_frame", "text"),
    [
        ("2", False, False),
        ("2.1", True, False),  # Enhanced CT
        ("3.1", True, False),  # Ultrasound Multi-frame
        ("7.2", True, False),  # Multi-frame grayscale SC
        ("20", True, False),  # NM
        ("77.1.6", True, False),  # whole slide
        ("66.4", True, False),
        ("481.2", True, False),
        ("481.3", False, False),
        ("88.22", False, True),  # Enhanced SR: a document, not an image
        ("104.1", False, True),
        ("9.1.1", False, False),  # 12-lead ECG
    ],
)
def test_resource_categories(suffix, multi_frame, text):
    assert (is_multi_frame(ROOT + suffix), is_text(ROOT + suffix)) == (multi_frame, text)
