"""PS3.18 10.4, PS3.3-2003 C.9.2.1: overlay planes in bits that the pixels leave unused, in every lossless coding."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import generate_uid
from tests.payloads import DEFLATED, EXPLICIT, dataset_of, parts_of, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

PREFIX = "1.2.840.10008.1.2"
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
SIZE, BIT = 32, 13
CODINGS = [EXPLICIT, *(f"{PREFIX}.{end}" for end in ("1.98", "5", "4.70", "4.80", "4.90", "4.201"))]
VALUES = (np.add.outer(np.arange(SIZE), np.arange(SIZE)) * 60 % 4096).astype(np.uint16)
PLANE = np.eye(SIZE, dtype=np.bool_)


def coded(cells: np.ndarray, syntax: str) -> bytes:
    """Whole cells in a coding, by the codec libraries themselves."""
    if syntax.endswith(".5"):
        planes = [(cells >> 8).astype(np.uint8), (cells & 0xFF).astype(np.uint8)]
        packed = [b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane) for plane in planes]
        packed = [segment + bytes(len(segment) % 2) for segment in packed]
        offsets = [2, 64, 64 + len(packed[0]), *(0,) * 13]
        return b"".join(number.to_bytes(4, "little") for number in offsets) + b"".join(packed)
    encoders = {
        "1.98": lambda: cells.astype("<u2").tobytes(),
        "4.70": lambda: imagecodecs.ljpeg_encode(cells),
        "4.80": lambda: imagecodecs.jpegls_encode(cells),
        "4.90": lambda: imagecodecs.jpeg2k_encode(cells, codecformat="J2K", reversible=True, level=0),
        "4.201": lambda: imagecodecs.htj2k_encode(cells),
    }
    return encoders[syntax.removeprefix(f"{PREFIX}.")]()


def store(
    shelf: Shelf, syntax: str, cells: np.ndarray, *, bits: tuple[int, int] = (16, 12), bit: int | None = BIT
) -> StoredFile:
    """An image of one frame with an overlay group that has no data."""
    dataset = dataset_of(storable("CT_small.dcm"))
    dataset.Rows = dataset.Columns = SIZE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = *bits, bits[1] - 1
    dataset.PixelRepresentation, dataset.RescaleIntercept = 0, 0
    for tag, vr, value in ((0x0010, "US", SIZE), (0x0011, "US", SIZE), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1])):
        dataset.add_new(0x60000000 + tag, vr, value)
    if bit is not None:
        dataset.add_new(0x60000100, "US", bits[0])
        dataset.add_new(0x60000102, "US", bit)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = cells.tobytes() if syntax == EXPLICIT else encapsulate([coded(cells, syntax)])
    dataset["PixelData"].VR = "OW" if syntax == EXPLICIT else "OB"
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return shelf.store(out.getvalue())


def embedded(shelf: Shelf, syntax: str) -> tuple[StoredFile, np.ndarray]:
    cells = VALUES | (PLANE.astype(np.uint16) << BIT)
    return store(shelf, syntax, cells), cells


def picture(stored: StoredFile, query: str = "") -> np.ndarray:
    answer = stored.get(f"/rendered{query}", "image/png")
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


# Only bytes of native files are moved: what is stored natively is not encapsulated.
ASKED = [
    (syntax, asked)
    for syntax in CODINGS
    for asked in (EXPLICIT, DEFLATED, f"{PREFIX}.1.98")
    if (syntax, asked) != (EXPLICIT, f"{PREFIX}.1.98")
]


@pytest.mark.parametrize(("syntax", "asked"), ASKED)
def test_native_files_keep_every_bit(shelf: Shelf, syntax: str, asked: str) -> None:
    stored, cells = embedded(shelf, syntax)
    (part,) = parts_of(stored.get("", f"{DICOM}; transfer-syntax={asked}"))
    sent = dataset_of(part.body)
    assert sent.file_meta.TransferSyntaxUID == asked
    assert (sent.BitsAllocated, sent.BitsStored, sent.HighBit, sent.PixelRepresentation) == (16, 12, 11, 0)
    raw = sent.PixelData if asked != f"{PREFIX}.1.98" else next(generate_frames(sent.PixelData, number_of_frames=1))
    assert raw == cells.tobytes()
    if asked != f"{PREFIX}.1.98":  # which pydicom does not decode
        assert np.array_equal(pixel_array(sent), VALUES)


@pytest.mark.parametrize("syntax", CODINGS)
@pytest.mark.parametrize("below", ["/frames/1", "/bulkdata/7FE00010", "/pixeldata"])
def test_native_bulk_data_keep_every_bit(shelf: Shelf, syntax: str, below: str) -> None:
    stored, cells = embedded(shelf, syntax)
    (part,) = parts_of(stored.get(below, OCTETS))
    assert part.body == cells.tobytes()


@pytest.mark.parametrize("syntax", CODINGS)
def test_other_codings_are_refused(shelf: Shelf, syntax: str) -> None:
    stored, _ = embedded(shelf, syntax)
    other = f"{PREFIX}.4.57"
    for below, accept in (
        ("", f"{DICOM}; transfer-syntax={other}"),
        ("/frames/1", f"image/jpeg; transfer-syntax={other}"),
    ):
        refused = stored.get(below, accept)
        assert refused.status_code == 406
        assert "overlay" in refused.json()["detail"]
        for accepted in refused.json()["accepted"]:
            assert stored.get(below, accepted).status_code == 200, accepted


@pytest.mark.parametrize("query", ["", "?window=2048,4096,linear"])
@pytest.mark.parametrize("syntax", CODINGS)
def test_the_picture_is_the_same_in_every_coding(shelf: Shelf, syntax: str, query: str) -> None:
    stored, _ = embedded(shelf, syntax)
    shown = picture(stored, query)
    assert (shown[PLANE] == 255).all()
    plain = picture(store(shelf, EXPLICIT, VALUES, bit=None), query)
    assert np.array_equal(shown[~PLANE], plain[~PLANE])


@pytest.mark.parametrize("bit", [None, 0, 7, 12])
@pytest.mark.parametrize(("end", "bits"), [("4.80", 8), ("4.80", 16), ("5", 16), ("4.70", 16), ("4.90", 8)])
def test_a_group_without_data_in_a_full_cell_is_no_overlay(shelf: Shelf, end: str, bits: int, bit: int | None) -> None:
    cells = VALUES if bits == 16 else (VALUES >> 4).astype(np.uint8)
    stored = store(shelf, f"{PREFIX}.{end}", cells, bits=(bits, bits), bit=bit)
    for asked in (EXPLICIT, f"{PREFIX}.4.90", f"{PREFIX}.5"):
        (part,) = parts_of(stored.get("", f"{DICOM}; transfer-syntax={asked}"))
        assert np.array_equal(pixel_array(dataset_of(part.body)), cells)
    without = dataset_of(stored.file)
    del without[0x60000010]
    out = io.BytesIO()
    without.save_as(out, enforce_file_format=True)
    assert np.array_equal(picture(stored), picture(shelf.store(out.getvalue())))
