"""Streams for tests: images by real encoders, videos as the bare headers that a description needs."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import imagecodecs
import numpy as np

from filmjacket.dicom.encapsulation import strip_item_headers, unpack_spans
from filmjacket.dicom.header import Header, read_header
from tests.samples import sample

ROWS, COLUMNS = 48, 80


def grey(dtype: str = "u1", scale: int = 1) -> Any:
    """A ramp of 80 columns and 48 rows."""
    ramp = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) % 128
    return (ramp * scale).astype(dtype)


def colour(dtype: str = "u1", scale: int = 1) -> Any:
    """Three different ramps."""
    ramp = grey(dtype, scale)
    return np.dstack([ramp, ramp[::-1], ramp[:, ::-1]])


@cache
def real_frame(name: str) -> tuple[Header, bytes]:
    """Header and first frame of one of pydicom's compressed files."""
    content = sample(name)
    header = read_header(content)
    offset, length = unpack_spans(header.layout.spans)[0]
    return header, b"".join(strip_item_headers([content[offset : offset + length]]))


def segment(marker: int, body: bytes) -> bytes:
    """A marker segment of the JPEG family."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(
    frame: int = 0xC0,
    *,
    precision: int = 8,
    size: tuple[int, int] = (ROWS, COLUMNS),
    components: tuple[tuple[int, int], ...] = ((1, 0x11),),
    before: bytes = b"",
    scan: tuple[int, int, int] = (0, 63, 0),
) -> bytes:
    """The marker segments of a JPEG image, without entropy-coded data to speak of."""
    parts = b"".join(bytes((number, factors, 0)) for number, factors in components)
    numbers = b"".join(bytes((number, 0)) for number, _ in components)
    count = bytes((len(components),))
    return (
        b"\xff\xd8"
        + before
        + segment(frame, struct.pack(">BHH", precision, *size) + count + parts)
        + segment(0xDA, count + numbers + bytes(scan))
        + b"\x12\xff\x00\x34\xff\xd9"
    )


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box of the ISO base media family."""
    body = b"".join(payload)
    return struct.pack(">I", 8 + len(body)) + kind + body


