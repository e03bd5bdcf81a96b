"""Content-Encoding of a request payload, undone while it arrives (RFC 9110 8.4, PS3.18 10.5.3)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from filmjacket.errors import BadRequest, TooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED_CODINGS = ("identity", "gzip", "deflate")
INFLATE_STEP = 2**20  # decoded bytes handed on at a time, whatever the compression ratio


def content_coding_of(content_encoding: str | None) -> str:
    """The coding that a Content-Encoding header names. Raises `UnsupportedMediaType` (415) for others."""
    coding = (content_encoding or "identity").strip().lower()
    coding = "gzip" if coding == "x-gzip" else coding
    if coding not in ACCEPTED_CODINGS:
        raise UnsupportedMediaType(
            "This Content-Encoding is not supported.",
            section="10.5.3",
            offender="Content-Encoding",
            accepted=ACCEPTED_CODINGS,
        )
    return coding


class _Decompressor(Protocol):
    """The type of `zlib.decompressobj()`, which has no public name."""

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class ContentDecoder:
    """Undoes the Content-Encoding of a request payload, a bounded piece at a time (RFC 9110 8.4).

    `maximum_bytes` bounds the payload as decoded, which a few coded bytes may swell to.
    """

    def __init__(self, coding: str, maximum_bytes: int | None = None) -> None:
        self._maximum_bytes = maximum_bytes
        self._decoded = 0
        # 47: gzip or zlib, detected
        self._inflater = None if coding == "identity" else zlib.decompressobj(47)

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most `INFLATE_STEP` bytes. Raises `BadRequest` for a corrupt stream, `TooLarge`."""
        for piece in (chunk,) if self._inflater is None else _inflate(self._inflater, chunk):
            self._decoded += len(piece)
            if self._maximum_bytes is not None and self._decoded > self._maximum_bytes:
                raise TooLarge(
                    f"The payload is larger than the configured {self._maximum_bytes} bytes.",
                    section="8.5",
                    offender="payload",
                )
            yield piece

    def finish(self) -> None:
        """Raises `BadRequest` if the coded stream is cut short."""
        if self._inflater is not None and not self._inflater.eof:
            raise BadRequest(
                "The coded payload ends before its own end mark.",
                section="RFC 9110 8.4",
                offender="Content-Encoding",
            )


def _inflate(decompressor: _Decompressor, chunk: bytes) -> Iterator[bytes]:
    while chunk:
        try:
            piece = decompressor.decompress(chunk, INFLATE_STEP)
        except zlib.error as error:
            raise BadRequest(
                "The payload is not what its Content-Encoding says.",
                section="RFC 9110 8.4",
                offender="Content-Encoding",
            ) from error
        chunk = decompressor.unconsumed_tail
        if piece:
            yield piece
