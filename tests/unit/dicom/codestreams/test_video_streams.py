"""PS3.5 8.2.5 to 8.2.12: MPEG-2, H.264 and H.265, bare, in packets and in boxes."""

import pytest
from tests.codestreams import (
    BitWriter,
    avc_entry,
    box,
    escaped,
    h264_set,
    h265_set,
    hevc_entry,
    mp4,
    mpeg2_sequence,
    program_stream,
    sample_entry,
    track,
    transport_stream,
)

from filmjacket.dicom.codestreams import describe_stream, needs_tail, tail_bytes
from filmjacket.errors import DicomError

PREFIX = "1.2.840.10008.1.2.4."
AVC = b"\0\0\0\1\x09\x10\0\0\0\1"
HEVC = b"\0\0\0\1\x46\1\x50\0\0\0\1\x40\1\x0c\0\0\1"


def movie(parameter_set: bytes) -> bytes:
    entry = hevc_entry if parameter_set[0] == 0x42 else avc_entry
    return mp4(track(entry(parameter_set)))


@pytest.mark.parametrize(
    ("parameter_set", "suffix", "media_type", "samples", "bits"),
    [
        pytest.param(h264_set(), "102", "video/mp4", 3, 8, id="High 4.1"),
        pytest.param(h264_set(77, 31), "102", "video/mp4", 3, 8, id="Main 3.1"),
        pytest.param(h264_set(66, 30, constraints=0xC0), "102", "video/mp4", 3, 8, id="Constrained Baseline"),
        pytest.param(h264_set(100, 42), "104", "video/mp4", 3, 8, id="High 4.2"),
        pytest.param(h264_set(128, 42), "106", "video/mp4", 3, 8, id="Stereo High"),
        pytest.param(h264_set(chroma=0, crop=(0, 0, 0, 8)), "102", "video/mp4", 1, 8, id="4:0:0"),
        pytest.param(h265_set(), "107", "video/H265", 3, 8, id="Main 5.1"),
        pytest.param(h265_set(layers=3), "107", "video/H265", 3, 8, id="Main with sublayers"),
        pytest.param(h265_set(2, 120, deep=2), "108", "video/H265", 3, 10, id="Main 10"),
    ],
)
def test_profile_and_level_in_boxes(parameter_set, suffix, media_type, samples, bits):
    found = describe_stream(movie(parameter_set))
    assert (found.transfer_syntax, found.media_type) == (PREFIX + suffix, media_type)
    assert (found.rows, found.columns) == (1080, 1920)
    assert (found.samples_per_pixel, found.bits_stored) == (samples, bits)
    assert found.photometric_interpretation == ("YBR_PARTIAL_420" if samples == 3 else "MONOCHROME2")
    assert (found.frames, found.frame_time_ms) == (30, 40.0)
    assert found.lossy_method == ("ISO_23008_2" if media_type == "video/H265" else "ISO_14496_10")
    assert (found.lossy, found.warnings, found.codestream) == (True, (), None)


def test_baseline_without_the_constraints_of_main_is_mentioned():
    assert "Baseline" in describe_stream(movie(h264_set(66, 30))).warnings[0]


@pytest.mark.parametrize(
    ("options", "rows", "columns"),
    [
        ({"macroblocks": (22, 18), "crop": None}, 288, 352),
        ({"macroblocks": (22, 18), "crop": (1, 2, 3, 4)}, 274, 346),
        ({"macroblocks": (120, 68), "crop": (0, 0, 0, 2), "interlaced": True}, 1080, 1920),
    ],
)
def test_cropping(options, rows, columns):
    found = describe_stream(movie(h264_set(**options)))
    assert (found.rows, found.columns) == (rows, columns)


@pytest.mark.parametrize(
    ("boxes", "suffix"),
    [
        ((box(b"st3d", b"\0\0\0\0\2"),), "105"),
        ((box(b"st3d", b"\0\0\0\0\0"),), "102"),
        ((box(b"mvcC", b"\1"),), "106"),
    ],
)
def test_3d_video(boxes, suffix):
    assert describe_stream(mp4(track(avc_entry(h264_set(), *boxes)))).transfer_syntax == PREFIX + suffix


@pytest.mark.parametrize(
    ("times", "frames", "milliseconds"),
    [
        (((30, 512),), 30, 40.0),
        (((10, 512), (10, 1024)), 20, 60.0),
        (((1, 0),), 1, None),
        ((), None, None),
        (((1, 2**32 - 1),), 1, None),
    ],
)
def test_frames_and_their_time(times, frames, milliseconds):
    found = describe_stream(mp4(track(avc_entry(h264_set(rate=None)), times=times)))
    assert (found.frames, found.frame_time_ms) == (frames, milliseconds)


