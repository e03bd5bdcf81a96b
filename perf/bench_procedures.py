"""The modality worklist: searches by each required key of PS3.4 Table K.6-1 among many scheduled steps.

    python perf/bench_procedures.py --steps 1000000 --folder /tmp/bench
    python perf/bench_procedures.py --steps 1000000 --database postgresql://user@host/empty

Steps are written straight into the tables: made-up names, 200 stations, three years, nine in ten of them over. Each
search is a first page (`limit=50`) as data sets, timed over several values; the median counts. 1,000,000 steps take
some six minutes and 4 GB on SQLite.
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from filmjacket.archive.procedure_records import ScheduledStep, StepKey
from filmjacket.index import open_database
from filmjacket.index.scheduled_rows import key_rows, step_row, word_rows
from filmjacket.index.schema.procedures import scheduled_step_keys, scheduled_step_words, scheduled_steps
from filmjacket.index.sql_procedures import SqlScheduledSteps
from filmjacket.web.query import parse_entity_search
from filmjacket.web.scheduled_step_tables import IN_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.index.engine import Database

SYLLABLES = ("ka", "mo", "ri", "sta", "ber", "lin", "do", "we", "schu", "mar", "tin", "ho", "pe", "ter", "fi", "sen")
GIVEN = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo", "Mia")
MODALITIES = ("CT", "MR", "DX", "US", "MG", "XA", "NM", "PT")
STATIONS = 200
FIRST = date(2024, 1, 1)
DAYS = 1096
BATCH = 5_000
REPEATS = 7


def family(number: int) -> str:
    """A family name; forty thousand of them."""
    first, rest = divmod(number % 40_000, 16 * 16)
    second, third = divmod(rest, 16)
    return (SYLLABLES[first % 16] + SYLLABLES[second] + SYLLABLES[third] + SYLLABLES[first // 16]).capitalize()


def made(number: int, random: Random) -> ScheduledStep:
    """One step."""
    day = FIRST + timedelta(days=random.randrange(DAYS))
    status = "DEPARTED" if random.random() < 0.9 else "SCHEDULED"
    station = random.randrange(STATIONS)

    def one(vr: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - a value of any VR
        return {"vr": vr, "Value": [value]}

    item = {
        "00080060": one("CS", MODALITIES[station % 8]),
        "00400001": one("AE", f"STATION{station:03}"),
        "00400002": one("DA", day.strftime("%Y%m%d")),
        "00400003": one("TM", f"{random.randrange(6, 22):02}{random.randrange(60):02}"),
        "00400006": one("PN", {"Alphabetic": f"{family(random.randrange(300))}^{random.choice(GIVEN)}"}),
        "00400007": one("LO", "Examination of a region"),
        "00400009": one("SH", f"S{number}"),
        "00400020": one("CS", status),
    }
    attributes = {
        "00080050": one("SH", f"A{number}"),
        "00100010": one("PN", {"Alphabetic": f"{family(random.randrange(40_000))}^{random.choice(GIVEN)}"}),
        "00100020": one("LO", f"P{number // 3}"),
        "0020000D": one("UI", f"1.2.826.0.1.3680043.8.498.{number}"),
        "00321060": one("LO", "Examination"),
        "00401001": one("SH", f"R{number}"),
        "00400100": {"vr": "SQ", "Value": [item]},
    }
    return ScheduledStep(StepKey(attributes["0020000D"]["Value"][0], f"S{number}"), attributes, version=1)


def fill(database: Database, steps: int) -> None:
    """Write the steps."""
    random = Random(1)
    for start in range(0, steps, BATCH):
        some = [made(number, random) for number in range(start, min(start + BATCH, steps))]

        def unit(connection: Any, some: list[ScheduledStep] = some) -> None:  # noqa: ANN401 - a connection
            connection.execute(insert(scheduled_steps), [step_row(one) for one in some])
            connection.execute(insert(scheduled_step_keys), [row for one in some for row in key_rows(one)])
            connection.execute(insert(scheduled_step_words), [row for one in some for row in word_rows(one)])

        database.write(unit)
    with database.reading() as connection:
        connection.exec_driver_sql("ANALYZE")


def searches(steps: int) -> Iterator[tuple[str, list[str]]]:
    """What is searched for, each with several values."""
    days = [(FIRST + timedelta(days=150 * number)).strftime("%Y%m%d") for number in range(REPEATS)]
    numbers = [steps * number // 7 for number in range(REPEATS)]
    yield "no key", [""] * REPEATS
    yield "Station AE", [f"ScheduledStationAETitle=STATION{number:03}" for number in range(REPEATS)]
    yield "Start Date", [f"ScheduledProcedureStepStartDate={day}" for day in days]
    yield "Start Date, range", [f"ScheduledProcedureStepStartDate={day}-" for day in days]
    yield "Start Time, range", [f"ScheduledProcedureStepStartTime={hour:02}00-{hour:02}59" for hour in range(7, 14)]
    yield (
        "Date and Time",
        [f"ScheduledProcedureStepStartDate={day}-{day}&ScheduledProcedureStepStartTime=0800-1200" for day in days],
    )
    yield "Modality", [f"Modality={MODALITIES[number]}" for number in range(REPEATS)]
    yield "Physician, A*", [f"ScheduledPerformingPhysicianName={family(number)[:4]}*" for number in range(REPEATS)]
    yield "Patient Name", [f"PatientName={family(number)}^Anna" for number in numbers]
    yield "Patient Name, A*", [f"PatientName={family(number)[:5]}*" for number in numbers]
    yield "Patient Name, *a", [f"PatientName=*{family(number)[-4:]}^ida" for number in numbers]
    yield "Patient Name, fuzzy", [f"PatientName={family(number)}&fuzzymatching=true" for number in numbers]
    yield "Patient ID", [f"PatientID=P{number // 3}" for number in numbers]
    yield "Accession Number", [f"AccessionNumber=A{number}" for number in numbers]
    yield (
        "Station, day",
        [
            f"ScheduledStationAETitle=STATION0{number}0&ScheduledProcedureStepStartDate={day}"
            for number, day in enumerate(days)
        ],
    )
    yield (
        "Modality, day, status",
        [f"Modality=CT&ScheduledProcedureStepStartDate={day}&ScheduledProcedureStepStatus=SCHEDULED" for day in days],
    )


def main() -> None:
    """Fill what is empty, and time the searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("bench-procedures"))
    parser.add_argument("--database", help="URL of an empty database; default an SQLite file in the folder")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    database = open_database(options.database or f"sqlite:///{(options.folder / f'{options.steps}.db').absolute()}")
    steps = SqlScheduledSteps(database)
    begin = time.perf_counter()
    if not steps.search(parse_entity_search("limit=1"), 1, hidden=frozenset()).matches:
        fill(database, options.steps)
        print(f"{options.steps} steps in {time.perf_counter() - begin:.0f} s")
    for name, queries in searches(options.steps):
        taken: list[float] = []
        found: list[int] = []
        for text in queries:
            query = parse_entity_search(f"{text}&limit=50", IN_STEP)
            begin = time.perf_counter()
            page = steps.search(query, 5000, hidden=frozenset({"DEPARTED"}))
            taken.append((time.perf_counter() - begin) * 1000)
            found.append(page.total)
        print(
            f"{name:24} {statistics.median(taken):8.1f} ms  worst {max(taken):8.1f}  of {statistics.median(found):.0f}"
        )
    database.close()


if __name__ == "__main__":
    main()
