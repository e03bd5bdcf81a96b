"""Descriptions of data sets that contradict themselves (docs/explanation/pixels.md)."""

from __future__ import annotations

import pytest

from filmjacket.dicom.layout import PixelLayout
from filmjacket.errors import DicomError, NotAcceptable
from filmjacket.pixels.description import describe_pixels

NAMES = {
    "samples": ("00280002", "US"),
    "photometric": ("00280004", "CS"),
    "planar": ("00280006", "US"),
    "rows": ("00280010", "US"),
    "columns": ("00280011", "US"),
    "allocated": ("00280100", "US"),
    "stored": ("00280101", "US"),
    "high": ("00280102", "US"),
    "signed": ("00280103", "US"),
    "padding": ("00280120", "US"),
    "limit": ("00280121", "US"),
    "float_padding": ("00280122", "FL"),
    "lossy": ("00282110", "CS"),
}
WHOLE = {
    "samples": 1,
    "photometric": "MONOCHROME2",
    "rows": 4,
    "columns": 5,
    "allocated": 16,
    "stored": 12,
    "high": 11,
    "signed": 0,
}
EXPLICIT = "1.2.840.10008.1.2.1"


def _describe(syntax=EXPLICIT, tag="7FE00010", **changes):
    values = {name: value for name, value in {**WHOLE, **changes}.items() if value is not None}
    attributes = {NAMES[name][0]: {"vr": NAMES[name][1], "Value": [value]} for name, value in values.items()}
    return describe_pixels(attributes, syntax, PixelLayout(tag, "OW", False, 0, 40, 3, 320))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"bits_stored": 12, "high_bit": 11, "samples": 1, "frames": 3, "dtype": "u2", "array_bytes": 40}),
        ({"stored": None, "high": None}, {"bits_stored": 16, "high_bit": 15}),
        ({"stored": 0}, {"bits_stored": 16, "high_bit": 15}),
        ({"stored": 20}, {"bits_stored": 16, "high_bit": 15}),
        ({"high": 3}, {"bits_stored": 12, "high_bit": 11}),
        ({"high": 16}, {"bits_stored": 12, "high_bit": 11}),
        ({"high": 15}, {"bits_stored": 12, "high_bit": 15}),
        ({"allocated": None}, {"bits_allocated": 16}),
        ({"allocated": 12}, {"dtype": "u2"}),
        ({"signed": 1}, {"dtype": "i2"}),
        ({"photometric": " monochrome1 "}, {"photometric": "MONOCHROME1"}),
        ({"photometric": None}, {"photometric": "MONOCHROME2"}),
        ({"photometric": "RGB"}, {"photometric": "MONOCHROME2"}),
        ({"samples": 3}, {"photometric": "RGB"}),
        ({"samples": 3, "photometric": "PALETTE COLOR"}, {"photometric": "RGB"}),
        ({"samples": None, "photometric": "YBR_FULL"}, {"samples": 3}),
        ({"planar": 1}, {"planar": 0}),
        ({"planar": 1, "samples": 3}, {"planar": 1}),
        ({"planar": 7, "samples": 3}, {"planar": 0}),
        ({"padding": 63536, "signed": 1}, {"padding": (-2000, -2000)}),
        ({"padding": -2000}, {"padding": (63536, 63536)}),
        ({"padding": 10, "limit": 5}, {"padding": (5, 10)}),
        ({"lossy": "01"}, {"lossy": True}),
        ({"lossy": "00"}, {"lossy": False}),
        ({"syntax": "1.2.840.10008.1.2.4.50"}, {"lossy": True}),
        ({"syntax": "1.2.840.10008.1.2.4.91"}, {"lossy": False}),
        (
            {"tag": "7FE00008", "allocated": None, "stored": None},
            {"kind": "float", "dtype": "f4", "bits_allocated": 32},
        ),
        ({"tag": "7FE00009", "float_padding": 1.5}, {"kind": "double", "dtype": "f8", "padding": None}),
        ({"tag": "7FE00008", "float_padding": 1.5}, {"padding": (1.5, 1.5)}),
    ],
)
def test_rules(changes, expected):
    description = _describe(**changes)
    assert {name: getattr(description, name) for name in expected} == expected


@pytest.mark.parametrize(
    "changes", [{"rows": None}, {"rows": 0}, {"columns": None}, {"allocated": 0}, {"allocated": 65}]
)
def test_what_describes_no_image_is_refused(changes):
    with pytest.raises(DicomError):
        _describe(**changes)


@pytest.mark.parametrize(
    "changes", [{"photometric": "HSV", "samples": 3}, {"photometric": "CMYK", "samples": 4}, {"samples": 2}]
)
def test_colours_that_were_never_defined_are_refused_with_the_reason(changes):
    with pytest.raises(NotAcceptable, match="retired"):
        _describe(**changes)


def test_a_private_transfer_syntax_is_described_but_not_decoded():
    with pytest.raises(NotAcceptable, match="private"):
        _ = _describe(syntax="1.2.3.4").coding
