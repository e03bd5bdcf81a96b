"""Every codec both ways, and every contradiction between a codestream and its data set (docs/explanation/pixels.md)."""

from __future__ import annotations

import time
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from filmjacket.dicom.codestreams import describe_stream
from filmjacket.errors import DicomError, NotAcceptable
from filmjacket.pixels.codecs import DECODABLE, ENCODABLE, decode_frame, encode_frame, recompress_jpeg, restore_jpeg
from filmjacket.pixels.forms import (
    LOSSY,
    NATIVE,
    check_encodable,
    decoded_photometric,
    encoded_photometric,
    obstacle_to,
)
from filmjacket.pixels.photometric import ybr_to_rgb
from tests.images import JPEG_BASELINE, describe, noise

PREFIX = "1.2.840.10008.1.2."
LOSSLESS = sorted(ENCODABLE.difference(LOSSY))
CODESTREAMS = sorted(ENCODABLE - NATIVE - {f"{PREFIX}5"})
SHAPES = {
    "8": {},
    "12": {"bits_allocated": 16, "bits_stored": 12},
    "16": {"bits_allocated": 16},
    "8 signed": {"signed": True},
    "12 signed": {"bits_allocated": 16, "bits_stored": 12, "signed": True},
    "16 signed": {"bits_allocated": 16, "signed": True},
    "colour 8": {"samples": 3},
    "colour 16": {"samples": 3, "bits_allocated": 16},
    "colour 8 luminance and chrominance": {"samples": 3, "photometric": "YBR_FULL"},
    "palette": {"photometric": "PALETTE COLOR"},
    "one pixel": {"rows": 1, "columns": 1},
    "one line": {"rows": 1, "columns": 300},
    "one column": {"rows": 300, "columns": 1},
}


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("shape", SHAPES)
def test_lossless_codings_keep_every_bit(syntax, shape):
    description = describe(**SHAPES[shape])
    if syntax.startswith(f"{PREFIX}4.20") and shape.startswith("one "):
        with pytest.raises(NotAcceptable, match="two rows and two columns"):
            encode_frame(np.zeros((description.rows, description.columns), np.uint8), description, syntax)
        return
    array = noise(description) if description.rows * description.columns > 1 else np.zeros((1, 1), np.uint8)
    stream = encode_frame(array, description, syntax)
    coded = replace(description, transfer_syntax=syntax, photometric=encoded_photometric(description, syntax))
    decoded = decode_frame(stream, coded)
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)
    assert decoded_photometric(coded) == description.photometric


@pytest.mark.parametrize("syntax", sorted(LOSSY))
@pytest.mark.parametrize("shape", ["8", "12", "16 signed", "colour 8", "colour 8 luminance and chrominance", "palette"])
def test_lossy_codings_are_near_or_refused(syntax, shape):
    description = describe(rows=96, columns=128, **SHAPES[shape])
    array = noise(description)
    if obstacle_to(description, syntax):
        with pytest.raises(NotAcceptable) as refusal:
            encode_frame(array, description, syntax, quality=95)
        assert syntax not in refusal.value.accepted
        assert f"{PREFIX}1" in refusal.value.accepted
        return
    stream = encode_frame(array, description, syntax, quality=95)
    coded = replace(description, transfer_syntax=syntax, photometric=encoded_photometric(description, syntax))
    decoded = decode_frame(stream, coded)
    expected = array
    if description.photometric == "YBR_FULL" and decoded_photometric(coded) == "RGB":
        expected = ybr_to_rgb(array, 8)
    error = np.abs(decoded.astype(float) - expected).mean() / (1 << description.bits_stored)
    assert error < 0.05
    assert len(stream) < array.nbytes


@pytest.mark.parametrize("syntax", CODESTREAMS)
def test_what_is_encoded_is_what_its_syntax_says(syntax):
    colour = syntax != f"{PREFIX}4.51"
    description = describe(samples=3) if colour else describe(bits_allocated=16, bits_stored=12)
    description = replace(description, rows=200, columns=300)
    found = describe_stream(encode_frame(noise(description), description, syntax))
    # An RPCL stream is an HTJ2K stream like any other, and lossy syntaxes may hold what happens to be lossless.
    expected = {f"{PREFIX}4.201": f"{PREFIX}4.202"}.get(syntax, syntax)
    assert found.transfer_syntax == expected
    assert found.photometric_interpretation == encoded_photometric(description, syntax)
    assert (found.rows, found.columns) == (200, 300)


