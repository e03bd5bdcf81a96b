"""A scheduled procedure step as rows: its data set, what searches look up, and the words of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_values
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.web.matching import normal_date_or_time, normal_text
from filmjacket.web.person_names import folded_groups, name_words
from filmjacket.web.phonetics import sound_of
from filmjacket.web.scheduled_step_tables import (
    ACCESSION_NUMBER,
    DEPARTED,
    MODALITY,
    PATIENT_ID,
    PATIENT_NAME,
    PERFORMING_PHYSICIAN_NAME,
    REQUESTED_PROCEDURE_ID,
    SCHEDULED_STATUS,
    SCHEDULED_STEP_SEQUENCE,
    START_DATE,
    START_TIME,
    STATION_AE_TITLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.procedure_records import ScheduledStep
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.rows import Row

TEXT_COLUMNS: Final = {
    MODALITY: ("CS", "modality"),
    SCHEDULED_STATUS: ("CS", "status"),
    PATIENT_ID: ("LO", "patient_id"),
    ACCESSION_NUMBER: ("SH", "accession_number"),
    REQUESTED_PROCEDURE_ID: ("SH", "requested_procedure_id"),
}
"""Attributes that have at most one value, their VR and column; Scheduled Station AE Title may have more."""
NAME_COLUMNS: Final = {
    PATIENT_NAME: "patient_name",
    PERFORMING_PHYSICIAN_NAME: "performing_physician_name",
}
MOMENT_COLUMNS: Final = {START_DATE: ("DA", "start_date"), START_TIME: ("TM", "start_time")}
GROUPS: Final = ("", "_ideographic", "_phonetic")
"""What follows the name of a column in those of the component groups of a name."""


def step_row(step: ScheduledStep) -> Row:
    """Return the row of `scheduled_steps`."""
    return {
        "study_uid": step.key.study_uid,
        "step_id": step.key.step_id,
        "version": step.version,
        "updated_at": step.updated_at,
        "workitem_uid": step.workitem_uid,
        "attributes": encode_attributes(step.attributes),
    }


def key_rows(step: ScheduledStep) -> list[Row]:
    """Return the rows of `scheduled_step_keys`, one for each station."""
    flat = flattened(step.attributes)
    row: Row = {"study_uid": step.key.study_uid, "step_id": step.key.step_id}
    row |= {column: _text(flat, tag, vr) for tag, (vr, column) in TEXT_COLUMNS.items()}
    row |= {column: normal_date_or_time(vr, _first(flat, tag)) or "" for tag, (vr, column) in MOMENT_COLUMNS.items()}
    for tag, column in NAME_COLUMNS.items():
        folded = folded_groups(_first(flat, tag))
        row |= {column + group: text or "" for group, text in zip(GROUPS, folded, strict=True)}
    row["ended"] = int(row["status"] == DEPARTED)
    stations = dict.fromkeys(
        normal_text("AE", value) for value in get_values(flat, STATION_AE_TITLE) if value is not None
    )
    return [row | {"place": place, "station_ae": station} for place, station in enumerate(stations or {"": None})]


def word_rows(step: ScheduledStep) -> list[Row]:
    """Return the rows of `scheduled_step_words`."""
    return [
        {
            "attribute": tag,
            "word": word,
            "study_uid": step.key.study_uid,
            "step_id": step.key.step_id,
            "sound": sound_of(word),
        }
        for tag in NAME_COLUMNS
        for word in _words(flattened(step.attributes), tag)
    ]


def flattened(attributes: Attributes) -> Attributes:
    """Return the attributes of a step and those of its one item together; none is in both."""
    return {
        tag: element
        for part in (attributes, *get_items(attributes, SCHEDULED_STEP_SEQUENCE)[:1])
        for tag, element in part.items()
    }


def _words(flat: Attributes, tag: str) -> Iterator[str]:
    found = (word for group in folded_groups(_first(flat, tag)) if group for word in name_words(group))
    yield from dict.fromkeys(found)


def _first(flat: Attributes, tag: str) -> object:
    return next((value for value in get_values(flat, tag) if value is not None), None)


def _text(flat: Attributes, tag: str, vr: str) -> str:
    value = _first(flat, tag)
    return "" if value is None else normal_text(vr, value)
