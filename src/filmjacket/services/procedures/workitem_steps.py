"""Scheduled procedure steps that workitems are, for modalities that ask for a worklist (setting `from_workitems`).

The map is that of IHE RAD-130, read from workitem to step: a workitem is a step if it names a station, a modality, a
start, a patient and what is to be done. Its identity follows from the workitem's UID.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from typing import TYPE_CHECKING, Any, Final

from filmjacket.archive.procedure_records import ScheduledStep
from filmjacket.archive.worklist_records import State
from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.errors import FilmjacketError
from filmjacket.services.procedures.data_set import has_value
from filmjacket.services.procedures.scheduled_data_set import steps_of
from filmjacket.web.scheduled_step_tables import (
    ACCESSION_NUMBER,
    DEPARTED,
    KEY_TABLE,
    MODALITY,
    PERFORMING_PHYSICIAN_NAME,
    PROTOCOL_CODE_SEQUENCE,
    REQUESTED_PROCEDURE_ID,
    SCHEDULED_STATUS,
    SCHEDULED_STEP_SEQUENCE,
    START_DATE,
    START_TIME,
    STARTED,
    STATION_AE_TITLE,
    STEP_DESCRIPTION,
    STEP_ID,
    STUDY_INSTANCE_UID,
)
from filmjacket.web.search_tables import TIMEZONE_OFFSET_FROM_UTC

if TYPE_CHECKING:
    from filmjacket.archive.worklist_records import Workitem
    from filmjacket.dicom.attributes import Attributes, Element

REQUEST_SEQUENCE: Final = "0040A370"
STATUS_OF_STATE: Final = {State.IN_PROGRESS: STARTED, State.COMPLETED: DEPARTED}
"""A workitem that is scheduled leaves the status as it is; one that is canceled is no step any more."""

_CODE_VALUE, _CODE_MEANING = "00080100", "00080104"
_STATION_NAME_CODE, _STATION_CLASS_CODE, _LOCATION_CODE = "00404025", "00404026", "00404027"
_WORKITEM_CODE, _LABEL, _START, _PRIORITY = "00404018", "00741204", "00404005", "00741200"
_PERFORMERS, _PERFORMER_NAME = "00404034", "00404037"
_LONGEST_AE: Final = 16
_SAME: Final = tuple(row.path[0] for row in KEY_TABLE if len(row.path) == 1 and row.path[0] != SCHEDULED_STEP_SEQUENCE)
"""Attributes of patient, visit and request, which have the same tag in both."""


def step_of_workitem(workitem: Workitem) -> ScheduledStep | None:
    """Return the step that a workitem is, None if it is none."""
    if workitem.state is State.CANCELED:
        return None
    given = workitem.attributes
    request = _first_item(given, REQUEST_SEQUENCE)
    made: Attributes = {tag: one[tag] for one in (request, given) for tag in _SAME if has_value(one, tag)}
    _, offset = _local(given)
    if offset:
        made[TIMEZONE_OFFSET_FROM_UTC] = _text("SH", offset)
    if has_value(given, _PRIORITY):
        made["00401003"] = {"vr": "SH", "Value": get_values(given, _PRIORITY)}
    # What the order says is missing must not make one step another.
    made.setdefault(REQUESTED_PROCEDURE_ID, made.get(ACCESSION_NUMBER, _text("SH", _short_id(workitem.uid))))
    made.setdefault(STUDY_INSTANCE_UID, request.get(STUDY_INSTANCE_UID, {"vr": "UI"}))
    made[SCHEDULED_STEP_SEQUENCE] = {"vr": "SQ", "Value": [_item(workitem)]}
    try:
        (step,) = steps_of(made)
    except FilmjacketError:
        return None
    return ScheduledStep(step.key, step.attributes, workitem.uid)


def _item(workitem: Workitem) -> Attributes:
    given = workitem.attributes
    start, _ = _local(given)
    values: dict[str, tuple[str, Any]] = {
        STATION_AE_TITLE: ("AE", _code_text(given, _STATION_NAME_CODE, most=_LONGEST_AE)),
        START_DATE: ("DA", start[:8] if len(start) >= 8 else ""),
        START_TIME: ("TM", start[8:] or ("00" if start else "")),
        MODALITY: ("CS", _code_value(given, _STATION_CLASS_CODE)),
        STEP_DESCRIPTION: ("LO", get_text(given, _LABEL) or ""),
        STEP_ID: ("SH", _short_id(workitem.uid)),
        "00400011": ("SH", _code_text(given, _LOCATION_CODE, most=_LONGEST_AE)),
        SCHEDULED_STATUS: ("CS", STATUS_OF_STATE.get(workitem.state, "")),
    }
    made: Attributes = {tag: _text(vr, value) for tag, (vr, value) in values.items() if value}
    if has_value(given, _WORKITEM_CODE):
        made[PROTOCOL_CODE_SEQUENCE] = given[_WORKITEM_CODE]
    performer = _first_item(given, _PERFORMERS)
    if has_value(performer, _PERFORMER_NAME):
        made[PERFORMING_PHYSICIAN_NAME] = performer[_PERFORMER_NAME]
    return made


def _local(given: Attributes) -> tuple[str, str]:
    """Return the start as it stands, and its offset from UTC."""
    text = get_text(given, _START) or ""
    digits = text.replace("-", "+").partition("+")[0]
    return digits, text[len(digits) :]


def _first_item(attributes: Attributes, tag: str) -> Attributes:
    items = get_items(attributes, tag)
    return items[0] if items else {}


def _text(vr: str, value: str) -> Element:
    return {"vr": vr, "Value": [value]}


def _code_value(given: Attributes, tag: str) -> str:
    code = _first_item(given, tag)
    return get_text(code, _CODE_VALUE) or ""


def _code_text(given: Attributes, tag: str, *, most: int) -> str:
    """IHE has the AE title in the meaning of the code; many have it in the value."""
    code = _first_item(given, tag)
    meaning = get_text(code, _CODE_MEANING) or ""
    return meaning if 0 < len(meaning) <= most else (get_text(code, _CODE_VALUE) or "")[:most]


def _short_id(uid: str) -> str:
    """An identifier that a Scheduled Procedure Step ID can be: 16 characters, the same for the same workitem."""
    return "W" + b32encode(hashlib.sha256(uid.encode()).digest()).decode()[:15]
