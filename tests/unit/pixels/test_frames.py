"""Native frames and arrays (PS3.5 8.1.1), and their colours (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filmjacket.errors import DicomError
from filmjacket.pixels.forms import decoded_photometric
from filmjacket.pixels.frames import frame_bytes, native_frame, reduced
from filmjacket.pixels.photometric import fill_bits, partial_to_rgb, rgb_to_ybr, to_rgb, ybr_to_rgb
from tests.images import describe, noise


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"signed": True},
        {"bits_allocated": 1},
        {"bits_allocated": 16, "bits_stored": 10},
        {"bits_allocated": 16, "bits_stored": 16, "signed": True},
        {"bits_allocated": 32, "bits_stored": 32},
        {"bits_allocated": 32, "bits_stored": 20, "signed": True},
        {"bits_allocated": 64},
        {"samples": 3},
        {"samples": 3, "bits_allocated": 16},
        {"rows": 1, "columns": 1},
    ],
)
def test_bytes_of_a_frame_and_back(changes):
    description = describe(**changes)
    array = noise(description) if description.rows > 1 else np.array([[7]], np.uint8)
    raw = frame_bytes(array, description)
    assert len(raw) == (description.native_frame_bits + 7) // 8
    again = native_frame(raw, description)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize(("kind", "bits"), [("float", 32), ("double", 64)])
def test_floating_point_frames(kind, bits):
    description = describe(kind=kind, bits_allocated=bits, signed=True)
    array = np.linspace(-1e9, 1e9, 37 * 61).reshape(37, 61).astype(f"f{bits // 8}")
    array[0, 0] = np.nan
    np.testing.assert_array_equal(native_frame(frame_bytes(array, description), description), array)


@pytest.mark.parametrize("offset", range(8))
def test_a_bit_packed_frame_that_begins_inside_of_a_byte(offset):
    description = describe(rows=3, columns=5, bits_allocated=1)
    bits = np.random.default_rng(3).integers(0, 2, 15).astype(np.uint8)
    raw = np.packbits(np.concatenate([np.ones(offset, np.uint8), bits]), bitorder="little").tobytes()
    np.testing.assert_array_equal(native_frame(raw, description, offset), bits.reshape(3, 5))


def test_cells_of_twelve_bits_are_unpacked():
    # Bits Allocated 12 was legal in ACR-NEMA and early DICOM: two samples in three bytes.
    raw = bytes((0x34, 0x12, 0xAB))
    np.testing.assert_array_equal(native_frame(raw, describe(rows=1, columns=2, bits_allocated=12)), [[0x234, 0xAB1]])


@pytest.mark.parametrize(
    ("signed", "cell", "value"),
    [(False, 0xF123, 0x123), (False, 0x0FFF, 0xFFF), (True, 0xF123, 0x123), (True, 0x0FFF, -1), (True, 0x7800, -2048)],
)
def test_bits_above_the_high_bit_are_masked(signed, cell, value):
    # Overlays in unused bits, retired and still about (PS3.5 8.1.2).
    description = describe(rows=1, columns=1, bits_allocated=16, bits_stored=12, signed=signed)
    assert native_frame(cell.to_bytes(2, "little"), description).item() == value


def test_values_may_lie_anywhere_in_their_cell():
    description = describe(rows=1, columns=1, bits_allocated=16, bits_stored=12, high_bit=15)
    assert native_frame(b"\xf0\xab", description).item() == 0xABF
    signed = replace(description, signed=True, high_bit=13)
    assert native_frame((0b10_0010_0000_0111).to_bytes(2, "little"), signed).item() == 0b1000_1000_0001 - 4096
    assert native_frame((0b11_1111_1111_1110_11).to_bytes(2, "little"), signed).item() == -2


def test_colour_by_plane_becomes_colour_by_pixel():
    description = describe(rows=2, columns=2, samples=3, planar=1)
    array = native_frame(bytes(range(12)), description)
    np.testing.assert_array_equal(array[0, 1], [1, 5, 9])
    assert frame_bytes(array, description) == bytes((0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11))


@pytest.mark.parametrize(("columns", "raw"), [(2, "0a0b2030"), (3, "0a0b20300c0d4050")])
def test_subsampled_chrominance_is_repeated(columns, raw):
    description = describe(rows=1, columns=columns, samples=3, photometric="YBR_FULL_422")
    expected = [[10, 32, 48], [11, 32, 48], [12, 64, 80]][:columns]
    np.testing.assert_array_equal(native_frame(bytes.fromhex(raw), description)[0], expected)


def test_chrominance_that_is_all_there_is_not_subsampled():
    description = describe(rows=1, columns=2, samples=3, photometric="YBR_FULL_422")
    np.testing.assert_array_equal(native_frame(bytes((1, 2, 3, 4, 5, 6)), description)[0], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("changes", [{}, {"bits_allocated": 1}, {"samples": 3, "photometric": "YBR_FULL_422"}])
def test_a_frame_with_bytes_missing_is_refused(changes):
    description = describe(**changes)
    raw = bytes(description.subsampled_frame_bits // 8 - 1)
    with pytest.raises(DicomError, match="bytes"):
        native_frame(raw, description)


def test_padding_behind_a_frame_is_left_alone():
    description = describe(rows=1, columns=3)
    np.testing.assert_array_equal(native_frame(b"\1\2\3\0", description), [[1, 2, 3]])


def test_reduction_takes_means_and_never_mixes_palette_indices():
    array = np.array([[0, 10, 7], [20, 30, 9]], np.uint8)
    description = describe(rows=2, columns=3)
    np.testing.assert_array_equal(reduced(array, description, 1), [[15, 8]])
    np.testing.assert_array_equal(reduced(array, replace(description, photometric="PALETTE COLOR"), 1), [[0, 7]])
    assert reduced(array, description, 60).shape == (1, 1)


# ------------------------------------------------------------------ colours

PRIMARIES = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], np.uint8)
YBR_PRIMARIES = np.array([[[76, 85, 255], [150, 44, 21], [29, 255, 107], [255, 128, 128], [0, 128, 128]]], np.uint8)
PARTIAL_PRIMARIES = np.array(
    [[[81, 90, 240], [145, 54, 34], [41, 240, 110], [235, 128, 128], [16, 128, 128]]], np.uint8
)


def test_luminance_and_chrominance_of_the_primaries():
    np.testing.assert_array_equal(rgb_to_ybr(PRIMARIES, 8), YBR_PRIMARIES)
    assert np.abs(ybr_to_rgb(YBR_PRIMARIES, 8).astype(int) - PRIMARIES).max() <= 2
    assert np.abs(partial_to_rgb(PARTIAL_PRIMARIES, 8).astype(int) - PRIMARIES).max() <= 3


@pytest.mark.parametrize("bits", [8, 12, 16, 32])
def test_there_and_back_again_in_any_depth(bits):
    description = describe(samples=3, bits_allocated=-(-bits // 8) * 8, bits_stored=bits)
    array = noise(description)
    back = ybr_to_rgb(rgb_to_ybr(array, bits), bits)
    assert np.abs(back.astype(np.int64) - array).max() <= 2


@pytest.mark.parametrize(
    ("photometric", "syntax", "decoded"),
    [
        ("RGB", "1.2", "RGB"),
        ("YBR_FULL", "1.2.1", "YBR_FULL"),
        ("YBR_FULL_422", "1.2.1", "YBR_FULL"),
        ("YBR_FULL_422", "1.2.4.50", "RGB"),
        ("YBR_FULL", "1.2.4.51", "RGB"),
        ("YBR_FULL", "1.2.4.70", "YBR_FULL"),
        ("YBR_FULL", "1.2.5", "YBR_FULL"),
        ("YBR_RCT", "1.2.4.90", "RGB"),
        ("YBR_ICT", "1.2.4.203", "RGB"),
        ("YBR_FULL", "1.2.4.91", "YBR_FULL"),
        ("YBR_PARTIAL_420", "1.2.4.90", "YBR_PARTIAL_422"),
        ("XYB", "1.2.4.112", "RGB"),
        ("YBR_FULL_422", "1.2.4.111", "RGB"),
        ("YBR_FULL", "1.2.4.110", "YBR_FULL"),
    ],
)
def test_colour_space_of_decoded_frames(photometric, syntax, decoded):
    uid = syntax.replace("1.2", "1.2.840.10008.1.2", 1)
    assert decoded_photometric(describe(samples=3, photometric=photometric, transfer_syntax=uid)) == decoded


@pytest.mark.parametrize(
    ("bits", "dtype", "value", "filled"),
    [
        (8, "u1", 200, 200),
        (8, "u2", 200, 200),
        (4, "u1", 15, 255),
        (12, "u2", 4095, 65535),
        (32, "u4", 2**32 - 1, 65535),
    ],
)
def test_samples_are_spread_over_whole_bytes(bits, dtype, value, filled):
    out = fill_bits(np.array([0, value], dtype), bits)
    np.testing.assert_array_equal(out, [0, filled])
    assert out.dtype == ("u1" if bits <= 8 else "u2")


def test_what_has_no_colour_is_refused():
    with pytest.raises(DicomError, match="no palette"):
        to_rgb(np.zeros((2, 2), np.uint8), describe(photometric="PALETTE COLOR"), None)
    with pytest.raises(DicomError, match="no colours"):
        to_rgb(np.zeros((2, 2), np.uint8), describe(), None)
