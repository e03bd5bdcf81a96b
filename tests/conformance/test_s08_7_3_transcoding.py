"""PS3.18 8.7.3: instances, frames and pixel data in other transfer syntaxes than the stored one.

What comes back is decoded by pydicom with its own plugins, or by the codec libraries themselves, never by the server's
own code; lossless forms have to be equal to the bit.
"""

from __future__ import annotations

import io
import re
import threading
import zipfile
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from tests import samples
from tests.payloads import EXPLICIT, dataset_of, frames_of, multipart_of, parts_of, saved, storable

from filmjacket.pixels import recode
from filmjacket.services.studies.transcode import Transcoder
from filmjacket.web.reach import LOSSLESS, LOSSY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pydicom import Dataset
    from starlette.testclient import TestClient
    from tests.conformance.shelf import Shelf, StoredFile

PREFIX = "1.2.840.10008.1.2"
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'
RLE, J2K, JLS, HTJ2K, RPCL, JXL = (f"{PREFIX}.{end}" for end in ("5", "4.90", "4.80", "4.201", "4.202", "4.110"))
BASELINE, RECOMPRESSED, DEFLATED_FRAMES = (f"{PREFIX}.{end}" for end in ("4.50", "4.111", "8.1"))

STORED = [
    "CT_small.dcm",  # signed, 16 bits
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",  # deflated
    "SC_rgb_small_odd.dcm",
    "SC_rgb.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "emri_small.dcm",  # ten frames
    "emri_small_big_endian.dcm",
    "emri_small_RLE.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",  # lossless JPEG
    "SC_rgb_rle_2frame.dcm",
    "693_J2KI.dcm",
    "JPEG2000.dcm",  # lossy, signed
    "JPEGLSNearLossless_08.dcm",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "liver_1frame.dcm",  # one bit
]
MEDIA_TYPES = {
    EXPLICIT: "application/octet-stream", f"{PREFIX}.1.98": "application/octet-stream", RLE: "image/dicom-rle",
    DEFLATED_FRAMES: "application/x-deflate", f"{PREFIX}.4.57": "image/jpeg", f"{PREFIX}.4.70": "image/jpeg",
    JLS: "image/jls", J2K: "image/jp2", HTJ2K: "image/jphc", RPCL: "image/jphc", JXL: "image/jxl",
}  # fmt: skip


@cache
def pixels_of(name: str) -> NDArray[Any]:
    """Stored values by pydicom, (frames, rows, columns[, samples])."""
    return as_frames(dataset_of(storable(name)))


def as_frames(dataset: Dataset) -> NDArray[Any]:
    """Values as they are stored, no colour conversion but what codecs undo by themselves."""
    if dataset.file_meta.TransferSyntaxUID == BASELINE:
        # pydicom leaves luminance and chrominance as they are, a decoder of images makes RGB of them.
        streams = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
        return np.stack([imagecodecs.jpeg8_decode(stream, outcolorspace="RGB") for stream in streams])
    array = pixel_array(dataset, raw=True) if not _is_ybr_of_a_codec(dataset) else pixel_array(dataset)
    array = array.astype(array.dtype.newbyteorder("="))
    return array if int(dataset.get("NumberOfFrames") or 1) > 1 else array[None]


def _is_ybr_of_a_codec(dataset: Dataset) -> bool:
    return dataset.PhotometricInterpretation in {"YBR_RCT", "YBR_ICT"}


def decode(stream: bytes, syntax: str, like: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """One frame by a codec library, in the type and shape of the values it should hold."""
    if syntax in {EXPLICIT, f"{PREFIX}.1.98"}:
        return native(stream, like)
    if syntax == DEFLATED_FRAMES:
        return native(inflated(stream), like)
    if syntax == RLE:
        planes = imagecodecs.dicomrle_decode(stream, f"u{like.dtype.itemsize}")
        array = np.frombuffer(planes, f"u{like.dtype.itemsize}")[: like.size]
        if like.ndim == 3:
            return array.reshape(3, *like.shape[:2]).transpose(1, 2, 0).view(like.dtype)
        return array.reshape(like.shape).view(like.dtype)
    array = DECODERS[syntax](stream)
    if syntax in {HTJ2K, RPCL} and like.ndim == 3 and array.shape[0] == 3 != array.shape[-1]:
        array = array.transpose(1, 2, 0)  # no transform: components come as planes
    signed_in_stream = array.dtype.kind == "i" or like.dtype.kind == "u"
    array = array.astype(f"{array.dtype.kind}{like.dtype.itemsize}")
    if not signed_in_stream:
        assert dataset.BitsAllocated == 8 * like.dtype.itemsize
    return array.view(like.dtype)


DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    f"{PREFIX}.4.57": imagecodecs.ljpeg_decode,
    f"{PREFIX}.4.70": imagecodecs.ljpeg_decode,
    JLS: imagecodecs.jpegls_decode,
    J2K: imagecodecs.jpeg2k_decode,
    HTJ2K: imagecodecs.htj2k_decode,
    RPCL: imagecodecs.htj2k_decode,
    JXL: imagecodecs.jpegxl_decode,
}


