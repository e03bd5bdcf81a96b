"""Pixels of stored instances: every way in which frames lie in files."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array
from tests.samples import sample, uids, variant

from filmjacket.errors import DicomError, NotAcceptable, NotFound
from filmjacket.pixels.wall import CodecWall, Isolation
from filmjacket.services.studies.pixel_source import open_pixel_source
from filmjacket.web.refs import ResourceRef


class CountingWall(CodecWall):
    """Counts what is decoded behind it."""

    decoded = 0

    def decode(self, stream, description, reduction=0):
        type(self).decoded += 1
        return super().decode(stream, description, reduction)


@pytest.fixture
def wall():
    CountingWall.decoded = 0
    made = CountingWall(workers=1, isolation=Isolation.THREAD)
    yield made
    made.close()


@pytest.fixture
def store(archive, wall):
    """Store a file and open its pixels."""

    def stored(content):
        incoming = archive.ingest.begin()
        incoming.write(content)
        received = [incoming.finish()]
        archive.ingest.publish(received)
        archive.ingest.commit(received)
        return open_pixel_source(archive.index, archive.blobs, wall, ResourceRef(*uids(content)))

    return stored


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("CT_small.dcm", [1]),
        ("MR_small_bigendian.dcm", [1]),
        ("MR_small_RLE.dcm", [1]),
        ("rtdose.dcm", [1, 7, 15]),
        ("rtdose_expb.dcm", [1, 7, 15]),
        ("rtdose_rle.dcm", [2, 15]),
        ("liver.dcm", [1, 2, 3]),
        ("liver_expb.dcm", [1, 2, 3]),
        ("image_dfl.dcm", [1]),
        ("SC_rgb_small_odd_big_endian.dcm", [1]),
        ("SC_rgb_32bit_2frame.dcm", [1, 2]),
        ("SC_rgb_expb_32bit_2frame.dcm", [1, 2]),
        ("SC_rgb_rle_16bit_2frame.dcm", [1, 2]),
        ("SC_ybr_full_422_uncompressed.dcm", [1]),
        ("emri_small_jpeg_ls_lossless.dcm", [1, 6, 10]),
        ("emri_small_jpeg_2k_lossless.dcm", [1, 10]),
        ("JPEG2000.dcm", [1]),
    ],
)
def test_frames_of_real_files(store, name, numbers):
    content = sample(name)
    source = store(content)
    dataset = pydicom.dcmread(io.BytesIO(content))
    for number in numbers:
        array = source.array(number)
        expected = pixel_array(dataset, index=number - 1, raw=True)
        np.testing.assert_array_equal(array, expected)
        assert not array.flags.writeable


def test_what_was_decoded_is_decoded_once(store, wall):
    source = store(sample("MR_small_RLE.dcm"))
    assert source.array(1) is source.array(1)
    assert source.array(1, 2).shape == (16, 16)
    assert wall.decoded == 2


def test_native_frames_do_not_go_through_the_wall(store, wall):
    assert store(sample("CT_small.dcm")).array(1, 1).shape == (64, 64)
    assert wall.decoded == 0


def test_codestreams_are_as_they_were_encoded(store):
    content = sample("MR_small_RLE.dcm")
    assert store(content).frame_stream(1) in content
    assert store(sample("JPEG2000.dcm")).frame_stream(1)[:2] == b"\xff\x4f"


def test_bulk_values_are_read_by_their_path(store):
    content = sample("MR-SIEMENS-DICOM-WithOverlays.dcm")
    source = store(content)
    overlay = pydicom.dcmread(io.BytesIO(content))[0x6000, 0x3000].value
    assert source.bulk("60003000") == source.bulk("/60003000") == overlay
    with pytest.raises(NotFound):
        source.bulk("60023000")


@pytest.mark.parametrize("number", [0, -1, 2])
def test_frames_that_are_not_there(store, number):
    with pytest.raises(NotFound, match="Frame"):
        store(sample("CT_small.dcm")).array(number)


def test_instances_without_pixels_or_image(store):
    with pytest.raises(NotFound, match="no pixel data"):
        store(sample("rtplan.dcm"))
    with pytest.raises(DicomError, match="Rows"):
        store(variant("CT_small.dcm", Rows=None))


def test_frames_that_nobody_can_tell_apart(store):
    source = store(sample("MR_small_RLE.dcm"))
    layout = replace(source.instance.layout, framed=False)
    unframed = replace(source, instance=replace(source.instance, layout=layout))
    with pytest.raises(NotAcceptable, match="not divided"):
        unframed.array(1)


def test_an_instance_that_is_already_known_is_not_looked_up(store, archive, wall):
    source = store(sample("CT_small.dcm"))
    again = open_pixel_source(archive.index, archive.blobs, wall, source.instance)
    assert again.description == source.description
