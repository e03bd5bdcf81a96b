"""PS3.18 10.4.1.1.5: /bulkdata and /pixeldata of studies, series and instances; Table 8.7.3-5 for both."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples
from tests.conformance.shelf import BASE, ORIGIN
from tests.part10 import encapsulated, explicit, part10
from tests.payloads import EXPLICIT, bulk_of, frames_of, media_type, multipart_of, parts_of, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile
    from tests.payloads import Part

PREFIX = "1.2.840.10008.1.2"
OCTETS = 'multipart/related; type="application/octet-stream"'
J2K = "emri_small_jpeg_2k_lossless.dcm"
STREAMS = [bytes((n,)) * (20 + 2 * n) for n in range(1, 5)]


def made(syntax: str, streams: list[bytes], *, frames: int | None = None, **uids: str) -> bytes:
    """An image of the transfer syntax whose frames are just bytes; `uids` are study and series."""

    def uid(tag: str, value: str) -> bytes:
        return explicit(tag, "UI", value.encode() + b"\0" * (len(value) % 2))

    number = str(len(streams) if frames is None else frames).encode()
    data_set = (
        uid("00080016", "1.2.840.10008.5.1.4.1.1.7.4")
        + uid("00080018", generate_uid())
        + uid("0020000D", uids.get("study", generate_uid()))
        + uid("0020000E", uids.get("series", generate_uid()))
        + explicit("00280002", "US", b"\1\0")
        + explicit("00280004", "CS", b"MONOCHROME2 ")
        + explicit("00280008", "IS", number + b" " * (len(number) % 2))
        + explicit("00280010", "US", b"\2\0")
        + explicit("00280011", "US", b"\2\0")
        + explicit("00280100", "US", b"\x08\0")
        + encapsulated(*streams)
    )
    return part10(data_set, syntax)


def got(shelf: Shelf, url: str, accept: str = "*/*", *, mixed: bool = False) -> list[Part]:
    response = shelf.client.get(url, headers={"Accept": accept})
    if not mixed:
        return parts_of(response)
    assert response.status_code in {200, 206}, response.text
    return multipart_of(response.headers, response.content, mixed=True)


# Table 8.7.3-5 -------------------------------------------------------------------------------------------------

IMAGES = [
    ("4.50", "image/jpeg"), ("4.51", "image/jpeg"), ("4.57", "image/jpeg"), ("4.70", "image/jpeg"),
    ("5", "image/dicom-rle"), ("4.80", "image/jls"), ("4.81", "image/jls"), ("4.90", "image/jp2"),
    ("4.91", "image/jp2"), ("4.92", "image/jpx"), ("4.93", "image/jpx"), ("4.201", "image/jphc"),
    ("4.202", "image/jphc"), ("4.203", "image/jphc"), ("4.110", "image/jxl"), ("4.111", "image/jxl"),
    ("4.112", "image/jxl"), ("8.1", "application/x-deflate"),
]  # fmt: skip
VIDEOS = [
    *((f"4.{n}", "video/mpeg") for n in ("100", "100.1", "101", "101.1")),
    *((f"4.{n}{end}", "video/mp4") for n in range(102, 107) for end in ("", ".1")),
    ("4.107", "video/H265"), ("4.108", "video/H265"),
]  # fmt: skip
ALIASES = {"image/dicom-rle": "image/x-dicom-rle", "image/jls": "image/x-jls"}


@pytest.mark.parametrize(("suffix", "name"), IMAGES)
def test_compressed_frames_under_their_media_type(shelf: Shelf, suffix: str, name: str) -> None:
    """One part a frame without item headers or offset table, the transfer syntax echoed (8.7.3.3.2)."""
    syntax = f"{PREFIX}.{suffix}"
    stored = shelf.store(made(syntax, STREAMS))
    family = "image/*" if name.startswith("image/") else "application/*"
    accepts = [
        "*/*", 'multipart/related; type="*/*"', f'multipart/related; type="{family}"',
        f'multipart/related; type="{name}"; transfer-syntax=*',
        f"multipart/related; type={name}; transfer-syntax={syntax}",
        f'multipart/related; type="{ALIASES.get(name, name)}"; transfer-syntax={syntax}',
    ]  # fmt: skip
    for accept in accepts:
        for below in ("/frames/1,2,3,4", "/pixeldata", "/bulkdata", "/bulkdata/7FE00010"):
            parts = got(shelf, stored.path + below, accept)
            assert [part.body for part in parts] == STREAMS
            assert {part.content_type for part in map(content_of, parts)} == {(name.lower(), syntax)}
    alone = stored.get("/frames/2", f"{name}; transfer-syntax={syntax}")
    assert (alone.content, alone.headers["content-location"]) == (STREAMS[1], f"{stored.url}/frames/2")


def content_of(part: Part) -> Any:
    essence, parameters = part.content_type

    class Content:
        content_type = (essence, parameters["transfer-syntax"])

    return Content


def test_jpeg_without_transfer_syntax_is_lossless_unless_only_lossy_exists(shelf: Shelf) -> None:
    """Table 8.7.3-5 with the exception of 8.7.8.2; the refusal names what there is."""
    # Process 14 has to become selection value 1, which these bytes cannot.
    for suffix, status in (("4.70", 200), ("4.50", 200), ("4.51", 200), ("4.57", 406)):
        stored = shelf.store(made(f"{PREFIX}.{suffix}", STREAMS[:1]))
        answer = stored.get("/frames/1", 'multipart/related; type="image/jpeg"')
        assert answer.status_code == status, suffix
        if status == 406:
            accepted = answer.json()["accepted"][-1]
            assert accepted.endswith(f"transfer-syntax={PREFIX}.{suffix}")
            assert got(shelf, stored.path + "/frames/1", accepted)


@pytest.mark.parametrize(("suffix", "name"), VIDEOS)
def test_a_video_is_one_part_with_ranges(shelf: Shelf, suffix: str, name: str) -> None:
    """All fragments joined, at /bulkdata/7FE00010 and at /pixeldata; a player seeks in it."""
    stored = shelf.store(made(f"{PREFIX}.{suffix}", STREAMS, frames=30))
    whole = b"".join(STREAMS)
    accepts = (name, "video/*", f"{name}; transfer-syntax=*", f"{name}; transfer-syntax={PREFIX}.{suffix}")
    for below in ("/bulkdata/7FE00010", "/pixeldata"):
        for accept in accepts:
            answer = stored.get(below, accept)
            assert answer.content == whole
            assert answer.headers["content-type"] == f"{name}; transfer-syntax={PREFIX}.{suffix}"
            assert answer.headers["content-length"] == str(len(whole))
        for first in range(0, len(whole), 9):
            answer = stored.get(below, name, Range=f"bytes={first}-{first + 20}")
            assert (answer.status_code, answer.content) == (206, whole[first : first + 21])
        (part,) = got(shelf, stored.path + below, f'multipart/related; type="{name}"')
        assert part.body == whole
    link = shelf.client.get(f"{stored.path}/bulkdata/7FE00010?accept={name}", headers={"Accept": "*/*"})
    assert link.content == whole
    assert stored.get("/frames/1", name).status_code == 406


def test_octet_stream_of_compressed_pixels_says_what_there_is(shelf: Shelf) -> None:
    """What OHIF asks for by default; a server may not put compressed streams under octet-stream (fact sheet 8.5).

    These streams cannot be decoded.
    """
    stored = shelf.store(made(f"{PREFIX}.4.90", STREAMS))
    for below in ("/frames/1", "/pixeldata", "/bulkdata"):
        answer = stored.get(below, f"{OCTETS}; transfer-syntax=*")
        assert answer.status_code == 406
        assert f'multipart/related; type="image/jp2"; transfer-syntax={PREFIX}.4.90' in answer.json()["accepted"]


def test_encapsulated_uncompressed(shelf: Shelf) -> None:
    """1.2.840.10008.1.2.1.98: frames in fragments, octet-stream all the same; together they are one item."""
    syntax = f"{PREFIX}.1.98"
    frames = [bytes(range(4 * n, 4 * n + 4)) for n in range(3)]
    stored = shelf.store(made(syntax, frames))
    for accept, echoed in ((OCTETS, EXPLICIT), (f"{OCTETS}; transfer-syntax={syntax}", syntax), ("*/*", EXPLICIT)):
        parts = got(shelf, stored.path + "/frames/1,3", accept)
        assert [part.body for part in parts] == [frames[0], frames[2]]
        assert {part.content_type[1]["transfer-syntax"] for part in parts} == {echoed}
        for below in ("/pixeldata", "/bulkdata", "/bulkdata/7FE00010"):
            (part,) = got(shelf, stored.path + below, accept)
            assert part.body == b"".join(frames)


def test_padding_of_encapsulated_uncompressed_frames_is_none_of_theirs(shelf: Shelf) -> None:
    """PS3.5 A.4: fragments are of even length, frames of 5 bytes are not."""
    frames = [bytes(range(5 * n, 5 * n + 5)) for n in range(3)]
    padded = made(f"{PREFIX}.1.98", [frame + b"\0" for frame in frames])
    rows = explicit("00280010", "US", b"\2\0")
    columns = explicit("00280011", "US", b"\2\0")
    assert rows + columns in padded
    file = padded.replace(rows + columns, explicit("00280010", "US", b"\1\0") + explicit("00280011", "US", b"\5\0"))
    stored = shelf.store(file)
    for below in ("/frames/1,2,3", "/pixeldata", "/bulkdata/7FE00010"):
        parts = got(shelf, stored.path + below, OCTETS)
        assert [part.body for part in parts] == frames


# Collections ---------------------------------------------------------------------------------------------------


def study_of(shelf: Shelf, *files: tuple[str, dict[str, object]]) -> tuple[str, list[StoredFile]]:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    stored = [
        shelf.store(samples.variant(name, SOPInstanceUID=generate_uid(), InstanceNumber=n, **(uids | changes)))
        for n, (name, changes) in enumerate(files)
    ]
    return stored[0].study, stored


def test_every_bulk_value_under_the_uri_of_the_metadata(shelf: Shelf) -> None:
    """10.4.3.3.3, at all three levels and in the order of the instances."""
    study, stored = study_of(shelf, ("CT_small.dcm", {}), ("MR_small_bigendian.dcm", {}), ("CT_small.dcm", {}))
    for url, instances in ((study, stored), (stored[0].series, stored), (stored[0].path, stored[:1])):
        metadata = shelf.client.get(url + "/metadata").json()
        uris = [uri for attributes in metadata for _, _, uri in bulk_of(attributes)]
        parts = got(shelf, url + "/bulkdata", OCTETS)
        assert sorted(part.location for part in parts) == sorted(uris)
        for part in parts:
            assert part.body == shelf.client.get(part.location, headers={"Accept": "*/*"}).content
        pixels = got(shelf, url + "/pixeldata", OCTETS)
        assert [part.location for part in pixels] == [f"{item.url}/bulkdata/7FE00010" for item in instances]
        assert [part.body for part in pixels] == [frames_of(item.dataset)[0] for item in instances]


def test_uncompressed_frames_are_one_part_compressed_ones_one_each(shelf: Shelf) -> None:
    """8.7.3.3; all parts of a value have its URI, in the order of the frames."""
    for name, count in (("emri_small.dcm", 1), (J2K, 10)):
        stored = shelf.store(samples.sample(name))
        for below in ("/pixeldata", "/bulkdata"):
            parts = got(shelf, stored.path + below)
            assert len(parts) == count
            assert {part.location for part in parts} == {f"{stored.url}/bulkdata/7FE00010"}
            assert b"".join(part.body for part in parts) == b"".join(frames_of(stored.dataset))


def test_each_part_is_negotiated_by_itself(shelf: Shelf) -> None:
    """8.7.8.1: compressed and native instances, and all acceptable types may occur."""
    study, stored = study_of(shelf, ("emri_small.dcm", {}), (J2K, {}))
    both = f'{OCTETS}, multipart/related; type="image/jp2"'
    for accept in (both, "*/*", 'multipart/related; type="*/*"'):
        parts = got(shelf, study + "/pixeldata", accept, mixed=True)
        assert [part.content_type[0] for part in parts] == ["application/octet-stream", *["image/jp2"] * 10]
        assert b"".join(part.body for part in parts) == stored[0].dataset.PixelData + b"".join(
            frames_of(stored[1].dataset)
        )


@pytest.mark.parametrize("below", ["/pixeldata", "/bulkdata"])
def test_some_that_cannot_be_had_are_206_none_is_406(shelf: Shelf, below: str) -> None:
    """10.4.3.1."""
    study, stored = study_of(shelf, ("emri_small.dcm", {}))
    series = stored[0].series.rpartition("/")[2]
    for _ in range(2):
        shelf.store(made(f"{PREFIX}.4.92", STREAMS, study=study.rpartition("/")[2], series=series))
    answer = shelf.client.get(study + below, headers={"Accept": OCTETS, "Range": "bytes=5-"})
    assert answer.status_code == 206
    assert f'299 {ORIGIN}{BASE} "2 of 3 bulk values' in answer.headers["warning"]
    assert "content-range" not in answer.headers
    assert [part.body for part in parts_of(answer)] == [stored[0].dataset.PixelData]
    refused = shelf.client.get(study + below, headers={"Accept": 'multipart/related; type="video/mp4"'})
    assert refused.status_code == 406
    accepted = " ".join(refused.json()["accepted"])
    assert "application/octet-stream" in accepted
    assert "image/jpx" in accepted


def test_no_bulk_data_is_404(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("rtplan.dcm"))
    for below in ("/bulkdata", "/pixeldata"):
        for url in (stored.study, stored.series, stored.path):
            answer = shelf.client.get(url + below)
            assert answer.status_code == 404
            assert "no bulk data" in answer.text or "no pixel data" in answer.text
    assert shelf.client.get(f"{BASE}/studies/1.2.3/pixeldata").status_code == 404


def test_pixel_data_are_those_of_the_top_level_only(shelf: Shelf) -> None:
    """10.4.3.3.4: no icons, no private values; Float and Double Float Pixel Data count."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    assert len(got(shelf, stored.path + "/bulkdata")) > 1
    (part,) = got(shelf, stored.path + "/pixeldata")
    assert part.body == stored.dataset.PixelData
    values = bytes(range(256)) * 16
    for keyword, path in (("FloatPixelData", "7FE00008"), ("DoubleFloatPixelData", "7FE00009")):
        stored = shelf.store(samples.variant("CT_small.dcm", PixelData=None, **{keyword: values}))
        (part,) = got(shelf, stored.path + "/pixeldata")
        assert (part.location, part.body) == (f"{stored.url}/bulkdata/{path}", values)