def test_resolutions_of_progressive_htj2k_reach_down_to_a_thumbnail():
    description = describe(rows=2100, columns=2200)
    stream = encode_frame(np.zeros((2100, 2200), np.uint8), description, f"{PREFIX}4.202")
    assert describe_stream(stream).transfer_syntax == f"{PREFIX}4.202"


@pytest.mark.parametrize("quality", [(50, 80), (80, 98)])
@pytest.mark.parametrize("syntax", sorted({*LOSSY} - {f"{PREFIX}4.51"}))
def test_more_quality_takes_more_bytes(syntax, quality):
    description = describe(rows=256, columns=256)
    low, high = (len(encode_frame(noise(description), description, syntax, quality=each)) for each in quality)
    assert low < high


@pytest.mark.parametrize(
    ("changes", "syntax", "reason"),
    [
        ({"bits_allocated": 16}, JPEG_BASELINE, "up to 8 bits"),
        ({"signed": True}, JPEG_BASELINE, "signed"),
        ({"bits_allocated": 32}, f"{PREFIX}4.80", "up to 16 bits"),
        ({"bits_allocated": 1}, f"{PREFIX}5", "1 bits allocated"),
        ({"photometric": "PALETTE COLOR"}, f"{PREFIX}4.91", "palette"),
        ({"kind": "float", "bits_allocated": 32, "signed": True}, f"{PREFIX}4.90", "floating"),
        ({"samples": 3, "bits_allocated": 64}, f"{PREFIX}5", "byte planes"),
        ({}, f"{PREFIX}4.102", "no encoder"),
        ({}, "1.2.3", "no encoder"),
    ],
)
def test_what_has_no_form_in_a_syntax_is_refused_with_the_reason(changes, syntax, reason):
    with pytest.raises(NotAcceptable, match=reason) as refusal:
        check_encodable(describe(**changes), syntax)
    assert f"{PREFIX}1" in refusal.value.accepted


def test_jpeg_recompression_gives_the_same_bytes_back():
    description = describe(samples=3, rows=64, columns=80)
    jpeg = encode_frame(noise(description), description, JPEG_BASELINE)
    stream = recompress_jpeg(jpeg)
    assert restore_jpeg(stream) == jpeg
    coded = replace(description, transfer_syntax=f"{PREFIX}4.111", photometric="YBR_FULL_422")
    as_jpeg = replace(coded, transfer_syntax=JPEG_BASELINE)
    assert np.abs(decode_frame(stream, coded).astype(int) - decode_frame(jpeg, as_jpeg)).mean() < 3
    for function in (recompress_jpeg, restore_jpeg):
        with pytest.raises(DicomError):
            function(b"nothing of the kind")


