"""PS3.18 10.4.1.1.5: the value behind every BulkDataURI, nested and private ones too."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from tests import samples
from tests.payloads import EXPLICIT, bulk_of, dataset_of, frames_of, media_type, parts_of, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

NOISE = np.random.default_rng(7).integers(0, 256, size=6000, dtype=np.uint8).tobytes()


def saved(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    little = syntax != ExplicitVRBigEndian
    fresh = Dataset()
    fresh.update(dataset)
    fresh.file_meta = dataset.file_meta
    dcmwrite(out, fresh, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little, enforce_file_format=False)
    return out.getvalue()


def uris(stored: StoredFile) -> dict[str, str]:
    (metadata,) = stored.get("/metadata").json()
    return {path: uri for path, _, uri in bulk_of(metadata)}


def value_at(stored: StoredFile, uri: str, accept: str = "*/*") -> Any:
    response = stored.client.get(uri, headers={"Accept": accept})
    (part,) = parts_of(response)
    return part.body


def with_nested_values() -> Dataset:
    """Big binary values at the top, two levels deep, in the second item, and in private elements."""
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    for tag in [tag for tag in dataset.keys() if tag.is_private]:  # noqa: SIM118 - tags, not elements
        del dataset[tag]
    inner = Dataset()
    inner.add_new(0x00282000, "OB", NOISE)  # ICC Profile
    outer = [Dataset(), Dataset()]
    outer[1].add_new(0x00480120, "SQ", [Dataset(), inner])
    dataset.add_new(0x00480105, "SQ", outer)  # Optical Path Sequence
    block = dataset.private_block(0x0029, "FILMJACKET TEST", create=True)
    block.add_new(0x10, "UN", NOISE[:3000])
    item = Dataset()
    item.private_block(0x0029, "FILMJACKET TEST", create=True).add_new(0x11, "OB", NOISE[::-1])
    block.add_new(0x20, "SQ", [item])
    return dataset


NESTED = {
    "00480105.1.00480120.1.00282000": NOISE,
    "00291010": NOISE[:3000],
    "00291020.0.00291011": NOISE[::-1],
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_nested_and_private_values_have_working_references(shelf: Shelf, syntax: str) -> None:
    stored = shelf.store(saved(with_nested_values(), syntax))
    found = uris(stored)
    assert set(NESTED) <= set(found)
    for path, value in NESTED.items():
        assert value_at(stored, found[path]) == value


@pytest.mark.parametrize(
    ("vr", "tag", "size"),
    [("OB", 0x00282000, 1), ("OW", 0x00281201, 2), ("OF", 0x00701A00, 4), ("OD", 0x00720073, 8), ("OL", 0x00720075, 4)],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_bulk_values_are_little_endian_bytes(shelf: Shelf, syntax: str, vr: str, tag: int, size: int) -> None:
    """8.7.3.3.1, whatever the byte order of the file."""
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    words = np.frombuffer(NOISE[: 2000 * 2], dtype=f"<u{size}")
    file_order = ">" if syntax == ExplicitVRBigEndian else "<"
    dataset.add_new(tag, vr, words.astype(f"{file_order}u{size}").tobytes())
    stored = shelf.store(saved(dataset, syntax))
    assert value_at(stored, uris(stored)[f"{tag:08X}"]) == words.tobytes()


def test_long_numbers_and_texts_may_be_bulk_too(shelf: Shelf) -> None:
    """10.4.3.3.2 lists the VRs whose values may be replaced by a reference."""
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    dataset.add_new(0x00281101, "US", [256, 0, 16])
    numbers = [n % 65536 for n in range(20000)]
    dataset.add_new(0x00283006, "US", numbers)
    stored = shelf.store(saved(dataset))
    assert value_at(stored, uris(stored)["00283006"]) == np.array(numbers, dtype="<u2").tobytes()


def test_not_a_number_cannot_be_json_and_becomes_a_reference(shelf: Shelf) -> None:
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    values = np.array([1.0, np.nan, -np.inf])
    dataset.add_new(0x00189087, "FD", list(values))
    stored = shelf.store(saved(dataset))
    assert value_at(stored, uris(stored)["00189087"]) == values.astype("<f8").tobytes()


def test_small_binary_values_are_inline_and_have_no_resource(shelf: Shelf) -> None:
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    dataset.add_new(0x00282000, "OB", NOISE[:100])
    stored = shelf.store(saved(dataset))
    assert "00282000" not in uris(stored)
    assert stored.get("/bulkdata/00282000").status_code == 404


# Pixel data ----------------------------------------------------------------------------------------------------


def test_native_pixel_data_are_one_item(shelf: Shelf) -> None:
    """8.7.3.3: uncompressed multi-frame bulk data are one representation."""
    stored = shelf.store(samples.sample("emri_small.dcm"))
    response = stored.get("/bulkdata/7FE00010", "application/octet-stream")
    assert media_type(response.headers["content-type"])[0] == "application/octet-stream"
    assert response.content == stored.dataset.PixelData
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["content-location"] == stored.url + "/bulkdata/7FE00010"


def test_compressed_pixel_data_are_one_part_a_frame(shelf: Shelf) -> None:
    """8.7.3.3.2."""
    stored = shelf.store(samples.sample("emri_small_jpeg_2k_lossless.dcm"))
    parts = parts_of(stored.get("/bulkdata/7FE00010", 'multipart/related; type="image/jp2"'))
    assert [part.body for part in parts] == frames_of(stored.dataset)
    assert {part.location for part in parts} == {f"{stored.url}/bulkdata/7FE00010"}
    assert stored.get("/bulkdata/7FE00010", "image/jp2").status_code == 406


def test_one_compressed_frame_as_a_single_part(shelf: Shelf) -> None:
    stored = shelf.store(storable("MR_small_jp2klossless.dcm"))
    response = stored.get("/bulkdata/7FE00010", "image/jp2")
    assert media_type(response.headers["content-type"])[0] == "image/jp2"
    assert [response.content] == frames_of(stored.dataset)
    assert response.headers["content-location"] == f"{stored.url}/bulkdata/7FE00010"


def test_the_location_of_bulk_data_is_that_of_the_request(shelf: Shelf) -> None:
    """10.4.3.3.3, made anew or not, in parts or alone."""
    for name in ("CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"):
        stored = shelf.store(storable(name))
        for accept in ("image/jp2", 'multipart/related; type="image/jp2"', "application/octet-stream"):
            parts = parts_of(stored.get("/bulkdata/7FE00010", accept))
            assert [part.location for part in parts] == [f"{stored.url}/bulkdata/7FE00010"]


# Negotiation and errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "multipart"),
    [
        ("*/*", False),
        ("application/octet-stream", False),
        ("application/octet-stream; transfer-syntax=*", False),
        ("application/*", False),
        ('multipart/related; type="application/octet-stream"', True),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", True),
        ('multipart/related; type="*/*"', True),
        ("multipart/related", True),
        ('multipart/related; type="application/octet-stream", application/octet-stream; q=0.5', True),
        # What a browser sends when somebody follows the link
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", False),
    ],
)
def test_single_part_or_multipart_exactly_as_accepted(shelf: Shelf, accept: str, *, multipart: bool) -> None:
    """Pain 13; without a preference a single item is a single part."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get("/bulkdata/7FE00010", accept)
    assert response.headers["content-type"].startswith("multipart/related") is multipart
    (part,) = parts_of(response)
    assert part.body == stored.dataset.PixelData
    assert part.content_type == ("application/octet-stream", {"transfer-syntax": EXPLICIT})


