"""Codestreams without the text beside their pixels."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from filmjacket.deid.codestreams import without_comments
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError

IMAGE = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
SECRET = b"Doe^John 1970-01-01"


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    made = imagecodecs.jpeg8_encode(IMAGE, level=90)
    return made[:2] + b"".join(segments) + made[2:]


@pytest.mark.parametrize("marker", [0xFE, 0xE1, 0xE3, 0xED, 0xE2])
def test_jpeg(marker: int) -> None:
    stream = jpeg(segment(marker, SECRET))
    made = without_comments(stream, Kind.JPEG)
    assert SECRET not in made
    assert np.array_equal(imagecodecs.jpeg8_decode(made), imagecodecs.jpeg8_decode(stream))


def test_what_decoders_need_stays() -> None:
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    profile = segment(0xE2, b"ICC_PROFILE\0\x01\x01profile")
    made = without_comments(jpeg(adobe, profile), Kind.JPEG)
    assert adobe in made
    assert profile in made


def test_what_stands_behind_the_image_is_dropped() -> None:
    assert SECRET not in without_comments(jpeg() + SECRET, Kind.JPEG)


def test_jpeg_ls() -> None:
    stream = imagecodecs.jpegls_encode(IMAGE)
    made = without_comments(stream[:2] + segment(0xFE, SECRET) + stream[2:], Kind.JPEG_LS)
    assert SECRET not in made
    assert np.array_equal(imagecodecs.jpegls_decode(made), IMAGE)


def j2k() -> bytes:
    return imagecodecs.jpeg2k_encode(IMAGE, codecformat="J2K", reversible=True)


def test_jpeg_2000() -> None:
    stream = j2k()
    size = struct.unpack(">H", stream[4:6])[0]
    head = 4 + size  # SOC and SIZ come first
    made = without_comments(stream[:head] + segment(0x64, b"\0\1" + SECRET) + stream[head:], Kind.JPEG_2000)
    assert SECRET not in made
    assert np.array_equal(imagecodecs.jpeg2k_decode(made), IMAGE)


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (b"", Kind.JPEG),
        (b"\xff\xd8\xff", Kind.JPEG),
        (b"\xff\xd8" + b"\xff\xe0\xff\xff", Kind.JPEG),
        (jpeg()[:-2] + segment(0xFE, SECRET) + b"\xff\xd9", Kind.JPEG),
        (b"nonsense", Kind.JPEG_2000),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Kind.JPEG_XL),
    ],
)
def test_what_cannot_be_cleaned_is_refused(stream: bytes, kind: Kind) -> None:
    with pytest.raises(DicomError):
        without_comments(stream, kind)


def test_a_comment_in_a_tile_part_is_refused() -> None:
    stream = j2k()
    tile = stream.index(b"\xff\x90")
    data = stream.index(b"\xff\x93", tile)
    broken = stream[:data] + segment(0x64, b"\0\1" + SECRET) + stream[data:]
    with pytest.raises(DicomError, match="between its tiles"):
        without_comments(broken, Kind.JPEG_2000)


def test_other_codings_have_no_room_for_text() -> None:
    assert without_comments(b"bytes", Kind.RLE) == b"bytes"
