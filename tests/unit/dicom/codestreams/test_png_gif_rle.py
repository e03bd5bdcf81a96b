"""PS3.18 Table 10.5.2-1: PNG and GIF, which are transformed; PS3.5 Annex G: RLE."""

import struct

import imagecodecs
import numpy as np
import pytest
from tests.codestreams import COLUMNS, ROWS, colour, grey, real_frame

from filmjacket.dicom.codestreams import HEAD_BYTES, describe_stream
from filmjacket.errors import DicomError


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + bytes(4)


def png(colour_type: int, depth: int, *chunks: bytes, size: tuple[int, int] = (ROWS, COLUMNS)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">2I5B", size[1], size[0], depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT")


@pytest.mark.parametrize(
    ("stream", "samples", "photometric", "bits", "opaque"),
    [
        pytest.param(imagecodecs.png_encode(grey()), 1, "MONOCHROME2", 8, True, id="grey"),
        pytest.param(imagecodecs.png_encode(grey("u2")), 1, "MONOCHROME2", 16, True, id="grey 16"),
        pytest.param(imagecodecs.png_encode(colour()), 3, "RGB", 8, True, id="RGB"),
        pytest.param(imagecodecs.png_encode(colour("u2")), 3, "RGB", 16, True, id="RGB 16"),
        pytest.param(imagecodecs.png_encode(np.dstack([grey(), grey()])), 1, "MONOCHROME2", 8, False, id="grey alpha"),
        pytest.param(imagecodecs.png_encode(np.dstack([colour(), grey()])), 3, "RGB", 8, False, id="RGBA"),
        pytest.param(png(0, 1), 1, "MONOCHROME2", 1, True, id="grey 1"),
        pytest.param(png(3, 4, chunk(b"PLTE", bytes(48))), 1, "PALETTE COLOR", 4, True, id="palette"),
        pytest.param(png(3, 8, chunk(b"PLTE"), chunk(b"tRNS")), 1, "PALETTE COLOR", 8, False, id="tRNS"),
    ],
)  # fmt: skip
def test_png_colour_types(stream, samples, photometric, bits, opaque):
    found = describe_stream(stream)
    assert (found.media_type, found.transfer_syntax) == ("image/png", None)
    assert (found.rows, found.columns) == (ROWS, COLUMNS)
    assert (found.samples_per_pixel, found.photometric_interpretation) == (samples, photometric)
    assert (found.bits_stored, found.bits_allocated) == (bits, 16 if bits == 16 else 8)
    assert found.planar_configuration == (0 if samples == 3 else None)
    assert (found.warnings == ()) is opaque
    assert (found.lossy, found.frames) == (False, 1)


def test_an_animated_png_is_one_image():
    stream = imagecodecs.apng_encode(np.stack([grey(), grey()]))
    assert describe_stream(stream).frames == 1
    assert "animated" in describe_stream(stream).warnings[0]


def test_a_chunk_that_is_longer_than_the_head():
    stream = png(0, 8, chunk(b"zTXt", bytes(2 * HEAD_BYTES)))
    assert describe_stream(stream[:HEAD_BYTES], total=len(stream)).rows == ROWS
    with pytest.raises(DicomError, match="PNG chunks"):
        describe_stream(stream[: HEAD_BYTES - 1])


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (png(0, 8)[:20], "IHDR.* cut short"),
        (png(0, 8)[:40], "PNG chunks in front of the image data .* cut short"),
        (png(0, 3), "no colour type 0 with 3 bits"),
        (png(5, 8), "no colour type 5"),
        (png(0, 8, size=(0, 5)), "0 rows"),
        (png(0, 8, size=(5, 1 << 31)), "columns"),
        (png(0, 8, chunk(b"IEND")), "no image data"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(13)), "not a header chunk"),
    ],
)
def test_png_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


SCREEN = struct.pack("<6s2H3B", b"GIF89a", COLUMNS, ROWS, 0x81, 0, 0) + bytes(12)
IMAGE = b"\x2c" + struct.pack("<4HB", 0, 0, COLUMNS, ROWS, 0) + b"\x02\x03abc\x01d\0"
COMMENT = b"\x21\xfe\x05hello\0"


