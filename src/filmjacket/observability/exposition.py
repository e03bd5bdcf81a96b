"""What was counted as Prometheus reads it; the only module that knows its library, loaded when somebody asks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from filmjacket import __version__
from filmjacket.metrics import REGISTRY
from filmjacket.observability.families import FAMILIES, Kind
from filmjacket.observability.shared_cells import Sample, Worker, read_workers
from filmjacket.observability.shared_directory import is_draining

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from filmjacket.observability.families import Family

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")

OF_PROCESSES: Final = (
    ("filmjacket_workers", "Processes that live: workers, and the executor of jobs while there is one."),
    ("filmjacket_worker_resident_bytes", "Memory of a worker, shared pages included."),
    ("filmjacket_worker_cpu_seconds_total", "Processor time of a worker since it was started."),
    ("filmjacket_worker_open_files", "Open files and connections of a worker."),
    ("filmjacket_build_info", "1, with the version as label."),
    ("filmjacket_draining", "1 while the server ends its last requests."),
)
"""What is not counted but looked up."""


@dataclass(frozen=True, slots=True)
class _Process:
    """What the system says about a worker."""

    resident_bytes: float
    cpu_seconds: float
    open_files: float


def exposition(accept: str | None, directory: Path | None) -> tuple[bytes, str]:
    """The numbers of all workers of a server in the format that is accepted, with its media type.

    Without a directory that workers share there is only this process.
    """
    encode, content_type = choose_encoder(accept or "")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(directory))
    return encode(registry), content_type


class _Collector:
    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        workers = list(read_workers(self._directory)) if self._directory is not None else [_this_process()]
        added = _added(sample for worker in workers for sample in worker.samples)
        for family in FAMILIES:
            yield _written(family, added.get(family.name, {}))
        yield from _processes(workers, draining=is_draining(self._directory))


def _this_process() -> Worker:
    return Worker(0, os.getpid(), [Sample(child.family, child.values, tuple(child.numbers())) for child in REGISTRY])


def _added(samples: Iterable[Sample]) -> dict[str, dict[tuple[str, ...], tuple[float, ...]]]:
    """The numbers of all processes by metric and label values."""
    added: dict[str, dict[tuple[str, ...], tuple[float, ...]]] = {}
    for sample in samples:
        of_family = added.setdefault(sample.family.name, {})
        before = of_family.get(sample.values)
        numbers = sample.numbers
        of_family[sample.values] = numbers if before is None else tuple(map(sum, zip(before, numbers, strict=True)))
    return added


def _written(family: Family, numbers: dict[tuple[str, ...], tuple[float, ...]]) -> Metric:
    labels = list(family.labels)
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.meaning, labels=labels)
        for values, cells in sorted(numbers.items()):
            names = [*map(_bound, family.bounds), "+Inf"]
            buckets = list(zip(names, accumulate(cells[:-1]), strict=True))
            histogram.add_metric(list(values), buckets, cells[-1])
        return histogram
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = make(family.name, family.meaning, labels=labels)
    for values, cells in sorted(numbers.items()):
        metric.add_metric(list(values), cells[0])
    return metric


def _bound(bound: float) -> str:
    return repr(float(bound))


def _processes(workers: Iterable[Worker], *, draining: bool) -> Iterator[Metric]:
    living = [(str(worker.number), _process(worker.pid)) for worker in workers if worker.pid is not None]
    metrics = [
        (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(
            name, meaning, labels=["version"] if name.endswith("_info") else ["worker"] * ("_worker_" in name)
        )
        for name, meaning in OF_PROCESSES
    ]
    metrics[0].add_metric([], len(living))
    for number, process in living:
        for metric, value in zip(
            metrics[1:4], (process.resident_bytes, process.cpu_seconds, process.open_files), strict=True
        ):
            metric.add_metric([number], value)
    metrics[4].add_metric([__version__], 1)
    metrics[5].add_metric([], draining)
    yield from metrics


def _process(pid: int) -> _Process:
    """A process as /proc has it; nothing where there is none."""
    root = Path(f"/proc/{pid}")
    try:
        resident = int((root / "statm").read_text().split()[1]) * _PAGE
        # The name in parentheses may hold anything.
        times = (root / "stat").read_text().rpartition(")")[2].split()
        files = sum(1 for _ in (root / "fd").iterdir())
    except OSError:
        return _Process(0, 0, 0)
    return _Process(resident, (int(times[11]) + int(times[12])) / _TICKS, files)
