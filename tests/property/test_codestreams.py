"""However a stream is damaged, it is described or refused, and soon."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from filmjacket.dicom.codestreams import HEAD_BYTES, StreamDescription, describe_stream, needs_tail, tail_bytes
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.errors import DicomError
from tests.codestreams import avc_entry, encoded, h264_set, mp4, track

TERMS = {
    "MONOCHROME2",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_ICT",
    "YBR_RCT",
    "YBR_PARTIAL_420",
    "XYB",
    "PALETTE COLOR",
}

# Where most of what is read lies, and how a stream is changed there: bytes replaced, removed, doubled.
changes = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 8), st.binary(max_size=8)),
    min_size=1,
    max_size=6,
)


def damage(stream: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, removed, put in edits:
        stream = stream[:at] + put + stream[at + removed :]
    return stream


def check(stream: bytes, **options: object) -> None:
    assert 0 <= tail_bytes(stream, len(stream)) <= len(stream) or needs_tail(stream)
    try:
        found = describe_stream(stream, **options)  # type: ignore[arg-type]
    except DicomError as error:
        refusal = error
    else:
        check_description(found)
        return
    assert refusal.message.isprintable()
    assert refusal.section


def check_description(found: StreamDescription) -> None:
    assert 0 <= found.rows < 65536
    assert 0 <= found.columns < 65536
    assert found.samples_per_pixel in {1, 3}
    assert 1 <= found.bits_stored <= found.bits_allocated <= 64
    assert found.bits_allocated % 8 == 0
    assert found.photometric_interpretation in TERMS
    assert found.transfer_syntax is None or found.transfer_syntax in TRANSFER_SYNTAXES
    assert found.frames is None or found.frames > 0
    assert found.frame_time_ms is None or found.frame_time_ms > 0
    assert all(warning.isprintable() for warning in found.warnings)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(encoded())), changes, st.booleans())
def test_damaged_streams(name: str, edits: list[tuple[int, int, bytes]], total: bool):
    stream = damage(encoded()[name], edits)
    check(stream, total=len(stream) if total else None)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(encoded())), st.integers(0, 40), st.binary(max_size=400))
def test_real_beginnings_with_anything_behind(name: str, kept: int, rest: bytes):
    check(encoded()[name][:kept] + rest)


@settings(max_examples=150, deadline=None)
@given(changes, st.integers(0, 1000), st.integers(-10, 10))
def test_damaged_tails(edits: list[tuple[int, int, bytes]], length: int, lie: int):
    file = mp4(track(avc_entry(h264_set())), data=bytes(500), movie_first=False)
    tail = damage(file[-600:], edits)[-length:]
    check(file[:100], total=max(len(file) + lie, 0), tail=tail)


def test_hostile_streams_take_no_time():
    """Each begins rightly and goes on with what makes a careless walk long: a megabyte of it."""
    units = {
        "jpeg": (b"\xff\xd8", (b"\xff", b"\xff\xd0", b"\xff\xe0\0\2", b"\xff\0")),
        "jpeg scan": (encoded()["jpeg"][:-2], (b"\xff\xd0", b"\xff\0", b"\xff")),
        "j2k": (encoded()["j2k"][:60], (b"\xff\x64\0\2", b"\0")),
        "gif": (encoded()["gif"][:781], (b"\x21\xfe\0", b"\x21\xfe\1", b"\1", b"\x2c" + bytes(11))),
        "png": (encoded()["png"][:33], (bytes(4) + b"tEXt" + bytes(4),)),
        "jxl": (b"\0\0\0\x0cJXL \r\n\x87\n", (b"\0\0\0\x08jxlp", b"\0\0\0\x08jbrd")),
        "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", (b"\0\0\0\x08jp2h", b"\0\0\0\x08uuid")),
        "mp4": (b"\0\0\0\x08ftyp", (b"\0\0\0\x08moov", b"\0\0\0\x08free", b"\0\0\0\x08mdat")),
        "h264": (b"\0\0\1\x09", (b"\0\0\1", b"\0\0\1\x09", b"\0")),
        "program": (b"\0\0\1\xba\x44" + bytes(9), (b"\0\0\1\xbe\0\0", b"\0\0\1\xba\x44" + bytes(9))),
        "program video": (b"\0\0\1\xba\x44" + bytes(9), (b"\0\0\1\xe0\0\3\x80\0\0",)),
        "transport": (b"\x47\x40\0\x10" + bytes(184), (b"\x47\x40\0\x10\0\0\1\xe0" + bytes(180),)),
    }
    for name, (start, fillings) in units.items():
        for filling in fillings:
            stream = (start + filling * (HEAD_BYTES // len(filling) + 1))[:HEAD_BYTES]
            begin = time.process_time()
            check(stream, total=10**9)
            assert time.process_time() - begin < 1.5, (name, filling)
