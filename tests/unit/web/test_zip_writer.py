"""ZIP archives from heads, descriptors and directory; ZIP64 where 32 bits are not enough (APPNOTE 4.3 to 4.5)."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from filmjacket.web import zip_writer
from filmjacket.web.zip_writer import Entry

GIB = 2**30


class Sparse(io.RawIOBase):
    """A file of a few written places in nothing but zeros: archives of many GiB without their content."""

    def __init__(self) -> None:
        self.places: list[tuple[int, bytes]] = []
        self.size = self.position = 0

    def append(self, content: bytes) -> None:
        self.places.append((self.size, content))
        self.size += len(content)

    def skip(self, count: int) -> None:
        self.size += count

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, count: int = -1) -> bytes:
        end = self.size if count < 0 else min(self.position + count, self.size)
        out = bytearray(end - self.position)
        for start, content in self.places:
            first, last = max(start, self.position), min(start + len(content), end)
            if first < last:
                out[first - self.position : last - self.position] = content[first - start : last - start]
        self.position = end
        return bytes(out)


def written(entries: list[tuple[Entry, int]]) -> Sparse:
    """An archive of entries that hold that many zero bytes; contents of more than 1 MiB are not written."""
    out = Sparse()
    done = []
    for entry, length in entries:
        place = out.size
        out.append(zip_writer.local_header(entry))
        crc = zlib.crc32(bytes(length)) if length < 2**20 else 0
        out.skip(length)
        out.append(zip_writer.descriptor(entry, crc, length))
        assert out.size - place == entry.framing + length
        done.append((entry, crc, length, place))
    start = out.size
    for record in done:
        made = zip_writer.directory_record(*record)
        assert len(made) == zip_writer.record_length(record[0], record[3])
        out.append(made)
    out.append(zip_writer.end_records(len(done), start, out.size - start))
    return out


@pytest.mark.parametrize("known", [True, False])
def test_small_entries(known: bool) -> None:
    lengths = [0, 1, 70_000]
    out = written([(Entry(f"a/{n}.dcm", n if known else None), n) for n in lengths])
    archive = zipfile.ZipFile(out)
    assert archive.testzip() is None
    assert [(entry.filename, entry.file_size) for entry in archive.infolist()] == [(f"a/{n}.dcm", n) for n in lengths]


@pytest.mark.parametrize("length", [4 * GIB - 2, 4 * GIB - 1, 4 * GIB, 9 * GIB])
def test_sizes_around_the_limit_of_32_bits(length: int) -> None:
    archive = zipfile.ZipFile(written([(Entry("large.dcm", length), length), (Entry("after.dcm", 3), 3)]))
    assert [entry.file_size for entry in archive.infolist()] == [length, 3]
    assert archive.read("after.dcm") == bytes(3)


@pytest.mark.slow
def test_more_entries_than_16_bits_can_count() -> None:
    count = 65_536
    archive = zipfile.ZipFile(written([(Entry(f"{n}.dcm", 1), 1) for n in range(count)]))
    assert len(archive.infolist()) == count


@pytest.mark.parametrize("count", [65_534, 65_535])
def test_the_plain_end_is_used_as_long_as_it_can_be(count: int) -> None:
    assert (len(zip_writer.end_records(count, 0, 0)) == 22) is (count == 65_534)
