"""The stream inside of encapsulated items without their headers: its length and any range of it (PS3.5 A.4).

Item headers are read one by one, eight bytes each, since only they say how long the fragments are. Most frames are
one fragment.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.encapsulation import ITEM_HEADER, item_length, strip_item_headers
from filmjacket.services.studies.segments import Segment, read_segments
from filmjacket.services.studies.stored_bytes import read_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.archive.ports import BlobReader
    from filmjacket.archive.records import StoredInstance

MAX_MEASURED = 1024
"""Fragments that are looked at before anything is sent; a stream of more has no length announced and no ranges."""


class FragmentedStream:
    """The codestream or video that the items in a range of a stored file make up, up to `limit` bytes of it."""

    __slots__ = ("_blobs", "_instance", "_offset", "_span", "_values", "length")

    def __init__(
        self, blobs: BlobReader, instance: StoredInstance, span: tuple[int, int], *, limit: int | None = None
    ) -> None:
        self._blobs = blobs
        self._instance = instance
        self._span = span
        self._values = _values(blobs, instance, span)
        self.length = None if self._values is None else sum(length for _, length in self._values)
        if self.length is not None and limit is not None:
            self.length = min(self.length, limit)

    @property
    def seekable(self) -> bool:
        """Whether its length is known and ranges of it can be read."""
        return self._values is not None

    def chunks(self) -> Iterator[bytes]:
        """All of the stream."""
        if self._values is None or self.length is None:
            return strip_item_headers(read_range(self._blobs, self._instance, *self._span))
        return self.ranged(0, self.length)

    def ranged(self, first: int, count: int) -> Iterator[bytes]:
        """A range of a seekable stream."""
        return read_segments(map(self._segment, self._values or ()), first, count)

    def _segment(self, value: tuple[int, int]) -> Segment:
        return Segment(value[1], partial(self._read, value[0]))

    def _read(self, offset: int, first: int, count: int) -> Iterable[bytes]:
        return read_range(self._blobs, self._instance, offset + first, count)


def _values(blobs: BlobReader, instance: StoredInstance, span: tuple[int, int]) -> list[tuple[int, int]] | None:
    """(offset, length) of the value of each fragment; None if they are too many or the data set is deflated."""
    if instance.layout.deflated:
        return None
    position, end = span[0], span[0] + span[1]
    values: list[tuple[int, int]] = []
    while position < end:
        if len(values) == MAX_MEASURED:
            return None
        length = item_length(blobs.read(instance.blob.key, position, ITEM_HEADER))
        values.append((position + ITEM_HEADER, length))
        position += ITEM_HEADER + length
    return values
