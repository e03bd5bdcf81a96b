"""Frames of pydicom's compressed files: what the streams say against what the data sets say."""

from collections.abc import Iterator
from pathlib import Path

import data_store
import pydicom.data
import pytest
from tests.codestreams import real_frame

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.codestreams import describe_stream, permits
from filmjacket.dicom.header import read_header
from filmjacket.errors import DicomError

# What a stream cannot know, or knows better than its data set.
UNSIGNED = {"pixel_representation": "JPEG, JPEG-LS and RLE do not say the sign; a JPEG 2000 stream does, and is right"}
DEPTH = {"bits_stored": "values of fewer bits were coded as deeper ones"}
YBR_FULL = {"photometric_interpretation": "lossy JPEG in YCbCr is YBR_FULL_422 (PS3.5 Table 8.2.1-1)"}
INVERTED = {"photometric_interpretation": "MONOCHROME1 is a matter of display"}
PALETTE = {"photometric_interpretation": "the palette is outside of the stream"}
REVERSIBLE = {"transfer_syntax": "labelled as lossy, coded reversibly"}
PLANES = {"bits_stored": "RLE has whole bytes"}
UNLABELLED = {"photometric_interpretation": "RGB without any marker that would say so"}
MISLABELLED = {"photometric_interpretation": "the stream is in YCbCr, and pydicom decodes it so"}
DIFFERENCES: dict[str, dict[str, str]] = {
    "693_J2KI.dcm": DEPTH | REVERSIBLE,
    "693_J2KR.dcm": {"bits_stored": "the data set says 16, the stream 14"},
    "J2K_pixelrep_mismatch.dcm": UNSIGNED,
    "JPEG-LL.dcm": UNSIGNED,
    "MR_small_RLE.dcm": UNSIGNED,
    "MR_small_jpeg_ls_lossless.dcm": UNSIGNED,
    "OBXXXX1A_rle.dcm": PALETTE,
    "OBXXXX1A_rle_2frame.dcm": PALETTE,
    "RG1_J2KI.dcm": INVERTED,
    "RG1_J2KR.dcm": INVERTED,
    "RG3_J2KI.dcm": INVERTED,
    "RG3_J2KR.dcm": INVERTED,
    "SC_jpeg_no_color_transform.dcm": UNLABELLED,
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": YBR_FULL,
    "SC_rgb_dcmtk_+eb+cy+n2.dcm": YBR_FULL,
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": YBR_FULL,
    "SC_rgb_gdcm_KY.dcm": REVERSIBLE,
    "SC_rgb_jpeg.dcm": MISLABELLED,
    "SC_rgb_jpeg_dcmtk.dcm": YBR_FULL,
    "SC_rgb_jpeg_lossy_gdcm.dcm": YBR_FULL,
    "SC_rgb_small_odd_jpeg.dcm": YBR_FULL,
    "bad_sequence.dcm": DEPTH,
    "emri_small_RLE.dcm": PLANES,
    "emri_small_jpeg_2k_lossless.dcm": DEPTH,
    "emri_small_jpeg_ls_lossless.dcm": DEPTH,
}
# Bytes of a sequence delimiter were put into its size on purpose, to confuse readers that search for them.
BROKEN = {"JPEG2000-embedded-sequence-delimiter.dcm": "columns cannot be described"}

ATTRIBUTES = {
    "rows": "00280010",
    "columns": "00280011",
    "samples_per_pixel": "00280002",
    "bits_allocated": "00280100",
    "bits_stored": "00280101",
    "pixel_representation": "00280103",
}


def compressed_files() -> Iterator[str]:
    roots = [Path(module.__file__ or "").parent for module in (pydicom.data, data_store)]
    for path in sorted(file for root in roots for file in root.rglob("*.dcm")):
        try:
            header = read_header(path.read_bytes())
        except DicomError:
            continue
        syntax = transfer_syntaxes.get(header.transfer_syntax)
        if syntax is not None and syntax.encapsulated and header.layout.spans:
            yield path.name


FILES = list(compressed_files())


def test_files_are_found():
    assert len(FILES) >= 50
    assert set(DIFFERENCES) | set(BROKEN) <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_stream_agrees_with_its_data_set(name):
    header, stream = real_frame(name)
    if name in BROKEN:
        with pytest.raises(DicomError, match=BROKEN[name]):
            describe_stream(stream, total=len(stream))
        return
    found = describe_stream(stream, total=len(stream))
    expected = {key: get_integer(header.attributes, tag) for key, tag in ATTRIBUTES.items()}
    expected["transfer_syntax"] = header.transfer_syntax
    expected["photometric_interpretation"] = get_text(header.attributes, "00280004")
    if found.media_type == "image/dicom-rle":
        expected["rows"] = expected["columns"] = 0
    differences = {key for key, value in expected.items() if getattr(found, key) != value}
    assert differences == set(DIFFERENCES.get(name, {}))
    assert permits(found, header.transfer_syntax)
