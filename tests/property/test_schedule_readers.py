"""Readers of the schedule: whatever comes in, CSV and JSON say the same, and nothing but a fault comes of nonsense."""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from filmjacket.dicom import dictionary
from filmjacket.errors import FilmjacketError
from filmjacket.services.procedures.csv_reader import read_csv
from filmjacket.services.procedures.intake import OnFault, entries_of, take_in
from filmjacket.web.scheduled_step_tables import IN_STEP
from tests.procedures import attributes, scheduled

# Printable, without what DICOM itself separates by, and without spaces, which are padding at the ends.
TEXT = st.text(st.characters(min_codepoint=33, exclude_characters="\\=^\x7f\x85\u2028", exclude_categories=["C", "Z"]),
               min_size=1, max_size=16)  # fmt: skip
COLUMNS = {
    "PatientName": TEXT,
    "PatientID": TEXT,
    "AccessionNumber": TEXT,
    "ScheduledStationAETitle": st.lists(TEXT, min_size=1, max_size=3, unique=True),
    "ScheduledProcedureStepStartDate": st.dates().map(lambda date: date.strftime("%Y%m%d").zfill(8)),
    "ScheduledProcedureStepStartTime": st.times().map(lambda time: time.strftime("%H%M%S")),
    "Modality": TEXT,
    "ScheduledProcedureStepID": TEXT,
    "ScheduledProcedureStepDescription": TEXT,
    "PatientWeight": st.integers(0, 500),
}
ROWS = st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=4)


class Schedule:
    """Keeps what is put into it."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def put(self, steps: Any, *, at: int) -> list[str]:
        self.steps += steps
        return ["created"] * len(steps)


def taken(entries: Any) -> tuple[list[Any], list[Any]]:
    schedule = Schedule()
    report = take_in(schedule, entries, OnFault.SKIP, at=1)  # type: ignore[arg-type]
    return [(step.key, step.attributes) for step in schedule.steps], report.faults


def data_set(row: dict[str, Any]) -> dict[str, Any]:
    item = {name: value for name, value in row.items() if dictionary.tag_of(name) in IN_STEP}
    around = {name: value for name, value in row.items() if name not in item}
    return attributes(**around, ScheduledProcedureStepSequence=attributes(**item))


@settings(deadline=None)
@given(ROWS, st.sampled_from(",;\t"))
def test_csv_and_json_of_the_same_steps_are_the_same(rows: list[dict[str, Any]], separator: str) -> None:
    """However cells are quoted."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow("\\".join(cell) if isinstance(cell, list) else cell for cell in map(row.__getitem__, COLUMNS))
    from_csv, faults_of_csv = taken(read_csv(out.getvalue().encode()))
    from_json, faults_of_json = taken(entries_of([data_set(row) for row in rows]))
    assert from_csv == from_json
    assert [fault.attribute for fault in faults_of_csv] == [fault.attribute for fault in faults_of_json]
    assert len({key for key, _ in from_csv}) == len(from_csv)


JUNK = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))
CELLS = st.lists(st.lists(st.text(max_size=20), max_size=12), max_size=5)


@settings(deadline=None)
@given(st.one_of(JUNK, CELLS))
def test_nonsense_is_a_fault_or_a_refusal_and_holds_no_value(content: bytes | list[list[str]]) -> None:
    if not isinstance(content, bytes):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(content)
        content = out.getvalue().encode("utf-8", "replace")
    try:
        entries = read_csv(content)
    except FilmjacketError:
        return
    steps, faults = taken(entries)
    assert all(fault.place >= 1 and fault.message for fault in faults)
    assert len(steps) + len(faults) <= len(entries)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(scheduled())), VALUES, max_size=4), st.data())
def test_json_of_any_shape_is_a_step_or_a_fault(changes: dict[str, Any], data: st.DataObject) -> None:
    """A step with some attributes replaced by whatever JSON can say, shaped as an attribute or not."""
    from filmjacket.dicom.shape import check_attributes

    shaped = data.draw(st.booleans())
    broken = {tag: {"vr": dictionary.vr_of(tag), "Value": value} if shaped else value for tag, value in changes.items()}
    try:
        document = check_attributes({**scheduled(), **broken})
    except FilmjacketError:
        return
    steps, faults = taken(entries_of([document]))
    assert bool(steps) is not bool(faults)
