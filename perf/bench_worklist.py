"""The worklist: claims that contend, Create beside ten thousand filtered subscribers, searches among a million.

    python perf/bench_worklist.py claims [--database postgresql://...] [--claimants 50] [--seconds 10]
    python perf/bench_worklist.py filters [--database ...] [--subscribers 10000]
    python perf/bench_worklist.py search [--database ...] [--workitems 1000000] [--folder /tmp/bench]

Without `--database` an SQLite file in the folder is used; a database that is named should be empty. `search` keeps what
it made: a second run only measures. 1,000,000 workitems take some ten minutes and 5 GB in SQLite.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, insert, select

from filmjacket.archive.worklist_records import Standing, State, Workitem, WorklistRules
from filmjacket.clock import now
from filmjacket.index import open_database
from filmjacket.index.schema.worklist import (
    workitem_subscriptions,
    workitem_values,
    workitems,
    worklist_subscribers,
    worklist_versions,
)
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.index.subscriptions import Directory
from filmjacket.index.workitem_values import start_of, values_of
from filmjacket.services.worklist.change_state import change_state
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.desk import Desk
from filmjacket.services.worklist.statuses import Refused
from filmjacket.web.workitem_grammar import parse_workitem_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.engine import Database

FAMILY = ("Kamo", "Ristaber", "Lindowe", "Schumar", "Tinhope", "Terfisen", "Moberlin", "Stamar", "Doter", "Weho")
GIVEN = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo")
STATES = (("SCHEDULED", 60), ("COMPLETED", 35), ("CANCELED", 4), ("IN PROGRESS", 1))
_AT_ONCE = 2_000


def element(vr: str, *values: object) -> dict[str, Any]:
    """An attribute in the shape of DICOM JSON."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(value: str, scheme: str = "99BENCH") -> dict[str, Any]:
    """An item of a code sequence."""
    return {"00080100": element("SH", value), "00080102": element("SH", scheme), "00080104": element("LO", value)}


def workitem(number: int, state: str = "SCHEDULED") -> Attributes:
    """A workitem of a hospital with 200 stations and ten thousands of patients, one each minute."""
    chance = Random(number)
    moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(1_700_000_000 + number * 60))
    patient = chance.randrange(300_000)
    name = f"{FAMILY[patient % 10]}{patient // 1000}^{GIVEN[patient % 12]}"
    return {
        "00741200": element("CS", chance.choice(("LOW", "MEDIUM", "MEDIUM", "MEDIUM", "HIGH"))),
        "00741204": element("LO", f"Procedure {chance.randrange(500)}"),
        "00741202": element("LO", chance.choice(("RADIOLOGY", "AI", "CARDIOLOGY"))),
        "00741210": element("SQ"),
        "00404025": element("SQ", code(f"STATION{chance.randrange(200)}")),
        "00404026": element("SQ", code(chance.choice(("CT", "MR", "DX", "US")))),
        "00404027": element("SQ", code(f"FLOOR{chance.randrange(9)}")),
        "00404034": element("SQ", {"00404009": element("SQ", code(f"D{chance.randrange(400)}")),
                                   "00404037": element("PN", {"Alphabetic": f"Doctor{chance.randrange(400)}"}),
                                   "00404036": element("LO", "Hospital")}),
        "00404005": element("DT", f"{moment}+0000"),
        "00404011": element("DT", f"{moment}+0000"),
        "00404018": element("SQ", code(f"W{chance.randrange(60)}")),
        "00400400": element("LT"),
        "00404041": element("CS", chance.choice(("READY", "READY", "INCOMPLETE"))),
        "00404021": element("SQ"),
        "0020000D": element("UI", f"1.2.3.{number}"),
        "00100010": element("PN", {"Alphabetic": name}),
        "00100020": element("LO", f"P{patient}"),
        "00100021": element("LO", "HOSPITAL"),
        "00100024": element("SQ"),
        "00101002": element("SQ"),
        "00100030": element("DA", f"19{patient % 90 + 10}{patient % 12 + 1:02}{patient % 28 + 1:02}"),
        "00100040": element("CS", "FM"[patient % 2]),
        "00380010": element("LO", f"V{patient}-{number % 3}"),
        "00380014": element("SQ", {"00400031": element("UT", f"SITE{patient % 40}")}),
        "00081080": element("LO"),
        "00081084": element("SQ"),
        "0040A370": element("SQ", {"0020000D": element("UI", f"1.2.3.{number}"),
                                   "00080050": element("SH", f"ACC{number}"),
                                   "00080051": element("SQ", {"00400031": element("UT", "RIS")}),
                                   "00400026": element("SQ"), "00400027": element("SQ"),
                                   "00401001": element("SH", f"RP{number}"),
                                   "00321033": element("LO", f"Service {number % 30}"),
                                   "00321060": element("LO"), "00321064": element("SQ")}),
        "00741000": element("CS", state),
        "00741002": element("SQ"),
        "00741216": element("SQ"),
    }  # fmt: skip