@pytest.mark.parametrize(
    "accept", ["image/jpx", "application/dicom", "application/json", 'multipart/related; type="image/jpx"']
)
def test_what_cannot_be_had_is_406(shelf: Shelf, accept: str) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get("/bulkdata/7FE00010", accept)
    assert response.status_code == 406
    assert any("application/octet-stream" in accepted for accepted in response.json()["accepted"])


@pytest.mark.parametrize(
    "path", ["7FE00009", "00100010", "7FE0001", "7FE00010.0", "../metadata", "x", "00480105.9.00282000"]
)
def test_what_was_never_minted_is_404(shelf: Shelf, path: str) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = shelf.client.get(f"{stored.path}/bulkdata/{path.replace('/', '%2F')}")
    assert response.status_code == 404


def test_head_of_bulk_data(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    head = shelf.client.head(stored.path + "/bulkdata/7FE00010")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(stored.dataset.PixelData)


# Encapsulated documents ----------------------------------------------------------------------------------------

PDF = b"%PDF-1.4\n" + NOISE[:1501] + b"\n%%EOF\n"


def document(media_type: str, content: bytes = PDF) -> bytes:
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    del dataset.PixelData
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    dataset.MIMETypeOfEncapsulatedDocument = media_type
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return saved(dataset)


@pytest.mark.parametrize(
    ("accept", "essence"),
    [
        ("*/*", "application/pdf"),
        ("application/pdf", "application/pdf"),
        ('multipart/related; type="application/pdf"', "application/pdf"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/pdf"),
        ("application/octet-stream", "application/octet-stream"),
        ('multipart/related; type="application/octet-stream"', "application/octet-stream"),
    ],
)
def test_a_document_has_its_own_media_type(shelf: Shelf, accept: str, essence: str) -> None:
    """(0042,0012), without the padding; as octets it is the value of the attribute."""
    assert len(PDF) % 2
    stored = shelf.store(document("application/pdf"))
    (part,) = parts_of(stored.get("/bulkdata/00420011", accept))
    assert part.content_type[0] == essence
    assert part.body == (PDF if essence == "application/pdf" else PDF + b"\0")
    assert part.location == f"{stored.url}/bulkdata/00420011"


def test_a_document_by_a_link_and_in_ranges(shelf: Shelf) -> None:
    stored = shelf.store(document("application/pdf"))
    uri = uris(stored)["00420011"]
    linked = shelf.client.get(f"{uri}?accept=application/pdf", headers={"Accept": "text/html, */*;q=0.8"})
    assert (linked.headers["content-type"], linked.content) == ("application/pdf", PDF)
    part = shelf.client.get(uri, headers={"Range": "bytes=1500-"})
    assert (part.status_code, part.content) == (206, PDF[1500:])
    collected = parts_of(stored.get("/bulkdata", 'multipart/related; type="application/pdf"'))
    assert [part.body for part in collected if part.content_type[0] == "application/pdf"] == [PDF]


@pytest.mark.parametrize("name", ["text/html", "image/svg+xml", "application/xhtml+xml", "nonsense", ""])
def test_a_document_is_never_a_page_of_this_server(shelf: Shelf, name: str) -> None:
    stored = shelf.store(document(name))
    answer = stored.get("/bulkdata/00420011", "text/html, image/svg+xml, application/xhtml+xml, */*;q=0.1")
    assert answer.headers["content-type"].partition(";")[0] == "application/octet-stream"