def test_other_tracks_are_passed_over():
    sound = track(box(b"mp4a", bytes(28)), handler=b"soun")
    assert describe_stream(mp4(sound, track(avc_entry(h264_set())))).rows == 1080
    with pytest.raises(DicomError, match="no video track"):
        describe_stream(mp4(sound))


def test_the_movie_box_at_the_end():
    file = mp4(track(avc_entry(h264_set())), data=bytes(100_000), movie_first=False)
    head = file[:1000]
    assert needs_tail(head)
    length = tail_bytes(head, len(file))
    assert file[-length:][4:8] == b"moov"
    for tail in (file[-length:], file[-length - 7 :], file):
        assert describe_stream(head, total=len(file), tail=tail).frames == 30
    for tail in (b"", file[-length + 1 :]):
        with pytest.raises(DicomError, match=r"movie box \(moov\), is cut short"):
            describe_stream(head, total=len(file), tail=tail)


def test_no_tail_is_needed():
    for stream in (mp4(track(avc_entry(h264_set()))), mpeg2_sequence(), b"", b"\0\0\0\1ftyp"):
        assert not needs_tail(stream)
        assert tail_bytes(stream, 10**9) == 0


def test_a_hostile_length_does_not_ask_for_the_whole_stream():
    head = mp4(movie_first=False)[:20] + b"\0\0\0\x09mdat"
    assert tail_bytes(head, 10**15) == 16 * 1024 * 1024


def test_quicktime_is_mentioned():
    assert "QuickTime" in describe_stream(mp4(track(avc_entry(h264_set())), brand=b"qt  ")).warnings[0]


@pytest.mark.parametrize(
    ("options", "suffix", "rows", "columns", "milliseconds"),
    [
        ({}, "100", 576, 720, 40.0),
        ({"profile_and_level": 0x5A, "size": (288, 352)}, "100", 288, 352, 40.0),
        ({"profile_and_level": 0x44, "size": (1080, 1920), "rate": 4}, "101", 1080, 1920, 33.366667),
        ({"profile_and_level": 0x46, "size": (1080, 1440), "rate": 6}, "101", 1080, 1440, 20.0),
        ({"rate": 0}, "100", 576, 720, None),
        ({"profile_and_level": 0x44, "size": (4097, 5000)}, "101", 4097, 5000, 40.0),
    ],
)
@pytest.mark.parametrize("matrix", [False, True])
def test_mpeg2(options, suffix, rows, columns, milliseconds, matrix):
    video = mpeg2_sequence(**options, matrix=matrix)
    stamp = b"\0\0\0\1"
    for stream in (video, program_stream(video), transport_stream(video), transport_stream(video, stamp=stamp)):
        found = describe_stream(stream)
        assert (found.transfer_syntax, found.media_type) == (PREFIX + suffix, "video/mpeg")
        assert (found.rows, found.columns, found.frame_time_ms) == (rows, columns, milliseconds)
        assert (found.photometric_interpretation, found.lossy_method) == ("YBR_PARTIAL_420", "ISO_13818_2")
        assert (found.frames, found.warnings) == (None, ())


@pytest.mark.parametrize(
    ("descriptor", "taken"), [(b"\x04\x11\x61", True), (b"\x04\x80\x80\x80\x11\x61", True), (b"\x04\x11\x20", False)]
)
def test_mpeg2_in_boxes(descriptor, taken):
    """The sequence header of ISO/IEC 14496-1 object type 61H is in the first sample."""
    entry = sample_entry(b"mp4v", box(b"esds", bytes(4) + b"\x03\x19\0\1\0" + descriptor))
    file = mp4(track(entry), data=mpeg2_sequence())
    if taken:
        assert describe_stream(file).transfer_syntax == PREFIX + "100"
        with pytest.raises(DicomError, match="sequence header is cut short"):
            describe_stream(mp4(track(entry)))
    else:
        with pytest.raises(DicomError, match="MPEG-4 Visual"):
            describe_stream(file)


