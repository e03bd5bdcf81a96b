from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import bindparam, select, update
from structlog.testing import capture_logs

from filmjacket.index import slow_statements
from filmjacket.index.schema import studies
from filmjacket.index.slow_statements import LINES_A_MINUTE, SLOW, SlowStatements
from filmjacket.index.unit import note_time, run, run_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.index.engine import Database

PATIENT = "SECRET-4711"
STATEMENT = select(studies.c.study_uid).where(studies.c.study_uid == bindparam("uid"))


@pytest.fixture
def watched() -> Iterator[SlowStatements]:
    """Every statement is slow."""
    SLOW.watch(1e-9)
    SLOW._explained.clear()
    SLOW._lines = 0
    yield SLOW
    SLOW.watch(None)


@pytest.fixture
def database(index: Any) -> Database:
    return index._database


def test_a_slow_statement_is_logged_with_its_plan_and_without_values(database: Database, watched: SlowStatements):
    with capture_logs() as lines, database.reading() as connection:
        run(connection, STATEMENT, {"uid": PATIENT})
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("slow_statement", "warning")
    assert line["sql"].startswith("SELECT ")
    assert "studies" in " ".join(line["plan"])
    assert line["ms"] >= 0
    assert PATIENT not in str(lines)


def test_streams_and_rows_of_parameters_are_statements_too(database: Database, watched: SlowStatements):
    with capture_logs() as lines, database.reading() as connection:
        note_time(connection, STATEMENT, {"uid": PATIENT}, 1.5)
    assert [line["ms"] for line in lines] == [1500.0]

    change = update(studies).where(studies.c.study_uid == bindparam("uid")).values(study_uid=bindparam("other"))
    with capture_logs() as lines:
        database.write(lambda connection: run_many(connection, change, [{"uid": PATIENT, "other": PATIENT}]))
    assert [line["sql"].split()[0] for line in lines] == ["UPDATE"]
    assert PATIENT not in str(lines)


def test_a_statement_is_explained_once_in_a_while(
    database: Database, watched: SlowStatements, monkeypatch: pytest.MonkeyPatch
):
    with capture_logs() as lines, database.reading() as connection:
        run(connection, STATEMENT, {"uid": PATIENT})
        run(connection, STATEMENT, {"uid": PATIENT})
        now = time.monotonic() + slow_statements.EXPLAINED_AGAIN
        monkeypatch.setattr(slow_statements.time, "monotonic", lambda: now)
        run(connection, STATEMENT, {"uid": PATIENT})
    assert [line["plan"] is not None for line in lines] == [True, False, True]


def test_there_are_few_lines_and_none_is_forgotten(
    database: Database, watched: SlowStatements, monkeypatch: pytest.MonkeyPatch
):
    moment = [6000.0]
    monkeypatch.setattr(slow_statements.time, "monotonic", lambda: moment[0])
    with capture_logs() as lines, database.reading() as connection:
        for _ in range(LINES_A_MINUTE + 7):
            run(connection, STATEMENT, {"uid": PATIENT})
        assert len(lines) == LINES_A_MINUTE
        moment[0] += 60
        run(connection, STATEMENT, {"uid": PATIENT})
    assert lines[-1]["left_out"] == 7


@pytest.mark.parametrize("milliseconds", [None, 60_000])
def test_what_is_quick_enough_is_not_logged(database: Database, milliseconds: float | None):
    SLOW.watch(milliseconds)
    try:
        with capture_logs() as lines, database.reading() as connection:
            run(connection, STATEMENT, {"uid": PATIENT})
    finally:
        SLOW.watch(None)
    assert lines == []


def test_the_plan_of_postgresql_quotes_no_value():
    plan = {
        "Node Type": "Nested Loop",
        "Join Type": "Inner",
        "Plan Rows": 3,
        "Filter": f"(patient_id = '{PATIENT}'::text)",
        "Plans": [
            {"Node Type": "Index Scan", "Index Name": "ix", "Relation Name": "studies", "Index Cond": PATIENT},
        ],
    }
    steps = list(slow_statements._steps(plan, 0))
    assert steps == [
        "Nested Loop, Join Type: Inner, Plan Rows: 3",
        "  Index Scan, Relation Name: studies, Index Name: ix",
    ]
