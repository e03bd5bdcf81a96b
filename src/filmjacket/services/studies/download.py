"""Downloads: what a retrieve transaction hands to the HTTP edge, bytes not yet read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.web import multipart_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Part:
    """One representation: media type with its parameters, Content-Location, length in bytes if known, and bytes.

    `etag` is the strong entity tag of an immutable one; `ranged` reads `(first, count)` bytes of it.
    """

    content_type: str
    location: str
    length: int | None
    chunks: Callable[[], Iterable[bytes]]
    etag: str | None = None
    ranged: Callable[[int, int], Iterable[bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A response payload. `chunks` does blocking reads: pull it from a worker thread.

    A payload that is one immutable representation has its `etag` and `ranged` reader.
    """

    content_type: str
    length: int | None
    chunks: Iterator[bytes]
    location: str | None = None
    etag: str | None = None
    ranged: Callable[[int, int], Iterable[bytes]] | None = None
    warnings: tuple[str, ...] = ()
    partial: bool = False


def single_part(part: Part) -> Download:
    """The representation itself as the payload (8.6.1.1)."""
    return Download(
        part.content_type,
        part.length,
        iter(part.chunks()),
        location=part.location,
        etag=part.etag,
        ranged=part.ranged,
    )


def multi_part(parts: Sequence[Part], media_type: str) -> Download:
    """The representations as `multipart/related` with a fresh random boundary (8.6.1.2).

    `media_type` is the root's media type, without parameters. The total length is known if that of every part is.
    """
    boundary = multipart_writer.new_boundary(secrets.token_bytes(16))
    heads = [
        multipart_writer.part_head(boundary, part.content_type, part.location, part.length, first=number == 0)
        for number, part in enumerate(parts)
    ]
    closing = multipart_writer.closing(boundary)
    lengths = [part.length for part in parts]
    known = [length for length in lengths if length is not None]
    total = sum(known) + sum(map(len, heads)) + len(closing) if len(known) == len(lengths) else None

    def chunks() -> Iterator[bytes]:
        for head, part in zip(heads, parts, strict=True):
            yield head
            yield from part.chunks()
        yield closing

    return Download(multipart_writer.content_type(boundary, media_type), total, chunks())


def streamed_multi_part(parts: Iterable[Part], media_type: str) -> Download:
    """Like `multi_part`, for parts that are made one after the other; the total length is not known."""
    boundary = multipart_writer.new_boundary(secrets.token_bytes(16))

    def chunks() -> Iterator[bytes]:
        for number, part in enumerate(parts):
            yield multipart_writer.part_head(boundary, part.content_type, part.location, part.length, first=number == 0)
            yield from part.chunks()
        yield multipart_writer.closing(boundary)

    return Download(multipart_writer.content_type(boundary, media_type), None, chunks())
