"""Ports: what the services need from an index and a blob store, nothing more.

Both are synchronous; callers run them in the bounded lanes of `filmjacket.offload`. Each port has an embedded
implementation (SQLite, local files) and is shaped so that PostgreSQL and an object store fit without change
above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from filmjacket.archive.deletion_port import DeletionIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from filmjacket.archive.policies import DuplicatePolicy
    from filmjacket.archive.records import (
        BlobRef,
        Candidate,
        InstanceMetadata,
        SearchPage,
        StoredInstance,
        StoreOutcome,
    )
    from filmjacket.archive.spans import Span
    from filmjacket.archive.statistics import Statistics
    from filmjacket.web.query import SearchQuery
    from filmjacket.web.refs import ResourceRef


class InstanceStore(Protocol):
    """The part of an index that takes instances in: those of patients, and those of nobody (PS3.18 10.5, 12.5)."""

    def store(
        self,
        candidates: Sequence[Candidate],
        duplicates: DuplicatePolicy,
        *,
        at: int = 0,
        retained_since: int | None = None,
    ) -> list[StoreOutcome]:
        """Take in candidates, all in one durable transaction; outcomes in the order of the candidates.

        They are stored `at` this moment (microseconds since 1970). What they replace is given up as unneeded,
        unless it was stored after `retained_since` or its study is on hold: then it is kept out of sight.
        Concurrent calls may share a transaction (group commit); each returns only when its own is durable.
        """
        ...


class Index(InstanceStore, DeletionIndex, Protocol):
    """The searchable index: one call is one unit of work."""

    def search(self, query: SearchQuery) -> SearchPage:
        """Answer a search (PS3.18 10.6); the page honours limit, offset and the server's maximum."""
        ...

    def begin_reindex(self, *, everything: bool = False) -> int:
        """Forget search attributes that are declared no more; returns how many data sets `reindex` will look at.

        With `everything` what was filled in before counts for nothing.
        """
        ...

    def reindex(self) -> tuple[int, ...]:
        """Fill in declared search attributes for the next batch of data sets; returns their sizes, () at the end."""
        ...

    def instances(self, ref: ResourceRef) -> list[StoredInstance]:
        """Every instance below `ref` in retrieval order (series number, instance number, UID); [] if none.

        For an instance reference this is at most one record. `layout` holds no frame offsets: see `frame_spans`.
        """
        ...

    def frame_spans(self, instance: StoredInstance, frames: Sequence[int]) -> list[tuple[int, int]]:
        """(offset, length) in the file for each 1-based frame number of an encapsulated instance.

        The span covers whole items: fragment item headers included (see `filmjacket.dicom.encapsulation`).
        Raises `NotFound` for a number that is beyond the stored frames.
        """
        ...

    def numbers(self, ref: ResourceRef) -> dict[str, tuple[int | None, int | None]]:
        """(Series Number, Instance Number) of every instance below `ref` by its UID, for names of files."""
        ...

    def fingerprint(self, ref: ResourceRef) -> str | None:
        """A digest of which instances, with which bytes, are below `ref`; None if none are.

        It changes with whatever `metadata` would return, and costs far less.
        """
        ...

    def metadata(self, ref: ResourceRef, *, batch: int = 200) -> Iterator[list[InstanceMetadata]]:
        """Prebuilt metadata of every instance below `ref` in the order of `instances`, batch by batch."""
        ...

    def blobs(self, *, batch: int = 1000) -> Iterator[list[tuple[str, BlobRef]]]:
        """Every (SOP Instance UID, blob) that the index refers to, deleted ones too, batch by batch, for `verify`."""
        ...

    def unknown_keys(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that no instance, live or deleted, refers to, for the orphan sweep."""
        ...

    def known_sources(self, digests: Sequence[str]) -> set[str]:
        """Those of the SHA-256 digests that are stored already, for resumable import; deleted ones are not."""
        ...

    def statistics(self) -> Statistics:
        """Figures of the whole archive as of one moment; they are counted, which takes time."""
        ...

    def rows(self) -> int:
        """How many rows `copy_to` will copy."""
        ...

    def copy_to(self, url: str, *, on_rows: Callable[[int], None] = ...) -> None:
        """Copy everything, as of one moment, into a new or empty index at a database URL.

        `on_rows` is told the number of rows after each step. Raises `Conflict` if the other index is not empty.
        """
        ...

    def check(self) -> None:
        """Raise `Unavailable` if the index cannot answer (readiness)."""
        ...

    def close(self) -> None:
        """Finish pending commits and release every connection."""
        ...


class StagedBlob(Protocol):
    """A blob being received. Not visible to anybody until it is published."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; raises `OutOfStorage` when the store is full."""
        ...

    def finish(self) -> BlobRef:
        """No more bytes: returns the reference that `publish` will make durable."""
        ...

    def discard(self) -> None:
        """Drop the bytes; safe to call at any time and more than once."""
        ...


class Spool(Protocol):
    """Bytes of a request that are needed once more before they become part of a blob, or of none."""

    @property
    def size(self) -> int:
        """Bytes written so far."""
        ...

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; raises `OutOfStorage` when the store is full."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        ...

    def chunks(self, offset: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, a piece at a time."""
        ...

    def close(self) -> None:
        """Drop the bytes; safe to call more than once."""
        ...


class BlobReader(Protocol):
    """Reads the bytes of Part 10 files."""

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; raises `NotFound` if the blob or a part of the range is missing."""
        ...

    def chunks(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in chunks of at most 256 KiB."""
        ...

    def reading(self, spans: Sequence[Span]) -> BlobReader:
        """The same bytes for one reader who is going to read these spans, about in this order.

        A store that is far away fetches them ahead, as far as memory allows. Other reads work as ever.
        """
        ...


class Blobs(BlobReader, Protocol):
    """The bytes of Part 10 files, write once."""

    def stage(self, key: str | None = None) -> StagedBlob:
        """Begin to receive one blob, under a new key unless one is given: a copy has that of its original."""
        ...

    def spool(self) -> Spool:
        """A new spool, gone when it is closed or the process ends."""
        ...

    def publish(self, staged: Sequence[StagedBlob]) -> None:
        """Make finished blobs durable under their keys; returns only when a power cut could not undo it."""
        ...

    def size(self, key: str) -> int | None:
        """Length of a blob in bytes, None if it is missing."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Path of the blob if it is a plain file that the HTTP server may send by itself."""
        ...

    def public_url(self, key: str) -> str | None:
        """URL under which a client may get the blob from the store itself for a while, if it may."""
        ...

    def open(self, key: str) -> BinaryIO:
        """A seekable binary reader over the blob."""
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Remove blobs that nothing refers to; missing ones are not an error."""
        ...

    def keys(self, *, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Every published key that has not changed for the given time, for the orphan sweep."""
        ...

    def clear_stage(self, *, older_than_seconds: float) -> int:
        """Remove abandoned staging files; returns how many."""
        ...

    def check(self) -> None:
        """Raise `Unavailable` or `OutOfStorage` if blobs cannot be written (readiness)."""
        ...

    def close(self) -> None:
        """Finish what runs and release threads and files."""
        ...
