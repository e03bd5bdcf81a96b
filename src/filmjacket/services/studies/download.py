"""Downloads: what a retrieve transaction hands to the HTTP edge, bytes not yet read."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.services.studies.segments import Segment, gathered, of_bytes, read_segments
from filmjacket.web import multipart_writer
from filmjacket.web.conditional import etag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Part:
    """One representation: media type with its parameters, Content-Location, length in bytes if known, and bytes.

    `etag` is the strong entity tag of an immutable one; `ranged` reads `(first, count)` bytes of it. The bytes of a
    `coded` one cost processor time. `elsewhere` gives a URL where the very same bytes can be had, if there is one.
    """

    content_type: str
    location: str
    length: int | None
    chunks: Callable[[], Iterable[bytes]]
    etag: str | None = None
    ranged: Callable[[int, int], Iterable[bytes]] | None = None
    coded: bool = False
    elsewhere: Callable[[], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A response payload. `chunks` does blocking reads, the first of them when it is pulled for the first time: pull
    it from a worker thread.

    An immutable payload has its `etag`, and a `ranged` reader if its length is known. With a `file_name` it is meant
    to be saved rather than shown. One that is `codable` is text, which a content coding makes smaller; coded, it may be
    kept under its tag if it is still `unchanged` at its end. The bytes of a `coded` one cost processor time: pull them
    in the lane for that.
    """

    content_type: str
    length: int | None
    chunks: Iterator[bytes]
    location: str | None = None
    etag: str | None = None
    ranged: Callable[[int, int], Iterable[bytes]] | None = None
    warnings: tuple[str, ...] = ()
    partial: bool = False
    codable: bool = False
    unchanged: Callable[[], bool] | None = None
    file_name: str | None = None
    coded: bool = False
    elsewhere: Callable[[], str | None] | None = None


def single_part(part: Part) -> Download:
    """The representation itself as the payload (8.6.1.1)."""
    return Download(
        part.content_type,
        part.length,
        _when_pulled(part.chunks),
        location=part.location,
        etag=part.etag,
        ranged=part.ranged,
        coded=part.coded,
        elsewhere=part.elsewhere,
    )


def multi_part(parts: Sequence[Part], media_type: str) -> Download:
    """The representations as `multipart/related` (8.6.1.2).

    `media_type` is the root's media type, without parameters. Immutable parts make an immutable payload: its
    boundary follows from them, so that it has an entity tag, and ranges of it if every length is known (8.4.2).
    """
    digest = digest_of(parts)
    boundary = multipart_writer.new_boundary(digest or secrets.token_bytes(16))
    tag = None if digest is None else etag(digest.hex())
    content_type = multipart_writer.content_type(boundary, media_type)
    total = _total(boundary, parts)

    def chunks() -> Iterator[bytes]:
        return gathered(_written(boundary, parts))

    def ranged(first: int, count: int) -> Iterator[bytes]:
        return gathered(read_segments(_segments(boundary, parts), first, count))

    whole = total is not None and tag is not None and all(part.ranged is not None for part in parts)
    coded = any(part.coded for part in parts)
    return Download(content_type, total, chunks(), etag=tag, ranged=ranged if whole else None, coded=coded)


def streamed_multi_part(
    parts: Iterable[Part], media_type: str, *, digest: bytes | None = None, coded: bool = False
) -> Download:
    """Like `multi_part`, for parts that are made one after the other; the total length is not known.

    `digest` (SHA-256) covers everything that decides about the bytes of an immutable payload.
    """
    boundary = multipart_writer.new_boundary(digest or secrets.token_bytes(16))
    tag = None if digest is None else etag(digest.hex())
    chunks = gathered(_written(boundary, parts))
    return Download(multipart_writer.content_type(boundary, media_type), None, chunks, etag=tag, coded=coded)


def digest_of(parts: Iterable[Part]) -> bytes | None:
    """SHA-256 over what decides about the bytes of the parts and their headers; None if one of them may change."""
    digest = hashlib.sha256()
    for part in parts:
        if part.etag is None:
            return None
        digest.update(f"{part.etag}\n{part.content_type}\n{part.location}\n{part.length}\n".encode())
    return digest.digest()


def _when_pulled(chunks: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
    yield from chunks()


def _head(boundary: bytes, part: Part, number: int) -> bytes:
    return multipart_writer.part_head(boundary, part.content_type, part.location, part.length, first=number == 0)


def _total(boundary: bytes, parts: Iterable[Part]) -> int | None:
    total = len(multipart_writer.closing(boundary))
    for number, part in enumerate(parts):
        if part.length is None:
            return None
        total += len(_head(boundary, part, number)) + part.length
    return total


def _written(boundary: bytes, parts: Iterable[Part]) -> Iterator[bytes]:
    """All of the payload; heads are made when their turn comes rather than held, a study has many."""
    for number, part in enumerate(parts):
        yield _head(boundary, part, number)
        yield from part.chunks()
    yield multipart_writer.closing(boundary)


def _segments(boundary: bytes, parts: Iterable[Part]) -> Iterator[Segment]:
    for number, part in enumerate(parts):
        yield of_bytes(_head(boundary, part, number))
        if part.length is not None and part.ranged is not None:
            yield Segment(part.length, part.ranged)
    yield of_bytes(multipart_writer.closing(boundary))