@pytest.mark.parametrize(
    ("video", "suffix", "milliseconds"),
    [(AVC + h264_set(rate=(1, 60)), "102", 33.333333), (HEVC + h265_set(), "107", None)],
)
def test_byte_streams(video, suffix, milliseconds):
    bare = describe_stream(video + b"\0\0\1")
    assert (bare.transfer_syntax, bare.frames, bare.frame_time_ms) == (PREFIX + suffix, None, milliseconds)
    assert "transport stream" in bare.warnings[0]
    packed = describe_stream(transport_stream(video + b"\0\0\1"))
    assert (packed.transfer_syntax, packed.rows, packed.warnings) == (PREFIX + suffix, 1080, ())


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        pytest.param(movie(h264_set(100, 51)), "level 5.1", id="H.264 level 5.1"),
        pytest.param(movie(h264_set(110)), "profile 110", id="High 10"),
        pytest.param(movie(h264_set(122, chroma=2)), "profile 122", id="High 4:2:2"),
        pytest.param(movie(h264_set(deep=7)), "impossible depth", id="15 bits"),
        pytest.param(movie(h264_set(chroma=2)), "4:2:0", id="chroma contradicts the profile"),
        pytest.param(movie(h264_set(crop=(0, 0, 0, 4000))), "rows", id="cropped to nothing"),
        pytest.param(movie(h265_set(4)), "profile 4", id="Range Extensions"),
        pytest.param(movie(h265_set(1, 156)), "level 5.2", id="H.265 level 5.2"),
        pytest.param(movie(h265_set(deep=9)), "impossible depth", id="17 bits"),
        pytest.param(movie(h264_set()[:12]), "H.264 sequence parameter set is cut short", id="short H.264 set"),
        pytest.param(movie(h265_set()[:12]), "H.265 sequence parameter set is cut short", id="short H.265 set"),
        pytest.param(movie(b"\x67\x64\0\x29" + bytes(20)), "Exp-Golomb", id="endless zeros"),
        pytest.param(mp4(track(sample_entry(b"av01"))), "coding av01", id="AV1"),
        pytest.param(mp4(track(sample_entry(b"avc1"))), "avc1 has no avcC", id="no avcC"),
        pytest.param(mp4(track(sample_entry(b"avc1", box(b"avcC", bytes(9))))), "no sequence parameter", id="no SPS"),
        pytest.param(mp4(track(sample_entry(b"hvc1", box(b"hvcC", bytes(23))))), "no sequence parameter", id="no SPS"),
        pytest.param(mp4(track(b"")), "stsd", id="empty stsd"),
        pytest.param(mp4(box(b"trak")), "trak has no mdia", id="empty track"),
        pytest.param(movie(h264_set())[:300], "cut short", id="cut in moov"),
        pytest.param(box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4)), "HEIF", id="AVIF"),
        pytest.param(box(b"ftyp", b"isom", bytes(4)), "movie box .* cut short", id="only ftyp"),
        pytest.param(mpeg2_sequence()[:12], "extension is cut short", id="MPEG-2 cut in its header"),
        pytest.param(mpeg2_sequence()[:18], "extension is cut short", id="MPEG-2 cut in its extension"),
        pytest.param(mpeg2_sequence()[:12] + b"\0\0\1\xb8" + bytes(4), "MPEG-1", id="MPEG-1"),
        pytest.param(mpeg2_sequence(profile_and_level=0x18), "profile and level", id="MPEG-2 High Profile"),
        pytest.param(mpeg2_sequence(chroma=2), "4:2:0", id="MPEG-2 4:2:2"),
        pytest.param(b"\0\0\1\xb0\x01" + bytes(30), "not those of a video", id="MPEG-4 Visual"),
        pytest.param(AVC + b"\x67", "sequence parameter set is cut|first sequence header is cut", id="AVC cut"),
        pytest.param(AVC[:8], "first sequence header is cut short", id="AVC cut behind its delimiter"),
        pytest.param(program_stream(b"")[:10], "pack header", id="program stream cut"),
        pytest.param(program_stream(b"")[:14] + b"junk and more", "first sequence header", id="program stream of junk"),
    ],
)
def test_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


def test_order_counts_and_extended_aspect_ratio_are_stepped_over():
    out = BitWriter().bits(8, 0x67, 77, 0, 41).unsigned(0, 0, 1).bits(1, 0).unsigned(1, 2, 3, 5, 6, 7)
    out.unsigned(4).bits(1, 0).unsigned(21, 17).bits(1, 1, 1, 0)
    out.bits(1, 1, 1).bits(8, 255).bits(16, 12, 11).bits(1, 1, 0).bits(1, 1).bits(4, 10).bits(1, 0)
    out.bits(1, 1).unsigned(0, 0).bits(1, 1).bits(32, 1, 48).bits(1, 1)
    found = describe_stream(AVC + escaped(out.done()))
    assert (found.rows, found.columns, found.frame_time_ms) == (288, 352, 41.666667)


def test_scaling_matrices_are_stepped_over():
    out = BitWriter().bits(8, 0x67, 100, 0, 41).unsigned(0, 1, 0, 0).bits(1, 0, 1)
    out.bits(1, 1).unsigned(*[0] * 16)
    out.bits(1, 1).unsigned(16)  # se(v) -8: the list ends at once
    out.bits(1, 0, 0, 0, 0, 1).unsigned(*[1, 2] * 32)
    out.bits(1, 0)
    out.unsigned(0, 1).bits(1, 0).unsigned(3, 4, 2, 1, 1)
    out.unsigned(4).bits(1, 0).unsigned(21, 17).bits(1, 1, 1, 0, 0)
    found = describe_stream(movie(escaped(out.done())))
    assert (found.rows, found.columns) == (288, 352)
