"""JPEG 2000 streams as web services send them: the codestream without the boxes of a JP2 file (PS3.18 8.7.3.3.2).

DICOM wants them left out of fragments as well (PS3.5 8.2.4 Note 4); files that have them are stored as they come. Only
headers of boxes are read to find out.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.codestreams import HEAD_BYTES, boxes, jp2
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError
from filmjacket.services.studies.fragments import FragmentedStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.ports import BlobReader
    from filmjacket.archive.records import StoredInstance

_KINDS: Final = frozenset((Kind.JPEG_2000, Kind.JPEG_2000_PART_2, Kind.HTJ2K))
_BOX_HEADER: Final = 16
_MAX_BOXES: Final = 64  # a handful stand in front of the codestream of a real file


class BareStream:
    """The stream of `FragmentedStream` without boxes around it; `is_bared` says that there were some."""

    __slots__ = ("_count", "_first", "_may_have_boxes", "_stream")

    def __init__(
        self, blobs: BlobReader, instance: StoredInstance, span: tuple[int, int], *, limit: int | None = None
    ) -> None:
        self._stream = stream = FragmentedStream(blobs, instance, span, limit=limit)
        syntax = transfer_syntaxes.get(instance.transfer_syntax)
        self._may_have_boxes = syntax is not None and syntax.kind in _KINDS
        self._first, self._count = 0, stream.length
        if self._may_have_boxes and stream.length is not None:
            self._first, self._count = codestream_within(_reader(stream), stream.length)

    @property
    def length(self) -> int | None:
        """Bytes of the codestream; None if they are not known beforehand."""
        return self._count

    @property
    def is_bared(self) -> bool:
        """Whether a stream of known length is another one than that in the file."""
        return self._count != self._stream.length

    @property
    def seekable(self) -> bool:
        """Whether its length is known and ranges of it can be read."""
        return self._stream.seekable

    def chunks(self) -> Iterator[bytes]:
        """All of the stream."""
        if self._count is None:
            return _without_boxes(self._stream.chunks()) if self._may_have_boxes else self._stream.chunks()
        return self.ranged(0, self._count) if self.is_bared else self._stream.chunks()

    def ranged(self, first: int, count: int) -> Iterator[bytes]:
        """A range of a seekable stream."""
        return self._stream.ranged(self._first + first, count)


def codestream_within(read: Callable[[int, int], bytes], total: int) -> tuple[int, int]:
    """(start, length) of the codestream in a stream of `total` bytes: all of it unless it is a JP2 file.

    `read` gives bytes by position and count. Boxes that make no sense are left to whoever decodes them.
    """
    position = 0
    if total >= len(jp2.START) and read(0, len(jp2.START)) == jp2.START:
        for _ in range(_MAX_BOXES):
            box = None
            with suppress(DicomError):
                box = next(boxes.walk(read(position, min(_BOX_HEADER, total - position))), None)
            if box is not None and box.kind == b"jp2c":
                start = position + box.start
                return start, (total if box.end is None else min(position + box.end, total)) - start
            if box is None or box.end is None or position + box.end >= total:
                break
            position += box.end
    return 0, total


def _reader(stream: FragmentedStream) -> Callable[[int, int], bytes]:
    return lambda first, count: b"".join(stream.ranged(first, count))


def _without_boxes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A stream of unknown length without boxes, which have to be among its first bytes."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    start, length = codestream_within(lambda first, count: head[first : first + count], 2**63)
    position = 0
    for chunk in chain((head,), chunks):
        piece = chunk[max(start - position, 0) : start + length - position]
        position += len(chunk)
        if piece:
            yield piece
        if position >= start + length:
            return
