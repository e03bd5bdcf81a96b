"""Wiring of what watches a worker: shared numbers, slow statements, traces."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from filmjacket import spans
from filmjacket.index.slow_statements import SLOW
from filmjacket.metrics import REGISTRY, count
from filmjacket.observability.shared_cells import SharedCells
from filmjacket.observability.shared_directory import shared_directory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from filmjacket.observability.metrics_server import MetricsServer
    from filmjacket.settings import Settings


def share_numbers(settings: Settings) -> None:
    """Count where the server that this process belongs to finds it."""
    directory = shared_directory()
    if settings.metrics.enabled and directory is not None:
        REGISTRY.share(SharedCells(directory).place)


@asynccontextmanager
async def watching(settings: Settings) -> AsyncGenerator[None]:
    """Watch this process as the settings ask for, while it serves."""
    share_numbers(settings)
    count("filmjacket_worker_starts_total")
    SLOW.watch(settings.log.slow_query_ms)
    tracer = None
    if settings.tracing.endpoint is not None:
        from filmjacket.observability.tracing import open_tracer  # noqa: PLC0415 - only what is used is loaded

        tracer = open_tracer(settings.tracing.endpoint, sample=settings.tracing.sample)
    spans.install(tracer)
    listen = settings.metrics.listen if settings.metrics.enabled else None
    try:
        with nullcontext() if listen is None else _metrics_server(listen):
            yield
    finally:
        spans.install(None)
        SLOW.watch(None)
        if tracer is not None:
            tracer.close()


def _metrics_server(listen: str) -> MetricsServer:
    from filmjacket.observability.metrics_server import MetricsServer  # noqa: PLC0415 - only what is used is loaded

    return MetricsServer(listen)
