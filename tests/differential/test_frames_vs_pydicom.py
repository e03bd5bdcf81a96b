"""Golden frames: ours against pydicom's with its plugins, over every file with pixel data that its packages carry.

Every difference has a row in `DIFFERENCES` with what decides it; a row that is not needed any more fails too.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.encapsulation import strip_item_headers, unpack_spans
from filmjacket.dicom.header import read_header
from filmjacket.errors import DicomError, FilmjacketError
from filmjacket.pixels.codecs import decode_frame
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.forms import decoded_photometric
from filmjacket.pixels.frames import native_frame
from filmjacket.pixels.photometric import ybr_to_rgb

for plugin in ("libjpeg", "openjpeg"):
    pytest.importorskip(plugin, reason="pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls")
pytest.importorskip("jpeg_ls")

FRAMES = 3
"""At most so many frames of a file are compared: the first, the middle, and the last one."""

TRANSFORM = "lossy JPEG comes as RGB; chrominance is brought up by libjpeg-turbo instead of libjpeg"
ROUNDING = "lossy JPEG: the inverse transforms of two libraries round differently (ISO/IEC 10918-2 allows 1)"
OURS_ONLY = "none of pydicom's plugins decodes it"

# file -> (what decides, largest difference that is allowed; None: pydicom has no frame, "refused": we have none)
DIFFERENCES: dict[str, tuple[str, float | str | None]] = {
    "JPEG-lossy.dcm": (OURS_ONLY, None),
    "JPGExtended.dcm": (ROUNDING, 1),
    "SC_jpeg_no_color_transform.dcm": (ROUNDING, 1),
    "SC_jpeg_no_color_transform_2.dcm": (ROUNDING, 1),
    "SC_rgb_dcmtk_+eb+cr.dcm": (ROUNDING, 1),
    "SC_rgb_jpeg.dcm": (ROUNDING, 1),
    "SC_rgb_jpeg_app14_dcmd.dcm": (ROUNDING, 1),
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": (TRANSFORM, 2),
    "SC_rgb_dcmtk_+eb+cy+n2.dcm": (TRANSFORM, 2),
    "SC_rgb_dcmtk_+eb+cy+np.dcm": (TRANSFORM, 2),
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": (TRANSFORM, 2),
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": (TRANSFORM, 2),
    "SC_rgb_jpeg_dcmtk.dcm": (TRANSFORM, 2),
    "SC_rgb_jpeg_lossy_gdcm.dcm": (TRANSFORM, 2),
    "SC_rgb_small_odd_jpeg.dcm": (TRANSFORM, 2),
    "examples_ybr_color.dcm": (TRANSFORM, 3),
    "color3d_jpeg_baseline.dcm": (TRANSFORM, 6),
    "badVR.dcm": ("Number of Frames is no number: pydicom stops, we take it for 1", None),
    "OT-PAL-8-face.dcm": ("no Transfer Syntax UID: pydicom stops, the store works it out", None),
    "JPEG2000-embedded-sequence-delimiter.dcm": (
        "a made-up file: bytes of a delimiter stand in the size of the codestream, nobody can decode it",
        "refused",
    ),
    "meta_missing_tsyntax.dcm": ("no Bits Allocated: no image", "refused"),
    "nested_priv_SQ.dcm": ("no Bits Allocated: no image", "refused"),
}


def _files():
    """Every readable file with pixel data, by its name and root."""
    found = {}
    for package in ("pydicom", "data_store"):
        root = Path(importlib.util.find_spec(package).submodule_search_locations[0])
        for path in sorted(root.rglob("*")):
            if path.is_file() and _pixel_header(path) is not None:
                found[f"{package}:{path.relative_to(root)}"] = path
    return found


@cache
def _pixel_header(path):
    if path.suffix in {".py", ".pyc", ".json", ".txt", ".md", ".gz"}:
        return None
    try:
        header = read_header(path.read_bytes())
    except DicomError:
        return None
    return header if header.layout.pixel is not None else None


FILES = _files()


def _numbers(frames):
    return sorted({0, frames // 2, frames - 1})[:FRAMES]


def _ours(path, number):
    """A frame by the same steps as `services/studies/pixel_source.py`, on bytes in memory."""
    content, header = path.read_bytes(), _pixel_header(path)
    pixel = header.layout.pixel
    if header.layout.deflated:
        start = header.layout.dataset_offset
        content = content[:start] + zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start:])
    description = describe_pixels(header.attributes, header.transfer_syntax, pixel)
    if pixel.encapsulated:
        offset, length = unpack_spans(header.layout.spans)[number]
        return description, decode_frame(b"".join(strip_item_headers([content[offset : offset + length]])), description)
    value = content[pixel.offset : pixel.offset + pixel.length]
    syntax = transfer_syntaxes.get(header.transfer_syntax)
    if syntax is not None and syntax.big_endian:
        size = max(description.bits_allocated // 8, 2 if pixel.vr == "OW" else 1)
        value = np.frombuffer(value, f">u{size}").astype(f"<u{size}").tobytes()
    whole = 8 * len(value) >= description.native_frame_bits * description.frames
    bits = description.native_frame_bits if whole else description.subsampled_frame_bits
    start, skip = divmod(number * bits, 8)
    return description, native_frame(value[start : start + (skip + bits + 7) // 8], description, skip)


def _theirs(path, number):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("pydicom").setLevel(logging.CRITICAL)
        dataset = pydicom.dcmread(path, force=True)
        array = pixel_array(dataset, index=number, raw=True)
    return array, str(dataset.PhotometricInterpretation)


@pytest.mark.parametrize("name", FILES)
def test_frames_are_those_of_pydicom(name):
    path = FILES[name]
    reason, allowed = DIFFERENCES.get(path.name, ("", 0))
    largest = 0.0
    for number in _numbers(_pixel_header(path).layout.pixel.frames):
        if allowed == "refused":
            with pytest.raises(FilmjacketError):
                _ours(path, number)
            continue
        description, array = _ours(path, number)
        try:
            expected, photometric = _theirs(path, number)
        except Exception:  # noqa: BLE001 - each plugin has errors of its own
            assert allowed is None, f"pydicom cannot decode it: {reason}"
            continue
        assert allowed is not None, f"pydicom can decode it now, which the table denies: {reason}"
        if decoded_photometric(description) == "RGB" and photometric.startswith("YBR_FULL"):
            expected = ybr_to_rgb(np.asarray(expected), 8)
        assert array.shape == expected.shape
        assert array.dtype == expected.dtype.newbyteorder("=")
        if allowed == 0:
            np.testing.assert_array_equal(array, expected)
        largest = max(largest, np.abs(array.astype(float) - expected).max())
        # Not more than a few pixels at edges of colour: chrominance.
        assert np.abs(array.astype(float) - expected).mean() <= 0.5
    assert allowed in {None, "refused"} or largest <= allowed, reason
    assert allowed in {None, "refused", 0} or largest > 0 or reason == TRANSFORM, f"not needed any more: {reason}"


def test_every_row_is_about_a_file():
    assert set(DIFFERENCES) <= {path.name for path in FILES.values()}


def test_the_corpus_is_there():
    assert len(FILES) > 150
