"""Storing many small instances, in this process or in others, and counting what the index holds afterwards."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Candidate
from filmjacket.clock import now
from filmjacket.dicom.header import Layout
from filmjacket.errors import FilmjacketError
from filmjacket.index import open_database, open_index
from filmjacket.index.schema import instances, series, sop_instances, studies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.index import SqlIndex

CT = "1.2.840.10008.5.1.4.1.1.2"


def candidate(study: str, series_uid: str, sop: str, *, content: str = "") -> Candidate:
    """Return an instance of hardly any attributes; other content has another digest and another blob key."""
    identity = {"00080016": CT, "00080018": sop, "0020000D": study, "0020000E": series_uid}
    attributes = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in identity.items()}
    attributes["00080060"] = {"vr": "CS", "Value": ["CT"]}
    attributes["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": f"DOE^{study[-3:]}"}]}
    digest = hashlib.sha256(f"{study} {series_uid} {sop} {content}".encode()).hexdigest()
    layout = Layout(0, deflated=False, pixel=None, bulk=(), spans=b"")
    return Candidate(study, series_uid, sop, CT, "1.2.840.10008.1.2.1", BlobRef(digest, 1, digest), attributes, layout)


@dataclass
class Tally:
    """What was acknowledged, as which results, and what was refused."""

    acknowledged: list[str] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


def store_in_threads(
    index: SqlIndex, threads: int, make: Callable[[int, int], Candidate], going: Callable[[int], bool]
) -> Tally:
    """Store `make(thread, number)` one by one in each thread, as long as `going(number)`."""
    tally = Tally()

    def work(thread: int) -> None:
        number = 0
        while going(number):
            one = make(thread, number)
            try:
                (outcome,) = index.store([one], DuplicatePolicy.KEEP, at=now())
                tally.results[str(outcome.result)] += 1
                tally.acknowledged.append(one.sop_uid)
            except FilmjacketError as error:
                tally.refused.append(f"{type(error).__name__}: {error.message}")
            number += 1

    running = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return tally


def check_counters(index: SqlIndex) -> int:
    """Assert that every counter says what the rows say; returns the number of instances."""
    with index._database.reading() as connection:
        held: Counter[str] = Counter()
        for study_uid, count in connection.execute(
            select(instances.c.study_uid, func.count()).group_by(instances.c.study_uid)
        ):
            held[study_uid] = count
        said = {row.study_uid: row for row in connection.execute(select(studies))}
        assert {uid: row.instance_count for uid, row in said.items()} == dict(held)
        of_series: Counter[str] = Counter()
        below: Counter[str] = Counter()
        for row in connection.execute(select(series)):
            of_series[row.study_uid] += 1
            below[row.study_uid] += row.instance_count
        assert {uid: row.series_count for uid, row in said.items()} == dict(of_series)
        assert below == held
        known = connection.execute(select(func.count()).select_from(sop_instances)).scalar()
        assert known == sum(held.values())
    return sum(held.values())


def store_in_processes(url: str, jobs: Sequence[dict[str, object]]) -> list[Tally]:
    """Run `main` once for each job at the same time; a job says which study, how many threads, how many instances."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.engines.storing", url, json.dumps(job)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        for job in jobs
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == b"ready\n"
    tallies: list[Tally] = []
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    for one in running:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0
        said = json.loads(output)
        tallies.append(Tally(said["acknowledged"], Counter(said["results"]), said["refused"]))
    return tallies


def main(url: str, job: dict[str, object]) -> None:
    """Store one by one in threads, on `go`; say what became of everything."""
    index = open_index(open_database(url))
    each = int(str(job["each"]))
    study, prefix, content = str(job["study"]), str(job["prefix"]), str(job.get("content", ""))

    def make(thread: int, number: int) -> Candidate:
        own = "0" if job.get("same_uids") else str(thread)
        return candidate(study, f"{study}.1", f"{prefix}.{own}.{number}", content=content)

    print("ready", flush=True)
    sys.stdin.readline()
    tally = store_in_threads(index, int(str(job["threads"])), make, lambda number: number < each)
    index.close()
    print(json.dumps({"acknowledged": tally.acknowledged, "results": tally.results, "refused": tally.refused}))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
