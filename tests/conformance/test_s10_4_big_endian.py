"""PS3.18 8.7.3.1: pixels that are stored in Explicit VR Big Endian come as the same values in every native form.

Cells of 32 and 64 bits in OW are big endian as a whole, not word by word; pydicom says what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.payloads import BIG_ENDIAN, DEFLATED, EXPLICIT, dataset_of, parts_of, saved, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
FRAMES, ROWS, COLUMNS = 3, 5, 7
CELLS = ["rtdose_expb.dcm", "SC_rgb_expb_32bit.dcm", "<u1", "<u2", "<i2", "<u4", "<i4", "<u8"]


def big_endian(array: np.ndarray) -> bytes:
    """The samples of an array in a big endian file, in OW but for those of 8 bits."""
    dataset = dataset_of(storable("MR_small_bigendian.dcm"))
    bits = 8 * array.itemsize
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = array.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(array.dtype.kind == "i")
    raw = array.astype(array.dtype.newbyteorder(">")).tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    dataset.PixelData = raw + bytes(len(raw) % 2)
    assert dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN
    return saved(dataset)


def stored_and_expected(shelf: Shelf, what: str) -> tuple[StoredFile, np.ndarray]:
    """A file in the archive, and its frames in little endian."""
    if what.endswith(".dcm"):
        dataset = dataset_of(storable(what))
        values = dataset.pixel_array
        expected = values.reshape(int(dataset.get("NumberOfFrames") or 1), -1)
        return shelf.store(saved(dataset)), expected.astype(values.dtype.newbyteorder("<"))
    raw = np.random.default_rng(7).bytes(FRAMES * ROWS * COLUMNS * int(what[2:]))
    array = np.frombuffer(raw, what).reshape(FRAMES, ROWS, COLUMNS)
    return shelf.store(big_endian(array)), array


@pytest.mark.parametrize("what", CELLS)
def test_instances_have_the_values(shelf: Shelf, what: str) -> None:
    stored, expected = stored_and_expected(shelf, what)
    for asked, sent in (("", EXPLICIT), (EXPLICIT, EXPLICIT), (DEFLATED, DEFLATED), ("*", EXPLICIT)):
        accept = f"{DICOM}; transfer-syntax={asked}" if asked else DICOM
        (part,) = parts_of(stored.get("", accept))
        dataset = dataset_of(part.body)
        assert dataset.file_meta.TransferSyntaxUID == sent
        assert dataset.PixelData[: expected.nbytes] == expected.tobytes(), asked
        if what != "<u8":  # which pydicom does not decode
            assert np.array_equal(dataset.pixel_array.reshape(expected.shape), expected)


@pytest.mark.parametrize("what", CELLS)
@pytest.mark.parametrize("below", ["/bulkdata/7FE00010", "/bulkdata", "/pixeldata"])
def test_bulk_data_have_the_values(shelf: Shelf, what: str, below: str) -> None:
    stored, expected = stored_and_expected(shelf, what)
    parts = parts_of(stored.get(below, OCTETS))
    assert any(part.body[: expected.nbytes] == expected.tobytes() for part in parts)


@pytest.mark.parametrize("what", CELLS)
def test_frames_have_the_values(shelf: Shelf, what: str) -> None:
    stored, expected = stored_and_expected(shelf, what)
    numbers = range(1, len(expected) + 1)
    parts = parts_of(stored.get(f"/frames/{','.join(map(str, numbers))}", OCTETS))
    assert [part.body for part in parts] == [frame.tobytes() for frame in expected]


@pytest.mark.parametrize("what", ["<u2", "<u4", "<u8"])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (3, 9), (6, 6), (9, 130), (137, 139)])
def test_ranges_begin_and_end_inside_of_cells(shelf: Shelf, what: str, first: int, last: int) -> None:
    stored, expected = stored_and_expected(shelf, what)
    for below, whole in (("/bulkdata/7FE00010", expected), ("/frames/2", expected[1])):
        answer = stored.get(below, "application/octet-stream", Range=f"bytes={first}-{last}")
        if first < whole.nbytes:
            assert answer.status_code == 206
            assert answer.content == whole.tobytes()[first : last + 1]


def test_metadata_keep_the_vr(shelf: Shelf) -> None:
    stored, _ = stored_and_expected(shelf, "<u4")
    element = stored.get("/metadata", "application/dicom+json").json()[0]["7FE00010"]
    assert element["vr"] == "OW"
    assert stored.client.get(element["BulkDataURI"]).status_code == 200
