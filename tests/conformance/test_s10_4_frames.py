"""PS3.18 10.4.1.1.6: Retrieve Frames, native and encapsulated, from every kind of offset table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from tests import samples
from tests.payloads import EXPLICIT, dataset_of, frames_of, media_type, parts_of, saved, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
OCTETS = 'multipart/related; type="application/octet-stream"'


def bodies(stored: StoredFile, numbers: str, accept: str = OCTETS) -> list[bytes]:
    return [part.body for part in parts_of(stored.get(f"/frames/{numbers}", accept))]


# Lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", ["1", "10", "1,2,3", "2,9", "1,10", "1,2,3,4,5,6,7,8,9,10", "01,002"])
@pytest.mark.parametrize("name", ["emri_small.dcm", "emri_small_big_endian.dcm"])
def test_frame_lists_of_native_images(shelf: Shelf, name: str, numbers: str) -> None:
    stored = shelf.store(samples.sample(name))
    pixels = stored.dataset.pixel_array.astype("<u2")
    response = stored.get(f"/frames/{numbers}", OCTETS)
    parts = parts_of(response)
    wanted = [int(number) for number in numbers.split(",")]
    assert [part.location for part in parts] == [f"{stored.url}/frames/{n}" for n in wanted]
    for part, number in zip(parts, wanted, strict=True):
        assert part.content_type == ("application/octet-stream", {"transfer-syntax": EXPLICIT})
        assert part.body == pixels[number - 1].tobytes()


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ("0", 400),
        ("-1", 400),
        ("+1", 400),
        ("1.0", 400),
        ("one", 400),
        ("1,", 400),
        (",1", 400),
        ("1,,2", 400),
        ("1;2", 400),
        ("1 2", 400),
        ("2,1", 400),
        ("1,1", 400),
        ("1-3", 400),
        ("0x1", 400),
        ("\u0661", 400),
        ("1" * 30, 404),
        ("11", 404),
        ("1,11", 404),
        ("4294967297", 404),
        ("99999999999999999999", 404),
        ("1," + "9" * 1000, 404),
        ("9" * 1001, 400),
        ("0" * 5000 + "1", 400),
    ],
)
def test_wrong_frame_lists(shelf: Shelf, numbers: str, status: int) -> None:
    """Positive, ascending, each once (10.1); a number beyond Number of Frames names nothing."""
    stored = shelf.store(samples.sample("emri_small.dcm"))
    response = stored.get(f"/frames/{numbers}", OCTETS)
    assert response.status_code == status
    problem = response.json()
    assert problem["offender"] == "frames"
    assert problem["accepted"]


def test_an_empty_frame_list_is_no_resource(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("emri_small.dcm"))
    assert stored.get("/frames/", OCTETS).status_code in {400, 404}
    assert stored.get("/frames", OCTETS).status_code == 404


def test_an_instance_without_pixels_has_no_frames(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("rtplan.dcm"))
    response = stored.get("/frames/1", "*/*")
    assert response.status_code == 404
    assert "pixel data" in response.json()["detail"]


def test_frames_of_an_unknown_instance_are_404(shelf: Shelf) -> None:
    assert shelf.client.get("/dicom-web/studies/1/series/2/instances/3/frames/1").status_code == 404


def test_a_single_frame_image_has_frame_one(shelf: Shelf) -> None:
    """10.2: frames/1 exists for a single-frame instance as well."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    assert bodies(stored, "1") == [stored.dataset.PixelData]
    assert stored.get("/frames/2", OCTETS).status_code == 404


