"""Where the codestream is in a JP2 file, and how little is read to find it (ISO/IEC 15444-1 Annex I)."""

from __future__ import annotations

import struct

import pytest

from filmjacket.services.studies.bare_stream import codestream_within

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
STREAM = b"\xff\x4f\xff\x51" + bytes(range(100))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


class Counted:
    """Bytes that count how many of them are read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.count = 0

    def read(self, first: int, count: int) -> bytes:
        assert first + count <= len(self.content), "reads behind the end"
        self.count += count
        return self.content[first : first + count]


def within(content: bytes) -> bytes:
    start, length = codestream_within(Counted(content).read, len(content))
    return content[start : start + length]


@pytest.mark.parametrize(
    "last",
    [
        box(b"jp2c", STREAM),
        box(b"jp2c", STREAM) + box(b"xml ", b"text") + b"\0",
        struct.pack(">I4sQ", 1, b"jp2c", 16 + len(STREAM)) + STREAM,
        struct.pack(">I4s", 0, b"jp2c") + STREAM,
        struct.pack(">I4s", 8 + len(STREAM) + 1000, b"jp2c") + STREAM,  # cut short: what there is of it
    ],
)
def test_the_codestream_of_a_file(last: bytes) -> None:
    assert within(SIGNATURE + box(b"ftyp", b"jp2 ") + box(b"jp2h", bytes(300)) + last) == STREAM


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        STREAM,
        SIGNATURE,
        SIGNATURE + b"\0",
        SIGNATURE + box(b"ftyp", b"jp2 "),
        SIGNATURE + struct.pack(">I4s", 3, b"ftyp") + STREAM,  # shorter than its header
        SIGNATURE + struct.pack(">I4s", 0, b"ftyp") + STREAM,
        SIGNATURE + struct.pack(">I4sQ", 1, b"ftyp", 2**63) + STREAM,
        SIGNATURE + box(b"free", b"") * 1000 + box(b"jp2c", STREAM),
    ],
)
def test_what_is_no_jp2_file_stays(content: bytes) -> None:
    assert within(content) == content


def test_only_headers_of_boxes_are_read() -> None:
    content = Counted(SIGNATURE + box(b"jp2h", bytes(10_000)) + box(b"jp2c", STREAM * 1000))
    codestream_within(content.read, len(content.content))
    assert content.count == len(SIGNATURE) + 3 * 16
