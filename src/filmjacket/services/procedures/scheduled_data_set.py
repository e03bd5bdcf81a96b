"""What a scheduled procedure step is: the data sets that are taken in, completed, and told apart (PS3.4 Table K.6-1).

Choices where the standard leaves them, since it has no transaction by which steps come in:

* one item of the Scheduled Procedure Step Sequence is one step: a data set with several is taken as several steps;
* Study Instance UID and Scheduled Procedure Step ID together tell steps apart. A missing Study Instance UID is
  derived from Patient ID, Accession Number and Requested Procedure ID, so that the same order always has the same;
* a missing Requested Procedure ID is the Accession Number; a missing description or code of the requested procedure
  is that of the step.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from filmjacket.archive.procedure_records import ScheduledStep, StepKey
from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.services.procedures.data_set import fault, has_value, in_one_form
from filmjacket.web.scheduled_step_tables import (
    ACCESSION_NUMBER,
    IN_STEP,
    MODALITY,
    PATIENT_ID,
    PATIENT_NAME,
    PROTOCOL_CODE_SEQUENCE,
    REQUESTED_PROCEDURE_CODE_SEQUENCE,
    REQUESTED_PROCEDURE_DESCRIPTION,
    REQUESTED_PROCEDURE_ID,
    SCHEDULED_STATUS,
    SCHEDULED_STEP_SEQUENCE,
    START_DATE,
    START_TIME,
    STATION_AE_TITLE,
    STATUSES,
    STEP_DESCRIPTION,
    STEP_ID,
    STUDY_INSTANCE_UID,
)

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

SECTION: Final = "PS3.4 K.6.1.2.2"
REQUIRED: Final = (PATIENT_NAME, PATIENT_ID)
REQUIRED_OF_STEP: Final = (STATION_AE_TITLE, START_DATE, START_TIME, MODALITY, STEP_ID)
"""What has to be there with a value, since every result has to have it (return type 1)."""

_NAMESPACE: Final = uuid.UUID("0d5f7c57-3f65-4d0c-9b0a-1f6b6f1c6a2e")


def steps_of(attributes: Attributes) -> list[ScheduledStep]:
    """Return the steps of a data set, at least one. Raises `BadRequest` for the first fault."""
    whole = in_one_form(attributes, SECTION)
    items = get_items(whole, SCHEDULED_STEP_SEQUENCE)
    if not items:
        raise fault(SECTION, (SCHEDULED_STEP_SEQUENCE,), "it has one item for each step", "one item")
    for tag in IN_STEP:
        if tag in whole:
            raise fault(SECTION, (tag,), "it is in the item of the step", "ScheduledProcedureStepSequence")
    for tag in REQUIRED:
        if not has_value(whole, tag):
            raise fault(SECTION, (tag,), "a value is required")
    return [_step({**whole, SCHEDULED_STEP_SEQUENCE: {"vr": "SQ", "Value": [item]}}, item) for item in items]


def key_of(attributes: Attributes) -> StepKey:
    """Return what tells a step apart."""
    (item,) = get_items(attributes, SCHEDULED_STEP_SEQUENCE)
    return StepKey(get_text(attributes, STUDY_INSTANCE_UID) or "", get_text(item, STEP_ID) or "")


def _step(attributes: Attributes, item: Attributes) -> ScheduledStep:
    for tag in REQUIRED_OF_STEP:
        if not has_value(item, tag):
            raise fault(SECTION, (SCHEDULED_STEP_SEQUENCE, tag), "a value is required")
    if not has_value(item, STEP_DESCRIPTION) and not has_value(item, PROTOCOL_CODE_SEQUENCE):
        path = (SCHEDULED_STEP_SEQUENCE, STEP_DESCRIPTION)
        raise fault(
            SECTION, path, "the step has a description, a protocol code, or both", "ScheduledProtocolCodeSequence"
        )
    status = get_text(item, SCHEDULED_STATUS)
    if status is not None and status not in STATUSES:
        raise fault(
            SECTION, (SCHEDULED_STEP_SEQUENCE, SCHEDULED_STATUS), "the value is none that is defined", *STATUSES
        )
    if status is None:
        item.pop(SCHEDULED_STATUS, None)
    _complete(attributes, item)
    return ScheduledStep(key_of(attributes), attributes)


def _complete(attributes: Attributes, item: Attributes) -> None:
    """Add what every result has to have and follows from the rest."""
    accession = get_text(attributes, ACCESSION_NUMBER) or ""
    if not has_value(attributes, REQUESTED_PROCEDURE_ID):
        if not accession:
            raise fault(SECTION, (REQUESTED_PROCEDURE_ID,), "a value is required, or an Accession Number in its place")
        attributes[REQUESTED_PROCEDURE_ID] = {"vr": "SH", "Value": [accession]}
    described = (REQUESTED_PROCEDURE_DESCRIPTION, REQUESTED_PROCEDURE_CODE_SEQUENCE)
    if not any(has_value(attributes, tag) for tag in described):
        if has_value(item, STEP_DESCRIPTION):
            attributes[REQUESTED_PROCEDURE_DESCRIPTION] = item[STEP_DESCRIPTION]
        else:
            attributes[REQUESTED_PROCEDURE_CODE_SEQUENCE] = item[PROTOCOL_CODE_SEQUENCE]
    if not has_value(attributes, STUDY_INSTANCE_UID):
        attributes[STUDY_INSTANCE_UID] = {"vr": "UI", "Value": [_derived_uid(attributes)]}


def _derived_uid(attributes: Attributes) -> str:
    """A UID under 2.25 (PS3.5 B.2) that is the same whenever and wherever the order is taken in."""
    order = (PATIENT_ID, ACCESSION_NUMBER, REQUESTED_PROCEDURE_ID)
    name = "\n".join(get_text(attributes, tag) or "" for tag in order)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
