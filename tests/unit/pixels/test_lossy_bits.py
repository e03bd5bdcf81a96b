"""Bits Stored and lossy codings: what streams hold, what is said about them (PS3.5 8.2), that white never is black."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from filmjacket.dicom.codestreams import describe_stream
from filmjacket.pixels.codecs import decode_frame, encode_frame
from filmjacket.pixels.forms import LOSSY, decoded_photometric, encoded_photometric, obstacle_to
from filmjacket.pixels.photometric import ybr_to_rgb
from filmjacket.pixels.transcoded_attributes import changed_attributes, coded_bits
from tests.images import describe

PREFIX = "1.2.840.10008.1.2.4."
BASELINE, EXTENDED, NEAR, J2K, HTJ2K, JXL = (f"{PREFIX}{end}" for end in ("50", "51", "81", "91", "203", "112"))
CELLS = [(8, stored) for stored in range(1, 9)] + [(16, stored) for stored in range(1, 17)]
KINDS = {
    "grey": {},
    "signed": {"signed": True},
    "RGB": {"samples": 3},
    "YBR": {"samples": 3, "photometric": "YBR_FULL"},
    "signed RGB": {"samples": 3, "signed": True},
}


def coded(description, syntax):
    """The description of an answer."""
    allocated, stored = coded_bits(description, syntax)
    return replace(
        description,
        transfer_syntax=syntax,
        photometric=encoded_photometric(description, syntax),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1,
    )


def steps(description):
    """Flat areas with sharp edges inside of the blocks of codecs, black and white among them: what overshoots."""
    levels = np.random.default_rng(4).random((8, 8, description.samples))
    levels[::2, ::2], levels[1::2, 1::2] = 0, 1
    span = (1 << description.bits_stored) - 1
    low = -(1 << (description.bits_stored - 1)) if description.signed else 0
    areas = np.roll(levels.repeat(8, 0).repeat(8, 1), (3, 3), (0, 1))
    array = (low + np.rint(areas * span)).astype(description.dtype)
    return array[..., 0] if description.samples == 1 else array


def descriptions(kind):
    """An image of every size of cell and number of bits."""
    return [
        describe(rows=64, columns=64, bits_allocated=allocated, bits_stored=stored, **KINDS[kind])
        for allocated, stored in CELLS
    ]


ENCODABLE = [
    (syntax, kind)
    for syntax in sorted(LOSSY)
    for kind in KINDS
    if not all(obstacle_to(description, syntax) for description in descriptions(kind))
]


@pytest.mark.parametrize(("syntax", "kind"), ENCODABLE)
def test_any_number_of_bits_survives(syntax, kind):
    for description in descriptions(kind):
        if not obstacle_to(description, syntax):
            check_survival(description, syntax)


def check_survival(description, syntax):
    array, stored = steps(description), description.bits_stored
    stream = encode_frame(array, description, syntax, quality=95)
    answer = coded(description, syntax)
    decoded = decode_frame(stream, answer).astype(float)
    expected = array
    if description.photometric == "YBR_FULL":
        expected = ybr_to_rgb(array, stored)
        decoded = decoded if decoded_photometric(answer) == "RGB" else ybr_to_rgb(decoded, answer.bits_stored)
    # Grey values stay what they are, colours keep their share of the range.
    span = (1 << stored) - 1
    full = (1 << answer.bits_stored) - 1 if description.samples == 3 and not description.signed else span
    errors = np.abs(decoded / full - expected / span)
    # Of few bits each step is a large share; subsampling takes colour from edges.
    subsampled = syntax == BASELINE and description.samples == 3
    bounds = (0.11, 1) if subsampled or stored < 4 else (0.03, 0.45)
    assert errors.mean() <= bounds[0]
    assert errors.max() <= bounds[1]


def test_the_table_of_bits_has_every_lossy_coding():
    assert {syntax for syntax, kind in ENCODABLE if kind == "grey"} == set(LOSSY)


@pytest.mark.parametrize(
    ("syntax", "cells", "said"),
    [
        (BASELINE, (8, 8), (8, 8)),
        (BASELINE, (16, 8), (8, 8)),
        (BASELINE, (8, 6), (8, 8)),
        (BASELINE, (16, 7), (8, 8)),
        (EXTENDED, (16, 9), (16, 12)),
        (EXTENDED, (16, 10), (16, 12)),
        (EXTENDED, (16, 12), (16, 12)),
        (NEAR, (16, 12), (16, 16)),
        (NEAR, (16, 6), (8, 8)),
        (NEAR, (8, 6), (8, 8)),
        (HTJ2K, (16, 12), (16, 16)),
        (HTJ2K, (8, 7), (8, 8)),
        (J2K, (16, 12), (16, 12)),
        (J2K, (16, 8), (8, 8)),
        (J2K, (8, 6), (8, 6)),
        (JXL, (16, 12), (16, 12)),
        (JXL, (16, 8), (8, 8)),
    ],
)
def test_lossy_answers_describe_their_stream(syntax, cells, said):
    description = describe(rows=64, columns=64, bits_allocated=cells[0], bits_stored=cells[1])
    attributes = {
        tag: {"vr": "US", "Value": [value]}
        for tag, value in (("00280100", cells[0]), ("00280101", cells[1]), ("00280102", cells[1] - 1))
    }
    changes = changed_attributes(attributes, description, syntax, ratio=2.0, stored_ratio=None)
    found = {tag: (changes.get(tag) or attributes[tag])["Value"][0] for tag in attributes}
    assert tuple(found.values()) == (*said, said[1] - 1)
    stream = encode_frame(steps(description), description, syntax)
    assert describe_stream(stream).bits_stored == said[1]


@pytest.mark.parametrize("cells", CELLS)
def test_lossless_answers_keep_their_bits(cells):
    description = describe(bits_allocated=cells[0], bits_stored=cells[1])
    assert coded_bits(description, f"{PREFIX}70") == cells


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("allocated", "stored"), CELLS)
def test_lossless_jpeg_xl_takes_few_bits_in_wide_cells(allocated, stored, signed):
    description = describe(rows=64, columns=64, bits_allocated=allocated, bits_stored=stored, signed=signed)
    array = steps(description)
    stream = encode_frame(array, description, f"{PREFIX}110")
    np.testing.assert_array_equal(decode_frame(stream, replace(description, transfer_syntax=f"{PREFIX}110")), array)


@pytest.mark.parametrize(
    ("syntax", "allocated", "stored", "precision"),
    [(BASELINE, 8, 6, 8), (BASELINE, 8, 7, 8), (BASELINE, 16, 8, 8), (EXTENDED, 16, 9, 12), (EXTENDED, 16, 10, 12)],
)
def test_stored_jpeg_of_more_bits_than_are_said_is_not_masked(syntax, allocated, stored, precision):
    """As other encoders write it: white that overshoots is white."""
    description = describe(rows=64, columns=64, bits_allocated=allocated, bits_stored=stored, transfer_syntax=syntax)
    array = steps(description)
    cells = array.astype(np.uint8 if precision == 8 else np.uint16)
    stream = imagecodecs.jpeg8_encode(cells, 60, bitspersample=precision)
    overshoots = imagecodecs.jpeg8_decode(stream).max() > array.max()
    assert overshoots == (stored < precision)
    decoded = decode_frame(stream, description)
    assert decoded.max() == array.max()
    assert decoded[array == array.max()].min() > array.max() // 2


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_lossy_htj2k_of_all_bits_never_turns_white_into_black(bits, signed):
    description = describe(rows=64, columns=64, bits_allocated=bits, signed=signed, transfer_syntax=HTJ2K)
    array = np.random.default_rng(1).integers(0, 2, (64, 64)) * ((1 << bits) - 1) - signed * (1 << (bits - 1))
    stream = encode_frame(array.astype(description.dtype), description, HTJ2K)
    for reduction in (0, 1):
        decoded = decode_frame(stream, description, reduction=reduction)
        assert decoded.shape == (64 >> reduction, 64 >> reduction)
    errors = np.abs(decode_frame(stream, description).astype(int) - array)
    assert errors.max() < 0.02 * (1 << bits)
