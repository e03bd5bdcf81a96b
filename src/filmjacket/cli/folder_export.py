"""Write stored instances to a folder tree, in parallel and checked."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level
from filmjacket.maintenance.export import ExportFate, ExportOutcome, export_instance
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from filmjacket.archive.ports import Index
    from filmjacket.opening import Archive

__all__ = ["ExportFate", "ExportOutcome", "export_instance", "export_instances"]

STUDIES_PER_PAGE = 500


def export_instances(
    archive: Archive, ref: ResourceRef, destination: Path, *, workers: int
) -> Generator[ExportOutcome]:
    """Write every instance below `ref`; study by study, so that memory does not grow with the archive."""
    executor = ThreadPoolExecutor(workers, thread_name_prefix="export")
    running: deque[Future[ExportOutcome]] = deque()
    try:
        for study in _studies(archive.index, ref):
            for instance in archive.index.instances(study):
                running.append(executor.submit(export_instance, archive.blobs, instance, destination))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _studies(index: Index, ref: ResourceRef) -> Iterator[ResourceRef]:
    if ref.study is not None:
        yield ref
        return
    offset = 0
    while True:
        query = parse_search(Level.STUDY, ResourceRef(), f"limit={STUDIES_PER_PAGE}&offset={offset}")
        page = index.search(query)
        yield from (ResourceRef(match.study_uid) for match in page.matches)
        offset += len(page.matches)
        if not page.matches or not page.remaining:
            return
