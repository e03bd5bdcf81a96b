"""The search for scheduled steps answers as `filmjacket.web.matching` does, whatever SQL decides of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.errors import BadRequest
from filmjacket.index import open_database
from filmjacket.index import scheduled_search as searching
from filmjacket.index.sql_procedures import SqlScheduledSteps
from filmjacket.services.procedures.scheduled_data_set import steps_of
from filmjacket.web.matching import matches_all
from filmjacket.web.query import parse_entity_search
from filmjacket.web.scheduled_step_tables import IN_STEP, STATUSES, STEP_ID
from tests.procedures import attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

STATIONS = ["CT1", "CT2", "CT10", "MR_1"]
NAMES = ["Doe^Jane", "Doe^John", "Müller^Anna", "Meier^Bo", "O'Brien^Pat", "Li^Chan=李^強", "de la Cruz^Ana%"]
PATIENTS = ["P1", "P2", "p1", "P_1", "P%"]
DATES = ["20261121", "20261122", "20261123"]
TIMES = ["00", "0030", "083000.5", "2330", "235960"]


def name(text: str) -> dict[str, str]:
    return dict(zip(("Alphabetic", "Ideographic"), text.split("="), strict=False))


def population() -> Iterator[dict[str, Any]]:
    """Every value beside many others, so that each condition tells some steps from others."""
    for number in range(120):
        pick = lambda values, step, number=number: values[number // step % len(values)]  # noqa: E731
        item = attributes(
            ScheduledStationAETitle=[pick(STATIONS, 1)] if number % 5 else [pick(STATIONS, 1), pick(STATIONS[1:], 3)],
            ScheduledProcedureStepStartDate=pick(DATES, 2),
            ScheduledProcedureStepStartTime=pick(TIMES, 3),
            Modality=pick(["CT", "MR", "US"], 7),
            ScheduledProcedureStepID=f"S{number}",
            ScheduledProcedureStepDescription="Head" if number % 2 else "Chest",
            ScheduledProcedureStepStatus=pick(STATUSES, 11),
        )
        if number % 4:
            item |= attributes(ScheduledPerformingPhysicianName=name(pick(NAMES, 5)))
        yield attributes(
            PatientName=name(pick(NAMES, 2)),
            PatientID=pick(PATIENTS, 3),
            AccessionNumber=None if number % 3 == 0 else f"A{number % 4}",
            RequestedProcedureID="RP",
            StudyInstanceUID=f"1.2.{number % 6}",
            ScheduledProcedureStepSequence=item,
            **({} if number % 6 else {"TimezoneOffsetFromUTC": "+0100"}),
        )


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlScheduledSteps]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('search') / 'index.db'}")
    steps = SqlScheduledSteps(database)
    steps.put([one for data_set in population() for one in steps_of(data_set)], at=1)
    yield steps
    database.close()


def pattern(values: list[str]) -> st.SearchStrategy[str]:
    """A value, a part of one with wildcards around, or one with a letter replaced."""
    return st.sampled_from(values).flatmap(
        lambda text: st.sampled_from([text, text[:2] + "*", "*" + text[-2:], "?" + text[1:], text.lower(), "*", ""])
    )


DATE_RANGES = st.sampled_from([*DATES, *(f"{date}-" for date in DATES), *(f"-{date}" for date in DATES),
                               "20261121-20261122", "20261122-20261123", "20261121-20261123"])  # fmt: skip
TIME_RANGES = st.sampled_from(["0030", "00", "0000-0830", "2300-0100", "0100-", "-2330", "2330-2359"])
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "ScheduledStationAETitle": pattern(STATIONS) | st.just("CT1\\CT2"),
        "ScheduledProcedureStepStartDate": DATE_RANGES,
        "ScheduledProcedureStepStartTime": TIME_RANGES,
        "Modality": st.sampled_from(["CT", "CT,MR", "?R", "XX"]),
        "ScheduledPerformingPhysicianName": pattern(NAMES),
        "PatientName": pattern(NAMES) | st.sampled_from(["maier", "doe j", "=李*", "cruz ana"]),
        "PatientID": pattern(PATIENTS),
        "AccessionNumber": st.sampled_from(["A1", "A?", '""', "*"]),
        "StudyInstanceUID": st.sampled_from(["1.2.1", "1.2.1,1.2.2"]),
        "ScheduledProcedureStepStatus": st.sampled_from(["SCHEDULED", "*ED", ""]),
        "ScheduledProcedureStepDescription": pattern(["Head"]),
        "ScheduledProcedureStepID": st.sampled_from(["S1", "S?", "S1*"]),
        "TimezoneOffsetFromUTC": st.sampled_from(["+0000", "+0200"]),
    },
)
FLAGS = st.sets(st.sampled_from(["fuzzymatching", "emptyvaluematching", "multiplevaluematching"]))


def number_of(data_set: dict[str, Any]) -> str:
    (item,) = get_items(data_set, "00400100")
    return get_text(item, STEP_ID) or ""


def order_of(data_set: dict[str, Any]) -> tuple[str, ...]:
    (item,) = get_items(data_set, "00400100")
    date, time = get_text(item, "00400002") or "", get_text(item, "00400003") or ""
    key = get_text(data_set, "0020000D") or "", number_of(data_set)
    whole, _, fraction = time.partition(".")
    return (date, whole.ljust(6, "0") + fraction.ljust(6, "0"), *key)


@cache
def everything() -> list[dict[str, Any]]:
    return [one.attributes for data_set in population() for one in steps_of(data_set)]


@settings(deadline=None)
@given(KEYS, FLAGS, st.integers(0, 40), st.integers(0, 5), st.sampled_from([3, 10_000]))
def test_the_search_is_what_matching_says(
    steps: SqlScheduledSteps, keys: dict[str, str], flags: set[str], offset: int, limit: int, many: int
) -> None:
    """With `many` small every condition counts as one that is walked, with `many` large as one that is looked up."""
    parts = [*(f"{key}={quote(value, safe=',')}" for key, value in keys.items()), *(f"{flag}=true" for flag in flags)]
    raw = "&".join([*parts, f"offset={offset}", f"limit={limit}"])
    try:
        query = parse_entity_search(raw, IN_STEP)
    except BadRequest:
        return
    wanted = sorted((one for one in everything() if matches_all(one, query.keys)), key=order_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "_MANY", many)
        page = steps.search(query, 1000, hidden=frozenset())
    assert [number_of(one) for one in page.matches] == [number_of(one) for one in wanted[offset : offset + limit]]
    assert page.remaining == max(0, len(wanted) - offset - limit)
