"""Time to first frame and whole series from an S3 store beside local files, in one process without HTTP.

`.venv/bin/python perf/bench_s3.py` starts SeaweedFS; each figure is the median of several runs, the two stores in turn.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engines.cluster import Engine
from tests.engines.s3_server import S3Server
from tests.engines.services import SEAWEEDFS

from filmjacket.archive.spans import Span
from filmjacket.blob_opening import open_blobs
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.ports import Blobs

INSTANCES = 100
HEADER_BYTES = 1500
FRAME_BYTES = 512 * 1024
RUNS = 7


def store(blobs: Blobs) -> list[str]:
    """One series, published as a store request does, in batches of 32."""
    keys: list[str] = []
    for start in range(0, INSTANCES, 32):
        batch = [blobs.stage() for _ in range(start, min(start + 32, INSTANCES))]
        for blob in batch:
            blob.write(os.urandom(HEADER_BYTES + FRAME_BYTES))
            keys.append(blob.finish().key)
        blobs.publish(batch)
    return keys


def first_frame(blobs: Blobs, keys: list[str], run: int) -> None:
    """A frame that nobody asked for before."""
    key = keys[run]
    reader = blobs.reading([Span(key, HEADER_BYTES, FRAME_BYTES)])
    assert len(reader.read(key, HEADER_BYTES, FRAME_BYTES)) == FRAME_BYTES


def whole_series(blobs: Blobs, keys: list[str], _run: int) -> None:
    """All instances one after the other, as they are sent."""
    reader = blobs.reading([Span(key, 0, HEADER_BYTES + FRAME_BYTES) for key in keys])
    assert sum(len(reader.read(key, 0, HEADER_BYTES + FRAME_BYTES)) for key in keys) > INSTANCES * FRAME_BYTES


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="filmjacket-bench-"))
    engine = Engine(SEAWEEDFS, directory / "seaweedfs", tied=True)
    try:
        engine.start()
        server = S3Server(engine)
        stores: dict[str, Blobs] = {
            "local files": open_blobs(Settings(data=directory / "local")),
            "S3, no cache": open_blobs(Settings(data=directory / "plain", **server.fresh_settings(cache_bytes=0))),
            "S3, filling the cache": open_blobs(Settings(data=directory / "cold", **server.fresh_settings())),
        }
        keys = {name: store(blobs) for name, blobs in stores.items()}
        stores["S3, from the cache"] = stores["S3, filling the cache"]
        keys["S3, from the cache"] = keys["S3, filling the cache"]
        figures: dict[tuple[str, str], list[float]] = {}
        for work in (first_frame, whole_series):
            for run in range(RUNS):
                for name, blobs in stores.items():
                    if name == "S3, filling the cache" and work is whole_series:
                        blobs.remove([])  # waits for nothing
                        for path in (directory / "cold" / "cache").glob("*"):
                            path.unlink()
                    took = milliseconds(lambda: work(blobs, keys[name], run))  # noqa: B023 - called at once
                    figures.setdefault((work.__name__, name), []).append(took)
                    time.sleep(0.1 if name == "S3, filling the cache" else 0)
        for (work_name, name), values in figures.items():
            best = statistics.median(figures[work_name, "local files"])
            median = statistics.median(values)
            print(f"{work_name:13} {name:22} {median:8.2f} ms  {median / best:5.1f} x local  (best {min(values):.2f})")
        for blobs in stores.values():
            blobs.close()
    finally:
        engine.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
