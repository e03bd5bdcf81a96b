"""`SqlIndex`: the port `filmjacket.archive.ports.Index` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.index import instances as reading
from filmjacket.index import search as searching
from filmjacket.index.decisions import StoreRequest
from filmjacket.index.engine import Database
from filmjacket.index.group_commit import GroupCommit
from filmjacket.index.migrate import upgrade
from filmjacket.index.rows import prepare
from filmjacket.index.schema import studies
from filmjacket.index.studies import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from filmjacket.archive.policies import DuplicatePolicy
    from filmjacket.archive.records import (
        BlobRef,
        Candidate,
        InstanceMetadata,
        SearchPage,
        StoredInstance,
        StoreOutcome,
    )
    from filmjacket.web.query import SearchQuery
    from filmjacket.web.refs import ResourceRef

# Callers that share one transaction: enough to spread its sync, few enough not to keep the first one waiting.
_LARGEST_GROUP = 64


def open_index(url: str, *, maximum_results: int = 1000) -> SqlIndex:
    """Open the index at a database URL such as `sqlite:///path`, bringing its tables up to date."""
    database = Database(url)
    upgrade(database)
    return SqlIndex(database, maximum_results=maximum_results)


class SqlIndex:
    """The index of one archive."""

    def __init__(self, database: Database, *, maximum_results: int) -> None:
        self._database = database
        self._maximum_results = maximum_results
        self._group_commit: GroupCommit[StoreRequest, list[StoreOutcome]] = GroupCommit(
            self._store_group, largest_group=_LARGEST_GROUP
        )

    def store(self, candidates: Sequence[Candidate], duplicates: DuplicatePolicy) -> list[StoreOutcome]:
        """Take in candidates in one durable transaction, which concurrent callers may share."""
        if not candidates:
            return []
        prepared = tuple(prepare(candidate) for candidate in candidates)
        return self._group_commit.submit(StoreRequest(prepared, duplicates))

    def search(self, query: SearchQuery) -> SearchPage:
        """Answer a search (PS3.18 10.6)."""
        with self._database.reading() as connection:
            return searching.search(connection, query, self._maximum_results)

    def instances(self, ref: ResourceRef) -> list[StoredInstance]:
        """Return every instance below `ref` in retrieval order."""
        with self._database.reading() as connection:
            return reading.find_instances(connection, ref)

    def frame_spans(self, instance: StoredInstance, frames: Sequence[int]) -> list[tuple[int, int]]:
        """Return (offset, length) for each 1-based frame number of an encapsulated instance."""
        with self._database.reading() as connection:
            return reading.find_frame_spans(connection, instance, frames)

    def metadata(self, ref: ResourceRef, *, batch: int = 200) -> Iterator[list[InstanceMetadata]]:
        """Yield prebuilt metadata of every instance below `ref`, batch by batch."""
        return reading.metadata_batches(self._database, ref, batch)

    def blobs(self, *, batch: int = 1000) -> Iterator[list[tuple[str, BlobRef]]]:
        """Yield every (SOP Instance UID, blob), batch by batch."""
        return reading.blob_batches(self._database, batch)

    def unknown_keys(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that no instance refers to."""
        with self._database.reading() as connection:
            return reading.unknown_keys(connection, keys)

    def known_sources(self, digests: Sequence[str]) -> set[str]:
        """Return those of the SHA-256 digests that are stored already."""
        with self._database.reading() as connection:
            return reading.known_sources(connection, digests)

    def check(self) -> None:
        """Raise `Unavailable` if the index cannot answer."""
        with self._database.reading() as connection:
            connection.execute(select(studies.c.study_uid).limit(1)).first()

    def close(self) -> None:
        """Finish pending commits and release every connection."""
        self._group_commit.close()
        self._database.close()

    def _store_group(self, requests: Sequence[StoreRequest]) -> list[list[StoreOutcome]]:
        return self._database.write(lambda connection: store(connection, requests))
