"""Write stored instances to a folder tree, in parallel and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level
from filmjacket.maintenance.export import ExportFate, ExportOutcome, export_instance
from filmjacket.side_by_side import in_order
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.opening import Archive

__all__ = ["ExportFate", "ExportOutcome", "export_instance", "export_instances"]

STUDIES_PER_PAGE = 500


def export_instances(
    archive: Archive, ref: ResourceRef, destination: Path, *, workers: int
) -> Generator[ExportOutcome]:
    """Write every instance below `ref`; study by study, so that memory does not grow with the archive."""
    instances = (instance for study in _studies(archive.index, ref) for instance in archive.index.instances(study))

    def export(instance: StoredInstance) -> ExportOutcome:
        return export_instance(archive.blobs, instance, destination)

    yield from in_order(export, instances, workers=workers, name="export")


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