def desk_of(database: Database) -> Desk:
    """A desk over a database."""
    return Desk(SqlWorkitems(database), WorklistRules(), now)


# Claims ---------------------------------------------------------------------------------------------------------


def claims(url: str, claimants: int, seconds: float) -> None:
    """All claimants go through one list of workitems: each is claimed by one of them, the others are refused."""
    database = open_database(url)
    desk = desk_of(database)
    prefix = f"1.9.{now()}"
    number = 4_000

    def schedule(one: int) -> None:
        create(desk, workitem(one), f"{prefix}.{one}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(schedule, range(number)))
    won: list[list[str]] = [[] for _ in range(claimants)]
    refused = [0] * claimants
    begin = threading.Barrier(claimants + 1)
    end = [0.0]

    def claim(who: int) -> None:
        begin.wait()
        # Groups of five want the same workitem at the same time.
        for one in range(who // 5, number, max(claimants // 5, 1)):
            if time.perf_counter() > end[0]:
                return
            lock = element("UI", f"2.25.{who + 1}")
            request = {"00741000": element("CS", str(State.IN_PROGRESS)), "00081195": lock}
            try:
                change_state(desk, f"{prefix}.{one}", request, f"AE{who}")
                won[who].append(f"{prefix}.{one}")
            except Refused:
                refused[who] += 1

    threads = [threading.Thread(target=claim, args=(who,)) for who in range(claimants)]
    for thread in threads:
        thread.start()
    end[0] = time.perf_counter() + seconds
    began = time.perf_counter()
    begin.wait()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    every = [uid for mine in won for uid in mine]
    print(f"{len(every)} claims granted and {sum(refused)} refused in {took:.1f} s by {claimants} claimants: "
          f"{len(every) / took:.0f} granted/s, {(len(every) + sum(refused)) / took:.0f} claims/s; "
          f"claimed twice: {len(every) - len(set(every))}")  # fmt: skip
    database.close()


# Filters --------------------------------------------------------------------------------------------------------


class Nobody(Directory):
    """A directory without subscribers that looks whether that is so, as the real one does."""

    def refresh(self, connection: Connection) -> None:
        """Look, and stay as it is."""
        connection.execute(select(worklist_versions.c.version)).first()


def filters(url: str, subscribers: int) -> None:
    """Create without and with many subscribers, in turn, each with a filter of its own that few workitems satisfy."""
    database = open_database(url)
    index, quiet = SqlWorkitems(database), SqlWorkitems(database)
    quiet._directory = Nobody()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - for comparison
    rows = [
        {"subscriber": f"AE{one}", "standing": Standing.SUBSCRIBED.value, "layers": b"[]", "version": 1,
         "filter": f"00100020=P{one * 30}&00741200=MEDIUM"}
        for one in range(subscribers)
    ]  # fmt: skip
    database.write(lambda connection: connection.execute(insert(worklist_subscribers), rows))
    database.write(
        lambda connection: connection.execute(insert(worklist_versions), {"name": "subscribers", "version": 1})
    )
    began = time.perf_counter()
    index.prepare()
    print(f"{subscribers} filters read and compiled in {time.perf_counter() - began:.1f} s, when a server starts")
    took: dict[str, list[float]] = {"without": [], "with": []}
    for one in range(3_000):
        name, used = ("without", quiet) if one % 2 else ("with", index)
        desk, attributes = Desk(used, WorklistRules(), now), workitem(one)
        began = time.perf_counter()
        create(desk, attributes, f"1.8.{one}")
        took[name].append(time.perf_counter() - began)
    without, beside = (statistics.median(took[name][200:]) * 1000 for name in ("without", "with"))
    joined = len(rows_of(database))
    print(f"Create: {without:.2f} ms without, {beside:.2f} ms beside {subscribers} filters: "
          f"{(beside / without - 1) * 100:+.0f} %; {joined} subscriptions came of it")  # fmt: skip
    database.close()


def rows_of(database: Database) -> list[Any]:
    """Who was subscribed by a filter."""
    with database.reading() as connection:
        return list(connection.execute(select(workitem_subscriptions)).all())


# Search ---------------------------------------------------------------------------------------------------------

SEARCHES = {
    "nothing": "",
    "SOPInstanceUID": "00080018=1.7.{n}",
    "ProcedureStepState (60 %)": "00741000=SCHEDULED",
    "ProcedureStepState (1 %)": "00741000=IN%20PROGRESS",
    "Start (a day)": "00404005={day}-{day}",
    "Start (all after)": "00404005={day}-",
    "ExpectedCompletion (a day)": "00404011={day}-{day}",
    "Priority": "00741200=HIGH",
    "ProcedureStepLabel": "00741204=Procedure%20{k}",
    "WorklistLabel": "00741202=AI",
    "InputReadinessState": "00404041=INCOMPLETE",
    "StationName code": "00404025.00080100=STATION{s}",
    "StationName code and scheme": "00404025.00080100=STATION{s}&00404025.00080102=99BENCH",
    "StationName scheme (all)": "00404025.00080102=99BENCH",
    "StationClass code": "00404026.00080100=CT",
    "Location code": "00404027.00080100=FLOOR3",
    "Performer code": "00404034.00404009.00080100=D{s}",
    "Workitem code": "00404018.00080100=W{w}",
    "PatientName prefix": "PatientName=kamo{f}*",
    "PatientName wide prefix": "PatientName=k*",
    "PatientName fuzzy": "PatientName=kamo{f}%20anna&fuzzymatching=true",
    "PatientID": "PatientID=P{p}",
    "IssuerOfPatientID (all)": "00100021=HOSPITAL",
    "PatientBirthDate": "PatientBirthDate=19{y}0101-19{y}0131",
    "PatientSex": "PatientSex=F",
    "AdmissionID": "AdmissionID=V{p}-1",
    "IssuerOfAdmissionID": "00380014.00400031=SITE7",
    "AccessionNumber": "0040A370.00080050=ACC{n}",
    "IssuerOfAccession (all)": "0040A370.00080051.00400031=RIS",
    "RequestedProcedureID": "0040A370.00401001=RP{n}",
    "RequestingService": "0040A370.00321033=Service%207",
    "state + station + day": "00741000=SCHEDULED&00404025.00080100=STATION{s}&00404005={day}-{day}",
    "state + station": "00741000=SCHEDULED&00404025.00080100=STATION{s}",
    "state + class + readiness": "00741000=SCHEDULED&00404026.00080100=MR&00404041=READY",
}


def search(url: str, number: int) -> None:
    """Time the first page of each required key over several values."""
    database = open_database(url)
    with database.reading() as connection:
        there = connection.execute(select(func.count()).select_from(workitems)).scalar_one()
    if there < number:
        fill(database, there, number)
    index = SqlWorkitems(database)
    chance = Random(1)
    print(f"{number} workitems; median and worst of 15, first page of 100")
    for name, query in SEARCHES.items():
        took: list[float] = []
        found = 0
        for _ in range(15):
            n = chance.randrange(number)
            day = time.strftime("%Y%m%d", time.gmtime(1_700_000_000 + n * 60))
            text = query.format(
                n=n,
                k=chance.randrange(500),
                s=chance.randrange(200),
                w=chance.randrange(60),
                day=day,
                f=chance.randrange(300),
                p=chance.randrange(300_000),
                y=chance.randrange(10, 99),
            )
            began = time.perf_counter()
            page = index.search(replace(parse_workitem_search(text), limit=100), 5_000)
            took.append((time.perf_counter() - began) * 1000)
            found = page.total
        mark = "  <-- over 50 ms" if statistics.median(took) > 50 else ""
        print(f"{name:32} {statistics.median(took):8.1f} ms {max(took):8.1f} ms   {found:6} found{mark}")
    database.close()


def fill(database: Database, there: int, number: int) -> None:
    """Write made-up workitems straight into the tables."""
    states = [state for state, share in STATES for _ in range(share)]
    began = time.perf_counter()

    def rows(start: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        for one in range(start, min(start + _AT_ONCE, number)):
            uid, state = f"1.7.{one}", states[one * 37 % 100]
            attributes = workitem(one, state)
            attributes["00080018"] = element("UI", uid)
            at = one + 1
            item = Workitem(uid, State(state), attributes, created_at=at, modified_at=at)
            start_text = start_of(attributes)
            row = {"uid": uid, "state": state, "readiness": "READY", "start": start_text, "transaction_uid": "",
                   "performer": "", "version": 1, "created_at": at, "modified_at": at,
                   "final_at": at if item.state.is_final else 0,
                   "attributes": orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS)}  # fmt: skip
            values = [{"attribute": key, "value": value, "start": start_text, "uid": uid}
                      for key, value in values_of(attributes)]  # fmt: skip
            yield row, values

    for start in range(there, number, _AT_ONCE):
        made = list(rows(start))

        def write(connection: Any, made: Any = made) -> None:  # noqa: ANN401
            connection.execute(insert(workitems), [row for row, _ in made])
            flat = sorted((value for _, values in made for value in values),
                          key=lambda row: (row["attribute"], row["value"], row["start"]))  # fmt: skip
            connection.execute(insert(workitem_values), flat)

        database.write(write)
        if start % 50_000 == 0:
            print(f"{start} of {number} after {time.perf_counter() - began:.0f} s", flush=True)
    if not database.embedded:
        database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("claims", "filters", "search"))
    parser.add_argument("--database", default="")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-worklist"))
    parser.add_argument("--claimants", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--workitems", type=int, default=1_000_000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    url = options.database or f"sqlite:///{options.folder / options.what}.sqlite3"
    if options.what == "claims":
        claims(url, options.claimants, options.seconds)
    elif options.what == "filters":
        filters(url, options.subscribers)
    else:
        search(url, options.workitems)


if __name__ == "__main__":
    main()
