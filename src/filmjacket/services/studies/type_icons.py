"""Which icon stands for an instance that has no picture, or none that may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.sop_classes import storage_name

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."
_MAX_LABEL: Final = 8

_ICONS: Final = (
    ("88.59", "key-object", "KO"),
    ("88.", "report", "SR"),
    ("104.1", "document", "PDF"),
    ("104.2", "document", "CDA"),
    ("104.3", "surface", "STL"),
    ("104.4", "surface", "OBJ"),
    ("104.5", "document", "MTL"),
    ("104.", "document", "DOC"),
    ("9.1.", "waveform", "ECG"),
    ("9.4.", "sound", "AU"),
    ("9.", "waveform", ""),
    ("481.3", "structures", "RTSTRUCT"),
    ("481.", "plan", ""),
    ("11.", "presentation", "PR"),
    ("66.1", "registration", "REG"),
    ("66.3", "registration", "REG"),
    ("66.2", "registration", "FID"),
    ("66.5", "surface", ""),
    ("66.6", "surface", ""),
    ("68.", "surface", ""),
    ("78.", "report", ""),
    ("79.1", "report", ""),
    ("80.1", "report", "OPV"),
    ("90.1", "report", ""),
    ("91.1", "structures", "ANN"),
    ("200.", "plan", "PROTOCOL"),
    ("66", "raw", "RAW"),
)
"""Beginnings of SOP class UIDs, the more special ones first: kind of icon, and label where it is not the modality."""


def icon_of(sop_class: str, attributes: Attributes, *, hidden: bool = False, video: bool = False) -> tuple[str, str]:
    """Kind and label of an icon. `hidden`: there is a picture, which must not be shown."""
    modality = (get_text(attributes, "00080060") or "").strip().upper()
    label = modality if modality.isalnum() and modality.isascii() and len(modality) <= _MAX_LABEL else ""
    if hidden or video:
        return ("hidden" if hidden else "video"), label
    suffix = sop_class.removeprefix(_ROOT)
    for beginning, kind, name in _ICONS:
        if suffix == beginning or (beginning.endswith(".") and suffix.startswith(beginning)):
            return kind, name or label
    return ("image" if "Image" in (storage_name(sop_class) or "") else "other"), label
