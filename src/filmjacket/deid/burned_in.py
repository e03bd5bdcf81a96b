"""Whether a patient's name may be part of the picture itself (PS3.3 C.7.6.1.1.7, PS3.15 E.3.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer, get_text, get_texts

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."
_CLEAN_CLASSES: Final = frozenset(
    _ROOT + suffix
    for suffix in (
        "2", "2.1", "2.2",  # CT, Enhanced CT, Legacy Converted Enhanced CT
        "4", "4.1", "4.2", "4.3", "4.4",  # MR, Enhanced MR, MR Spectroscopy, Enhanced MR Color, Legacy Converted
        "128", "130", "128.1",  # PET, Enhanced PET, Legacy Converted Enhanced PET
        "20",  # Nuclear Medicine
        "1", "1.1", "1.1.1",  # Computed Radiography, Digital X-Ray
        "1.2", "1.2.1",  # Digital Mammography
        "13.1.1", "13.1.2", "13.1.3",  # X-Ray 3D, Breast Tomosynthesis
        "13.1.4", "13.1.5",  # Breast Projection
        "481.2",  # RT Dose
        "66.4", "66.7", "30",  # Segmentation, Label Map Segmentation, Parametric Map
        "77.1.6",  # Whole Slide Microscopy, but for labels
    )
)  # fmt: skip
"""SOP classes whose devices put no text into pixels of the images they acquire."""

_SLIDE: Final = _ROOT + "77.1.6"
_SLIDE_PARTS: Final = frozenset(("LABEL", "OVERVIEW"))
"""Pictures of the label of a slide, and of the whole of it with its label."""

_COPIES: Final = ("SECONDARY", "SAVE", "SCREEN", "CAPTURE", "REPORT", "PROTOCOL", "DOSE", "PRINT", "TEXT")
"""Words in Image Type of what was copied from a screen or written by a machine."""

_BURNED_IN: Final = "00280301"
_SOP_CLASS: Final = "00080016"
_IMAGE_TYPE: Final = "00080008"
_CONVERSION_TYPE: Final = "00080064"


class BurnedIn(StrEnum):
    """What is known about text in the pixels."""

    NO = "no"
    POSSIBLE = "possible"
    YES = "yes"


def burned_in(attributes: Attributes, transfer_syntax: str = "") -> BurnedIn:
    """Judge an image: by what it says, else by what images of its SOP class are like.

    A label of a slide is a yes whatever it says: the label is the identification.
    """
    said = (get_text(attributes, _BURNED_IN) or "").strip().upper()
    sop_class = get_text(attributes, _SOP_CLASS) or ""
    kinds = [value.upper() for value in get_texts(attributes, _IMAGE_TYPE)]
    if said == "YES" or (sop_class == _SLIDE and _SLIDE_PARTS & set(kinds)):
        return BurnedIn.YES
    if said == "NO":
        return BurnedIn.NO
    syntax = transfer_syntaxes.get(transfer_syntax)
    copied = any(word in kind for kind in kinds for word in _COPIES) or bool(get_text(attributes, _CONVERSION_TYPE))
    if sop_class not in _CLEAN_CLASSES or copied or (syntax is not None and syntax.video):
        return BurnedIn.POSSIBLE
    return BurnedIn.NO


def has_embedded_overlay(attributes: Attributes) -> bool:
    """Tell whether an overlay is in unused bits of the pixels (retired, PS3.5 8.1.2): it stays when its group goes."""
    return any(
        tag[:2] == "60" and tag[4:] == "0102" and get_integer(attributes, tag)  # Overlay Bit Position
        for tag in attributes
    )
