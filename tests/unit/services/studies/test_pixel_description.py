"""Image Pixel Description completed and put right (PS3.18 10.5.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from filmjacket.dicom.codestreams import StreamDescription
from filmjacket.errors import DicomError
from filmjacket.services.studies.pixel_description import (
    PixelFacts,
    add_original_attributes,
    complete_description,
    facts_of_stream,
    original_attributes_item,
)

J2K = "1.2.840.10008.1.2.4.90"
JPEG = "1.2.840.10008.1.2.4.50"


def facts(syntax: str = JPEG, photometric: str = "YBR_FULL_422", samples: int = 3, bits: int = 8) -> PixelFacts:
    description = StreamDescription(
        "image/jpeg", syntax, 10, 20, samples, photometric, 8 if bits == 8 else 16, bits,
        planar_configuration=0 if samples > 1 else None,
    )  # fmt: skip
    return facts_of_stream(description, frames=1, stored_bytes=100)


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


def test_everything_that_is_missing_is_filled_in() -> None:
    attributes: dict[str, Any] = {"00280010": {"vr": "US"}}
    assert complete_description(attributes, facts()) == {}
    assert {tag: one["Value"][0] for tag, one in attributes.items()} == {
        "00280002": 3, "00280004": "YBR_FULL_422", "00280006": 0, "00280010": 10, "00280011": 20,
        "00280100": 8, "00280101": 8, "00280102": 7, "00280103": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "of", "replaced"),
    [
        ({"00280010": element("US", 10)}, facts(), False),
        ({"00280010": element("US", 11)}, facts(), True),
        ({"00280010": element("US", 10, 11)}, facts(), False),
        ({"00280004": element("CS", "RGB")}, facts(), False),
        ({"00280004": element("CS", "YBR_RCT")}, facts(), True),
        ({"00280004": element("CS", "MONOCHROME2")}, facts(), True),
        ({"00280004": element("CS", "RGB")}, facts(J2K, "YBR_RCT"), True),
        ({"00280004": element("CS", "YBR_FULL")}, facts(J2K, "RGB"), False),
        ({"00280004": element("CS", "PALETTE COLOR")}, facts(J2K, "MONOCHROME2", 1), False),
        ({"00280100": element("US", 16)}, facts(), False),
        ({"00280100": element("US", 8)}, facts(J2K, "MONOCHROME2", 1, 12), True),
        ({"00280101": element("US", 10)}, facts(J2K, "MONOCHROME2", 1, 12), False),
        ({"00280101": element("US", 16)}, facts(J2K, "MONOCHROME2", 1, 12), True),
        ({"00280103": element("US", 1)}, facts(J2K, "MONOCHROME2", 1, 12), False),
        ({"00280006": element("US", 1)}, facts(), False),
    ],
)
def test_what_is_replaced(given: dict[str, Any], of: PixelFacts, replaced: bool) -> None:
    attributes = dict(given)
    assert complete_description(attributes, of) == (given if replaced else {})
    (tag,) = given
    assert (attributes[tag] != given[tag]) is replaced


def test_high_bit_follows_bits_stored() -> None:
    attributes = {"00280101": element("US", 16), "00280102": element("US", 15)}
    replaced = complete_description(attributes, facts(J2K, "MONOCHROME2", 1, 12))
    assert set(replaced) == {"00280101", "00280102"}
    assert attributes["00280102"]["Value"] == [11]


def test_unknown_facts_change_nothing() -> None:
    attributes: dict[str, Any] = {}
    assert complete_description(attributes, PixelFacts()) == {}
    assert attributes == {}


def test_number_of_frames_must_be_right() -> None:
    with pytest.raises(DicomError) as caught:
        complete_description({"00280008": element("IS", 2)}, facts())
    assert caught.value.offender == "NumberOfFrames"


def test_original_attributes() -> None:
    item = original_attributes_item({"00280010": element("US", 1)}, datetime(2026, 1, 2, 3, 4, 5, 6, UTC))
    assert item["04000562"]["Value"] == ["20260102030405.000006+0000"]
    attributes: dict[str, Any] = {}
    add_original_attributes(attributes, item)
    add_original_attributes(attributes, item)
    assert attributes["04000561"]["Value"] == [item, item]
