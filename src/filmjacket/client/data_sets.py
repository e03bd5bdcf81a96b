"""Data sets in DICOM JSON from keywords, as a person would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from filmjacket.dicom.dictionary import tag_of, vr_of
from filmjacket.dicom.tags import parse_tag
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.dicom.attributes import Attributes, Element

_NAME_VR = "PN"


def data_set(values: Mapping[str, object] | None = None, /, **keywords: object) -> Attributes:
    """A data set (PS3.18 Annex F) of values by keyword or tag.

    A value is a text, a number, a list of them, or None for an empty attribute; items of a sequence are mappings:
    `data_set(PatientName="Doe^Jane", ScheduledStationNameCodeSequence=[{"CodeValue": "CT1"}])`.
    Raises `BadRequest` for a keyword that is in no dictionary.
    """
    found: Attributes = {}
    for name, value in {**(values or {}), **keywords}.items():
        tag = parse_tag(name) or tag_of(name)
        vr = vr_of(tag) if tag is not None else None
        if tag is None or vr is None:
            raise BadRequest(f"{name} is no keyword of PS3.6 and no tag.", section="PS3.6 6", offender=name)
        found[tag] = _element(vr, value)
    return dict(sorted(found.items()))


def _element(vr: str, value: object) -> Element:
    members = _members(value)
    if not members:
        return {"vr": vr}
    if vr == "SQ":
        return {"vr": vr, "Value": [data_set(cast("Mapping[str, object]", item)) for item in members]}
    if vr == _NAME_VR:
        return {"vr": vr, "Value": [{"Alphabetic": name} if isinstance(name, str) else name for name in members]}
    return {"vr": vr, "Value": members}


def _members(value: object) -> list[Any]:
    if value is None or value == "":
        return []
    return list(cast("list[Any] | tuple[Any, ...]", value)) if isinstance(value, list | tuple) else [value]
