"""Compressed image and video streams described from their own headers (PS3.5 8.2, PS3.18 10.5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams import gif, jp2, jpeg, jpeg_2000, jpeg_xl, mp4, mpeg_stream, png, rle
from filmjacket.dicom.codestreams.description import ACCEPTED, HEAD_BYTES, StreamDescription, cut_short
from filmjacket.dicom.codestreams.permitted import permits
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("HEAD_BYTES", "StreamDescription", "describe_stream", "needs_tail", "permits", "tail_bytes")

MAX_TAIL_BYTES = 16 * 1024 * 1024
"""The most that is asked of the end of a stream: the tables of a video of some eight hours."""

_SIGNATURES: tuple[tuple[bytes, Callable[[bytes], StreamDescription]], ...] = (
    (jpeg.START, jpeg.describe),
    (png.START, png.describe),
    (jpeg_2000.START, jpeg_2000.describe),
    (jp2.START, jp2.describe),
    (jpeg_xl.START, jpeg_xl.describe),
    (jpeg_xl.CONTAINER_START, jpeg_xl.describe),
)
# Codings without a signature, the surest first; RLE is told by nothing but sane offsets.
_RECOGNISED: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], StreamDescription]], ...] = (
    (rle.is_rle, rle.describe),
    (mpeg_stream.is_stream, mpeg_stream.describe),
)


def describe_stream(
    head: bytes,
    *,
    media_type: str | None = None,
    total: int | None = None,
    tail: bytes = b"",
) -> StreamDescription:
    """Describe a stream by its first `HEAD_BYTES` bytes; DicomError when it is none that is known, or cut short.

    The content decides what it is; `media_type` is only named when nothing is recognised. `total` is the length of
    the whole stream (None: the head is all of it if shorter than `HEAD_BYTES`), `tail` its last bytes, see
    `needs_tail`.
    """
    whole = len(head) <= HEAD_BYTES and (len(head) == total if total is not None else len(head) < HEAD_BYTES)
    described = _describe(head[:HEAD_BYTES], media_type, total=total, tail=tail, whole=whole)
    if total is not None and described.codestream is not None and sum(described.codestream) > total:
        raise cut_short("the codestream in its box")
    return described


def _describe(head: bytes, media_type: str | None, *, total: int | None, tail: bytes, whole: bool) -> StreamDescription:
    for signature, describe in _SIGNATURES:
        if head.startswith(signature):
            return describe(head)
    if head.startswith(gif.STARTS):
        return gif.describe(head, whole=whole)
    if mp4.is_mp4(head):
        return mp4.describe(head, total=total, tail=tail)
    for recognises, describe in _RECOGNISED:
        if recognises(head):
            return describe(head)
    claim = f", though they came as {media_type}" if media_type in ACCEPTED else ""
    raise DicomError(
        f"the bytes are no image or video stream that is known{claim}",
        section="PS3.18 Table 10.5.2-1",
        offender="PixelData",
        accepted=ACCEPTED,
    )


def needs_tail(head: bytes) -> bool:
    """Tell whether a stream keeps its description behind its head: an MP4 file with the movie box at its end."""
    try:
        return mp4.is_mp4(head) and mp4.needs_tail(head[:HEAD_BYTES])
    except DicomError:
        # `describe_stream` is the one to say what is wrong.
        return False


def tail_bytes(head: bytes, total: int) -> int:
    """Return how many of the last bytes of a stream `describe_stream` needs, at most `MAX_TAIL_BYTES`; 0 for none."""
    head = head[:HEAD_BYTES]
    start = mp4.movie_offset(head) if needs_tail(head) else None
    return min(max(total - start, 0), MAX_TAIL_BYTES) if start is not None else 0
