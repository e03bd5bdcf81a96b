from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from filmjacket import metrics
from filmjacket.metrics import MOST_CHILDREN, OTHER, Counter, Gauge, Histogram, Registry
from filmjacket.observability.exposition import OF_PROCESSES, exposition
from filmjacket.observability.families import BY_NAME, FAMILIES, Kind
from filmjacket.observability.shared_cells import SharedCells, read_workers

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = "filmjacket_requests_total"
SECONDS = "filmjacket_request_seconds"
KINDS = {Kind.COUNTER: Counter, Kind.GAUGE: Gauge, Kind.HISTOGRAM: Histogram}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_metric_is_named_as_prometheus_wants_it(family):
    assert re.fullmatch(r"filmjacket_[a-z][a-z_]*[a-z]", family.name)
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert (family.kind is Kind.HISTOGRAM) == bool(family.bounds)
    assert list(family.bounds) == sorted(set(family.bounds))
    assert family.meaning.endswith(".")
    assert not {"study", "series", "instance", "uid", "path", "patient", "query"} & set(family.labels)


def test_names_are_unique():
    assert len(BY_NAME) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_metric_is_counted_and_written_out(family, tmp_path):
    registry = Registry()
    registry.share(SharedCells(tmp_path).place)
    child = registry.child(KINDS[family.kind], family.name, dict.fromkeys(family.labels, "some"))
    child.observe(0.003) if isinstance(child, Histogram) else child.add(2)
    written = samples(tmp_path)
    labels = "".join(f'{name}="some",' for name in sorted(family.labels)).rstrip(",")
    if family.kind is Kind.HISTOGRAM:
        assert written[f"{family.name}_count{{{labels}}}" if labels else f"{family.name}_count"] == 1
        assert written[f"{family.name}_sum{{{labels}}}" if labels else f"{family.name}_sum"] == 0.003
        below = [value for name, value in written.items() if name.startswith(f"{family.name}_bucket")]
        assert sorted(set(below)) == ([0, 1] if family.bounds[0] < 0.003 else [1])
    else:
        assert written[f"{family.name}{{{labels}}}" if labels else family.name] == 2


def samples(directory: Path | None, accept: str | None = None) -> dict[str, float]:
    """What is exposed, as Prometheus' own parser reads it."""
    text = exposition(accept, directory)[0].decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_buckets_hold_what_is_at_most_their_bound():
    histogram = metrics.histogram("filmjacket_group_commit_requests")
    before = histogram.numbers()
    for size in (1, 2, 3, 64, 65):
        histogram.observe(size)
    counted = [now - then for now, then in zip(histogram.numbers(), before, strict=True)]
    assert counted == [1, 1, 1, 0, 0, 0, 1, 1, 135]


def test_facade_counts_by_name_and_refuses_what_the_table_does_not_have():
    labels = {"job": "facade", "outcome": "done"}
    metrics.count("filmjacket_jobs_total", **labels)
    metrics.count("filmjacket_jobs_total", 2, **labels)
    assert metrics.counter("filmjacket_jobs_total", **labels).numbers() == [3]
    metrics.adjust("filmjacket_jobs_running", 2, job="facade")
    metrics.adjust("filmjacket_jobs_running", -1, job="facade")
    assert metrics.gauge("filmjacket_jobs_running", job="facade").numbers() == [1]
    metrics.put("filmjacket_jobs_running", 7, job="facade")
    assert metrics.gauge("filmjacket_jobs_running", job="facade").numbers() == [7]
    with metrics.timed("filmjacket_job_seconds", job="facade"):
        pass
    assert metrics.histogram("filmjacket_job_seconds", job="facade").numbers()[0] == 1
    for name, given in (
        ("filmjacket_unknown_total", {}),
        ("filmjacket_jobs_total", {"job": "x"}),
        ("filmjacket_jobs_total", {**labels, "uid": "1.2.3"}),
    ):
        with pytest.raises(KeyError):
            metrics.count(name, **given)


