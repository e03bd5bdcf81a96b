"""PS3.18 8.7.3.3.2: JPEG 2000 bulk data are codestreams; files whose fragments are JP2 files do not change that."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid
from tests import samples
from tests.payloads import dataset_of, frames_of, media_type, parts_of

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

MULTIPART = 'multipart/related; type="image/jp2"'
SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
BELOW = ("/frames/1", "/pixeldata", "/bulkdata/7FE00010")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def jp2(stream: bytes, form: str) -> bytes:
    """A JP2 file; its last box has a length of 32 or 64 bits, or goes to the end."""
    head = SIGNATURE + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", bytes(50))
    if form == "64":
        return head + struct.pack(">I4sQ", 1, b"jp2c", 16 + len(stream)) + stream
    if form == "open":
        return head + struct.pack(">I4s", 0, b"jp2c") + stream
    return head + box(b"jp2c", stream) + box(b"xml ", b"<a/>" * 5)


def boxed(shelf: Shelf, name: str, form: str, pieces: int = 1) -> tuple[StoredFile, list[bytes]]:
    """An image whose frames are JP2 files in so many fragments each, and the codestreams in them."""
    dataset = dataset_of(samples.sample(name))
    streams = [stream.rstrip(b"\0") for stream in frames_of(dataset)]
    if form == "open":  # the padding of a fragment cannot be told from the box then
        streams = [stream + b"\0" * (len(jp2(stream, form)) % 2) for stream in streams]
    dataset.PixelData = encapsulate([jp2(stream, form) for stream in streams], fragments_per_frame=pieces)
    dataset["PixelData"].is_undefined_length = True
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return shelf.store(out.getvalue()), streams


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("form", ["32", "64", "open"])
def test_boxes_are_left_out(shelf: Shelf, form: str, pieces: int) -> None:
    stored, (stream,) = boxed(shelf, "MR_small_jp2klossless.dcm", form, pieces)
    for below in BELOW:
        for accept in (MULTIPART, "image/jp2"):
            answer = stored.get(below, accept)
            (part,) = parts_of(answer)
            assert part.body == stream
            assert int(part.headers["content-length"]) == len(stream)
            assert part.content_type[0] == "image/jp2"
    assert stored.get("", "application/dicom; transfer-syntax=*").content == stored.file


def test_ranges_and_tags_are_those_of_the_codestream(shelf: Shelf) -> None:
    stored, (stream,) = boxed(shelf, "MR_small_jp2klossless.dcm", "32", 2)
    for below in BELOW:
        whole = stored.get(below, "image/jp2")
        assert "codestream" in whole.headers["etag"]
        piece = stored.get(below, "image/jp2", Range="bytes=2-9", **{"If-Range": whole.headers["etag"]})
        assert (piece.status_code, piece.content) == (206, stream[2:10])
        assert piece.headers["content-range"] == f"bytes 2-9/{len(stream)}"
        last = stored.get(below, "image/jp2", Range="bytes=-4")
        assert last.content == stream[-4:]
        assert stored.client.head(stored.path + below, headers={"Accept": "image/jp2"}).headers["content-length"] == (
            str(len(stream))
        )


def test_every_frame_of_many(shelf: Shelf) -> None:
    stored, streams = boxed(shelf, "emri_small_jpeg_2k_lossless.dcm", "32")
    for below in ("/frames/1,2,3,4,5,6,7,8,9,10", "/pixeldata", "/bulkdata"):
        assert [part.body for part in parts_of(stored.get(below, MULTIPART))] == streams


def test_a_frame_of_more_fragments_than_are_measured(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length is not known beforehand; the boxes are left out on the way."""
    stored, (stream,) = boxed(shelf, "MR_small_jp2klossless.dcm", "32", 3)
    monkeypatch.setattr("filmjacket.services.studies.fragments.MAX_MEASURED", 2)
    answer = stored.get("/frames/1", "image/jp2")
    assert media_type(answer.headers["content-type"])[0] == "image/jp2"
    assert answer.content == stream


def test_bare_codestreams_keep_their_tags(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("emri_small_jpeg_2k_lossless.dcm"))
    assert "codestream" not in stored.get("/frames/2", "image/jp2").headers["etag"]
