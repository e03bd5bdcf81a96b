"""The tables of PS3.4 as data: K.6-1 and F.7.2-1 hang together and with the dictionary."""

from __future__ import annotations

import pytest

from filmjacket.dicom import dictionary
from filmjacket.index.scheduled_rows import MOMENT_COLUMNS, NAME_COLUMNS, TEXT_COLUMNS
from filmjacket.services.procedures.mpps_table import MPPS_TABLE, NEVER_SET, AttributeRow
from filmjacket.web.scheduled_step_tables import IN_STEP, KEY_TABLE, STATION_AE_TITLE

EVERY_ROW = [*MPPS_TABLE, *(row for parent in MPPS_TABLE for row in parent.items)]


def test_keys_are_attributes_and_occur_once() -> None:
    paths = [row.path for row in KEY_TABLE]
    assert len(set(paths)) == len(paths)
    assert all(dictionary.keyword_of(tag) for path in paths for tag in path)
    assert all(dictionary.vr_of(tag) == "SQ" for path in paths for tag in path[:-1])
    assert {row.matching for row in KEY_TABLE} == {"R", "O", ""}
    assert {row.returned for row in KEY_TABLE} == {"1", "2", "3", "1C", "2C"}


def test_required_keys_are_those_of_the_standard_and_have_columns() -> None:
    required = {row.path[-1] for row in KEY_TABLE if row.matching == "R" and row.path != ("00400100",)}
    assert {dictionary.keyword_of(tag) for tag in required} == {
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "PatientName",
        "PatientID",
    }
    assert required <= {*TEXT_COLUMNS, *NAME_COLUMNS, *MOMENT_COLUMNS, STATION_AE_TITLE}


def test_what_is_in_the_step_is_nowhere_else() -> None:
    assert not set(IN_STEP) & {row.path[0] for row in KEY_TABLE}


def test_columns_hold_attributes_of_one_value() -> None:
    for tag in (*TEXT_COLUMNS, *NAME_COLUMNS, *MOMENT_COLUMNS):
        assert not dictionary.is_multi_valued(tag), tag
    for tag, (vr, _) in {**TEXT_COLUMNS, **MOMENT_COLUMNS}.items():
        assert dictionary.vr_of(tag) == vr


@pytest.mark.parametrize("row", EVERY_ROW, ids=lambda row: row.tag)
def test_rows_of_performed_steps_are_attributes(row: AttributeRow) -> None:
    assert dictionary.keyword_of(row.tag)
    assert (dictionary.vr_of(row.tag) == "SQ") or not row.items


def test_rows_of_performed_steps_hang_together() -> None:
    tags = [row.tag for row in MPPS_TABLE]
    assert len(set(tags)) == len(tags)
    assert {dictionary.keyword_of(row.tag) for row in MPPS_TABLE if row.final} == {
        "PerformedProcedureStepEndDate",
        "PerformedProcedureStepEndTime",
        "PerformedSeriesSequence",
    }
    # What the step is about and whose it is never changes; the groups stand for attributes without a row.
    assert all(row.set == "NA" for row in MPPS_TABLE if row.tag[:4] in NEVER_SET)
    assert all(row.set != "1" for row in MPPS_TABLE)
