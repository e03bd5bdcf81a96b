"""Opening an archive, for the command line and the server alike; nothing of HTTP is needed for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.blobs.local import LocalBlobs
from filmjacket.index import open_database, open_index
from filmjacket.services.studies.ingest import Ingest

if TYPE_CHECKING:
    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.settings import Settings


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened archive: what the command line and the server both work on."""

    index: Index
    blobs: Blobs
    ingest: Ingest

    def close(self) -> None:
        """Finish pending work and release files and connections."""
        self.index.close()


def open_archive(settings: Settings) -> Archive:
    """Open, and create if it is not there, the archive that the settings name."""
    settings.data.mkdir(parents=True, exist_ok=True)
    blobs = LocalBlobs(
        settings.blob_directory,
        memory_bytes=settings.stage_memory_bytes,
        minimum_free_bytes=settings.minimum_free_bytes,
    )
    database = open_database(settings.database_url)
    index = open_index(
        database,
        maximum_results=settings.search.maximum_results,
        search_attributes=settings.search.attributes,
    )
    return Archive(index, blobs, Ingest(index, blobs, settings.duplicates, settings.deletion.rules))
