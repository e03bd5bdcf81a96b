"""Bounded inflation of a deflated data set (PS3.5 A.5: a raw RFC 1951 stream)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from filmjacket.dicom.limits import OverLimit
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_INFLATED_BYTES = 4 * 1024**3
"""Total that one data set may inflate to. Deflate blows up at most a thousandfold and real black images come near
that, so a ratio would refuse them; Pixel Data, the only large value, cannot exceed 4 GiB (PS3.5 7.1.1)."""

_PIECE = 256 * 1024  # bytes inflated at a time, whatever the input would expand to


class Inflater:
    """Inflates chunk by chunk; hands out pieces of bounded size."""

    def __init__(self, limit: int = MAX_INFLATED_BYTES) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._limit = limit
        self._total = 0

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next bytes of the stream inflate to."""
        # Bytes behind the end of the stream are padding (PS3.5 A.5) and are ignored.
        while not self._stream.eof:
            try:
                piece = self._stream.decompress(chunk, _PIECE)
            except zlib.error:
                raise DicomError(
                    "the deflated data set is damaged",
                    section="PS3.5 A.5",
                    offender="data set",
                    accepted=("a raw deflate stream (RFC 1951)",),
                ) from None
            self._total += len(piece)
            if self._total > self._limit:
                raise OverLimit(
                    f"the deflated data set inflates to more than {self._limit} bytes",
                    section="PS3.5 A.5",
                    offender="data set",
                )
            if piece:
                yield piece
            chunk = self._stream.unconsumed_tail
            # A full piece may have left output inside zlib even when all input is used up.
            if not chunk and len(piece) < _PIECE:
                return

    def finish(self) -> None:
        """Raise DicomError when the stream ended before its last block."""
        if not self._stream.eof:
            raise DicomError(
                "truncated: the deflated data set ends before its last block",
                section="PS3.5 A.5",
                offender="data set",
            )
