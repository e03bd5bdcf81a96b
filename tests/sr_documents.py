"""Builds SR documents, encapsulated documents and waveforms as attributes, item by item."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

ROOT = "1.2.840.10008.5.1.4.1.1."
COMPREHENSIVE = ROOT + "88.33"
STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"
IMAGE = "1.2.3.9.1"
CT = ROOT + "2"
BASE = "http://archive.example/dicom-web"
IMAGE_URL = f"{BASE}/studies/{STUDY}/series/1.2.3.9/instances/{IMAGE}"


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def sequence(*items: dict[str, Any]) -> dict[str, Any]:
    return element("SQ", *items)


def code(meaning: str, value: str = "121071", scheme: str = "DCM") -> dict[str, Any]:
    return {
        "00080100": element("SH", value),
        "00080102": element("SH", scheme),
        "00080104": element("LO", meaning),
    }


def item(
    value_type: str, name: str = "", *children: dict[str, Any], relation: str = "CONTAINS", **values: Any
) -> dict[str, Any]:
    """A content item; `values` are elements by `tag_` and eight digits."""
    made = {"0040A010": element("CS", relation), "0040A040": element("CS", value_type)}
    if name:
        made["0040A043"] = sequence(code(name))
    made |= {tag.removeprefix("tag_"): value for tag, value in values.items()}
    if children:
        made["0040A730"] = sequence(*children)
    return made


def text(name: str, value: str, *children: dict[str, Any], **how: Any) -> dict[str, Any]:
    return item("TEXT", name, *children, tag_0040A160=element("UT", value), **how)


def coded(name: str, meaning: str, *children: dict[str, Any], **how: Any) -> dict[str, Any]:
    return item("CODE", name, *children, tag_0040A168=sequence(code(meaning)), **how)


def number(name: str, value: str, unit: str = "mm", meaning: str = "millimeter", *children: Any) -> dict[str, Any]:
    measured = {"0040A30A": element("DS", value), "004008EA": sequence(code(meaning, unit, "UCUM"))}
    return item("NUM", name, *children, tag_0040A300=sequence(measured))


def image(name: str = "", *children: Any, uid: str = IMAGE, frames: Sequence[int] = (), **how: Any) -> dict[str, Any]:
    reference = {"00081150": element("UI", CT), "00081155": element("UI", uid)}
    if frames:
        reference["00081160"] = element("IS", *frames)
    return item("IMAGE", name, *children, tag_00081199=sequence(reference), **how)


def container(name: str, *children: dict[str, Any], **how: Any) -> dict[str, Any]:
    return item("CONTAINER", name, *children, tag_0040A050=element("CS", "SEPARATE"), **how)


def document(*children: dict[str, Any], title: str = "Radiology Report", **values: Any) -> dict[str, Any]:
    """An SR document whose evidence has one CT image."""
    instances = sequence({"00081150": element("UI", CT), "00081155": element("UI", IMAGE)})
    series = sequence({"0020000E": element("UI", "1.2.3.9"), "00081199": instances})
    made = container(title, *children)
    del made["0040A010"]
    made |= {
        "00080016": element("UI", COMPREHENSIVE),
        "00080018": element("UI", INSTANCE),
        "0020000D": element("UI", STUDY),
        "0020000E": element("UI", SERIES),
        "00100010": element("PN", {"Alphabetic": "Doe^Jane^^Dr."}),
        "00100020": element("LO", "4711"),
        "0040A491": element("CS", "COMPLETE"),
        "0040A493": element("CS", "VERIFIED"),
        "0040A375": sequence({"0020000D": element("UI", STUDY), "00081115": series}),
    }
    return made | {tag.removeprefix("tag_"): value for tag, value in values.items()}


def encapsulated(suffix: str, content: bytes, *, title: str = "Letter") -> dict[str, Any]:
    """An encapsulated document of the class `104.suffix`."""
    padded = content + b"\0" * (len(content) % 2)
    return {
        "00080016": element("UI", f"{ROOT}104.{suffix}"),
        "00080018": element("UI", INSTANCE),
        "0020000D": element("UI", STUDY),
        "0020000E": element("UI", SERIES),
        "00420010": element("ST", title),
        "00420011": {"vr": "OB", "InlineBinary": base64.b64encode(padded).decode()},
        "00420012": element("LO", "text/html"),
        "00420015": element("UL", len(content)),
    }


def waveform(
    samples: np.ndarray[Any, Any],
    channels: Sequence[dict[str, Any]],
    *,
    frequency: float = 500.0,
    interpretation: str = "SS",
    sop_class: str = ROOT + "9.1.1",
    **values: Any,
) -> dict[str, Any]:
    """A waveform of one multiplex group; `samples` are (moments, channels)."""
    group = {
        "003A0005": element("US", samples.shape[1]),
        "003A0010": element("UL", samples.shape[0]),
        "003A001A": element("DS", str(frequency)),
        "003A0200": sequence(*channels),
        "54001004": element("US", samples.dtype.itemsize * 8),
        "54001006": element("CS", interpretation),
        "54001010": {"vr": "OW", "InlineBinary": base64.b64encode(samples.tobytes()).decode()},
    }
    group |= {tag.removeprefix("tag_"): value for tag, value in values.items()}
    return {"00080016": element("UI", sop_class), "54000100": sequence(group)}


def channel(source: str, unit: str = "uV", sensitivity: str = "1", **values: Any) -> dict[str, Any]:
    made = {
        "003A0208": sequence(code(source, "2:1", "MDC")),
        "003A0210": element("DS", sensitivity),
        "003A0211": sequence(code(unit, unit, "UCUM")),
    }
    return made | {tag.removeprefix("tag_"): value for tag, value in values.items()}


def file_of(attributes: dict[str, Any], **changes: object) -> bytes:
    """Attributes as a file of a new study, unless `changes` say which."""
    dataset = pydicom.Dataset.from_json(attributes)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
