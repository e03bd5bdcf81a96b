"""Compressed pixel data inside of items: icons, and what private sequences hold (PS3.18 8.7.3, PS3.3 C.7.6.1.1.6).

They have to survive every conversion of the image around them, and can be had as native bulk data.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from tests.payloads import EXPLICIT, dataset_of, media_type, parts_of, storable

if TYPE_CHECKING:
    from pydicom import Dataset
    from tests.conformance.shelf import Shelf, StoredFile

PREFIX = "1.2.840.10008.1.2"
OCTETS = 'multipart/related; type="application/octet-stream"'
SYNTAXES = [EXPLICIT, f"{PREFIX}.1.99", f"{PREFIX}.4.90", f"{PREFIX}.4.80"]
ICON = "00880200.0.7FE00010"
IN_REFERENCE = "00081140.0.00880200.0.7FE00010"
IN_PRIVATE = "00111001.1.7FE00010"


def icon_of(image: Dataset, **changes: Any) -> Dataset:
    """An icon with the stream of an image of one frame."""
    icon = pydicom.Dataset()
    for keyword in (
        "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    ):  # fmt: skip
        if keyword in image:
            setattr(icon, keyword, getattr(image, keyword))
    icon["PixelData"].is_undefined_length = True
    icon["PixelData"].VR = "OB"
    for keyword, value in changes.items():
        setattr(icon, keyword, value)
    return icon


def with_items(name: str, *, length: bool = False, **changes: Any) -> bytes:
    """An image with the same icon at the top, in a reference, and beside other things in a private sequence."""
    dataset = dataset_of(storable(name))
    reference = pydicom.Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3.4"
    reference.IconImageSequence = Sequence([icon_of(dataset, **changes)])
    reference.PurposeOfReferenceCodeSequence = Sequence([pydicom.Dataset()])
    other, item = pydicom.Dataset(), icon_of(dataset, **changes)
    other.PatientComments = item.PatientComments = "important"
    dataset.IconImageSequence = Sequence([icon_of(dataset, **changes)])
    dataset.ReferencedImageSequence = Sequence([reference])
    block = dataset.private_block(0x11, "FILMJACKET TEST", create=True)
    block.add_new(1, "SQ", Sequence([other, item]))
    block.add_new(2, "LO", "keep")
    for sequence in (dataset["IconImageSequence"], dataset["ReferencedImageSequence"], dataset[0x00111001]):
        sequence.is_undefined_length = not length
        for one in sequence.value:
            one.is_undefined_length_sequence_item = not length
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def sent_as(stored: StoredFile, syntax: str) -> Dataset:
    answer = stored.get("", f"application/dicom; transfer-syntax={syntax}")
    assert answer.status_code == 200, answer.text
    dataset = dataset_of(answer.content)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    return dataset


def places(dataset: Dataset) -> list[Dataset]:
    """The three items with pixels."""
    reference = dataset.ReferencedImageSequence[0]
    return [dataset.IconImageSequence[0], reference.IconImageSequence[0], dataset[0x00111001].value[1]]


def tags(dataset: Dataset) -> set[Any]:
    """Paths of all elements, in items too, but for what goes with frames."""
    found: set[Any] = set()
    for element in dataset:
        found.add(element.tag)
        if element.VR == "SQ":
            found |= {(element.tag, n, tag) for n, item in enumerate(element.value) for tag in tags(item)}
    return found


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_icons_become_native(shelf: Shelf, syntax: str, length: bool) -> None:
    """An item may hold native pixels in any syntax (PS3.5 A.4), hence none is lost with a conversion."""
    stored = shelf.store(with_items("MR_small_RLE.dcm", length=length))
    sent = sent_as(stored, syntax)
    assert tags(sent) == tags(stored.dataset)
    native = dataset_of(storable("MR_small_RLE.dcm")).pixel_array
    for before, after in zip(places(stored.dataset), places(sent), strict=True):
        assert after["PixelData"].VR == "OW"
        np.testing.assert_array_equal(np.frombuffer(after.PixelData, "<i2").reshape(native.shape), native)
        del before.PixelData, after.PixelData
        assert before == after
    assert sent[0x00111001].value[0].PatientComments == "important"
    assert sent[0x00111002].value == "keep"
    np.testing.assert_array_equal(sent.pixel_array, stored.dataset.pixel_array)


def test_an_icon_says_what_its_native_pixels_are(shelf: Shelf) -> None:
    """The colour transform of the codestream is undone, planes become pixels, what is missing is put in."""
    stored = shelf.store(with_items("SC_rgb_rle.dcm", PlanarConfiguration=1))
    for icon in places(sent_as(stored, EXPLICIT)):
        assert (icon.PhotometricInterpretation, icon.PlanarConfiguration, icon["PixelData"].VR) == ("RGB", 0, "OB")
        assert icon.PixelData == stored.dataset.pixel_array.tobytes()
    stored = shelf.store(with_items("SC_rgb_jpeg_dcmtk.dcm"))
    for icon in places(sent_as(stored, EXPLICIT)):
        assert icon.PhotometricInterpretation == "RGB"
        assert len(icon.PixelData) == icon.Rows * icon.Columns * 3


@pytest.mark.parametrize("changes", [{"Rows": 0}, {"NumberOfFrames": 2}, {"PixelData": encapsulate([b"\1" * 100])}])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_icon_that_cannot_be_decoded_goes_alone(shelf: Shelf, syntax: str, changes: dict[str, Any]) -> None:
    """Its Icon Image Sequence is left out, of another item the pixels; everything around them stays."""
    stored = shelf.store(with_items("MR_small_RLE.dcm", **changes))
    sent = sent_as(stored, syntax)
    expected = stored.dataset
    del expected.IconImageSequence, expected.ReferencedImageSequence[0].IconImageSequence
    del expected[0x00111001].value[1].PixelData
    assert tags(sent) == tags(expected)
    assert sent[0x00111001].value[1].PatientComments == "important"
    np.testing.assert_array_equal(sent.pixel_array, expected.pixel_array)


def test_as_stored_keeps_every_byte(shelf: Shelf) -> None:
    stored = shelf.store(with_items("MR_small_RLE.dcm"))
    assert stored.get("", "application/dicom; transfer-syntax=*").content == stored.file


# Bulk data (10.4.1.1.5) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ICON, IN_REFERENCE, IN_PRIVATE])
def test_an_icon_is_bulk_data_in_both_forms(shelf: Shelf, path: str) -> None:
    """8.7.3.3: native bytes of known length, or the stream as it is stored; the default is the latter."""
    stored = shelf.store(with_items("MR_small_RLE.dcm"))
    native = dataset_of(storable("MR_small_RLE.dcm")).pixel_array.tobytes()
    below = f"/bulkdata/{path}"
    for accept in ("application/octet-stream", OCTETS):
        answer = stored.get(below, accept)
        (part,) = parts_of(answer)
        assert part.body == native
        assert part.content_type == ("application/octet-stream", {"transfer-syntax": EXPLICIT})
        assert part.location == stored.url + below
    alone = stored.get(below, "application/octet-stream")
    assert int(alone.headers["content-length"]) == len(native)
    again = stored.get(below, "application/octet-stream", **{"If-None-Match": alone.headers["etag"]})
    assert again.status_code == 304
    compressed = stored.get(below)
    assert media_type(compressed.headers["content-type"])[0] == "image/dicom-rle"
    assert compressed.headers["etag"] != alone.headers["etag"]
    assert stored.get(below, "image/jp2").status_code == 406


def test_all_bulk_data_of_an_instance_are_native(shelf: Shelf) -> None:
    stored = shelf.store(with_items("MR_small_RLE.dcm"))
    native = dataset_of(storable("MR_small_RLE.dcm")).pixel_array.tobytes()
    for below in ("/bulkdata", ""):
        answer = stored.get(below, OCTETS)
        assert (answer.status_code, answer.headers.get("warning")) == (200, None)
        found = {part.location.rpartition("/")[2]: part.body for part in parts_of(answer)}
        assert {found[path] for path in (ICON, IN_REFERENCE, IN_PRIVATE, "7FE00010")} == {native}


def test_an_icon_that_cannot_be_decoded_is_had_as_stored(shelf: Shelf) -> None:
    stored = shelf.store(with_items("MR_small_RLE.dcm", NumberOfFrames=2))
    refused = stored.get(f"/bulkdata/{ICON}", "application/octet-stream")
    assert refused.status_code == 406
    assert "several frames" in refused.json()["detail"]
    assert stored.get(f"/bulkdata/{ICON}").status_code == 200
    stored = shelf.store(with_items("MR_small_RLE.dcm", PixelData=encapsulate([b"\1" * 100])))
    broken = stored.get(f"/bulkdata/{ICON}", "application/octet-stream")
    assert broken.status_code == 406
    assert broken.json()["type"].endswith("unreadable-pixel-data")
    partial = stored.get("/bulkdata", "*/*")
    assert partial.status_code == 200
