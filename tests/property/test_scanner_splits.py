"""However a file is cut into chunks, its header is the same; however it is damaged, at worst it is refused."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmjacket.dicom.header import Header, HeaderReader, read_header
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.errors import DicomError
from tests.samples import sample

# Each encoding, sequences of both lengths, UN sequences, fragments with and without tables, odd files.
NAMES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "image_dfl.dcm",
    "test-SR.dcm",
    "rtplan.dcm",
    "UN_sequence.dcm",
    "badVR.dcm",
    "SC_rgb_jpeg.dcm",
    "no_meta_group_length.dcm",
    "ExplVR_BigEndNoMeta.dcm",
    "nested_priv_SQ.dcm",
    "SC_rgb_rle_2frame.dcm",
    "emri_small_RLE.dcm",
)


@cache
def whole(name: str) -> Header:
    return read_header(content(name))


@cache
def content(name: str) -> bytes:
    # What is behind 60 kB is pixels; one-byte chunks of them would only cost time.
    found = sample(name)
    return found if len(found) < 60_000 or name.startswith("emri") else sample("CT_small.dcm")


def read_in_pieces(name: str, cuts: list[int]) -> Header:
    reader = HeaderReader()
    bytes_of_file = content(name)
    edges = [0, *sorted(cut % (len(bytes_of_file) + 1) for cut in cuts), len(bytes_of_file)]
    for start, stop in pairwise(edges):
        reader.feed(bytes_of_file[start:stop])
    return reader.finish()


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time(name):
    reader = HeaderReader()
    for start in range(min(len(content(name)), 20_000)):
        reader.feed(content(name)[start : start + 1])
    reader.feed(memoryview(content(name))[20_000:])
    assert reader.finish() == whole(name)


@given(name=st.sampled_from(NAMES), cuts=st.lists(st.integers(0, 40_000), max_size=40))
def test_any_chunks(name, cuts):
    assert read_in_pieces(name, cuts) == whole(name)


@given(name=st.sampled_from(NAMES), cut=st.integers(0, 20_000))
def test_any_truncation_is_a_smaller_data_set_or_a_refusal(name, cut):
    try:
        header = read_header(content(name)[:cut])
    except DicomError:
        return
    # The last one may lack its end: an odd element is judged by what follows it.
    same = max(len(header.attributes) - 1, 0)
    assert list(header.attributes.items())[:same] == list(whole(name).attributes.items())[:same]


@settings(deadline=None)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32), count=st.integers(1, 12))
def test_damage_is_read_or_refused(name, seed, count):
    choose = random.Random(seed)
    damaged = bytearray(content(name))
    for _ in range(count):
        damaged[choose.randrange(min(len(damaged), 8000))] = choose.randrange(256)
    try:
        header = read_header(bytes(damaged))
    except DicomError:
        return
    # What was read has a JSON form, and bulk values are inside of the file.
    assert encode_attributes(header.attributes)
    if not header.layout.deflated:
        assert all(value.offset + value.length <= len(damaged) for value in header.layout.bulk)