# Native forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "image_dfl.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "rtdose.dcm",
        "liver_1frame.dcm",
        "liver_expb_1frame.dcm",
    ],
)
def test_native_frames_are_little_endian_value_bytes(shelf: Shelf, name: str) -> None:
    """8.7.3.3.1: little endian, no padding, nothing around."""
    stored = shelf.store(storable(name))
    expected = frames_of(stored.dataset)
    numbers = ",".join(str(n + 1) for n in range(len(expected)))
    assert bodies(stored, numbers) == expected


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (5, 7), (1, 1), (4, 2), (9, 113)])
def test_one_bit_frames_begin_on_a_byte_of_their_part(shelf: Shelf, rows: int, columns: int) -> None:
    """PS3.5 8.1.1: bits of frames follow each other unaligned; as parts each begins with bit 0 (8.7.3.3.1)."""
    dataset = dataset_of(storable("liver_1frame.dcm"))
    frames = 6
    generator = np.random.default_rng(rows * columns)
    bits = generator.integers(0, 2, size=(frames, rows * columns), dtype=np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, frames
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    stored = shelf.store(saved(dataset))
    for numbers in ("1,2,3,4,5,6", "2", "3,6"):
        got = bodies(stored, numbers)
        for number, body in zip(numbers.split(","), got, strict=True):
            assert body == np.packbits(bits[int(number) - 1], bitorder="little").tobytes()


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_float_pixel_data_have_frames(shelf: Shelf, keyword: str, dtype: str) -> None:
    """Float and Double Float Pixel Data are pixel data (8.4 of the fact sheet: (7FE0,0008) and (7FE0,0009))."""
    dataset = dataset_of(samples.sample("CT_small.dcm"))
    del dataset.PixelData
    pixels = np.linspace(-1, 1, 2 * 5 * 3).astype(dtype)
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 5, 3, 2
    dataset.BitsAllocated = pixels.itemsize * 8
    setattr(dataset, keyword, pixels.tobytes())
    stored = shelf.store(saved(dataset))
    assert bodies(stored, "1,2") == [pixels[:15].tobytes(), pixels[15:].tobytes()]


def test_pixel_data_shorter_than_promised_give_what_is_there(shelf: Shelf) -> None:
    dataset = dataset_of(samples.sample("emri_small.dcm"))
    frame = len(dataset.PixelData) // 10
    dataset.PixelData = dataset.PixelData[: 3 * frame]
    stored = shelf.store(saved(dataset))
    assert bodies(stored, "3") == [dataset.PixelData[2 * frame :]]
    assert stored.get("/frames/4", OCTETS).status_code == 404


# Encapsulated forms --------------------------------------------------------------------------------------------


def multi_frame(shelf: Shelf, how: str) -> tuple[StoredFile, list[bytes]]:
    dataset = dataset_of(samples.sample("emri_small_jpeg_2k_lossless.dcm"))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=10))
    if how == "extended":
        data, offsets, lengths = encapsulate_extended(frames)
        dataset.PixelData = data
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    else:
        fragments = 3 if "fragments" in how else 1
        dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments, has_bot="basic" in how)
    dataset["PixelData"].VR = "OB"
    return shelf.store(saved(dataset)), frames


@pytest.mark.parametrize("how", ["basic", "extended", "none", "basic, 3 fragments", "no table, 3 fragments"])
@pytest.mark.parametrize("numbers", ["1", "10", "2,3,4", "1,5,10"])
def test_frames_behind_every_kind_of_offset_table(shelf: Shelf, how: str, numbers: str) -> None:
    """PS3.5 A.4; the payload is the bare codestream: no item tags, no table, fragments joined (8.7.3.3.2)."""
    stored, frames = multi_frame(shelf, how)
    response = stored.get(f"/frames/{numbers}", 'multipart/related; type="image/jp2"')
    parts = parts_of(response)
    wanted = [int(n) for n in numbers.split(",")]
    assert [part.location for part in parts] == [f"{stored.url}/frames/{n}" for n in wanted]
    for part, number in zip(parts, wanted, strict=True):
        assert part.content_type == ("image/jp2", {"transfer-syntax": J2K_LOSSLESS})
        assert part.body.startswith(b"\xff\x4f\xff\x51")
        assert part.body.rstrip(b"\0") == frames[number - 1].rstrip(b"\0")


def test_a_single_frame_in_many_fragments_is_joined(shelf: Shelf) -> None:
    dataset = dataset_of(storable("MR_small_jp2klossless.dcm"))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([frame], fragments_per_frame=7, has_bot=False)
    stored = shelf.store(saved(dataset))
    assert bodies(stored, "1", "image/jp2") == [frame]


def test_a_sequence_delimiter_inside_a_codestream_does_not_end_it(shelf: Shelf) -> None:
    """Fragments are split by item length, never by searching."""
    stored = shelf.store(storable("JPEG2000-embedded-sequence-delimiter.dcm"))
    (expected,) = generate_frames(stored.dataset.PixelData, number_of_frames=1)
    assert bodies(stored, "1", "*/*") == [expected]


# Negotiation (fact sheet 8.5) ----------------------------------------------------------------------------------

OCTET = ("application/octet-stream", EXPLICIT)
JPEG_50 = ("image/jpeg", "1.2.840.10008.1.2.4.50")
J2K = ("image/jp2", J2K_LOSSLESS)
RLE = ("image/dicom-rle", "1.2.840.10008.1.2.5")
JPEG_70 = ("image/jpeg", "1.2.840.10008.1.2.4.70")


