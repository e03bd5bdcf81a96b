"""The table of metrics: every name with its kind, labels and meaning.

Label values are few and known before: names of transactions, lanes, caches. A UID, a path or a patient is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a metric does over time, in the words of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; `bounds` are the upper bounds of a histogram's buckets."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def cells(self) -> int:
        """Numbers that one set of label values takes: of a histogram each bucket, what is above all, and the sum."""
        return len(self.bounds) + 2 if self.kind is Kind.HISTOGRAM else 1


SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SHORT_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
GROUP: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


def _counter(name: str, meaning: str, *labels: str) -> Family:
    return Family(f"filmjacket_{name}", Kind.COUNTER, meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Family:
    return Family(f"filmjacket_{name}", Kind.GAUGE, meaning, labels)


def _histogram(name: str, meaning: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> Family:
    return Family(f"filmjacket_{name}", Kind.HISTOGRAM, meaning, labels, bounds)


FAMILIES: Final = (
    # Transactions of PS3.18 by the names of the route table.
    _counter(
        "requests_total", "Requests by transaction and class of status; `none` got no answer.", "transaction", "status"
    ),
    _histogram("request_seconds", "Time from the head of a request to the end of its answer.", "transaction"),
    _counter("request_bytes_total", "Bytes of payloads received.", "transaction"),
    _counter("response_bytes_total", "Bytes of payloads sent.", "transaction"),
    _gauge("requests_in_flight", "Requests being served.", "transaction"),
    # Lanes: threads for what blocks.
    _gauge("lane_threads", "Threads that a lane may have.", "lane"),
    _gauge("lane_running", "Units of work that run in a lane.", "lane"),
    _gauge("lane_waiting", "Units of work that wait for a thread.", "lane"),
    _histogram("lane_wait_seconds", "Time that work waited for a thread.", "lane", bounds=SHORT_SECONDS),
    # The index.
    _gauge("database_connections", "Connections of each kind that work.", "kind"),
    _gauge("database_waiting", "Callers that wait for a connection.", "kind"),
    _histogram("database_seconds", "Time that a unit of work held its connection.", "kind", bounds=SHORT_SECONDS),
    _counter("database_retries_total", "Units that were run again, and why.", "reason"),
    _counter("slow_statements_total", "Statements slower than `log.slow_query_ms`."),
    _histogram("group_commit_requests", "Store requests that shared a transaction.", bounds=GROUP),
    # Memory that saves work.
    _counter("cache_hits_total", "What was asked for and was there.", "cache"),
    _counter("cache_misses_total", "What was asked for and had to be made.", "cache"),
    _gauge("cache_bytes", "Bytes that a cache holds.", "cache"),
    # The wall that codecs run behind.
    _gauge("codec_running", "Frames being decoded or encoded."),
    _histogram("codec_seconds", "Time that a frame took behind the wall."),
    _counter("codec_failures_total", "Codec processes that ended early: `crashed` or `timeout`.", "reason"),
    # The blob store.
    _histogram("blob_seconds", "Time of an operation of the blob store.", "operation"),
    _counter("blob_errors_total", "Operations of the blob store that failed.", "operation"),
    _counter("blob_bytes_total", "Bytes read from and written to the blob store.", "direction"),
    # Work that nobody waits for.
    _counter("jobs_total", "Jobs that ended, by kind and outcome.", "job", "outcome"),
    _histogram("job_seconds", "Time that a job took.", "job"),
    _gauge("jobs_running", "Jobs that run.", "job"),
    _counter("notifications_total", "Events handed to a channel, by outcome.", "channel", "outcome"),
    _gauge("subscribers", "Open connections that events go to.", "channel"),
    # The processes.
    _counter("worker_starts_total", "Worker processes that were started."),
)

BY_NAME: Final = {family.name: family for family in FAMILIES}