def test_label_values_without_bound_are_counted_together():
    registry = Registry()
    for number in range(MOST_CHILDREN + 50):
        registry.child(Counter, REQUESTS, {"transaction": str(number), "status": "2xx"}).add()
    children = list(registry)
    assert len(children) == MOST_CHILDREN + 1
    assert [child.numbers() for child in children if child.values == (OTHER, OTHER)] == [[50]]


def test_threads_lose_nothing():
    counter = Registry().child(Counter, REQUESTS, {"transaction": "x", "status": "2xx"})
    threads = [threading.Thread(target=lambda: [counter.add() for _ in range(5000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.numbers() == [40_000]


WORKER = """
import sys, os, signal
from pathlib import Path
from filmjacket import metrics
from filmjacket.observability.shared_cells import SharedCells
metrics.REGISTRY.share(SharedCells(Path(sys.argv[1])).place)
metrics.count("filmjacket_requests_total", transaction="store", status="2xx")
metrics.adjust("filmjacket_lane_running", 1, lane="db")
metrics.observe("filmjacket_request_seconds", 0.02, transaction="store")
print("counted", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def worker(directory: Path) -> subprocess.Popen[str]:
    """A process that counts, and dies by a kill when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def test_counters_of_all_processes_are_added_and_survive_them_gauges_do_not(tmp_path):
    stored, running = f'{REQUESTS}{{status="2xx",transaction="store"}}', 'filmjacket_lane_running{lane="db"}'
    processes = [worker(tmp_path), worker(tmp_path)]
    found = samples(tmp_path)
    assert (found[stored], found[running], found["filmjacket_workers"]) == (2, 2, 2)
    assert found[f'{SECONDS}_bucket{{le="0.025",transaction="store"}}'] == 2
    assert found['filmjacket_worker_resident_bytes{worker="0"}'] > 1 << 20
    processes[0].communicate()
    found = samples(tmp_path)
    assert (found[stored], found[running], found["filmjacket_workers"]) == (2, 1, 1)
    processes.append(worker(tmp_path))
    found = samples(tmp_path)
    assert (found[stored], found[running], found["filmjacket_workers"]) == (3, 2, 2)
    assert len(list(tmp_path.glob("*.cells"))) == 2, "the file of the dead process was not taken over"
    for process in processes[1:]:
        process.communicate()
    assert samples(tmp_path)[stored] == 3


def test_a_list_that_is_being_written_is_read_as_far_as_it_goes(tmp_path):
    registry = Registry()
    registry.share(SharedCells(tmp_path).place)
    registry.child(Counter, REQUESTS, {"transaction": "x", "status": "2xx"}).add()
    with (tmp_path / "000.list").open("ab") as out:
        out.write(b'["filmjacket_req')
    (only,) = read_workers(tmp_path)
    assert [sample.numbers for sample in only.samples] == [(1.0,)]
    assert only.pid == os.getpid()


def test_what_was_counted_before_there_was_a_place_is_not_lost(tmp_path):
    registry = Registry()
    counter = registry.child(Counter, REQUESTS, {"transaction": "x", "status": "2xx"})
    counter.add(3)
    registry.share(SharedCells(tmp_path).place)
    counter.add()
    assert samples(tmp_path)[f'{REQUESTS}{{status="2xx",transaction="x"}}'] == 4


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_both_formats_of_prometheus(accept, expected):
    body, content_type = exposition(accept, None)
    assert content_type.startswith(expected)
    assert body.endswith(b"# EOF\n") == (expected != "text/plain")
    for name, _ in OF_PROCESSES:
        assert name.removesuffix("_total").encode() in body


def test_counting_loads_nothing_of_prometheus():
    code = "import sys, filmjacket.app; print([name for name in sys.modules if name.split('.')[0] in %r])"
    libraries = ("prometheus_client", "opentelemetry")
    done = subprocess.run([sys.executable, "-c", code % (libraries,)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
