"""ZIP archives of stored entries as bytes, for entries whose checksums are known only after they went out.

Sans-IO: heads, descriptors and directory come from here, the content goes out as it comes. Everything but the
checksums follows from names and lengths, so that the length of an archive and the place of each byte are known
before anything is read. Format: APPNOTE.TXT 6.3 of PKWARE, sections in comments.

Own code since the libraries that stream (zipstream-ng, stream-zip) only write from the first byte to the last: they
cannot begin in the middle, which is what resuming a download needs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_MAX_32: Final = 0xFFFFFFFF
_MAX_16: Final = 0xFFFF
_PLAIN_VERSION: Final = 20
_ZIP64_VERSION: Final = 45
_MADE_BY_UNIX: Final = 3 << 8
_DESCRIPTOR_FOLLOWS: Final = 1 << 3  # 4.4.4: checksum and sizes come behind the content
_STORED: Final = 0  # pixel data are compressed already or shrink little; deflating them would cost the processor
_EPOCH: Final = (0, (1 << 5) | 1)  # 1980-01-01 00:00, the earliest time: equal archives are equal bytes
_READABLE_FILE: Final = 0o100644 << 16

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_DESCRIPTOR: Final = struct.Struct("<4s3I")
_DESCRIPTOR_64: Final = struct.Struct("<4sI2Q")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_EXTRA_64: Final = struct.Struct("<2H2Q")
_CENTRAL_EXTRA_64: Final = struct.Struct("<2H3Q")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64: Final = struct.Struct("<4sIQI")
_END: Final = struct.Struct("<4s4H2IH")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive: its name, and its length if that is known before it is read."""

    name: str
    length: int | None

    @property
    def zip64(self) -> bool:
        """Whether the sizes may need 64 bits, which has to be said before the content."""
        return self.length is None or self.length > _MAX_32 - 1

    @property
    def framing(self) -> int:
        """Bytes around the content: local header and descriptor."""
        extra, descriptor = (_EXTRA_64.size, _DESCRIPTOR_64.size) if self.zip64 else (0, _DESCRIPTOR.size)
        return _LOCAL.size + len(self.name) + extra + descriptor

    @property
    def descriptor_length(self) -> int:
        """Bytes of what follows the content."""
        return (_DESCRIPTOR_64 if self.zip64 else _DESCRIPTOR).size


def local_header(entry: Entry) -> bytes:
    """What stands before the content of an entry (4.3.7)."""
    sizes = _MAX_32 if entry.zip64 else 0
    extra = _EXTRA_64.pack(1, _EXTRA_64.size - 4, 0, 0) if entry.zip64 else b""
    name = entry.name.encode("ascii")
    head = _LOCAL.pack(
        b"PK\3\4", _version(entry), _DESCRIPTOR_FOLLOWS, _STORED, *_EPOCH, 0, sizes, sizes, len(name), len(extra)
    )
    return head + name + extra


def descriptor(entry: Entry, crc: int, length: int) -> bytes:
    """What stands behind the content: its CRC-32 and length (4.3.9)."""
    return (_DESCRIPTOR_64 if entry.zip64 else _DESCRIPTOR).pack(b"PK\7\x08", crc, length, length)


def directory_record(entry: Entry, crc: int, length: int, offset: int) -> bytes:
    """The record of an entry in the central directory; `offset` is that of its local header (4.3.12)."""
    extra = b""
    sizes, place = length, offset
    if needs_zip64_record(entry, offset):
        extra = _CENTRAL_EXTRA_64.pack(1, _CENTRAL_EXTRA_64.size - 4, length, length, offset)
        sizes = place = _MAX_32
    version = _ZIP64_VERSION if extra else _PLAIN_VERSION
    name = entry.name.encode("ascii")
    head = _CENTRAL.pack(
        b"PK\1\2", _MADE_BY_UNIX | version, version, _DESCRIPTOR_FOLLOWS, _STORED, *_EPOCH, crc, sizes, sizes,
        len(name), len(extra), 0, 0, 0, _READABLE_FILE, place,
    )  # fmt: skip
    return head + name + extra


def needs_zip64_record(entry: Entry, offset: int) -> bool:
    """Whether the record of an entry in the central directory has 64-bit fields (4.5.3)."""
    return entry.zip64 or offset >= _MAX_32


def record_length(entry: Entry, offset: int) -> int:
    """Bytes of the record of an entry in the central directory."""
    return _CENTRAL.size + len(entry.name) + (_CENTRAL_EXTRA_64.size if needs_zip64_record(entry, offset) else 0)


def end_records(entries: int, offset: int, length: int) -> bytes:
    """What ends an archive whose central directory has that many records at that place (4.3.14 to 4.3.16)."""
    end = b""
    if entries >= _MAX_16 or offset >= _MAX_32 or length >= _MAX_32:
        version = _ZIP64_VERSION
        end = _END_64.pack(
            b"PK\6\6", _END_64.size - 12, _MADE_BY_UNIX | version, version, 0, 0, entries, entries, length, offset
        )
        end += _LOCATOR_64.pack(b"PK\6\7", 0, offset + length, 1)
    count = min(entries, _MAX_16)
    return end + _END.pack(b"PK\5\6", 0, 0, count, count, min(length, _MAX_32), min(offset, _MAX_32), 0)


def _version(entry: Entry) -> int:
    return _ZIP64_VERSION if entry.zip64 else _PLAIN_VERSION
