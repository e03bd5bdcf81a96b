"""Request and response modules of storage commitment (PS3.18 Annex J): which instances, and what became of each.

Both come in two styles: a flat list of SOP instances, or a hierarchy of studies, series and SOP classes. The
response has the style of the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_values
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.dicom.attributes import Attributes

REFERENCED_SOP_SEQUENCE: Final = "00081199"
FAILED_SOP_SEQUENCE: Final = "00081198"
REFERENCED_STUDY_SEQUENCE: Final = "00081110"
FAILED_STUDY_SEQUENCE: Final = "0008119B"
_REFERENCED_SERIES_SEQUENCE: Final = "00081115"
_REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE: Final = "00081112"
_REFERENCED_INSTANCE_SEQUENCE: Final = "0008114A"
_STUDY_INSTANCE_UID: Final = "0020000D"
_SERIES_INSTANCE_UID: Final = "0020000E"
_REFERENCED_SOP_CLASS_UID: Final = "00081150"
_REFERENCED_SOP_INSTANCE_UID: Final = "00081155"
_FAILURE_REASON: Final = "00081197"
_SECTION: Final = "J.1"
_STYLES: Final = {REFERENCED_SOP_SEQUENCE: False, REFERENCED_STUDY_SEQUENCE: True}
_ACCEPTED: Final = ("ReferencedSOPSequence (0008,1199)", "ReferencedStudySequence (0008,1110)")


class FailureReason(IntEnum):
    """Why an instance is not committed (PS3.3 C.14.1.1); `COMMITTED` is no failure.

    Duplicate transaction UID, 0131H, is status 409 in this service (13.4.3.1).
    """

    COMMITTED = 0
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    RESOURCE_LIMITATION = 0x0213


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance that a request names; a flat one without study and series."""

    sop_class_uid: str
    sop_uid: str
    study_uid: str = ""
    series_uid: str = ""


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """The instances of one request, each once, in the order in which they came."""

    references: tuple[Reference, ...]
    hierarchical: bool = False


def parse_request(data_sets: Sequence[Attributes]) -> CommitmentRequest:
    """The request that one or several data sets make, one for each part of a payload. Raises `BadRequest`."""
    styles = {_style_of(attributes) for attributes in data_sets}
    if len(styles) != 1:
        raise _refusal("The parts of the payload are of one style, all flat or all hierarchical.", *_ACCEPTED)
    hierarchical = styles.pop()
    read = _hierarchical if hierarchical else _flat
    found = dict.fromkeys(reference for attributes in data_sets for reference in read(attributes))
    return CommitmentRequest(tuple(found), hierarchical)


def build_response(request: CommitmentRequest, reasons: Sequence[int]) -> Attributes:
    """The response to a request, with the reason of each of its references. It does not hold the transaction UID."""
    judged = list(zip(request.references, reasons, strict=True))
    committed = [(reference, 0) for reference, reason in judged if not reason]
    failed = [(reference, reason) for reference, reason in judged if reason]
    build = _studies if request.hierarchical else _instances
    tags = (
        (REFERENCED_STUDY_SEQUENCE, FAILED_STUDY_SEQUENCE)
        if request.hierarchical
        else (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE)
    )
    pairs = zip(tags, (committed, failed), strict=True)
    return {tag: {"vr": "SQ", "Value": build(rows)} for tag, rows in pairs if rows}


def _style_of(attributes: Attributes) -> bool:
    found = [hierarchical for tag, hierarchical in _STYLES.items() if tag in attributes]
    if len(found) != 1:
        raise _refusal("The request holds exactly one of the two sequences that list instances.", *_ACCEPTED)
    return found[0]


def _flat(attributes: Attributes) -> Iterator[Reference]:
    for item in _items(attributes, REFERENCED_SOP_SEQUENCE):
        yield Reference(_uid(item, _REFERENCED_SOP_CLASS_UID), _uid(item, _REFERENCED_SOP_INSTANCE_UID))


def _hierarchical(attributes: Attributes) -> Iterator[Reference]:
    for study in _items(attributes, REFERENCED_STUDY_SEQUENCE):
        study_uid = _uid(study, _STUDY_INSTANCE_UID)
        for series in _items(study, _REFERENCED_SERIES_SEQUENCE):
            series_uid = _uid(series, _SERIES_INSTANCE_UID)
            for sop_class in _items(series, _REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE):
                class_uid = _uid(sop_class, _REFERENCED_SOP_CLASS_UID)
                for instance in _items(sop_class, _REFERENCED_INSTANCE_SEQUENCE):
                    yield Reference(class_uid, _uid(instance, _REFERENCED_SOP_INSTANCE_UID), study_uid, series_uid)


def _items(attributes: Attributes, tag: str) -> list[Attributes]:
    items = get_items(attributes, tag)
    if not items:
        raise _refusal(f"Sequence {tag} has one item or more.", f"{tag} with items")
    return items


def _uid(item: Attributes, tag: str) -> str:
    values = get_values(item, tag)
    if len(values) != 1 or not isinstance(values[0], str) or not is_tolerable_uid(values[0]):
        raise _refusal(f"Attribute {tag} of an item is not one UID (PS3.5 9.1).", f"{tag} with one UID")
    return values[0]


def _refusal(message: str, *accepted: str) -> BadRequest:
    return BadRequest(message, section=_SECTION, offender="payload", accepted=accepted)


def _instances(rows: list[tuple[Reference, int]]) -> list[Attributes]:
    return [
        {_REFERENCED_SOP_CLASS_UID: _ui(row.sop_class_uid), _REFERENCED_SOP_INSTANCE_UID: _ui(row.sop_uid)}
        | _reason(reason)
        for row, reason in rows
    ]


def _studies(rows: list[tuple[Reference, int]]) -> list[Attributes]:
    tree: dict[str, dict[str, dict[str, list[Attributes]]]] = {}
    for row, reason in rows:
        classes = tree.setdefault(row.study_uid, {}).setdefault(row.series_uid, {})
        instance = {_REFERENCED_SOP_INSTANCE_UID: _ui(row.sop_uid)} | _reason(reason)
        classes.setdefault(row.sop_class_uid, []).append(instance)
    return [
        {
            _STUDY_INSTANCE_UID: _ui(study_uid),
            _REFERENCED_SERIES_SEQUENCE: _sq([_series(uid, classes) for uid, classes in series.items()]),
        }
        for study_uid, series in tree.items()
    ]


def _series(series_uid: str, classes: dict[str, list[Attributes]]) -> Attributes:
    by_class: list[Attributes] = [
        {_REFERENCED_SOP_CLASS_UID: _ui(class_uid), _REFERENCED_INSTANCE_SEQUENCE: _sq(instances)}
        for class_uid, instances in classes.items()
    ]
    return {_SERIES_INSTANCE_UID: _ui(series_uid), _REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE: _sq(by_class)}


def _reason(reason: int) -> Attributes:
    return {_FAILURE_REASON: {"vr": "US", "Value": [int(reason)]}} if reason else {}


def _ui(uid: str) -> dict[str, object]:
    return {"vr": "UI", "Value": [uid]}


def _sq(items: list[Attributes]) -> dict[str, object]:
    return {"vr": "SQ", "Value": items}