def inflated(stream: bytes) -> bytes:
    """A raw deflate stream, padding behind it ignored."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream)


def native(stream: bytes, like: NDArray[Any]) -> NDArray[Any]:
    if like.size > 8 * len(stream) or len(stream) >= like.nbytes:
        return np.frombuffer(stream[: like.nbytes], like.dtype.newbyteorder("<")).reshape(like.shape)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8), bitorder="little")[: like.size]
    return bits.reshape(like.shape)


# Table 8.7.3-2: instances ---------------------------------------------------------------------------------------


def answered(stored: StoredFile, syntax: str) -> Dataset | None:
    """The instance in a transfer syntax, None if that is refused; the list of what can be had must not have it."""
    answer = stored.get("", f"{DICOM}; transfer-syntax={syntax}")
    if answer.status_code == 406:
        assert not any(accepted.endswith(f"={syntax}") for accepted in answer.json()["accepted"])
        return None
    (part,) = parts_of(answer)
    assert part.content_type == ("application/dicom", {"transfer-syntax": syntax})
    assert part.location == stored.url
    return dataset_of(part.body)


IMPOSSIBLE = {
    # bits that codecs have no form for
    "liver_1frame.dcm": {RLE, f"{PREFIX}.4.57", f"{PREFIX}.4.70", JLS, J2K, HTJ2K, RPCL, JXL},
}


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("name", STORED)
def test_instances_lose_nothing(shelf: Shelf, name: str, syntax: str) -> None:
    """Every pixel is what it was, and so is every attribute that has no need to change."""
    stored = shelf.store(storable(name))
    sent = answered(stored, syntax)
    if syntax in IMPOSSIBLE.get(name, ()):
        assert sent is None
        return
    assert sent is not None
    assert sent.file_meta.TransferSyntaxUID == syntax
    assert sent.SOPInstanceUID == sent.file_meta.MediaStorageSOPInstanceUID == stored.dataset.SOPInstanceUID
    expected = upsampled(name, native=syntax in {EXPLICIT, f"{PREFIX}.1.99"})
    for number, frame in enumerate(frames_in(sent)):
        values = decode(frame, syntax if syntax != f"{PREFIX}.1.99" else EXPLICIT, expected[number], sent)
        np.testing.assert_array_equal(values, expected[number])
    check_attributes(stored.dataset, sent)


def upsampled(name: str, *, native: bool) -> NDArray[Any]:
    """What frames hold: of native YBR_FULL_422 that stays native the bytes themselves, else all samples."""
    dataset = dataset_of(storable(name))
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and dataset.file_meta.TransferSyntaxUID == EXPLICIT:
        raw = np.frombuffer(dataset.PixelData, np.uint8)
        if native:
            return raw.reshape(1, dataset.Rows, -1)
        groups = raw.reshape(dataset.Rows, -1, 4)
        full = np.stack((groups[..., :2], groups[..., 2:3].repeat(2, 2), groups[..., 3:].repeat(2, 2)), axis=-1)
        return full.reshape(1, dataset.Rows, dataset.Columns, 3)
    return pixels_of(name)


def frames_in(dataset: Dataset) -> list[bytes]:
    """The frames of a data set, of encapsulated ones as they are coded."""
    count = int(dataset.get("NumberOfFrames") or 1)
    if dataset["PixelData"].VR == "OB" and dataset["PixelData"].is_undefined_length:
        frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
        assert len(frames) == count
        return frames
    return frames_of(dataset)


MAY_CHANGE = {
    "PixelData", "PhotometricInterpretation", "PlanarConfiguration", "HighBit", "DataSetTrailingPadding",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
}  # fmt: skip


def check_attributes(stored: Dataset, sent: Dataset) -> None:
    lossy = {"LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"}
    before = {element.tag: element for element in stored if element.tag.element != 0}
    after = {element.tag: element for element in sent}
    allowed = MAY_CHANGE | (lossy if "LossyImageCompressionMethod" not in stored else set())
    for tag, element in before.items():
        if element.keyword not in allowed:
            assert tag in after, element.keyword
            assert after[tag].value == element.value, element.keyword
    assert {after[tag].keyword for tag in after.keys() - before.keys()} <= lossy


@pytest.mark.parametrize(
    ("name", "syntax", "photometric", "planar"),
    [
        ("SC_rgb.dcm", J2K, "YBR_RCT", 0),
        ("SC_rgb.dcm", HTJ2K, "YBR_RCT", 0),
        ("SC_rgb.dcm", JLS, "RGB", 0),
        ("SC_rgb.dcm", RLE, "RGB", 1),
        ("SC_rgb.dcm", JXL, "RGB", 0),
        ("SC_rgb.dcm", BASELINE, "YBR_FULL_422", 0),
        ("SC_rgb.dcm", f"{PREFIX}.4.91", "YBR_ICT", 0),
        ("SC_rgb.dcm", f"{PREFIX}.4.112", "XYB", 0),
        ("SC_rgb_rle_2frame.dcm", EXPLICIT, "RGB", 0),
        ("SC_rgb_jpeg_dcmtk.dcm", EXPLICIT, "RGB", 0),
        ("SC_rgb_jpeg_dcmtk.dcm", JLS, "RGB", 0),
        ("SC_ybr_full_422_uncompressed.dcm", JLS, "YBR_FULL", 0),
        ("examples_palette.dcm", J2K, "PALETTE COLOR", None),
        ("CT_small.dcm", J2K, "MONOCHROME2", None),
    ],
)
def test_attributes_that_must_change_do(
    shelf: Shelf, name: str, syntax: str, photometric: str, planar: int | None
) -> None:
    """PS3.5 8.2: the colour space is that of the codestream, the planes those of the coding."""
    stored = shelf.store(storable(name))
    sent = answered(stored, syntax)
    assert sent is not None
    assert (sent.PhotometricInterpretation, sent.get("PlanarConfiguration")) == (photometric, planar)
    assert sent.SamplesPerPixel == stored.dataset.SamplesPerPixel


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb.dcm", "emri_small_jpeg_2k_lossless.dcm"])
@pytest.mark.parametrize("syntax", [RLE, J2K, JLS, EXPLICIT, f"{PREFIX}.4.70"])
def test_pydicom_reads_what_is_sent(shelf: Shelf, name: str, syntax: str) -> None:
    """The whole file, by another implementation with its own plugins."""
    sent = answered(shelf.store(storable(name)), syntax)
    assert sent is not None
    array = pixel_array(sent) if syntax == J2K else pixel_array(sent, raw=True)
    np.testing.assert_array_equal(np.atleast_3d(array), np.atleast_3d(pixels_of(name).squeeze()))


@pytest.mark.parametrize("name", ["emri_small_jpeg_2k_lossless.dcm", "CT_small.dcm"])
def test_archives_hold_converted_files(shelf: Shelf, name: str) -> None:
    stored = shelf.store(storable(name))
    answer = stored.get("", f"application/zip; transfer-syntax={JLS}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (entry,) = archive.namelist()
        sent = pydicom.dcmread(io.BytesIO(archive.read(entry)))
    assert sent.file_meta.TransferSyntaxUID == JLS


def test_a_study_of_many_syntaxes_is_all_decoded(client: TestClient) -> None:
    """`*/*` is Explicit VR Little Endian for every instance (8.7.8.2)."""
    names = ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"]
    uids = {"StudyInstanceUID": generate_uid()}
    files = [samples.variant(name, SOPInstanceUID=generate_uid(), **uids) for name in names]
    body, headers = samples.multipart(*files)
    assert client.post("/dicom-web/studies", content=body, headers=headers).status_code == 200
    answer = client.get(f"/dicom-web/studies/{uids['StudyInstanceUID']}", headers={"Accept": "*/*"})
    assert answer.status_code == 200
    sent = {str(dataset.SOPInstanceUID): dataset for dataset in (dataset_of(part.body) for part in parts_of(answer))}
    for file in files:
        dataset = dataset_of(file)
        np.testing.assert_array_equal(sent[str(dataset.SOPInstanceUID)].pixel_array, dataset.pixel_array)
        assert sent[str(dataset.SOPInstanceUID)].file_meta.TransferSyntaxUID == EXPLICIT


# Tables 8.7.3-4 and 8.7.3-5: frames, pixel data -----------------------------------------------------------------


@pytest.mark.parametrize("syntax", MEDIA_TYPES)
@pytest.mark.parametrize("name", [name for name in STORED if name != "SC_ybr_full_422_uncompressed.dcm"])
def test_frames_and_pixel_data_lose_nothing(shelf: Shelf, name: str, syntax: str) -> None:
    """Frames by number and all of them, one part each; native ones of all frames are one part (8.7.3.3)."""
    if syntax in IMPOSSIBLE.get(name, ()):
        return
    stored = shelf.store(storable(name))
    expected = pixels_of(name)
    media_type = MEDIA_TYPES[syntax]
    accept = f'multipart/related; type="{media_type}"; transfer-syntax={syntax}'
    numbers = ",".join(str(n + 1) for n in range(len(expected)))
    parts = parts_of(stored.get(f"/frames/{numbers}", accept))
    assert {part.content_type for part in map(Typed, parts)} == {(media_type, syntax)}
    assert [part.location for part in parts] == [f"{stored.url}/frames/{n + 1}" for n in range(len(expected))]
    for part, values in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(decode(part.body, syntax, values, stored.dataset), values)
    for below in ("/pixeldata", "/bulkdata/7FE00010"):
        together = parts_of(stored.get(below, accept))
        if media_type == "application/octet-stream":
            joined = b"".join(part.body for part in parts)
            assert [part.body[: len(joined)] for part in together] == [joined]  # a stored value may be padded
        else:
            assert [part.body for part in together] == [part.body for part in parts]


class Typed:
    """The media type of a part with its transfer syntax."""

    def __init__(self, part: Any) -> None:
        essence, parameters = part.content_type
        self.content_type = (essence, parameters["transfer-syntax"])


@pytest.mark.parametrize(
    ("accept", "media_type", "syntax"),
    [
        ('type="image/jpeg"', "image/jpeg", f"{PREFIX}.4.70"),  # lossless unless named otherwise
        ('type="image/jpeg"; transfer-syntax=*', "image/jpeg", f"{PREFIX}.4.70"),
        ('type="image/jphc"', "image/jphc", HTJ2K),
        (f'type="image/jphc"; transfer-syntax={RPCL}', "image/jphc", RPCL),
        ('type="image/jls"', "image/jls", JLS),
        ('type="image/x-jls"', "image/jls", JLS),
        ('type="image/jp2"', "image/jp2", J2K),
        ('type="image/jxl"', "image/jxl", JXL),
        ('type="image/dicom-rle"', "image/dicom-rle", RLE),
        ('type="application/x-deflate"', "application/x-deflate", DEFLATED_FRAMES),
        ('type="application/octet-stream"; transfer-syntax=*', "application/octet-stream", EXPLICIT),  # OHIF
        ('type="image/jp2", multipart/related; type="image/jls";q=0.9', "image/jp2", J2K),
        ('type="image/jp2";q=0.3, multipart/related; type="image/jls";q=0.9', "image/jls", JLS),
    ],
)
def test_default_transfer_syntaxes_of_media_types(shelf: Shelf, accept: str, media_type: str, syntax: str) -> None:
    """Table 8.7.3-5, and quality values."""
    for name in ("CT_small.dcm", "MR_small_RLE.dcm"):
        if name == "MR_small_RLE.dcm" and syntax == RLE:
            continue
        (part,) = parts_of(shelf.store(storable(name)).get("/frames/1", f"multipart/related; {accept}"))
        assert Typed(part).content_type == (media_type, syntax)


def test_ties_go_to_the_stored_form(shelf: Shelf) -> None:
    stored = shelf.store(storable("MR_small_RLE.dcm"))
    accept = ", ".join(f'multipart/related; type="{name}"' for name in ("image/jls", "image/dicom-rle", "image/jp2"))
    (part,) = parts_of(stored.get("/frames/1", accept))
    assert part.body == frames_of(stored.dataset)[0]


@pytest.mark.parametrize(("media_type", "syntax"), [("image/jphc", RPCL), ("image/jp2", J2K), ("image/jls", JLS)])
def test_one_frame_as_a_single_part(shelf: Shelf, media_type: str, syntax: str) -> None:
    stored = shelf.store(storable("emri_small.dcm"))
    answer = stored.get("/frames/4", f"{media_type}; transfer-syntax={syntax}")
    assert answer.headers["content-type"] == f"{media_type}; transfer-syntax={syntax}"
    assert answer.headers["content-location"] == f"{stored.url}/frames/4"
    values = pixels_of("emri_small.dcm")[3]
    np.testing.assert_array_equal(decode(answer.content, syntax, values, stored.dataset), values)


def test_all_native_frames_are_one_item_of_known_length(shelf: Shelf) -> None:
    stored = shelf.store(storable("emri_small_jpeg_2k_lossless.dcm"))
    expected = pixels_of("emri_small_jpeg_2k_lossless.dcm").astype("<u2").tobytes()
    for below in ("/pixeldata", "/bulkdata/7FE00010"):
        answer = stored.get(below, "application/octet-stream")
        assert answer.headers["content-length"] == str(len(expected))
        assert answer.content == expected


def test_htj2k_for_progressive_loading_has_its_markers(shelf: Shelf) -> None:
    """PS3.5 A.4.11: progression RPCL, tile-part lengths (TLM), raw codestream without boxes."""
    stored = shelf.store(storable("examples_ybr_color.dcm"))
    stream = stored.get("/frames/1", f"image/jphc; transfer-syntax={RPCL}").content
    assert stream.startswith(b"\xff\x4f\xff\x51")
    head = stream[: stream.index(b"\xff\x93")]
    cod = head.index(b"\xff\x52")
    assert head[cod + 5] == 2  # RPCL
    assert b"\xff\x55" in head


def test_bulkdata_of_jpeg_2000_are_codestreams_without_boxes(shelf: Shelf) -> None:
    stored = shelf.store(storable("CT_small.dcm"))
    assert stored.get("/frames/1", "image/jp2").content.startswith(b"\xff\x4f\xff\x51")


def test_one_bit_frames_are_packed_without_gaps(shelf: Shelf) -> None:
    """PS3.5 8.1.1, and its note in 8.7.3.3.1: by themselves they begin on a byte, together they do not."""
    values = np.random.default_rng(3).integers(0, 2, (5, 3, 7), np.uint8)
    dataset = dataset_of(storable("liver_1frame.dcm"))
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 3, 7, 5
    if "PerFrameFunctionalGroupsSequence" in dataset:
        del dataset.PerFrameFunctionalGroupsSequence
    packed = [np.packbits(frame.reshape(-1), bitorder="little").tobytes() for frame in values]
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in packed])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = f"{PREFIX}.1.98"
    stored = shelf.store(saved(dataset))
    sent = answered(stored, EXPLICIT)
    assert sent is not None
    np.testing.assert_array_equal(sent.pixel_array, values)
    deflated = parts_of(stored.get("/frames/2,5", 'multipart/related; type="application/x-deflate"'))
    assert [inflated(part.body) for part in deflated] == [packed[1], packed[4]]


@pytest.mark.parametrize("bits", ["float", "double"])
def test_floating_point_pixels_are_only_native(shelf: Shelf, bits: str) -> None:
    dataset = dataset_of(storable("CT_small.dcm"))
    values = np.linspace(-1, 1, dataset.Rows * dataset.Columns)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 32 if bits == "float" else 64
    keyword = "FloatPixelData" if bits == "float" else "DoubleFloatPixelData"
    setattr(dataset, keyword, values.astype("<f4" if bits == "float" else "<f8").tobytes())
    stored = shelf.store(saved(dataset))
    refused = stored.get("/frames/1", "image/jp2")
    assert refused.status_code == 406
    assert not any("image/" in accepted for accepted in refused.json()["accepted"])
    raw = stored.get("/frames/1", "application/x-deflate").content
    assert inflated(raw) == getattr(dataset, keyword)


def test_many_bits_are_refused_by_codecs_with_the_list(shelf: Shelf) -> None:
    """32 bits: no JPEG of any kind has them; 12 bits: not JPEG baseline."""
    dose = shelf.store(storable("rtdose.dcm"))
    refused = dose.get("", f"{DICOM}; transfer-syntax={J2K}")
    assert refused.status_code == 406
    accepted = refused.json()["accepted"]
    assert f"{DICOM}; transfer-syntax={RLE}" in accepted
    for text in accepted:
        assert dose.get("", text).status_code == 200, text
    refused = shelf.store(storable("CT_small.dcm")).get("/frames/1", f"image/jpeg; transfer-syntax={BASELINE}")
    assert refused.status_code == 406
    assert f"image/jpeg; transfer-syntax={PREFIX}.4.70" in refused.json()["accepted"]


def test_overlays_in_unused_bits_are_not_lost(shelf: Shelf) -> None:
    """PS3.3 C.9.2 of old: native forms alone keep them."""
    dataset = dataset_of(storable("MR_small_RLE.dcm"))
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.add_new(0x60000010, "US", dataset.Rows)
    dataset.add_new(0x60000011, "US", dataset.Columns)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 15)
    stored = shelf.store(saved(dataset))
    refused = stored.get("", f"{DICOM}; transfer-syntax={J2K}")
    assert refused.status_code == 406
    assert "overlay" in refused.json()["detail"]
    for accept in (DICOM, f"{DICOM}; transfer-syntax=*", *refused.json()["accepted"]):
        assert stored.get("", accept).status_code == 200, accept


def test_compressed_icons_become_native_with_their_image(shelf: Shelf) -> None:
    """An item may hold encapsulated pixels only in a compressed syntax (PS3.5 A.4)."""
    dataset = dataset_of(storable("MR_small_RLE.dcm"))
    icon = pydicom.Dataset()
    icon.Rows, icon.Columns, icon.SamplesPerPixel, icon.PhotometricInterpretation = 64, 64, 1, "MONOCHROME2"
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 16, 16, 15, 1
    icon.PixelData = dataset.PixelData
    icon["PixelData"].is_undefined_length = True
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = Sequence([icon])
    stored = shelf.store(saved(dataset))
    sent = answered(stored, EXPLICIT)
    assert sent is not None
    assert sent.IconImageSequence[0].PixelData == stored.dataset.pixel_array.tobytes()
    np.testing.assert_array_equal(sent.pixel_array, stored.dataset.pixel_array)


# Loss, when it is asked for by name -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "syntax", "method", "bound"),
    [
        ("SC_rgb.dcm", BASELINE, "ISO_10918_1", 0.05),
        ("MR_small_RLE.dcm", f"{PREFIX}.4.91", None, None),  # signed: see below
        ("examples_ybr_color.dcm", f"{PREFIX}.4.81", "ISO_14495_1", 0.02),
        ("SC_rgb.dcm", f"{PREFIX}.4.91", "ISO_15444_1", 0.05),
        ("SC_rgb.dcm", f"{PREFIX}.4.203", "ISO_15444_15", 0.05),
        ("SC_rgb.dcm", f"{PREFIX}.4.112", "ISO_18181_1", 0.05),
        ("emri_small.dcm", f"{PREFIX}.4.51", "ISO_10918_1", 0.05),
    ],
)
def test_lossy_by_name(shelf: Shelf, name: str, syntax: str, method: str | None, bound: float | None) -> None:
    """The data set says what happened to it; the UID stays, since the URL still names this instance."""
    stored = shelf.store(storable(name))
    sent = answered(stored, syntax)
    assert sent is not None
    assert sent.SOPInstanceUID == stored.dataset.SOPInstanceUID
    assert sent.LossyImageCompression == "01"
    methods, ratios = (np.atleast_1d(sent[f"LossyImageCompression{what}"].value) for what in ("Method", "Ratio"))
    assert len(methods) == len(ratios)
    size = len(frames_in(sent)[0])
    native_size = pixels_of(name)[0].nbytes
    assert float(ratios[-1]) == pytest.approx(native_size / size, rel=0.02)
    if method is None or bound is None:
        return
    assert methods[-1] == method
    values = LOSSY_DECODERS[syntax](frames_in(sent)[0])
    expected = pixels_of(name)[0]
    if stored.dataset.PhotometricInterpretation == "YBR_FULL_422" and syntax != f"{PREFIX}.4.81":
        return
    spread = float(expected.max()) - float(expected.min())
    assert np.abs(values.astype(float) - expected).mean() <= bound * spread


@pytest.mark.parametrize(
    ("syntax", "cells", "said"),
    [
        (BASELINE, (16, 8), (8, 8)),
        (BASELINE, (8, 6), (8, 8)),
        (BASELINE, (8, 7), (8, 8)),
        (f"{PREFIX}.4.51", (16, 9), (16, 12)),
        (f"{PREFIX}.4.51", (16, 10), (16, 12)),
        (f"{PREFIX}.4.51", (16, 12), (16, 12)),
        (f"{PREFIX}.4.81", (16, 12), (16, 16)),
        (f"{PREFIX}.4.81", (16, 8), (8, 8)),
        (f"{PREFIX}.4.91", (16, 12), (16, 12)),
        (f"{PREFIX}.4.91", (16, 8), (8, 8)),
        (f"{PREFIX}.4.91", (16, 6), (8, 6)),
        (f"{PREFIX}.4.203", (16, 12), (16, 16)),
        (f"{PREFIX}.4.203", (16, 7), (8, 8)),
    ],
)
def test_bits_of_lossy_answers_are_those_of_the_stream(
    shelf: Shelf, syntax: str, cells: tuple[int, int], said: tuple[int, int]
) -> None:
    """PS3.5 8.2.1; black and white stay where they are for a reader that knows the attributes only."""
    top = (1 << cells[1]) - 1
    board = np.roll(np.indices((16, 16)).sum(axis=0).repeat(8, 0).repeat(8, 1) % 2 * top, 3, 1)
    stored = shelf.store(saved(grey_instance(board, *cells)))
    sent = answered(stored, syntax)
    assert sent is not None
    assert (sent.BitsAllocated, sent.BitsStored, sent.HighBit) == (*said, said[1] - 1)
    values = pixel_array(sent, raw=True).astype(int) & ((1 << sent.BitsStored) - 1)
    assert np.abs(values - board).mean() < 0.05 * top
    assert np.abs(values - board).max() < 0.5 * top


def grey_instance(values: NDArray[Any], allocated: int, stored: int) -> Dataset:
    dataset = dataset_of(storable("CT_small.dcm"))
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = 0
    for keyword in ("PixelPaddingValue", "SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = values.astype(f"<u{allocated // 8}").tobytes()
    dataset["PixelData"].VR = "OB" if allocated == 8 else "OW"
    return dataset


@pytest.mark.parametrize("syntax", [f"{PREFIX}.4.57", f"{PREFIX}.4.70"])
@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb.dcm"])
def test_lossless_jpeg_agrees_with_photometric_interpretation(shelf: Shelf, name: str, syntax: str) -> None:
    """PS3.5 8.2.1: readers that look at the stream and readers that look at the data set see the same colours."""
    sent = answered(shelf.store(storable(name)), syntax)
    assert sent is not None
    stream = frames_in(sent)[0]
    frame = stream.index(b"\xff\xc3")
    components = bytes(stream[frame + 10 : frame + 19 : 3])
    rgb = sent.PhotometricInterpretation == "RGB"
    assert (components, b"Adobe" in stream[:frame]) == ((b"RGB", True) if rgb else (b"\x01\x02\x03", False))
    np.testing.assert_array_equal(as_frames(sent)[0], upsampled(name, native=False)[0])


LOSSY_DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    BASELINE: lambda stream: imagecodecs.jpeg8_decode(stream, outcolorspace="RGB"),
    f"{PREFIX}.4.51": imagecodecs.jpeg8_decode,
    f"{PREFIX}.4.81": imagecodecs.jpegls_decode,
    f"{PREFIX}.4.91": imagecodecs.jpeg2k_decode,
    f"{PREFIX}.4.203": imagecodecs.htj2k_decode,
    f"{PREFIX}.4.112": imagecodecs.jpegxl_decode,
}


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb.dcm", "MR_small_RLE.dcm", "emri_small_jpeg_2k_lossless.dcm"])
def test_nothing_is_lost_unasked(shelf: Shelf, name: str) -> None:
    """Neither by default, nor by a wildcard, nor by a media type that has lossy syntaxes too."""
    stored = shelf.store(storable(name))
    types = ("image/jpeg", "image/jls", "image/jp2", "image/jphc", "image/jxl", "image/*", "*/*")
    for text in types:
        for parameter in ("", "; transfer-syntax=*"):
            (part, *_) = parts_of(stored.get("/frames/1", f'multipart/related; type="{text}"{parameter}'))
            assert Typed(part).content_type[1] not in LOSSY


def test_lossy_jpeg_becomes_jpeg_xl_and_back_to_the_byte(shelf: Shelf) -> None:
    """PS3.5 A.4.12."""
    stored = shelf.store(storable("SC_rgb_jpeg_dcmtk.dcm"))
    stream = frames_of(stored.dataset)[0]
    smaller = stored.get("/frames/1", f"image/jxl; transfer-syntax={RECOMPRESSED}").content
    assert imagecodecs.jpegxl_decode_jpeg(smaller) == stream
    (part,) = parts_of(stored.get("", f"{DICOM}; transfer-syntax={RECOMPRESSED}"))
    again = shelf.store(part.body)  # in place of the other
    assert again.dataset.PhotometricInterpretation == stored.dataset.PhotometricInterpretation
    assert again.get("/frames/1", f"image/jpeg; transfer-syntax={BASELINE}").content == stream


def test_a_lossy_instance_that_is_decoded_still_says_so(shelf: Shelf) -> None:
    dataset = dataset_of(storable("SC_rgb_jpeg_dcmtk.dcm"))
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if keyword in dataset:
            delattr(dataset, keyword)
    sent = answered(shelf.store(saved(dataset)), EXPLICIT)
    assert sent is not None
    assert (sent.LossyImageCompression, sent.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(sent.LossyImageCompressionRatio) > 1


# Malformed frames -----------------------------------------------------------------------------------------------


def broken(name: str, *, frames: tuple[int, ...]) -> bytes:
    """An instance whose streams of these frames are cut short."""
    dataset = dataset_of(storable(name))
    count = int(dataset.get("NumberOfFrames") or 1)
    streams = list(generate_frames(dataset.PixelData, number_of_frames=count))
    for number in frames:
        streams[number - 1] = streams[number - 1][: len(streams[number - 1]) // 2 // 2 * 2]
    dataset.PixelData = encapsulate(streams)
    return saved(dataset)


@pytest.mark.parametrize("accept", [DICOM, f"{DICOM}; transfer-syntax={JLS}"])
def test_a_malformed_frame_is_406_and_says_what_can_be_had(shelf: Shelf, accept: str) -> None:
    """The request is right and so is the server: only this form of the resource cannot be made."""
    stored = shelf.store(broken("MR_small_jp2klossless.dcm", frames=(1,)))
    answer = stored.get("", accept)
    assert answer.status_code == 406
    problem = answer.json()
    assert problem["type"].endswith("unreadable-pixel-data") or "unreadable-pixel-data" in answer.text
    assert "Frame 1" in problem["detail"]
    (part,) = parts_of(stored.get("", problem["accepted"][0]))
    assert part.body == stored.file


def test_other_frames_of_a_broken_instance_can_be_had(shelf: Shelf) -> None:
    stored = shelf.store(broken("emri_small_jpeg_2k_lossless.dcm", frames=(3,)))
    assert stored.get("/frames/3", OCTETS).status_code == 406
    (part,) = parts_of(stored.get("/frames/4", OCTETS))
    expected = pixels_of("emri_small_jpeg_2k_lossless.dcm")[3]
    np.testing.assert_array_equal(native(part.body, expected), expected)


# Caching, conditions, ranges ------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the frames that were really coded."""
    made: list[int] = []
    real = Transcoder._frame

    def counting(self: Transcoder, source: Any, number: int, transfer_syntax: str) -> bytes:
        made.append(number)
        return real(self, source, number, transfer_syntax)

    monkeypatch.setattr(Transcoder, "_frame", counting)
    return made


