"""Palettes against pydicom's, and those that pydicom has no file for (PS3.3 C.7.6.3.1.5, C.7.9)."""

from __future__ import annotations

import base64
import struct

import numpy as np
import pytest
from pydicom.pixels import apply_color_lut

from filmjacket.dicom.header import read_header
from filmjacket.errors import DicomError
from filmjacket.pixels.palette import Palette, expand_segments, is_mapped, map_palette, read_palette
from tests.samples import sample


def _attributes(tables, descriptor, *, segmented=False, signed=False, vr="OW"):
    first = 0x00281221 if segmented else 0x00281201
    found = {"00280103": {"vr": "US", "Value": [int(signed)]}}
    for channel, raw in enumerate(tables):
        found[f"{0x00281101 + channel:08X}"] = {"vr": "US", "Value": list(descriptor)}
        found[f"{first + channel:08X}"] = {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
    return found


def _no_bulk(path):
    raise AssertionError(path)


@pytest.mark.parametrize(
    "name",
    ["OBXXXX1A.dcm", "examples_palette.dcm", "gdcm-US-ALOKA-16.dcm", "gdcm-US-ALOKA-16_big.dcm", "OT-PAL-8-face.dcm"],
)
def test_palettes_of_real_files(name):
    import io

    import pydicom

    content = sample(name)
    header = read_header(content)
    bulk = {value.path: content[value.offset : value.offset + value.length] for value in header.layout.bulk}
    if name.endswith("big.dcm"):
        swap = np.ndarray.byteswap
        bulk = {
            path: swap(np.frombuffer(raw, "u2")).tobytes() for path, raw in bulk.items() if path.startswith("00281")
        }
    palette = read_palette(header.attributes, bulk.__getitem__)
    assert palette is not None
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    values = np.arange(256, dtype=np.uint8 if dataset.BitsAllocated == 8 else np.uint16).reshape(16, 16)
    np.testing.assert_array_equal(map_palette(values, palette), apply_color_lut(values, dataset))


@pytest.mark.parametrize("signed", [False, True])
def test_values_outside_of_a_palette_take_its_ends(signed):
    first = -2 if signed else 3
    tables = [struct.pack("<4H", 10, 20, 30, 40)] * 3
    palette = read_palette(_attributes(tables, (4, first & 0xFFFF, 16), signed=signed), _no_bulk)
    assert palette.first == first
    values = np.array([[first - 2, first, first + 3, first + 9]], np.int16 if signed else np.uint16)
    np.testing.assert_array_equal(map_palette(values, palette)[0, :, 0], [10, 10, 40, 40])
    np.testing.assert_array_equal(map_palette(values.astype(np.int32), palette)[0, :, 1], [10, 10, 40, 40])
    np.testing.assert_array_equal(is_mapped(values, palette)[0], [False, True, True, True])


def test_a_palette_of_0_entries_has_65536():
    tables = [np.arange(65536, dtype="<u2").tobytes()] * 3
    palette = read_palette(_attributes(tables, (0, 0, 16)), _no_bulk)
    assert palette.entries.shape == (65536, 3)


@pytest.mark.parametrize(
    ("raw", "bits", "expected"),
    [
        (bytes((1, 2, 3, 4)), 8, (1, 2, 3, 4)),
        (struct.pack("<4H", 1, 2, 3, 4), 8, (1, 2, 3, 4)),
        (struct.pack("<4H", 256, 512, 768, 1024), 8, (1, 2, 3, 4)),
        (struct.pack("<4H", 256, 512, 768, 1024), 16, (256, 512, 768, 1024)),
        (bytes((1, 2, 3, 255)), 16, (257, 514, 771, 65535)),
    ],
    ids=["bytes", "words with the value below", "words with the value above", "words", "bytes called words"],
)
def test_tables_however_they_are_packed(raw, bits, expected):
    palette = read_palette(_attributes([raw] * 3, (4, 0, bits)), _no_bulk)
    np.testing.assert_array_equal(palette.entries[:, 2], expected)


def test_segments_of_each_type():
    # Discrete 5 6, linear to 26 in 4 steps, then the first two segments once more (byte offset 0).
    words = [0, 2, 5, 6, 1, 4, 26, 2, 2, 0, 0]
    raw = struct.pack(f"<{len(words)}H", *words)
    assert expand_segments(raw, 16).tolist() == [5, 6, 11, 16, 21, 26, 5, 6, 11, 16, 21, 26]
    small = bytes((0, 2, 5, 6, 1, 4, 26, 2, 1, 4, 0, 0, 0))
    assert expand_segments(small, 8).tolist() == [5, 6, 11, 16, 21, 26, 31 - 5, 26, 26, 26][:6] + [26] * 4
    palette = read_palette(_attributes([raw] * 3, (12, 0, 16), segmented=True), _no_bulk)
    assert isinstance(palette, Palette)


@pytest.mark.parametrize(
    "words",
    [[1, 4, 26], [0, 5, 1], [7, 1, 1], [2, 1, 0, 0], [0, 1, 9, 2, 2, 0, 0, 2, 2, 0, 0], [0, 1, 1] + [1, 65535, 0] * 2],
    ids=["linear first", "cut short", "unknown", "nothing to repeat", "endless", "too many"],
)
def test_malformed_segments_are_refused(words):
    with pytest.raises(DicomError, match="segmented"):
        expand_segments(struct.pack(f"<{len(words)}H", *words), 16)


def test_tables_that_contradict_their_descriptor_are_refused():
    with pytest.raises(DicomError, match="4 entries"):
        read_palette(_attributes([b"\1\2"] * 3, (4, 0, 16)), _no_bulk)
    with pytest.raises(DicomError, match="three numbers"):
        read_palette(_attributes([b"\1\2"] * 3, (4, 0)), _no_bulk)
    assert read_palette({}, _no_bulk) is None
