"""A study, series or instance as one ZIP archive of Part 10 files: an extension for people with a browser.

Files are streamed in the order of retrieval. Their checksums stand behind them and in the directory at the end, so that
nothing is read ahead; a range that begins later reads the files before it for their checksums alone.
"""

from __future__ import annotations

import hashlib
import zlib
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.errors import NotFound
from filmjacket.services.studies.download import Download
from filmjacket.services.studies.segments import Segment, gathered, made_when_read, of_bytes, read_segments
from filmjacket.web import zip_writer
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import ZIP, written
from filmjacket.web.zip_names import FileIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.services.studies.download import Part
    from filmjacket.web.refs import ResourceRef
    from filmjacket.web.zip_names import NameTemplate
    from filmjacket.web.zip_writer import Entry


def zip_download(parts: Sequence[Part], names: Iterable[str], *, file_name: str, location: str | None) -> Download:
    """The parts as the files of one archive, in their order.

    If every length is known, so is that of the archive, and ranges of it can be had.
    """
    entries = [zip_writer.Entry(name, part.length) for name, part in zip(names, parts, strict=True)]
    archive = _Archive(entries, parts)
    digest = hashlib.sha256()
    for entry, part in zip(entries, parts, strict=True):
        digest.update(f"{part.etag}\n{entry.name}\n".encode())
    length = archive.length()
    return Download(
        written(ZIP),
        length,
        gathered(archive.chunks()),
        location=location,
        etag=etag(digest.hexdigest(), "zip"),
        ranged=archive.ranged if length is not None and all(part.ranged is not None for part in parts) else None,
        file_name=file_name,
        coded=any(part.coded for part in parts),
    )


def names_of(index: Index, ref: ResourceRef, instances: Sequence[StoredInstance], template: NameTemplate) -> list[str]:
    """Names of the files of the instances, safe and each only once."""
    numbers = index.numbers(ref) if template.needs_numbers else {}
    return list(
        template.names(
            FileIdentity(item.study_uid, item.series_uid, item.sop_uid, *numbers.get(item.sop_uid, (None, None)))
            for item in instances
        )
    )


class _Archive:
    """The bytes of an archive, from the beginning or from anywhere."""

    def __init__(self, entries: Sequence[Entry], parts: Sequence[Part]) -> None:
        self._entries = entries
        self._parts = parts

    def length(self) -> int | None:
        """Bytes of all, None if an entry is made while it is sent."""
        offset = directory = 0
        for entry in self._entries:
            if entry.length is None:
                return None
            directory += zip_writer.record_length(entry, offset)
            offset += entry.framing + entry.length
        return offset + directory + len(zip_writer.end_records(len(self._entries), offset, directory))

    def chunks(self) -> Iterator[bytes]:
        """All of the archive; the parts are read once."""
        offset = 0
        done: list[tuple[int, int, int]] = []
        for entry, part in zip(self._entries, self._parts, strict=True):
            yield zip_writer.local_header(entry)
            crc = length = 0
            for chunk in part.chunks():
                crc = zlib.crc32(chunk, crc)
                length += len(chunk)
                yield chunk
            if entry.length not in {None, length}:
                raise NotFound("A stored file does not have the length that was announced.")
            yield zip_writer.descriptor(entry, crc, length)
            done.append((crc, length, offset))
            offset += entry.framing + length
        directory = 0
        for entry, (crc, length, place) in zip(self._entries, done, strict=True):
            record = zip_writer.directory_record(entry, crc, length, place)
            directory += len(record)
            yield record
        yield zip_writer.end_records(len(self._entries), offset, directory)

    def ranged(self, first: int, count: int) -> Iterator[bytes]:
        """A range of an archive of known length."""
        return gathered(read_segments(self._segments(_Checksums(self._parts)), first, count))

    def _segments(self, checksums: _Checksums) -> Iterator[Segment]:
        offset = directory = 0
        places: list[int] = []
        for number, entry in enumerate(self._entries):
            length = entry.length or 0
            yield of_bytes(zip_writer.local_header(entry))
            yield Segment(length, partial(checksums.read, number, length))
            yield made_when_read(entry.descriptor_length, partial(_descriptor, checksums, number, entry))
            places.append(offset)
            offset += entry.framing + length
        for number, (entry, place) in enumerate(zip(self._entries, places, strict=True)):
            size = zip_writer.record_length(entry, place)
            directory += size
            yield made_when_read(size, partial(_record, checksums, number, entry, place))
        yield of_bytes(zip_writer.end_records(len(self._entries), offset, directory))


class _Checksums:
    """CRC-32 of the files, taken while they pass by; those that do not are read for it when it is needed."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._known: dict[int, int] = {}

    def of(self, number: int) -> int:
        """The checksum of a file."""
        if number not in self._known:
            crc = 0
            for chunk in self._parts[number].chunks():
                crc = zlib.crc32(chunk, crc)
            self._known[number] = crc
        return self._known[number]

    def read(self, number: int, length: int, first: int, count: int) -> Iterable[bytes]:
        """Bytes of a file; all of them give its checksum as well."""
        part = self._parts[number]
        if (first, count) != (0, length):
            yield from part.ranged(first, count) if part.ranged is not None else ()
            return
        crc = 0
        for chunk in part.chunks():
            crc = zlib.crc32(chunk, crc)
            yield chunk
        self._known[number] = crc


def _descriptor(checksums: _Checksums, number: int, entry: Entry) -> bytes:
    return zip_writer.descriptor(entry, checksums.of(number), entry.length or 0)


def _record(checksums: _Checksums, number: int, entry: Entry, place: int) -> bytes:
    return zip_writer.directory_record(entry, checksums.of(number), entry.length or 0, place)