def test_pixel_data_so_small_that_metadata_hold_them_inline(shelf: Shelf) -> None:
    stored = shelf.store(samples.variant("CT_small.dcm", Rows=4, Columns=8, PixelData=bytes(range(64))))
    (part,) = got(shelf, stored.path + "/pixeldata")
    assert part.body == bytes(range(64))
    assert shelf.client.get(part.location).content == part.body


@pytest.mark.parametrize(
    ("name", "accept", "single"),
    [
        ("emri_small.dcm", "application/octet-stream", True),
        ("emri_small.dcm", "*/*", False),
        (J2K, "image/jp2", None),
        ("MR_small_jp2klossless.dcm", "image/jp2", True),
    ],
)
def test_a_single_part_only_for_one_item_of_one_instance(
    shelf: Shelf, name: str, accept: str, *, single: bool | None
) -> None:
    """Table 10.4.4-1 with its note 3."""
    stored = shelf.store(storable(name))
    answer = stored.get("/pixeldata", accept)
    if single is None:
        assert answer.status_code == 406
        return
    assert (media_type(answer.headers["content-type"])[0] != "multipart/related") is single
    if single:
        assert answer.headers["content-location"] == f"{stored.url}/bulkdata/7FE00010"
        assert shelf.client.get(stored.study + "/pixeldata", headers={"Accept": accept}).status_code == 406


def test_more_frames_than_are_looked_at_beforehand(shelf: Shelf) -> None:
    """Parts are then made while they are sent; the tag is strong all the same."""
    streams = [struct.pack("<Q", n) for n in range(1500)]
    stored = shelf.store(made(f"{PREFIX}.4.90", streams))
    tags = set()
    for below in ("/pixeldata", "/bulkdata", "/bulkdata/7FE00010", "/frames/" + ",".join(map(str, range(1, 1501)))):
        answer = stored.get(below)
        assert [part.body for part in parts_of(answer)] == streams
        tags.add(answer.headers["etag"])
        assert stored.get(below, "*/*", **{"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert len(tags) == 2, "parts of collections and frames have different locations"
