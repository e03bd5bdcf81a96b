"""Blobs in a bucket of an S3 store; see the `Blobs` port.

Correctness needs three things of a store: a put that was acknowledged stays, a multipart upload is invisible until it
is completed, and a range is answered with just that range. Keys are new random names, so nothing is ever overwritten
and no conditional write is needed; who wins is decided in the index.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final

from filmjacket.archive.spans import Span
from filmjacket.blobs.budget import ByteBudget
from filmjacket.blobs.keys import KEY_PATTERN, check_key, new_key
from filmjacket.blobs.local import CHUNK_BYTES, MEMORY_BYTES
from filmjacket.blobs.object_reader import ObjectReader
from filmjacket.blobs.object_stage import ObjectStage
from filmjacket.blobs.read_ahead import PIECE_BYTES, ReadAhead
from filmjacket.blobs.room import Room
from filmjacket.blobs.s3_client import missing
from filmjacket.blobs.s3_options import S3Sizes
from filmjacket.blobs.s3_probe import PROBES, check_writing, probe
from filmjacket.blobs.spool import LocalSpool
from filmjacket.blobs.stage import storage_error
from filmjacket.clock import utc_now
from filmjacket.errors import FilmjacketError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from filmjacket.archive.ports import BlobReader, StagedBlob
    from filmjacket.blobs.cache import BlobCache
    from filmjacket.blobs.s3_client import S3Client
    from filmjacket.blobs.s3_probe import Abilities

UPLOADS: Final = 16
"""Objects of one or several requests that are put at the same time."""

FETCHES: Final = 8
"""Ranges that are read ahead at the same time."""

WIDEN_BYTES: Final = 64 * 1024
"""A read that begins so near to the beginning of a blob, or may end so near to its end, is widened: then a frame of
a small image brings the whole file, which can be cached."""


@dataclass(frozen=True, slots=True)
class Staging:
    """Where blobs wait on this machine before they are sent."""

    directory: Path
    memory_bytes: int = MEMORY_BYTES
    minimum_free_bytes: int = 0


class ObjectBlobs:
    """Blobs as objects below a prefix of one bucket."""

    def __init__(
        self,
        client: S3Client,
        staging: Staging,
        *,
        sizes: S3Sizes | None = None,
        cache: BlobCache | None = None,
        redirect_seconds: int | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._staging = staging
        self._sizes = sizes or S3Sizes()
        self._cache = cache
        self._redirect_seconds = redirect_seconds
        self._clock = clock
        self._upload_budget = ByteBudget(self._sizes.uploads)
        self._read_budget = ByteBudget(self._sizes.reads)
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="s3-put")
        self._fetches = ThreadPoolExecutor(FETCHES, thread_name_prefix="s3-get")
        self._abilities: Abilities | None = None
        try:
            staging.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error) from error
        self._room = Room(staging.directory, staging.minimum_free_bytes)

    def stage(self, key: str | None = None) -> ObjectStage:
        """Begin to receive one blob, under a new key unless one is given."""
        key = new_key(self._clock(), token_hex(16)) if key is None else check_key(key)
        return ObjectStage(self._client, key, self._sizes.part, self._upload_budget, self.spool)

    def spool(self) -> LocalSpool:
        """A new spool on this machine."""
        return LocalSpool(
            str(self._staging.directory), memory_bytes=self._staging.memory_bytes, check_room=self._room.check
        )

    def publish(self, staged: Sequence[StagedBlob]) -> None:
        """Bring finished blobs to the store, side by side; all of them or, with an error, none."""
        batch = [_own(blob) for blob in staged]
        futures = [self._uploads.submit(blob.upload) for blob in batch[1:]]
        failures: list[BaseException] = []
        for work in (*(future.result for future in futures), *(blob.upload for blob in batch[:1])):
            try:
                work()
            except Exception as error:  # noqa: BLE001 - raised below, when all are over
                failures.append(error)
        if failures:
            self._undo(batch)
            raise failures[0]

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        return self._fetch(Span(check_key(key), offset, length))

    def chunks(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in chunks of at most 256 KiB."""
        end = None if length is None else offset + length
        if end is None:
            first, total = self._fetch_some(Span(check_key(key), offset, PIECE_BYTES), keep=offset == 0)
            yield from _sliced(first)
            offset, end = offset + len(first), total
        if offset < end:
            yield from self.reading([Span(key, offset, end - offset)]).chunks(key, offset, end - offset)

    def reading(self, spans: Sequence[Span]) -> BlobReader:
        """The same bytes for somebody who is going to read these spans: they are fetched ahead."""
        whole = {span.key for span in spans if span.offset == 0}

        def fetch(span: Span) -> bytes:
            return self._fetch(span, keep=span.key in whole)

        window, near = self._sizes.read_ahead, self._is_cached
        return ReadingAhead(self, ReadAhead(spans, fetch, self._fetches, self._read_budget, window, near))

    def size(self, key: str) -> int | None:
        """Length of a blob in bytes as the store has it, whatever is cached; None if it is missing."""
        try:
            return self._client.size(check_key(key))
        except NotFound:
            return None

    def local_path(self, key: str) -> Path | None:
        """Path of the blob in the cache, if all of it is there."""
        check_key(key)
        return None if self._cache is None else self._cache.path(key)

    def public_url(self, key: str) -> str | None:
        """A URL for a while, if clients may be sent to the store."""
        if self._redirect_seconds is None:
            return None
        return self._client.sign(check_key(key), self._redirect_seconds)

    def open(self, key: str) -> BinaryIO:
        """A seekable binary reader over the blob."""
        path = self.local_path(key)
        if path is not None:
            with suppress(FileNotFoundError):
                return path.open("rb")
        return io.BufferedReader(ObjectReader(self, key, self._client.size(check_key(key))), PIECE_BYTES)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove blobs that nothing refers to; missing ones are not an error."""
        for key in keys:
            check_key(key)
        if self._cache is not None:
            self._cache.remove(keys)
        for start in range(0, len(keys), 1000):
            self._client.delete(keys[start : start + 1000])

    def keys(self, *, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Every published key that has not changed for the given time by the clock of the store, in order."""
        latest = utc_now() - timedelta(seconds=older_than_seconds)
        for found in self._client.list():
            if KEY_PATTERN.fullmatch(found["path"]) and found["last_modified"] <= latest:
                yield found["path"]

    def clear_stage(self, *, older_than_seconds: float) -> int:
        """Remove what probes of killed processes left.

        Staging files have no names and are gone with their process. Multipart uploads of a killed process cannot be
        listed with this client: a lifecycle rule of the bucket has to abort them.
        """
        latest = utc_now() - timedelta(seconds=older_than_seconds)
        left = [found["path"] for found in self._client.list(PROBES) if found["last_modified"] <= latest]
        self._client.delete(left)
        return len(left)

    def check(self) -> None:
        """Raise `Unavailable` or `OutOfStorage` if blobs cannot be written; the first time, try what is needed."""
        self._room.check()
        if self._abilities is None:
            self._abilities = probe(self._client, self._sizes.part)
        else:
            check_writing(self._client)

    def close(self) -> None:
        """Finish what runs."""
        self._uploads.shutdown()
        self._fetches.shutdown(cancel_futures=True)
        if self._cache is not None:
            self._cache.close()

    def _is_cached(self, key: str) -> bool:
        return self._cache is not None and self._cache.path(key) is not None

    def _fetch(self, span: Span, *, keep: bool = False) -> bytes:
        """The bytes of a span. Raises `NotFound` unless all are there."""
        if span.length == 0:
            return b""
        content, _ = self._fetch_some(span, keep=keep)
        if len(content) < span.length:
            raise missing()
        return content

    def _fetch_some(self, span: Span, *, keep: bool = False) -> tuple[bytes, int]:
        """The bytes of a span as far as the blob has them, and the size of the blob.

        With `keep` all of the blob is going to be read, so that its pieces are worth to be kept.
        """
        cache = self._cache
        kept = cache and cache.read(*span)
        if cache is None or kept is not None:
            return kept or self._get(span)
        key, offset, length = span
        if keep or offset > WIDEN_BYTES:
            content, total = self._get(span)
            if keep:
                cache.offer(key, offset, content, total)
            return content, total
        content, total = self._get(Span(key, 0, offset + length + WIDEN_BYTES))
        if len(content) == total:
            cache.offer(key, 0, content, total)
        return content[offset : offset + length], total

    def _get(self, span: Span) -> tuple[bytes, int]:
        try:
            return self._client.get(*span)
        except NotFound:
            # No byte of it is there: the blob is missing, or it ends before, as an empty one does at once.
            return b"", self._client.size(span.key)

    def _undo(self, batch: Sequence[ObjectStage]) -> None:
        for blob in batch:
            blob.discard()
        with suppress(FilmjacketError):  # what stays is an orphan, which the sweep removes
            self._client.delete([blob.key for blob in batch if blob.uploaded])