@pytest.mark.parametrize(
    ("name", "accept", "expected"),
    [
        ("CT_small.dcm", "*/*", OCTET),
        ("CT_small.dcm", OCTETS, OCTET),
        ("CT_small.dcm", "multipart/related; type=application/octet-stream", OCTET),
        ("CT_small.dcm", f"{OCTETS}; transfer-syntax=*", OCTET),
        ("CT_small.dcm", f"{OCTETS}; transfer-syntax={EXPLICIT}", OCTET),
        ("CT_small.dcm", 'multipart/related; type="*/*"', OCTET),
        ("CT_small.dcm", "multipart/related", OCTET),
        ("CT_small.dcm", 'multipart/related; type="image/jp2"', J2K),
        ("CT_small.dcm", "image/jpeg", JPEG_70),
        ("CT_small.dcm", "image/jpx", 406),
        ("CT_small.dcm", "application/dicom", 406),
        ("CT_small.dcm", "application/dicom+json", 406),
        ("CT_small.dcm", "application/octet-stream, image/png", 400),
        ("CT_small.dcm", "image/jpeg, application/octet-stream;q=0.1", JPEG_70),
        ("SC_rgb_jpeg_dcmtk.dcm", "*/*", JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", 'multipart/related; type="*/*"', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", 'multipart/related; type="image/*"', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", 'multipart/related; type="image/jpeg"', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", 'multipart/related; type="image/jpeg"; transfer-syntax=*', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_50[1]}', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", 'multipart/related; type="image/jpeg; transfer-syntax=*"', JPEG_50),
        ("SC_rgb_jpeg_dcmtk.dcm", f"multipart/related; type=image/jpeg; transfer-syntax={J2K_LOSSLESS}", 406),
        ("SC_rgb_jpeg_dcmtk.dcm", OCTETS, OCTET),
        ("SC_rgb_jpeg_dcmtk.dcm", f"{OCTETS}; transfer-syntax=*", OCTET),
        ("MR_small_jp2klossless.dcm", 'multipart/related; type="image/jp2"', J2K),
        ("MR_small_jp2klossless.dcm", f"{OCTETS}, multipart/related; type=image/jp2;q=0.3", OCTET),
        ("MR_small_jp2klossless.dcm", 'multipart/related; type="image/jp2", text/html', 400),
        ("MR_small_jp2klossless.dcm", 'multipart/related; type="image/jpeg"', JPEG_70),
        ("MR_small_jp2klossless.dcm", "image/jp2", J2K),
        ("MR_small_RLE.dcm", 'multipart/related; type="image/dicom-rle"', RLE),
        ("MR_small_RLE.dcm", 'multipart/related; type="image/x-dicom-rle"', RLE),
    ],
)
def test_media_types_of_frames(shelf: Shelf, name: str, accept: str, expected: tuple[str, str] | int) -> None:
    stored = shelf.store(storable(name))
    response = stored.get("/frames/1", accept)
    if isinstance(expected, int):
        assert response.status_code == expected
        if "text/html" not in accept:  # the problem would be told in a page
            assert response.json()["accepted"]
        return
    (part,) = parts_of(response)
    assert part.content_type == (expected[0], {"transfer-syntax": expected[1]})
    if expected[1] == stored.transfer_syntax:  # others: test_s08_7_3_transcoding.py
        assert [part.body] == frames_of(stored.dataset)


def test_what_cannot_be_had_is_refused_with_what_can(shelf: Shelf) -> None:
    stored = shelf.store(storable("MR_small_jp2klossless.dcm"))
    problem = stored.get("/frames/1", "image/jpx").json()
    assert len(problem["accepted"]) > 20
    for accepted in problem["accepted"]:
        assert len(bodies(stored, "1", accepted)) == 1


@pytest.mark.parametrize("accept", ["application/octet-stream", "application/octet-stream; transfer-syntax=*"])
def test_one_frame_as_a_single_part(shelf: Shelf, accept: str) -> None:
    """Table 10.4.4-1: optional, for a single item."""
    stored = shelf.store(samples.sample("emri_small.dcm"))
    response = stored.get("/frames/4", accept)
    assert media_type(response.headers["content-type"]) == ("application/octet-stream", {"transfer-syntax": EXPLICIT})
    assert response.headers["content-location"] == f"{stored.url}/frames/4"
    assert response.content == frames_of(stored.dataset)[3]
    assert stored.get("/frames/4,5", accept).status_code == 406


def test_head_of_frames_has_the_length_and_no_body(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("emri_small.dcm"))
    for accept in (OCTETS, "application/octet-stream"):
        head = shelf.client.head(stored.path + "/frames/1", headers={"Accept": accept})
        got = stored.get("/frames/1", accept)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(got.content)


def test_frames_of_many_bytes_are_whole(shelf: Shelf) -> None:
    """More than the first megabyte, which is read before the headers are sent."""
    dataset = dataset_of(samples.sample("emri_small.dcm"))
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 1024, 1000, 3
    pixels = np.arange(3 * 1024 * 1000, dtype="<u4").astype("<u2").tobytes()
    dataset.PixelData = pixels
    stored = shelf.store(saved(dataset))
    size = len(pixels) // 3
    response = stored.get("/frames/1,3", OCTETS)
    assert int(response.headers["content-length"]) == len(response.content)
    assert [part.body for part in parts_of(response)] == [pixels[:size], pixels[2 * size :]]


def test_a_stream_that_is_not_divided_into_frames_is_only_sent_whole(shelf: Shelf) -> None:
    """8.7.3.3.2: a video is one representation; the refusal names where it can be had."""
    stream = b"\0\0\1\xb3" + bytes(60)
    dataset = dataset_of(samples.sample("emri_small_jpeg_2k_lossless.dcm"))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.NumberOfFrames = 30
    dataset.PixelData = encapsulate([stream], has_bot=False)
    stored = shelf.store(saved(dataset))
    refused = stored.get("/frames/2", "*/*")
    assert refused.status_code == 406
    (whole,) = refused.json()["accepted"]
    assert whole == f"{stored.url}/bulkdata/7FE00010"
    answer = stored.get("/bulkdata/7FE00010", "video/mp4")
    assert (answer.status_code, answer.content) == (200, stream)


# One bit a pixel -----------------------------------------------------------------------------------------------


def one_bit_image(rows: int, columns: int, frames: int) -> tuple[bytes, list[list[int]]]:
    """A file, and the pixels of each frame as they were drawn."""
    dataset = dataset_of(storable("liver_1frame.dcm"))
    generator = np.random.default_rng(rows * 1000 + columns)
    drawn = [[int(bit) for bit in generator.integers(0, 2, size=rows * columns)] for _ in range(frames)]
    packed = bytearray((frames * rows * columns + 7) // 8)
    for place, bit in enumerate(bit for pixels in drawn for bit in pixels):
        packed[place // 8] |= bit << (place % 8)  # PS3.5 8.1.1: the first pixel is the least significant bit
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, frames
    dataset.PixelData = bytes(packed) + b"\0" * (len(packed) % 2)
    dataset["PixelData"].VR = "OB"
    del dataset.PerFrameFunctionalGroupsSequence
    return saved(dataset), drawn


def bits_of(part: bytes, count: int) -> list[int]:
    assert len(part) == (count + 7) // 8
    assert not any(part[place // 8] >> (place % 8) & 1 for place in range(count, 8 * len(part))), "the rest is zero"
    return [part[place // 8] >> (place % 8) & 1 for place in range(count)]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (3, 3), (5, 5), (2, 4), (7, 9), (13, 11), (16, 16)])
@pytest.mark.parametrize("numbers", [(1,), (2,), (5, 9), (1, 2, 3, 4, 5, 6, 7, 8, 9), (9,)])
def test_one_bit_frames_bit_by_bit(shelf: Shelf, rows: int, columns: int, numbers: tuple[int, ...]) -> None:
    """Note to 8.7.3.3.1: the bits of a frame are taken out of bytes that it shares with others."""
    file, drawn = one_bit_image(rows, columns, 9)
    stored = shelf.store(file)
    parts = bodies(stored, ",".join(map(str, numbers)))
    assert [bits_of(part, rows * columns) for part in parts] == [drawn[number - 1] for number in numbers]


def test_ranges_of_one_bit_frames(shelf: Shelf) -> None:
    file, _ = one_bit_image(13, 11, 9)
    stored = shelf.store(file)
    for number in range(1, 10):
        whole = stored.get(f"/frames/{number}", "application/octet-stream").content
        for first in range(len(whole)):
            for last in (first, first + 3, len(whole) - 1):
                answer = stored.get(f"/frames/{number}", "application/octet-stream", Range=f"bytes={first}-{last}")
                assert (answer.status_code, answer.content) == (206, whole[first : last + 1])
    asked = stored.get("/frames/2,5,9", OCTETS)
    for first in range(0, len(asked.content), 37):
        part = stored.get("/frames/2,5,9", OCTETS, Range=f"bytes={first}-")
        assert asked.content[:first] + part.content == asked.content


def test_one_bit_bulk_data_stay_packed(shelf: Shelf) -> None:
    """All frames together have no gaps between them (8.7.3.3.1)."""
    file, drawn = one_bit_image(5, 5, 9)
    stored = shelf.store(file)
    for below in ("/pixeldata", "/bulkdata/7FE00010"):
        whole = stored.get(below, "application/octet-stream").content
        assert [whole[n // 8] >> (n % 8) & 1 for n in range(225)] == [bit for pixels in drawn for bit in pixels]
