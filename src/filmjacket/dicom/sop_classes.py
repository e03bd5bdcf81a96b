"""SOP classes that a store keeps, and what the services must know about them (PS3.4 Annex B.5, PS3.6 A)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from filmjacket.dicom import dictionary_data

if TYPE_CHECKING:
    from collections.abc import Mapping

NON_PATIENT_CATEGORIES: dict[str, tuple[str, ...]] = {
    "color-palettes": ("1.2.840.10008.5.1.4.39.1",),
    "defined-procedure-protocols": (
        "1.2.840.10008.5.1.4.1.1.200.1",
        "1.2.840.10008.5.1.4.1.1.200.7",
    ),
    "hanging-protocols": ("1.2.840.10008.5.1.4.38.1",),
    "implant-templates": (
        "1.2.840.10008.5.1.4.43.1",
        "1.2.840.10008.5.1.4.44.1",
        "1.2.840.10008.5.1.4.45.1",
    ),
    "inventories": ("1.2.840.10008.5.1.4.1.1.201.1",),
    "protocol-approvals": ("1.2.840.10008.5.1.4.1.1.200.3",),
}
"""Categories of the Non-Patient Instance service and the SOP classes of each (PS3.18 chapter 12)."""

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
"""A DICOMDIR (PS3.10 8.6): an index of files, never an instance of a study."""

# All storage classes since the first edition live below this root; new ones appear there every year.
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."

_NON_PATIENT = {uid: name for name, uids in NON_PATIENT_CATEGORIES.items() for uid in uids}

# Multi-frame by their IOD (PS3.3: Multi-frame Module mandatory) although the name does not say so.
_MULTI_FRAME = frozenset(
    _STORAGE_ROOT + suffix
    for suffix in (
        "20",  # Nuclear Medicine
        "481.2",  # RT Dose
        "77.1.1.1",  # Video Endoscopic
        "77.1.2.1",  # Video Microscopic
        "77.1.4.1",  # Video Photographic
        "77.1.5.4",  # Ophthalmic Tomography
        "77.1.5.8",  # Ophthalmic OCT B-scan Volume Analysis
        "77.1.6",  # VL Whole Slide Microscopy
        "13.1.1",  # X-Ray 3D Angiographic
        "13.1.2",  # X-Ray 3D Craniofacial
        "13.1.3",  # Breast Tomosynthesis
        "13.1.4",  # Breast Projection X-Ray for Presentation
        "13.1.5",  # Breast Projection X-Ray for Processing
        "14.1",  # Intravascular OCT for Presentation
        "14.2",  # Intravascular OCT for Processing
        "30",  # Parametric Map
        "66.4",  # Segmentation
        "66.7",  # Label Map Segmentation
    )
)
_MULTI_FRAME_WORDS = ("Multi-frame", "Enhanced", "Legacy Converted")

# PS3.18 Table 8.7.2-1: the Text category is what has an SR Document Content or an Encapsulated Document Module.
_TEXT_ROOTS = (_STORAGE_ROOT + "88.", _STORAGE_ROOT + "104.")


@cache
def _storage_names() -> dict[str, str]:
    """Return UID -> name of every storage class that pydicom's copy of PS3.6 knows."""
    return {
        uid: name
        for uid, (name, kind, _, _, _) in dictionary_data.uids().items()
        if kind == "SOP Class" and "Storage" in name and "Storage Commitment" not in name
    }


def storage_classes() -> Mapping[str, str]:
    """Return UID -> name of every storage SOP class that has a name, retired ones included (PS3.6 Table A-1)."""
    return {uid: name for uid, name in _storage_names().items() if is_storage(uid)}


def is_storage(uid: str) -> bool:
    """Tell whether a SOP class is one of the Storage Service Class, retired, non-patient and new ones included."""
    if uid == MEDIA_STORAGE_DIRECTORY:
        return False
    return (uid.startswith(_STORAGE_ROOT) and len(uid) > len(_STORAGE_ROOT)) or uid in _storage_names()


def storage_name(uid: str) -> str | None:
    """Return the name of a known storage SOP class (PS3.6 Table A-1)."""
    return _storage_names().get(uid) if is_storage(uid) else None


def non_patient_category(uid: str) -> str | None:
    """Return the resource category of a SOP class without patient, study and series (PS3.18 chapter 12)."""
    return _NON_PATIENT.get(uid)


def is_non_patient(uid: str) -> bool:
    """Tell whether instances of a SOP class belong to no patient, study or series."""
    return uid in _NON_PATIENT


def is_multi_frame(uid: str) -> bool:
    """Tell whether the IOD of a SOP class is a multi-frame image (resource category, PS3.18 Table 8.7.2-1)."""
    if uid in _MULTI_FRAME:
        return True
    name = storage_name(uid) or ""
    return "Image" in name and any(word in name for word in _MULTI_FRAME_WORDS)


def is_text(uid: str) -> bool:
    """Tell whether a SOP class is a document: structured report or encapsulated (PS3.18 Table 8.7.2-1)."""
    return uid.startswith(_TEXT_ROOTS)
