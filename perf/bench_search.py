"""Searches by required key (PS3.18 Table 10.6.1-5) in a small and a large archive, side by side.

    python perf/bench_search.py --studies 10000 --studies 1000000 --folder /tmp/bench
    python perf/bench_search.py --studies 100000 --instances 100 --folder /tmp/bench
    python perf/bench_search.py --studies 100000 --instances 100 --database postgresql://...

The archives are written straight into the tables of the index, with made-up names and no DICOM files; five series
and one instance a study, or as many as are asked for, with metadata far shorter than real ones, which no search reads.
1,000,000 studies take about five minutes and 5 GB. Each search is timed over several values; the median counts, as a
client's first page (`limit=100`), as a page further on, and with the exact count. A database that is named should be
empty, or what an earlier run has left.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import time
from bisect import bisect
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from filmjacket.dicom.levels import Level
from filmjacket.index import SqlIndex, open_database, open_index, schema
from filmjacket.index.search_rows import write_names
from filmjacket.web.person_names import fold_name
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Index, Table

ROOT = "1.2.826.0.1.3680043.8.498"
SERIES_PER_STUDY = 5
FAMILY = ("ka", "mo", "ri", "sta", "ber", "lin", "do", "we", "schu", "mar", "tin", "ho", "pe", "ter", "fi", "sen")
GIVEN = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Greta",
    "Hugo",
    "Ida",
    "Jonas",
    "Karla",
    "Leo",
    "Mia",
    "Nora",
)
MODALITIES = (("CT",), ("MR",), ("DX",), ("US",), ("CT", "SR"), ("MR", "SR"), ("PT", "CT"), ("MG",), ("XA",), ("NM",))
# Upper ends of the shares in a thousand studies.
SHARES = (300, 550, 750, 850, 900, 940, 970, 989, 999)
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
RARE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"


@dataclass(frozen=True, slots=True)
class Size:
    """How much an archive holds."""

    studies: int
    instances: int = 1
    """Of each study."""

    def __str__(self) -> str:
        return f"{self.studies:,}" if self.instances == 1 else f"{self.studies:,} x {self.instances}"

    def tables(self) -> Iterator[tuple[Table, Iterator[dict[str, Any]]]]:
        """The tables and their rows."""
        yield schema.studies, _studies(self)
        yield schema.series, _series(self)
        yield schema.request_attributes, _requests(self.studies)
        yield schema.instances, _instances(self)
        yield schema.sop_instances, _sops(self)


def make(folder: Path, size: Size) -> str:
    """Write an archive into an SQLite file, if it is not there; returns its URL."""
    path = folder / (f"{size.studies}.sqlite3" if size.instances == 1 else f"{size.studies}x{size.instances}.sqlite3")
    if path.exists():
        return f"sqlite:///{path}"
    building = path.with_suffix(".building")
    building.unlink(missing_ok=True)
    open_index(f"sqlite:///{building}").close()
    with sqlite3.connect(building) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA cache_size=-500000")
        for index in _indexes():
            connection.execute(f"DROP INDEX {index.name}")
        for table, rows in size.tables():
            _insert(connection, table, rows)
        connection.commit()
        for index in _indexes():
            connection.execute(str(CreateIndex(index).compile(create_engine("sqlite://"))))
        connection.commit()
    connection.close()
    with create_engine(f"sqlite:///{building}").begin() as writer:
        write_names(writer, _names(size))
    building.rename(path)
    return f"sqlite:///{path}"


def make_postgresql(url: str, size: Size) -> str:
    """Write an archive into a PostgreSQL database, if it is empty; returns its URL."""
    import psycopg  # noqa: PLC0415 - an extra

    open_index(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM studies LIMIT 1").fetchone():
            return url
        for index in _indexes():
            connection.execute(f"DROP INDEX {index.name}".encode())
        for table, rows in size.tables():
            with connection.cursor().copy(f"COPY {table.name} FROM STDIN".encode()) as copy:
                for row in _values(table, rows):
                    copy.write_row(row)
        connection.execute("SET maintenance_work_mem = '1GB'")
        for index in _indexes():
            connection.execute(str(CreateIndex(index).compile(dialect=postgresql.dialect())).encode())
        with closing(open_database(url)) as database:
            database.write(lambda writer: write_names(writer, _names(size)))
        connection.execute("VACUUM ANALYZE")
    return url


def _names(size: Size) -> set[str]:
    return {row["patient_name"] for row in _studies(size)} | set(PHYSICIANS)


def _indexes() -> list[Index]:
    return [index for table in schema.metadata.sorted_tables for index in table.indexes]


def _insert(connection: sqlite3.Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    statement = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"
    values = _values(table, rows)
    while some := list(islice(values, 50_000)):
        connection.executemany(statement, some)


def _values(table: Table, rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    names = [column.name for column in table.columns]
    fillers = {int: 0, bytes: b"", str: ""}
    filler = {column.name: fillers[column.type.python_type] for column in table.columns}
    for row in rows:
        yield tuple([row.get(name, filler[name]) for name in names])


def study_uid(number: int) -> str:
    """UID of a study."""
    return f"{ROOT}.1{number:09}"


def _family(patient: int) -> str:
    syllables = [FAMILY[patient // int(16**place) % 16] for place in range(2 + patient % 4)]
    return "".join(syllables).capitalize()


def patient_name(number: int) -> str:
    """A patient has three studies."""
    patient = number // 3
    return f"{_family(patient * 7919)}^{GIVEN[patient % 14]}"


def _physician(number: int) -> str:
    return fold_name(f"{_family(number * 31 + 5)}^Doctor{number % 500}")


PHYSICIANS = [_physician(number) for number in range(500)]


def _study(number: int) -> dict[str, Any]:
    return {
        "study_uid": study_uid(number),
        "study_date": f"{2005 + number % 20}{1 + number % 12:02}{1 + number % 28:02}",
        "study_time": f"{7 + number % 12:02}{number % 60:02}{number // 60 % 60:02}.000000",
        "accession_number": f"A{number:08}",
        "patient_id": f"P{number // 3:08}",
        "study_id": f"S{number % 100_000}",
        "patient_name": fold_name(patient_name(number)),
        "patient_name_ideographic": "",
        "patient_name_phonetic": "",
        "referring_physician_name": PHYSICIANS[_scattered(number) % 500],
        "referring_physician_name_ideographic": "",
        "referring_physician_name_phonetic": "",
        "modalities": "\\".join(sorted(_modalities(number))),
        "series_count": SERIES_PER_STUDY,
        "source_sop_uid": f"{study_uid(number)}.1.1",
    }


def _modalities(number: int) -> tuple[str, ...]:
    return MODALITIES[bisect(SHARES, _scattered(number) % 1000)]


def _scattered(number: int) -> int:
    """A number that looks like chance and is the same every time."""
    return number * 2654435761 % 2**32 >> 8


def _studies(size: Size) -> Iterator[dict[str, Any]]:
    for number in range(size.studies):
        row = _study(number) | {"instance_count": size.instances}
        document = {
            "00080020": {"vr": "DA", "Value": [row["study_date"]]},
            "00080030": {"vr": "TM", "Value": [row["study_time"][:6]]},
            "00080050": {"vr": "SH", "Value": [row["accession_number"]]},
            "00081030": {"vr": "LO", "Value": [f"Study of part {number % 40}"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": patient_name(number)}]},
            "00100020": {"vr": "LO", "Value": [row["patient_id"]]},
            "00100030": {"vr": "DA", "Value": ["19700101"]},
            "00100040": {"vr": "CS", "Value": ["O"]},
            "00200010": {"vr": "SH", "Value": [row["study_id"]]},
        }
        yield row | {"attributes": orjson.dumps(document)}


def _series(size: Size) -> Iterator[dict[str, Any]]:
    for number in range(size.studies):
        modalities = _modalities(number)
        for place in range(1, SERIES_PER_STUDY + 1):
            modality = modalities[-1] if place == SERIES_PER_STUDY else modalities[0]
            document = {"00080060": {"vr": "CS", "Value": [modality]}, "00200011": {"vr": "IS", "Value": [place]}}
            yield {
                "study_uid": study_uid(number),
                "series_uid": f"{study_uid(number)}.{place}",
                "modality": modality,
                "series_number": place if number % 1000 else 100_000 + number,
                "procedure_step_date": f"{2005 + number % 20}{1 + number % 12:02}{1 + number % 28:02}",
                "procedure_step_time": f"{7 + number % 12:02}{number % 60:02}{number // 60 % 60:02}.000000",
                "instance_count": _in_series(size, place),
                "source_sop_uid": f"{study_uid(number)}.{place}.1",
                "attributes": orjson.dumps(document),
            }


def _requests(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "study_uid": study_uid(number),
            "series_uid": f"{study_uid(number)}.1",
            "item": 0,
            "scheduled_procedure_step_id": f"STEP{number}",
            "requested_procedure_id": f"PROC{number}",
        }


def _in_series(size: Size, place: int) -> int:
    """How many instances a series of a study has: as many as the others, and the first one the rest."""
    each = size.instances // SERIES_PER_STUDY
    return each if place > 1 else size.instances - each * (SERIES_PER_STUDY - 1)


def _instance_uids(size: Size) -> Iterator[tuple[int, int, str, str]]:
    """Study number, place in the series, Series and SOP Instance UID of every instance."""
    for number in range(size.studies):
        study = study_uid(number)
        for series in range(1, SERIES_PER_STUDY + 1):
            for place in range(1, _in_series(size, series) + 1):
                yield number, place, f"{study}.{series}", f"{study}.{series}.{place}"


def _instances(size: Size) -> Iterator[dict[str, Any]]:
    for count, (number, place, series, sop) in enumerate(_instance_uids(size)):
        document = b'{"00200013":{"vr":"IS","Value":[%d]}}' % place
        yield {
            "study_uid": study_uid(number),
            "sop_uid": sop,
            "series_uid": series,
            "sop_class_uid": CT_STORAGE if number % 10_000 else RARE_STORAGE,
            "instance_number": place if number % 1000 or count % size.instances else 100_000 + number,
            "transfer_syntax": "1.2.840.10008.1.2.1",
            "blob_key": f"{_scattered(count):x}-{count:x}",
            "blob_sha256": sha256(count.to_bytes(8)).digest(),
            "summary": document,
            "metadata": document,
        }


def _sops(size: Size) -> Iterator[dict[str, Any]]:
    for number, _, _, sop in _instance_uids(size):
        yield {"sop_uid": sop, "study_uid": study_uid(number)}


Search = tuple[str, Level, "Callable[[int], str]"]

# What a user who looks for something asks: a key that few entities have, whatever the size of the archive.
SELECTIVE: tuple[Search, ...] = (
    ("StudyDate + PatientID", Level.STUDY, lambda n: f"StudyDate={_study(n)['study_date']}&PatientID=P{n // 3:08}"),
    (
        "StudyTime",
        Level.STUDY,
        lambda n: f"StudyTime={_study(n)['study_time'][:6]}&StudyDate={_study(n)['study_date']}",
    ),
    ("AccessionNumber", Level.STUDY, lambda n: f"AccessionNumber=A{n:08}"),
    ("AccessionNumber, prefix", Level.STUDY, lambda n: f"AccessionNumber=A{n // 10:07}*"),
    ("ModalitiesInStudy + PatientID", Level.STUDY, lambda n: f"ModalitiesInStudy=CT,MR&PatientID=P{n // 3:08}"),
    ("PatientName", Level.STUDY, lambda n: f"PatientName={patient_name(n)}"),
    (
        "PatientName, fuzzy",
        Level.STUDY,
        lambda n: f"PatientName={patient_name(n).replace('^', '%20')}&fuzzymatching=true",
    ),
    ("PatientID", Level.STUDY, lambda n: f"PatientID=P{n // 3:08}"),
    ("StudyInstanceUID, list", Level.STUDY, lambda n: f"StudyInstanceUID={study_uid(n)},{study_uid(n // 2)}"),
    ("StudyID + PatientID", Level.STUDY, lambda n: f"StudyID=S{n % 100_000}&PatientID=P{n // 3:08}"),
    ("SeriesInstanceUID", Level.SERIES, lambda n: f"SeriesInstanceUID={study_uid(n)}.1"),
    ("SeriesNumber", Level.SERIES, lambda n: f"SeriesNumber={100_000 + n // 1000 * 1000}"),
    ("Modality + PatientID", Level.SERIES, lambda n: f"Modality=CT&PatientID=P{n // 3:08}"),
    ("ScheduledProcedureStepID", Level.SERIES, lambda n: f"RequestAttributesSequence.00400009=STEP{n}"),
    ("RequestedProcedureID", Level.SERIES, lambda n: f"RequestAttributesSequence.00401001=PROC{n}"),
    (
        "PPSStartDate, Time",
        Level.SERIES,
        lambda n: f"00400244={_study(n)['study_date']}&00400245={_study(n)['study_time'][:6]}",
    ),
    ("SOPInstanceUID", Level.INSTANCE, lambda n: f"SOPInstanceUID={study_uid(n)}.1.1"),
    (
        "SOPClassUID + StudyInstanceUID",
        Level.INSTANCE,
        lambda n: f"SOPClassUID={CT_STORAGE}&StudyInstanceUID={study_uid(n)}",
    ),
    ("InstanceNumber", Level.INSTANCE, lambda n: f"InstanceNumber={100_000 + n // 1000 * 1000}"),
)
# What grows with the archive: everything, a year, a modality, a letter.
BROAD: tuple[Search, ...] = (
    ("no key", Level.STUDY, lambda _: ""),
    ("StudyDate, a year", Level.STUDY, lambda n: f"StudyDate={2005 + n % 20}0101-{2005 + n % 20}1231"),
    ("StudyTime, an hour", Level.STUDY, lambda n: f"StudyTime={7 + n % 12:02}00-{7 + n % 12:02}59"),
    ("ModalitiesInStudy=CT", Level.STUDY, lambda _: "ModalitiesInStudy=CT"),
    ("ModalitiesInStudy=NM", Level.STUDY, lambda _: "ModalitiesInStudy=NM"),
    ("PatientName=M*", Level.STUDY, lambda _: "PatientName=M*"),
    ("PatientName=*sen*", Level.STUDY, lambda _: "PatientName=*sen*"),
    ("PatientName, fuzzy, prefix", Level.STUDY, lambda n: f"PatientName={patient_name(n)[:3]}&fuzzymatching=true"),
    ("AccessionNumber=*17", Level.STUDY, lambda n: f"AccessionNumber=*{n:05}"),
    ("StudyID", Level.STUDY, lambda n: f"StudyID=S{n % 100_000}"),
    ("series, no key", Level.SERIES, lambda _: ""),
    ("series, Modality=CT", Level.SERIES, lambda _: "Modality=CT"),
    ("series, Modality=NM", Level.SERIES, lambda _: "Modality=NM"),
    ("series, SeriesNumber=2", Level.SERIES, lambda _: "SeriesNumber=2"),
    ("series, StudyDate, a year", Level.SERIES, lambda n: f"StudyDate={2005 + n % 20}0101-{2005 + n % 20}1231"),
    ("instances, SOPClassUID=CT", Level.INSTANCE, lambda _: f"SOPClassUID={CT_STORAGE}"),
    ("instances, InstanceNumber=1", Level.INSTANCE, lambda _: "InstanceNumber=1"),
)


def timed(index: SqlIndex, level: Level, text: str) -> float:
    """Milliseconds of one search."""
    query = parse_search(level, ResourceRef(), text)
    started = time.perf_counter()
    index.search(query)
    return (time.perf_counter() - started) * 1000


def measure(index: SqlIndex, studies: int, search: Search, paging: str, values: int) -> float:
    """Median milliseconds over several values, each asked once before."""
    _, level, text = search
    random = Random(7)
    times: list[float] = []
    for _ in range(values):
        query = f"{text(random.randrange(studies))}&{paging}"
        timed(index, level, query)
        times.append(timed(index, level, query))
    return statistics.median(times)


def main() -> None:
    """Make the archives and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, action="append")
    parser.add_argument("--instances", type=int, default=1, help="of each study")
    parser.add_argument("--folder", type=Path, default=Path("bench"))
    parser.add_argument("--database", default="", help="an index on PostgreSQL instead of SQLite files")
    parser.add_argument("--values", type=int, default=15)
    chosen = parser.parse_args()
    sizes = [Size(studies, chosen.instances) for studies in chosen.studies or [10_000, 1_000_000]]
    if chosen.database:
        urls = [make_postgresql(chosen.database, sizes[0])]
        sizes = sizes[:1]
    else:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        urls = [make(chosen.folder, size) for size in sizes]
    indexes = [open_index(url) for url in urls]
    for title, searches, paging in (
        ("required keys, few matches, limit=100", SELECTIVE, "limit=100"),
        ("broad, limit=100, with the count of the rest", BROAD, "limit=100"),
        ("broad, limit=100&offset=1000", BROAD, "limit=100&offset=1000"),
    ):
        print(f"\n{title}\n{'':34}" + "".join(f"{size!s:>14}" for size in sizes) + "  ms")
        table: list[list[float]] = []
        for search in searches:
            row = [
                measure(index, size.studies, search, paging, chosen.values)
                for index, size in zip(indexes, sizes, strict=True)
            ]
            table.append(row)
            print(f"{search[0]:34}" + "".join(f"{one:14.2f}" for one in row), flush=True)
        medians = [statistics.median(column) for column in zip(*table, strict=True)]
        print(f"{'median':34}" + "".join(f"{one:14.2f}" for one in medians))
        if len(medians) > 1:
            ratios = statistics.median(row[-1] / row[0] for row in table)
            print(f"{'median of the ratios, last to first':34}{ratios:14.2f}")
    for index in indexes:
        index.close()


if __name__ == "__main__":
    main()
