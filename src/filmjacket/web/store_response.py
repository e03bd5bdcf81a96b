"""The Store Instances Response Module and the status of a store (PS3.18 Annex I, Table 10.5.3-1; STOW-RS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.sop_classes import non_patient_category
from filmjacket.web.targets import instance_url, non_patient_url, study_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.dicom.attributes import Attributes, Element

_REFERENCED_SOP_CLASS_UID: Final = "00081150"
_REFERENCED_SOP_INSTANCE_UID: Final = "00081155"
_RETRIEVE_URL: Final = "00081190"
_WARNING_REASON: Final = "00081196"
_FAILURE_REASON: Final = "00081197"
_FAILED_SOP_SEQUENCE: Final = "00081198"
_REFERENCED_SOP_SEQUENCE: Final = "00081199"
_OTHER_FAILURES_SEQUENCE: Final = "0008119A"
_ORIGINAL_ATTRIBUTES_SEQUENCE: Final = "04000561"
_FAILED_ATTRIBUTES_SEQUENCE: Final = "00741048"
_ERROR_COMMENT: Final = "00000902"

MAXIMUM_COMMENTS: Final = 10
"""Comments on one instance; a file that is wrong throughout needs no more to be recognised."""


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance that is in the archive now, and what was done to it on the way."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    warning_reason: int | None = None
    original_attributes: tuple[Attributes, ...] = ()
    comments: tuple[str, ...] = ()

    def url(self, base_url: str) -> str:
        """Where it can be retrieved; a non-patient instance is a resource of its category (12.1.1)."""
        if not self.study_uid:
            return non_patient_url(base_url, non_patient_category(self.sop_class_uid) or "", self.sop_uid)
        return instance_url(base_url, self.study_uid, self.series_uid, self.sop_uid)


@dataclass(frozen=True, slots=True)
class FailedInstance:
    """An instance that was not stored; one without both UIDs goes to the Other Failures Sequence (I.2)."""

    failure_reason: int
    sop_class_uid: str | None = None
    sop_uid: str | None = None
    comments: tuple[str, ...] = ()

    @property
    def is_identified(self) -> bool:
        """Whether the Failed SOP Sequence can name it."""
        return bool(self.sop_class_uid and self.sop_uid)


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """The answer to a store: module, status code, and `Location` with `Content-Location` (10.5.3.2)."""

    module: Attributes
    status: int
    headers: tuple[tuple[str, str], ...]


def answer(stored: Sequence[StoredInstance], failed: Sequence[FailedInstance], base_url: str) -> StoreAnswer:
    """Everything that a response to a store in the Studies service holds."""
    return _answer(stored, failed, base_url, retrieve_url(stored, base_url), status_for(stored, failed))


def non_patient_answer(
    stored: Sequence[StoredInstance], failed: Sequence[FailedInstance], base_url: str
) -> StoreAnswer:
    """Everything that a response to a store of non-patient instances holds (12.5.3).

    There is no study to name: the Retrieve URL is that of the one instance stored. What is stored in part is 200: 202
    means there that nothing is stored yet.
    """
    location = stored[0].url(base_url) if len(stored) == 1 else None
    return _answer(stored, failed, base_url, location, 200 if stored else status_for(stored, failed))


def _answer(
    stored: Sequence[StoredInstance],
    failed: Sequence[FailedInstance],
    base_url: str,
    location: str | None,
    status: int,
) -> StoreAnswer:
    headers = (("Location", location), ("Content-Location", location)) if location else ()
    return StoreAnswer(_module(stored, failed, base_url, location), status, headers)


def build(stored: Sequence[StoredInstance], failed: Sequence[FailedInstance], base_url: str) -> Attributes:
    """The one data set that answers a store (Table I.2-1)."""
    return _module(stored, failed, base_url, retrieve_url(stored, base_url))


def _module(
    stored: Sequence[StoredInstance], failed: Sequence[FailedInstance], base_url: str, location: str | None
) -> Attributes:
    attributes: Attributes = {_RETRIEVE_URL: {"vr": "UR", "Value": [location]} if location else {"vr": "UR"}}
    sequences: tuple[tuple[str, list[Attributes]], ...] = (
        (_FAILED_SOP_SEQUENCE, [_failed_item(item) for item in failed if item.is_identified]),
        (_REFERENCED_SOP_SEQUENCE, [_stored_item(item, base_url) for item in stored]),
        (_OTHER_FAILURES_SEQUENCE, [_reason_item(item) for item in failed if not item.is_identified]),
    )
    attributes.update({tag: {"vr": "SQ", "Value": items} for tag, items in sequences if items})
    return attributes


def status_for(stored: Sequence[StoredInstance], failed: Sequence[FailedInstance]) -> int:
    """Status code of a store whose payload could be taken apart (Table 10.5.3-1).

    200 all stored; 202 some failed or some have warnings; 409 none stored; 400 none stored because not one
    part was a readable instance, which is bad syntax rather than a conflict.
    """
    if not stored:
        return 409 if any(item.is_identified for item in failed) else 400
    return 202 if failed or any(item.warning_reason is not None for item in stored) else 200


def retrieve_url(stored: Sequence[StoredInstance], base_url: str) -> str | None:
    """URL of the one study that was stored to, also for `Location`; None for several or none."""
    studies = {item.study_uid for item in stored}
    return study_url(base_url, studies.pop()) if len(studies) == 1 else None


def _stored_item(item: StoredInstance, base_url: str) -> Attributes:
    attributes = _reference(item.sop_class_uid, item.sop_uid)
    attributes[_RETRIEVE_URL] = {"vr": "UR", "Value": [item.url(base_url)]}
    if item.warning_reason is not None:
        attributes[_WARNING_REASON] = _reason(item.warning_reason)
    if item.warning_reason is not None:
        attributes.update(_comments(item.comments))
    if item.original_attributes:
        attributes[_ORIGINAL_ATTRIBUTES_SEQUENCE] = {"vr": "SQ", "Value": list(item.original_attributes)}
    return attributes


def _failed_item(item: FailedInstance) -> Attributes:
    return _reference(item.sop_class_uid or "", item.sop_uid or "") | _reason_item(item)


def _reason_item(item: FailedInstance) -> Attributes:
    return {_FAILURE_REASON: _reason(item.failure_reason)} | _comments(item.comments)


def _comments(texts: tuple[str, ...]) -> Attributes:
    """Say in words what is wrong, where others do too: Error Comments in a Failed Attributes Sequence.

    Not part of Annex I, which leaves items open for more. An Error Comment has up to 64 characters (PS3.5 6.2).
    """
    items = [{_ERROR_COMMENT: {"vr": "LO", "Value": [text[:64].strip()]}} for text in texts[:MAXIMUM_COMMENTS]]
    return {_FAILED_ATTRIBUTES_SEQUENCE: {"vr": "SQ", "Value": items}} if items else {}


def _reference(sop_class_uid: str, sop_uid: str) -> Attributes:
    return {
        _REFERENCED_SOP_CLASS_UID: {"vr": "UI", "Value": [sop_class_uid]},
        _REFERENCED_SOP_INSTANCE_UID: {"vr": "UI", "Value": [sop_uid]},
    }


def _reason(code: int) -> Element:
    return {"vr": "US", "Value": [code]}
