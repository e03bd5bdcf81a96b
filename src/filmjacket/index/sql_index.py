"""`SqlIndex`: the port `filmjacket.archive.ports.Index` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.index import instances as reading
from filmjacket.index import kept, non_patient_blobs, search_backfill, search_catalog
from filmjacket.index import search as searching
from filmjacket.index.copying import copy_index, count_rows
from filmjacket.index.decisions import StoreRequest
from filmjacket.index.engine import Database
from filmjacket.index.group_commit import GroupCommit
from filmjacket.index.migrate import upgrade
from filmjacket.index.numbers import find_numbers
from filmjacket.index.rows import LARGEST_PLAIN, LARGEST_PLAIN_ON_A_SERVER, prepare
from filmjacket.index.schema import studies
from filmjacket.index.sql_deletions import SqlDeletions
from filmjacket.index.statistics import count_everything
from filmjacket.index.studies import store
from filmjacket.web.search_attributes import parse_search_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.policies import DuplicatePolicy
    from filmjacket.archive.records import (
        BlobRef,
        Candidate,
        InstanceMetadata,
        SearchPage,
        StoredInstance,
        StoreOutcome,
    )
    from filmjacket.archive.statistics import Statistics
    from filmjacket.index.connections import DatabaseOptions
    from filmjacket.web.query import SearchQuery
    from filmjacket.web.refs import ResourceRef
    from filmjacket.web.search_attributes import SearchAttribute

# Callers that share one transaction: enough to spread its sync, few enough not to keep the first one waiting.
_LARGEST_GROUP = 64


def open_database(url: str, options: DatabaseOptions | None = None) -> Database:
    """Open the database at a URL, `sqlite:///path` or `postgresql://...`, bringing its tables up to date."""
    database = Database(url, options)
    upgrade(database)
    return database


def open_index(
    database: Database | str, *, maximum_results: int = 1000, search_attributes: Iterable[str] = ()
) -> SqlIndex:
    """Open the index in a database, or at its URL.

    `search_attributes` are declared for fast search (see `filmjacket.web.search_attributes`).
    """
    if isinstance(database, str):
        database = open_database(database)
    declared = tuple(parse_search_attribute(text) for text in search_attributes)
    search_catalog.declare(database, declared)
    return SqlIndex(database, maximum_results=maximum_results, declared=declared)


class SqlIndex(SqlDeletions):
    """The index of one archive."""

    def __init__(self, database: Database, *, maximum_results: int, declared: tuple[SearchAttribute, ...] = ()) -> None:
        super().__init__(database)
        self._maximum_results = maximum_results
        self._declared = declared
        self._group_commit: GroupCommit[StoreRequest, list[StoreOutcome]] = GroupCommit(
            self._store_group, largest_group=_LARGEST_GROUP
        )

    def store(
        self,
        candidates: Sequence[Candidate],
        duplicates: DuplicatePolicy,
        *,
        at: int = 0,
        retained_since: int | None = None,
    ) -> list[StoreOutcome]:
        """Take in candidates in one durable transaction, which concurrent callers may share."""
        if not candidates:
            return []
        largest_plain = LARGEST_PLAIN if self._database.embedded else LARGEST_PLAIN_ON_A_SERVER
        prepared = tuple(prepare(candidate, largest_plain) for candidate in candidates)
        return self._group_commit.submit(StoreRequest(prepared, duplicates, at, retained_since))

    def search(self, query: SearchQuery) -> SearchPage:
        """Answer a search (PS3.18 10.6)."""
        with self._database.reading() as connection:
            return searching.search(connection, query, self._maximum_results)

    def begin_reindex(self, *, everything: bool = False) -> int:
        """Return how many data sets `reindex` will look at; what is declared no more is forgotten."""
        search_catalog.retract(self._database, self._declared)
        if everything:
            search_catalog.restart(self._database)
        with self._database.reading() as connection:
            return search_backfill.remaining(connection)

    def reindex(self) -> tuple[int, ...]:
        """Fill in what is declared for a batch of data sets; returns their sizes, () when all is there."""
        return self._database.write(search_backfill.fill_in)

    def instances(self, ref: ResourceRef) -> list[StoredInstance]:
        """Return every instance below `ref` in retrieval order."""
        with self._database.reading() as connection:
            return reading.find_instances(connection, ref)

    def frame_spans(self, instance: StoredInstance, frames: Sequence[int]) -> list[tuple[int, int]]:
        """Return (offset, length) for each 1-based frame number of an encapsulated instance."""
        with self._database.reading() as connection:
            return reading.find_frame_spans(connection, instance, frames)

    def numbers(self, ref: ResourceRef) -> dict[str, tuple[int | None, int | None]]:
        """Return (Series Number, Instance Number) of every instance below `ref` by its UID."""
        with self._database.reading() as connection:
            return find_numbers(connection, ref)

    def fingerprint(self, ref: ResourceRef) -> str | None:
        """Return a digest of which instances, with which bytes, are below `ref`; None if none are."""
        with self._database.reading() as connection:
            return reading.fingerprint(connection, ref)

    def metadata(self, ref: ResourceRef, *, batch: int = 200) -> Iterator[list[InstanceMetadata]]:
        """Yield prebuilt metadata of every instance below `ref`, batch by batch."""
        return reading.metadata_batches(self._database, ref, batch)

    def blobs(self, *, batch: int = 1000) -> Iterator[list[tuple[str, BlobRef]]]:
        """Yield every (SOP Instance UID, blob): of instances, deleted ones, non-patient ones, batch by batch."""
        yield from reading.blob_batches(self._database, batch)
        yield from kept.kept_blob_batches(self._database, batch)
        yield from non_patient_blobs.blob_batches(self._database, batch)

    def unknown_keys(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that no instance refers to, live or deleted."""
        with self._database.reading() as connection:
            unknown = reading.unknown_keys(connection, keys)
            unknown -= kept.kept_keys(connection, unknown)
            return unknown - non_patient_blobs.known_keys(connection, unknown)

    def known_sources(self, digests: Sequence[str]) -> set[str]:
        """Return those of the SHA-256 digests that are stored already."""
        with self._database.reading() as connection:
            return reading.known_sources(connection, digests)

    def statistics(self) -> Statistics:
        """Return figures of the whole archive as of one moment."""
        with self._database.reading() as connection:
            return count_everything(connection)

    def rows(self) -> int:
        """Return how many rows `copy_to` will copy."""
        with self._database.reading() as connection:
            return count_rows(connection)

    def copy_to(self, url: str, *, on_rows: Callable[[int], None] = lambda _rows: None) -> None:
        """Copy everything, as of one moment, into a new or empty index at a database URL."""
        target = open_database(url)
        try:
            copy_index(self._database, target, on_rows)
        finally:
            target.close()

    def check(self) -> None:
        """Raise `Unavailable` if the index cannot answer."""
        with self._database.reading() as connection:
            connection.execute(select(studies.c.study_uid).limit(1)).first()

    def close(self) -> None:
        """Finish pending commits and release every connection."""
        self._group_commit.close()
        self._database.close()

    def _store_group(self, requests: Sequence[StoreRequest]) -> list[list[StoreOutcome]]:
        # What is stored twice under the same blob key is stored once.
        return self._database.write(lambda connection: store(connection, requests), repeatable=True)