def test_frames_are_coded_once(shelf: Shelf, counted: list[int]) -> None:
    stored = shelf.store(saved(dataset_of(storable("emri_small_jpeg_2k_lossless.dcm"))))
    first = stored.get("/frames/2,3", OCTETS).content
    assert sorted(counted) == [2, 3]
    assert stored.get("/frames/2,3", OCTETS).content == first
    stored.get("/frames/3", "application/octet-stream")
    assert sorted(counted) == [2, 3]
    stored.get("/frames/3", "image/jls")
    assert sorted(counted) == [2, 3, 3]


def test_only_wanted_frames_are_decoded(shelf: Shelf, counted: list[int]) -> None:
    stored = shelf.store(saved(dataset_of(storable("emri_small_RLE.dcm"))))
    stored.get("/frames/7", OCTETS)
    assert counted == [7]


def test_identical_work_in_flight_is_done_once(shelf: Shelf, counted: list[int]) -> None:
    stored = shelf.store(saved(dataset_of(storable("693_J2KI.dcm"))))
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: answers.append(stored.get("/frames/1", "image/jls").content)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [1]
    assert len(set(answers)) == 1


def test_head_and_conditions_code_nothing(shelf: Shelf, counted: list[int]) -> None:
    """Strong tags: the same encoders make the same bytes."""
    stored = shelf.store(saved(dataset_of(storable("MR_small_RLE.dcm"))))
    for below, accept in (("", DICOM), ("/frames/1", "image/jls"), ("/pixeldata", OCTETS)):
        head = shelf.client.head(stored.path + below, headers={"Accept": accept})
        assert head.status_code == 200
        tag = head.headers["etag"]
        assert not tag.startswith("W/")
        assert stored.get(below, accept, **{"If-None-Match": tag}).status_code == 304
        assert counted == []
        assert stored.get(below, accept).headers["etag"] == tag
        counted.clear()