def control(flags: int, delay: int) -> bytes:
    return b"\x21\xf9\x04" + struct.pack("<BHBB", flags, delay, 0, 0)


@pytest.mark.parametrize(
    ("blocks", "frames", "time", "warned"),
    [
        (IMAGE + b";", 1, None, False),
        (IMAGE, 1, None, False),
        (COMMENT + IMAGE + IMAGE + IMAGE + b";" + IMAGE, 3, None, False),
        (control(0, 4) + IMAGE + control(0, 4) + IMAGE + b";", 2, 40.0, False),
        (control(0, 4) + IMAGE + control(0, 5) + IMAGE + b";", 2, None, False),
        (control(1, 4) + IMAGE + b";", 1, None, True),
    ],
)
def test_gif_blocks(blocks, frames, time, warned):
    found = describe_stream(SCREEN + blocks)
    assert (found.media_type, found.transfer_syntax) == ("image/gif", None)
    assert (found.rows, found.columns, found.photometric_interpretation) == (ROWS, COLUMNS, "PALETTE COLOR")
    assert (found.frames, found.frame_time_ms) == (frames, time)
    assert bool(found.warnings) is warned


def test_a_gif_of_an_encoder():
    found = describe_stream(imagecodecs.gif_encode(np.stack([grey()] * 5)))
    assert (found.rows, found.columns, found.frames) == (ROWS, COLUMNS, 5)


@pytest.mark.parametrize("cut", [1, 5, len(IMAGE) + 3])
def test_frames_are_not_counted_when_the_stream_goes_on(cut):
    head = (SCREEN + IMAGE * 3)[:-cut]
    assert describe_stream(head, total=10**9).frames is None
    with pytest.raises(DicomError, match="GIF stream is cut short"):
        describe_stream(head, total=len(head))


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (SCREEN[:9], "screen descriptor .* cut short"),
        (SCREEN[:20], "colour table .* cut short"),
        (SCREEN + b";", "no image"),
        (SCREEN, "no image"),
        (SCREEN + b"\x00" + IMAGE, "no block 00H"),
    ],
)
def test_gif_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


def rle(segments: int) -> bytes:
    offsets = [64 + 10 * number for number in range(segments)] + [0] * (15 - segments)
    return struct.pack("<16I", segments, *offsets) + bytes(10 * segments)


@pytest.mark.parametrize(
    ("segments", "samples", "bits"), [(1, 1, 8), (2, 1, 16), (3, 3, 8), (4, 1, 32), (6, 3, 16), (12, 3, 32)]
)
def test_rle_headers(segments, samples, bits):
    found = describe_stream(rle(segments))
    assert (found.media_type, found.transfer_syntax) == ("image/dicom-rle", "1.2.840.10008.1.2.5")
    assert (found.samples_per_pixel, found.bits_allocated) == (samples, bits)
    assert found.planar_configuration == (1 if samples == 3 else None)
    assert (found.rows, found.columns) == (0, 0)


def test_a_real_rle_frame():
    assert describe_stream(real_frame("SC_rgb_rle_16bit.dcm")[1]).bits_allocated == 16


def test_rle_of_five_planes():
    with pytest.raises(DicomError, match="5 segments"):
        describe_stream(rle(5))


@pytest.mark.parametrize(
    "stream",
    [
        rle(3)[:63],
        struct.pack("<16I", 2, 64, 64, *[0] * 13),
        struct.pack("<16I", 2, 65, 70, *[0] * 13),
        struct.pack("<16I", 2, 64, 70, 80, *[0] * 12),
        struct.pack("<16I", 0, 64, *[0] * 14),
        struct.pack("<16I", 16, *range(64, 79)),
    ],
)
def test_what_only_looks_like_rle(stream):
    with pytest.raises(DicomError, match="no image or video stream"):
        describe_stream(stream)
