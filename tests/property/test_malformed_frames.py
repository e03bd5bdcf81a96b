"""Damaged frames: an error that says so or an image of the right size, never anything else, and never a crash.

A flipped bit inside of entropy-coded data may make another valid image: no decoder can know.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmjacket.errors import DicomError, NotAcceptable
from filmjacket.pixels.codecs import ENCODABLE, encode_frame
from filmjacket.pixels.forms import NATIVE
from filmjacket.pixels.wall import CodecWall
from tests.images import describe, noise

CODESTREAMS = sorted(ENCODABLE - NATIVE | {"1.2.840.10008.1.2.8.1"})


@pytest.fixture(scope="module")
def wall():
    made = CodecWall(workers=1, seconds=10)
    yield made
    made.close()


def _coded(syntax):
    shape = {"bits_allocated": 16, "bits_stored": 12} if syntax.endswith(".51") else {}
    description = describe(rows=24, columns=40, **shape)
    return encode_frame(noise(description), description, syntax), replace(description, transfer_syntax=syntax)


STREAMS = {syntax: _coded(syntax) for syntax in CODESTREAMS}


def _decode(wall, stream, description):
    """The frame, None if it was refused; how a codec that crashed is refused is the wall's affair."""
    try:
        array = wall.decode(stream, description)
    except (DicomError, NotAcceptable) as refusal:
        return _nothing(refusal)
    assert array.shape == (description.rows, description.columns)
    assert array.dtype == description.dtype
    return array


def _nothing(refusal):
    """No frame; the refusal says why, and where that is written."""
    assert refusal.message
    assert refusal.section


_PROFILE = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_PROFILE
@given(st.sampled_from(CODESTREAMS), st.data())
def test_flipped_bits_and_strange_bytes(wall, syntax, data):
    stream, description = STREAMS[syntax]
    damaged = bytearray(stream)
    for place in data.draw(st.lists(st.integers(0, len(stream) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    _decode(wall, bytes(damaged), description)


@_PROFILE
@given(st.sampled_from(CODESTREAMS), st.data())
def test_streams_cut_short_are_refused_unless_all_pixels_are_there(wall, syntax, data):
    stream, description = STREAMS[syntax]
    cut = data.draw(st.integers(0, len(stream) - 1))
    array = _decode(wall, stream[:cut], description)
    if array is not None:  # the padding at the end, or an end marker that a decoder can do without
        np.testing.assert_array_equal(array, _decode(wall, stream, description))


@_PROFILE
@given(st.sampled_from(CODESTREAMS), st.data())
def test_headers_that_describe_another_image(wall, syntax, data):
    stream, description = STREAMS[syntax]
    rows, columns = data.draw(st.integers(1, 65535)), data.draw(st.integers(1, 65535))
    if (rows, columns) == (description.rows, description.columns):
        return
    other = replace(description, rows=rows, columns=columns)
    if rows * columns < 24 * 40 and syntax.endswith(".2.5"):
        return  # RLE does not say its size; what is left over is not an error (PS3.5 G.3.1: padding)
    assert _decode(wall, stream, other) is None


@_PROFILE
@given(st.sampled_from(CODESTREAMS), st.binary(max_size=300))
def test_bytes_of_no_kind(wall, syntax, noise_bytes):
    assert _decode(wall, noise_bytes, STREAMS[syntax][1]) is None


def test_the_server_was_not_hurt(wall):

    for stream, description in STREAMS.values():
        assert _decode(wall, stream, description) is not None
