"""What a lossless JPEG stream says about its colours agrees with Photometric Interpretation (PS3.5 8.2.1)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from filmjacket.dicom.codestreams.jpeg import read_segments
from filmjacket.pixels.codecs import decode_frame, encode_frame
from filmjacket.pixels.forms import encoded_photometric
from filmjacket.pixels.photometric import ybr_to_rgb
from tests.images import describe, noise

SYNTAXES = ["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"]
CELLS = [(8, 8), (8, 6), (16, 8), (16, 12), (16, 16)]


@pytest.mark.parametrize(
    ("photometric", "identifiers", "adobe"),
    [("RGB", tuple(b"RGB"), 0), ("YBR_FULL", (1, 2, 3), None), ("YBR_FULL_422", (1, 2, 3), None)],
)
@pytest.mark.parametrize(("allocated", "stored"), CELLS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_markers_agree_with_the_data_set(syntax, allocated, stored, photometric, identifiers, adobe):
    description = describe(samples=3, bits_allocated=allocated, bits_stored=stored, photometric=photometric)
    array = noise(description)
    stream = encode_frame(array, description, syntax)
    segments = read_segments(stream)
    assert (segments.identifiers, segments.adobe_transform, segments.jfif) == (identifiers, adobe, False)
    said = encoded_photometric(description, syntax)
    assert said == photometric.removesuffix("_422")
    answer = replace(description, transfer_syntax=syntax, photometric=said)
    np.testing.assert_array_equal(decode_frame(stream, answer), array)
    dataset = _dataset(stream, answer)
    np.testing.assert_array_equal(pixel_array(dataset, raw=True), array)
    if said == "YBR_FULL" and (allocated, stored) == (8, 8):
        assert np.abs(pixel_array(dataset).astype(int) - ybr_to_rgb(array, 8)).max() <= 1


def _dataset(stream, description):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = description.transfer_syntax
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = description.rows, description.columns, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = description.photometric, 0
    dataset.BitsAllocated, dataset.BitsStored = description.bits_allocated, description.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = description.high_bit, 0
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    return dataset