def test_tags_tell_forms_and_encoders_apart(shelf: Shelf) -> None:
    stored = shelf.store(storable("MR_small_RLE.dcm"))
    tags = {
        stored.get("/frames/1", accept).headers["etag"]
        for accept in ("image/dicom-rle", "image/jls", "image/jp2", "application/octet-stream", "application/x-deflate")
    }
    assert len(tags) == 5
    assert re.search(imagecodecs.__version__, stored.get("/frames/1", "image/jls").headers["etag"])


def test_what_is_coded_has_no_ranges(shelf: Shelf) -> None:
    stored = shelf.store(storable("MR_small_RLE.dcm"))
    for below, accept in (("", "application/dicom"), ("/frames/1", "image/jls"), ("/frames/1", OCTETS)):
        answer = stored.get(below, accept, Range="bytes=0-9")
        assert answer.status_code == 200
        assert "accept-ranges" not in answer.headers


# Search ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm",
                                  "rtdose.dcm", "rtplan.dcm", "examples_ybr_color.dcm"])  # fmt: skip
def test_available_transfer_syntaxes_can_be_had(shelf: Shelf, name: str) -> None:
    """(0008,3002): each of them reachable without loss, the stored one preferred (Table 10.6.3-5)."""
    stored = shelf.store(storable(name))
    listed = []
    for query in ("", "&includefield=AvailableTransferSyntaxUID"):
        url = f"{stored.series}/instances?SOPInstanceUID={stored.dataset.SOPInstanceUID}{query}"
        (row,) = shelf.client.get(url, headers={"Accept": "application/dicom+json"}).json()
        listed.append(row["00083002"]["Value"])
    short, full = listed
    assert set(short) <= set(full)
    assert EXPLICIT in short
    native_stored = stored.transfer_syntax == PREFIX
    assert full[0] == short[0] == (EXPLICIT if native_stored else stored.transfer_syntax)
    assert not set(full[1:]) & set(LOSSY) - {BASELINE}
    for syntax in full:
        assert stored.get("", f"{DICOM}; transfer-syntax={syntax}").status_code == 200, syntax
    refused = [uid for uid in LOSSLESS if uid not in full]
    for syntax in refused:
        assert stored.get("", f"{DICOM}; transfer-syntax={syntax}").status_code == 406, syntax


