"""How fast an archive stores while it grows: the same requests from empty to a million instances.

    python perf/bench_growth.py [--instances 1000000] [--folder /tmp/bench-growth] [--database postgresql://...]

Every instance goes the whole way of a store request, only HTTP is left out: parsed, staged, synced, published,
committed. Requests of ten instances by four threads; the instances have the header of a CT image, 16 x 16 pixels, and
UIDs of their own, a hundred to a series and two series to a study. Processor time is shown beside the speed: it is what
a loaded machine disturbs least. A million instances need 9 GB and half an hour.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.data import get_testdata_file

from filmjacket.opening import open_archive
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.opening import Archive

ROOT = "1.2.826.0.1.3680043.8.498.7"
THREADS, REQUEST = 4, 10
SERIES, STUDY = 100, 200
ROWS = 20
"""Lines of the table: the archive grows by a twentieth between them."""


def template() -> bytes:
    """A CT image whose UIDs and numbers can be replaced without moving a byte."""
    data_set = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID, data_set.SOPInstanceUID = (uid(k, 0) for k in (1, 2, 3))
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    data_set.PatientID = f"P{0:09}"
    data_set.Rows = data_set.Columns = 16
    data_set.PixelData = bytes(512)
    out = io.BytesIO()
    data_set.save_as(out, enforce_file_format=True)
    return out.getvalue()


def uid(kind: int, number: int) -> str:
    """A UID; all have the same length."""
    return f"{ROOT}.{kind}.1{number:09}"


def instance(made: bytes, number: int) -> bytes:
    """The instance with a number."""
    study, series = number // STUDY, number // SERIES
    for kind, new in ((1, study), (2, series), (3, number)):
        made = made.replace(uid(kind, 0).encode(), uid(kind, new).encode())
    return made.replace(b"P%09d" % 0, b"P%09d" % study)


def store(archive: Archive, made: bytes, first: int) -> None:
    """One request."""
    received = []
    for number in range(first, first + REQUEST):
        incoming = archive.ingest.begin()
        incoming.write(instance(made, number))
        received.append(incoming.finish())
    archive.ingest.publish(received)
    archive.ingest.commit(received)


def grow(archive: Archive, made: bytes, start: int, end: int) -> tuple[float, float]:
    """Store the instances from `start` on; seconds and seconds of processor time."""
    firsts: Iterator[int] = iter(range(start, end, REQUEST))
    began, cpu = time.perf_counter(), time.process_time()

    def work() -> None:
        for first in firsts:
            store(archive, made, first)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work) for _ in range(THREADS)]:
            done.result()
    return time.perf_counter() - began, time.process_time() - cpu


def main() -> None:
    """Grow an archive and print the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("bench-growth"))
    parser.add_argument("--database", default="")
    chosen = parser.parse_args()
    changes = {"database": chosen.database} if chosen.database else {}
    made = template()
    step = chosen.instances // ROWS
    print(f"{'instances':>10} {'stored/s':>9} {'CPU ms each':>12} {'load':>6}", flush=True)
    with closing(open_archive(Settings(data=chosen.folder, **changes))) as archive:
        grow(archive, made, 0, 1_000)
        for start, end in itertools.pairwise(range(1_000, chosen.instances + step, step)):
            seconds, cpu = grow(archive, made, start, end)
            print(f"{end:10,} {(end - start) / seconds:9.0f} {cpu / (end - start) * 1000:12.3f} "
                  f"{os.getloadavg()[0]:6.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