class BitWriter:
    """Writes fields of bits and Exp-Golomb codes."""

    def __init__(self) -> None:
        self.text = ""

    def bits(self, count: int, *values: int) -> BitWriter:
        """Write each value in so many bits."""
        self.text += "".join(f"{value:0{count}b}"[-count:] for value in values)
        return self

    def unsigned(self, *values: int) -> BitWriter:
        """Write ue(v)."""
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def done(self) -> bytes:
        """Return the bytes, stop bit and padding added."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def escaped(unit: bytes) -> bytes:
    """A NAL unit with emulation prevention bytes."""
    out, zeros = bytearray(), 0
    for byte in unit:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def h264_set(
    profile: int = 100,
    level: int = 41,
    *,
    constraints: int = 0,
    chroma: int = 1,
    deep: int = 0,
    macroblocks: tuple[int, int] = (120, 68),
    crop: tuple[int, int, int, int] | None = (0, 0, 0, 4),
    interlaced: bool = False,
    rate: tuple[int, int] | None = (1, 50),
) -> bytes:
    """A sequence parameter set: 1920 x 1080 in 120 x 68 macroblocks unless told otherwise."""
    out = BitWriter().bits(8, 0x67, profile, constraints, level).unsigned(0)
    if profile in {100, 110, 122, 128}:
        out.unsigned(chroma, deep, deep).bits(1, 0, 0)
    out.unsigned(0, 0, 4, 3).bits(1, 0)
    across, down = macroblocks
    out.unsigned(across - 1, (down // 2 if interlaced else down) - 1).bits(1, not interlaced)
    if interlaced:
        out.bits(1, 0)
    out.bits(1, 1, crop is not None)
    out.unsigned(*(crop or ()))
    out.bits(1, rate is not None)
    if rate is not None:
        out.bits(1, 1).bits(8, 1).bits(1, 0, 1).bits(4, 10).bits(1, 1).bits(24, 0x010101)
        out.bits(1, 0, 1).bits(32, *rate).bits(1, 1)
    return escaped(out.done())


def h265_set(profile: int = 1, level: int = 153, *, chroma: int = 1, deep: int = 0, layers: int = 0) -> bytes:
    """A sequence parameter set of 1920 x 1080."""
    out = BitWriter().bits(8, 0x42, 1).bits(4, 0).bits(3, layers).bits(1, 1)
    out.bits(3, 0).bits(5, profile).bits(32, 1 << (31 - profile)).bits(48, 0).bits(8, level)
    if layers:
        out.bits(1, *(1, 1) * layers).bits(2, *(0,) * (8 - layers))
        for _ in range(layers):
            out.bits(88, 0).bits(8, level)
    out.unsigned(0, chroma, 1920, 1088).bits(1, 1).unsigned(0, 0, 0, 4).unsigned(deep, deep)
    return escaped(out.done())


def mpeg2_sequence(
    *,
    profile_and_level: int = 0x48,
    size: tuple[int, int] = (576, 720),
    rate: int = 3,
    chroma: int = 1,
    matrix: bool = False,
) -> bytes:
    """A sequence header and its extension, without a stop bit."""
    rows, columns = size
    header = BitWriter().bits(12, columns & 0xFFF, rows & 0xFFF).bits(4, 2, rate).bits(18, 0x3FFF).bits(1, 1)
    header.bits(10, 112).bits(1, 0, matrix)
    if matrix:
        header.bits(8, *range(8, 72))
    header.bits(1, 0)
    extension = BitWriter().bits(4, 1).bits(8, profile_and_level).bits(1, 1).bits(2, chroma, columns >> 12, rows >> 12)
    extension.bits(12, 0).bits(1, 1).bits(8, 0).bits(1, 0).bits(2, 0).bits(5, 0)
    return b"\0\0\1\xb3" + header.done()[: len(header.text) // 8] + b"\0\0\1\xb5" + extension.done()


def program_stream(video: bytes) -> bytes:
    """A pack header, a system header and the video in two packets."""
    pack = b"\0\0\1\xba" + b"\x44" + bytes(8) + b"\xf8"
    system = b"\0\0\1\xbb" + struct.pack(">H", 6) + bytes(6)
    half = len(video) // 2
    packets = b"".join(
        b"\0\0\1\xe0" + struct.pack(">H", 3 + len(part)) + b"\x80\0\0" + part for part in (video[:half], video[half:])
    )
    return pack + system + packets


def transport_stream(video: bytes, *, stamp: bytes = b"") -> bytes:
    """Packets of 188 bytes: a table, then the video with an identifier of its own, padded by adaptation fields."""
    elementary = b"\0\0\1\xe0\0\0\x80\0\0" + video
    packets = [b"\x47\x40\x00\x10" + bytes(184)]
    for at in range(0, len(elementary), 100):
        part = elementary[at : at + 100]
        padding = 184 - len(part)
        begin = 0x40 if at == 0 else 0
        head = bytes((0x47, begin | 1, 0x23, 0x30, padding - 1, 0)) + b"\xff" * (padding - 2)
        packets.append(head + part)
    packets.append(b"\x47\x1f\xff\x10" + bytes(184))
    return b"".join(stamp + packet for packet in packets)


def sample_entry(kind: bytes, *boxes: bytes) -> bytes:
    """A video sample entry."""
    return box(kind, bytes(78), *boxes)


def avc_entry(parameter_set: bytes, *boxes: bytes) -> bytes:
    """An AVC sample entry with its configuration."""
    configuration = b"\x01" + parameter_set[1:4] + b"\xff\xe1" + struct.pack(">H", len(parameter_set)) + parameter_set
    return sample_entry(b"avc1", box(b"avcC", configuration + b"\0"), *boxes)


def hevc_entry(parameter_set: bytes) -> bytes:
    """An HEVC sample entry: a video parameter set, then the sequence parameter set."""
    arrays = b"".join(
        bytes((kind, 0, 1)) + struct.pack(">H", len(unit)) + unit
        for kind, unit in ((32, b"\x40\1"), (33, parameter_set))
    )
    return sample_entry(b"hvc1", box(b"hvcC", bytes(22) + b"\2" + arrays))


def track(entry: bytes, *, handler: bytes = b"vide", times: tuple[tuple[int, int], ...] = ((30, 512),)) -> bytes:
    """A track with a clock of 12800 ticks a second."""
    stts = box(b"stts", struct.pack(">II", 0, len(times)), *(struct.pack(">II", *each) for each in times))
    table = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1), entry), stts)
    header = box(b"mdhd", struct.pack(">IIIIII", 0, 0, 0, 12800, 0, 0))
    return box(b"trak", box(b"mdia", header, box(b"hdlr", bytes(8), handler, bytes(13)), box(b"minf", table)))


def mp4(*tracks: bytes, brand: bytes = b"isom", data: bytes = b"frames", movie_first: bool = True) -> bytes:
    """A file with its movie box in front of or behind the data."""
    start = box(b"ftyp", brand, bytes(4))
    movie, media = box(b"moov", box(b"mvhd", bytes(100)), *tracks), box(b"mdat", data)
    return start + (movie + media if movie_first else media + movie)


@cache
def encoded() -> dict[str, bytes]:
    """One stream of each kind, for tests that need many different ones."""
    baseline = imagecodecs.jpeg8_encode(colour())
    return {
        "jpeg": baseline,
        "jpeg lossless": imagecodecs.ljpeg_encode(grey("u2", 100)),
        "jpeg-ls": imagecodecs.jpegls_encode(colour()),
        "j2k": imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="j2k"),
        "jp2": imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="jp2"),
        "htj2k": imagecodecs.htj2k_encode(grey()),
        "jxl": imagecodecs.jpegxl_encode(colour(), lossless=True),
        "jxl container": imagecodecs.jpegxl_encode_jpeg(baseline),
        "png": imagecodecs.png_encode(colour()),
        "gif": imagecodecs.gif_encode(np.stack([grey(), grey()])),
        "rle": real_frame("MR_small_RLE.dcm")[1],
        "mpeg2": mpeg2_sequence(),
        "program stream": program_stream(mpeg2_sequence(matrix=True)),
        "transport stream": transport_stream(mpeg2_sequence(matrix=True)),
        "h264": b"\0\0\0\1\x09\x10\0\0\0\1" + h264_set() + b"\0\0\1\x68",
        "h265": b"\0\0\0\1\x40\1\0\0\0\1" + h265_set() + b"\0\0\1\x44",
        "mp4 h264": mp4(track(avc_entry(h264_set()))),
        "mp4 h265": mp4(track(hevc_entry(h265_set()))),
    }