class ReadingAhead:
    """A reader who said what it reads; anything else it reads as ever."""

    def __init__(self, blobs: ObjectBlobs, ahead: ReadAhead) -> None:
        self._blobs = blobs
        self._ahead = ahead

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        pieces: list[bytes] = []
        end = offset + length
        while offset < end:
            piece = self._ahead.take(key, offset, end - offset)
            pieces.append(self._blobs.read(key, offset, end - offset) if piece is None else piece)
            offset += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def reading(self, spans: Sequence[Span]) -> ReadingAhead:  # noqa: ARG002 - they are part of what was said
        """The reader itself."""
        return self

    def chunks(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in chunks of at most 256 KiB."""
        end = self._ahead.end_of(key, offset) if length is None else offset + length
        if end is None:
            yield from self._blobs.chunks(key, offset)
            return
        while offset < end:
            piece = self._ahead.take(key, offset, end - offset)
            if piece is None:
                yield from self._blobs.chunks(key, offset, end - offset)
                return
            offset += len(piece)
            yield from _sliced(piece)


def _sliced(content: bytes) -> Iterator[bytes]:
    if len(content) <= CHUNK_BYTES:
        yield content
        return
    view = memoryview(content)
    for start in range(0, len(content), CHUNK_BYTES):
        yield bytes(view[start : start + CHUNK_BYTES])


def _own(blob: StagedBlob) -> ObjectStage:
    if not isinstance(blob, ObjectStage):
        raise TypeError("an object store publishes only what it staged itself")
    return blob