@pytest.mark.parametrize("syntax", [f"{PREFIX}4.90", f"{PREFIX}4.201", f"{PREFIX}4.80", f"{PREFIX}5"])
@pytest.mark.parametrize("reduction", [1, 3, 7])
def test_reduction_halves_both_sizes_rounded_up(syntax, reduction):
    description = describe(rows=131, columns=257)
    array = np.full((131, 257), 77, np.uint8)
    coded = replace(description, transfer_syntax=syntax)
    small = decode_frame(encode_frame(array, description, syntax), coded, reduction=reduction)
    assert small.shape == (-(-131 // 2**reduction), -(-257 // 2**reduction))
    assert (np.abs(small.astype(int) - 77) <= 1).all()


# ------------------------------------------------------------------ contradictions


def test_pixel_representation_decides_about_the_sign_of_jpeg_2000():
    signed = describe(bits_allocated=16, bits_stored=13, signed=True)
    values = np.full((37, 61), -2000, np.int16)
    stream = encode_frame(values, signed, f"{PREFIX}4.90")
    said_unsigned = replace(signed, signed=False, transfer_syntax=f"{PREFIX}4.90")
    assert (decode_frame(stream, said_unsigned) == (-2000 & 0x1FFF)).all()
    unsigned = describe(bits_allocated=16, bits_stored=13)
    stream = encode_frame(values.view(np.uint16) & 0x1FFF, unsigned, f"{PREFIX}4.90")
    assert (decode_frame(stream, replace(signed, transfer_syntax=f"{PREFIX}4.90")) == -2000).all()


@pytest.mark.parametrize("syntax", [f"{PREFIX}4.80", f"{PREFIX}4.90"])
def test_the_precision_of_the_stream_beats_bits_stored(syntax):
    description = describe(bits_allocated=16)
    array = noise(description)
    wrong = replace(description, bits_stored=10, high_bit=9, transfer_syntax=syntax)
    np.testing.assert_array_equal(decode_frame(encode_frame(array, description, syntax), wrong), array)


@pytest.mark.parametrize("syntax", [f"{PREFIX}4.70", f"{PREFIX}5"])
def test_bits_above_those_stored_are_masked_where_overlays_may_be_in_them(syntax):
    description = describe(bits_allocated=16)
    array = noise(description)
    stored = replace(description, bits_stored=12, high_bit=11, transfer_syntax=syntax)
    np.testing.assert_array_equal(decode_frame(encode_frame(array, description, syntax), stored), array & 0xFFF)


@pytest.mark.parametrize("change", [{"rows": 36}, {"columns": 62}, {"samples": 3, "photometric": "RGB"}])
@pytest.mark.parametrize("syntax", CODESTREAMS)
def test_a_stream_of_another_size_is_refused(syntax, change):
    description = describe(bits_allocated=16, bits_stored=12) if syntax.endswith(".51") else describe()
    stream = encode_frame(noise(description), description, syntax)
    with pytest.raises(DicomError, match="data set describes"):
        decode_frame(stream, replace(description, transfer_syntax=syntax, **change))


def test_a_stream_with_more_bits_than_are_allocated_is_refused():
    description = describe(bits_allocated=16)
    stream = encode_frame(noise(description), description, f"{PREFIX}4.90")
    with pytest.raises(DicomError, match="Bits Allocated"):
        decode_frame(stream, describe(transfer_syntax=f"{PREFIX}4.90"))


def test_the_stream_says_what_it_is_whatever_the_transfer_syntax_is():
    description = describe()
    array = noise(description)
    stream = encode_frame(array, description, f"{PREFIX}4.80")
    np.testing.assert_array_equal(decode_frame(stream, replace(description, transfer_syntax=f"{PREFIX}4.70")), array)


@pytest.mark.parametrize(("label", "syntax"), [(JPEG_BASELINE, f"{PREFIX}4.70"), (f"{PREFIX}4.70", JPEG_BASELINE)])
def test_colours_are_right_when_a_lossy_jpeg_is_called_lossless_or_the_reverse(label, syntax):
    description = describe(rows=16, columns=16, samples=3, photometric="YBR_FULL")
    ybr = np.zeros((16, 16, 3), np.uint8) + np.array((90, 100, 200), np.uint8)
    coded = replace(description, transfer_syntax=label)
    decoded = decode_frame(encode_frame(ybr, description, syntax), coded)
    expected = ybr if decoded_photometric(coded) == "YBR_FULL" else ybr_to_rgb(ybr, 8)
    assert np.abs(decoded.astype(int) - expected).max() <= 3


RED = np.zeros((16, 16, 3), np.uint8) + np.array((220, 30, 40), np.uint8)


def _without_application_segments(jpeg: bytes) -> bytes:
    """A JPEG stream without JFIF and Adobe segments."""
    out, position = bytearray(jpeg[:2]), 2
    while jpeg[position + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
        if not 0xE0 <= jpeg[position + 1] <= 0xEF:
            out += jpeg[position : position + length]
        position += length
    return bytes(out) + jpeg[position:]


def _jpeg(space: str, *, subsampling: str = "444") -> bytes:
    return imagecodecs.jpeg8_encode(RED, 95, colorspace="RGB", outcolorspace=space, subsampling=subsampling)


@pytest.mark.parametrize("declared", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("space", ["RGB", "YCBCR"])
def test_marker_segments_of_a_jpeg_decide_about_its_colours(space, declared):
    description = describe(rows=16, columns=16, samples=3, photometric=declared, transfer_syntax=JPEG_BASELINE)
    decoded = decode_frame(_jpeg(space), description)
    assert np.abs(decoded.astype(int) - RED).max() < 6
    assert decoded_photometric(description) == "RGB"


def test_without_marker_segments_the_data_set_decides_about_the_colours_of_a_jpeg():
    ybr = _without_application_segments(_jpeg("YCBCR"))
    description = describe(rows=16, columns=16, samples=3, photometric="YBR_FULL", transfer_syntax=JPEG_BASELINE)
    assert np.abs(decode_frame(ybr, description).astype(int) - RED).max() < 6
    as_rgb = decode_frame(ybr, replace(description, photometric="RGB"))
    assert np.abs(as_rgb.astype(int) - RED).max() > 50
    subsampled = _without_application_segments(_jpeg("YCBCR", subsampling="422"))
    assert np.abs(decode_frame(subsampled, replace(description, photometric="RGB")).astype(int) - RED).max() < 6


def test_a_data_set_that_calls_transformed_jpeg_2000_ybr_gets_the_right_colours():
    description = describe(rows=16, columns=16, samples=3)
    stream = encode_frame(RED, description, f"{PREFIX}4.90")
    wrong = replace(description, photometric="YBR_FULL_422", transfer_syntax=f"{PREFIX}4.90")
    assert decoded_photometric(wrong) == "YBR_FULL"
    assert np.abs(ybr_to_rgb(decode_frame(stream, wrong), 8).astype(int) - RED).max() <= 2


# ------------------------------------------------------------------ malformed streams


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("syntax", sorted((ENCODABLE | {f"{PREFIX}4.111"}) - {f"{PREFIX}1.98"}))
def test_a_stream_that_is_cut_short_never_is_an_image(syntax, share):
    description = describe(rows=96, columns=128)
    if syntax.endswith(".51"):
        description = describe(rows=96, columns=128, bits_allocated=16, bits_stored=12)
    array = noise(description)
    if syntax.endswith(".111"):
        stream = recompress_jpeg(encode_frame(array, description, JPEG_BASELINE))
    else:
        stream = encode_frame(array, description, syntax)
    with pytest.raises(DicomError):
        decode_frame(stream[: int(len(stream) * share)], replace(description, transfer_syntax=syntax))


@pytest.mark.parametrize("syntax", [f"{PREFIX}4.57", f"{PREFIX}4.70"])
def test_a_lossless_jpeg_that_ends_too_early_is_found_out_by_its_last_line(syntax):
    description = describe(rows=96, columns=128)
    stream = encode_frame(noise(description), description, syntax)
    with pytest.raises(DicomError):
        decode_frame(stream[: len(stream) // 2] + b"\xff\xd9", replace(description, transfer_syntax=syntax))


def test_a_jpeg_ls_stream_is_found_to_be_cut_short_at_once():
    description = describe(rows=96, columns=128)
    stream = encode_frame(noise(description), description, f"{PREFIX}4.80")
    coded = replace(description, transfer_syntax=f"{PREFIX}4.80")
    began = time.monotonic()
    with pytest.raises(DicomError):
        decode_frame(stream[: len(stream) // 2], coded)
    assert time.monotonic() - began < 1
    np.testing.assert_array_equal(decode_frame(stream[:-2], coded), noise(description))


def test_a_frame_that_would_take_too_much_memory_is_refused_before_it_is_decoded():
    description = describe(rows=65535, columns=65535, transfer_syntax=f"{PREFIX}4.80")
    with pytest.raises(DicomError, match="4294836225 bytes"):
        decode_frame(b"", description)


def test_a_deflated_bomb_is_not_inflated():
    bomb = imagecodecs.deflate_encode(bytes(10_000_000), raw=True)
    with pytest.raises(DicomError, match="more than the 2257 bytes"):
        decode_frame(bomb, describe(transfer_syntax=f"{PREFIX}8.1"))


@pytest.mark.parametrize("syntax", [f"{PREFIX}4.102", f"{PREFIX}4.94", f"{PREFIX}4.66", f"{PREFIX}4.92", "1.2.3"])
def test_codings_that_no_decoder_knows_are_refused(syntax):
    assert syntax not in DECODABLE
    with pytest.raises(NotAcceptable):
        decode_frame(b"", describe(transfer_syntax=syntax))