def test_each_part_of_a_collection_is_converted_by_itself(shelf: Shelf) -> None:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    names = ("emri_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm")
    stored = [
        shelf.store(samples.variant(name, SOPInstanceUID=generate_uid(), InstanceNumber=n, **uids))
        for n, name in enumerate(names)
    ]
    answer = stored[0].client.get(
        stored[0].study + "/pixeldata", headers={"Accept": 'multipart/related; type="image/jls"'}
    )
    parts = multipart_of(answer.headers, answer.content)
    assert [Typed(part).content_type[1] for part in parts] == [JLS] * 12
    for part, values in zip(parts[:10], pixels_of("emri_small.dcm"), strict=True):
        np.testing.assert_array_equal(imagecodecs.jpegls_decode(part.body), values)


def test_codecs_run_behind_the_wall(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash of a codec is not one of the server: the work is handed to the wall, not done here."""
    handed: list[object] = []
    coder = shelf.client.app_state["context"].coder
    real = coder._wall.run

    def watching(function: Any, *arguments: Any, **options: Any) -> Any:
        handed.append(function)
        return real(function, *arguments, **options)

    monkeypatch.setattr(coder._wall, "run", watching)
    stored = shelf.store(saved(dataset_of(storable("MR_small_RLE.dcm"))))
    stored.get("/frames/1", OCTETS)
    assert handed == [recode.recode_frame]
