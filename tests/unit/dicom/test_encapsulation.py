"""PS3.5 A.4: items, offset tables, frames."""

import struct

import pytest
from tests.part10 import item

from filmjacket.dicom.encapsulation import (
    Fragments,
    frame_spans,
    split_items,
    starts_frame,
    strip_item_headers,
    unpack_spans,
)
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError

BASE = 1000


def fragments(*lengths: int, starts: str = "") -> Fragments:
    made = Fragments()
    position = BASE
    for number, length in enumerate(lengths):
        made.add(position, length, starts=starts[number : number + 1] == "S")
        position += 8 + length
    return made


def table(code: str, *offsets: int) -> bytes:
    return struct.pack(f"<{len(offsets)}{code}", *offsets)


def spans(*args, **kwargs):
    return unpack_spans(frame_spans(*args, **kwargs))


def test_one_frame_is_all_fragments():
    assert spans(fragments(10, 20), 1) == [(1000, 46)]


def test_one_fragment_a_frame_needs_no_table():
    assert spans(fragments(10, 20, 30), 3) == [(1000, 18), (1018, 28), (1046, 38)]


def test_basic_offset_table():
    assert spans(fragments(10, 20, 30), 2, basic_table=table("I", 0, 46)) == [(1000, 46), (1046, 38)]


def test_extended_offset_table():
    assert spans(fragments(10, 20, 30), 2, extended_table=table("Q", 0, 18)) == [(1000, 18), (1018, 66)]


@pytest.mark.parametrize(
    "offsets",
    [(0, 45), (8, 46), (0, 46, 46), (46, 0), (0,), (0, 99999)],
    ids=["between items", "not from zero", "repeated", "backwards", "too few", "outside"],
)
def test_a_wrong_table_is_not_believed(offsets):
    broken = table("I", *offsets)
    assert frame_spans(fragments(10, 20, 30), 2, basic_table=broken) == b""
    marked = fragments(10, 20, 30, starts="SS ")
    assert spans(marked, 2, basic_table=broken) == [(1000, 18), (1018, 66)]


def test_a_table_goes_before_markers():
    marked = fragments(10, 20, 30, starts="SS ")
    assert spans(marked, 2, basic_table=table("I", 0, 46)) == [(1000, 46), (1046, 38)]


@pytest.mark.parametrize(("starts", "frames"), [("S S", 3), (" SS", 2), ("SSS", 2), ("   ", 2)])
def test_markers_that_do_not_fit_are_not_believed(starts, frames):
    assert frame_spans(fragments(10, 20, 30, 40, starts=starts), frames) == b""


def test_fewer_fragments_than_frames_and_none():
    assert frame_spans(fragments(10), 2) == b""
    assert frame_spans(fragments(), 1) == b""


def test_a_whole_slide_image_of_100_000_frames():
    many = Fragments()
    for number in range(100_000):
        many.add(number * 108, 100, starts=True)
    packed = frame_spans(many, 100_000)
    assert len(packed) == 1_600_000
    assert struct.unpack_from("<2Q", packed, 99_999 * 16) == (99_999 * 108, 108)


@pytest.mark.parametrize(
    ("kind", "head", "expected"),
    [
        (Kind.JPEG, b"\xff\xd8\xff\xe0", True),
        (Kind.JPEG, b"\xff\xd9\xff\xd8", False),
        (Kind.JPEG_LS, b"\xff\xd8\xff\xf7", True),
        (Kind.JPEG_2000, b"\xff\x4f\xff\x51\0", True),
        (Kind.JPEG_2000, b"\0\0\0\x0cjP  \r\n", True),
        (Kind.JPEG_2000, b"\xff\x4f\0\0", False),
        (Kind.HTJ2K, b"\xff\x4f\xff\x51\0", True),
        (Kind.JPEG_XL, b"\xff\x0a\x7f", True),
        (Kind.JPEG_XL, b"\0\0\0\x0cJXL \r", True),
        (Kind.RLE, struct.pack("<3I", 3, 64, 99), True),
        (Kind.RLE, struct.pack("<3I", 16, 64, 99), False),
        (Kind.RLE, struct.pack("<3I", 3, 63, 99), False),
        (Kind.DEFLATED_FRAME, b"\xff\xd8", False),
        (Kind.JPEG, b"", False),
    ],
)
def test_start_markers(kind, head, expected):
    assert starts_frame(kind, head) is expected


def test_split_items_goes_by_length_not_by_delimiter_bytes():
    tricky = b"ab\xfe\xff\x00\xe0\x04\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    span = item(tricky) + item(b"") + item(b"yz")
    values = split_items(span)
    assert [span[offset : offset + length] for offset, length in values] == [tricky, b"", b"yz"]
    assert split_items(b"") == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 1000])
def test_item_headers_are_stripped_from_any_chunks(size):
    span = item(b"abc") + item(b"") + item(b"d" * 20)
    chunks = [span[start : start + size] for start in range(0, len(span), size)]
    assert b"".join(strip_item_headers(chunks)) == b"abc" + b"d" * 20


@pytest.mark.parametrize(
    "span", [b"\0" * 8, item(b"abc")[:-1], item(b"abc") + b"\xfe\xff", item(b"", length=1)], ids=repr
)
def test_what_is_not_whole_items_is_refused(span):
    with pytest.raises(DicomError, match="item"):
        split_items(span)
    with pytest.raises(DicomError, match="item"):
        list(strip_item_headers([span]))
