"""Which overlay planes lie in the cells of the pixels, and what becomes of such images (PS3.3 C.9.2 of 2003)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filmjacket.dicom.layout import PixelLayout
from filmjacket.pixels.forms import reach_of
from filmjacket.pixels.overlays_embedded import embedded_position, has_embedded_overlays

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

PREFIX = "1.2.840.10008.1.2"
EXPLICIT, DEFLATED, UNCOMPRESSED, RLE = (PREFIX + end for end in (".1", ".1.99", ".1.98", ".5"))
NATIVE = {EXPLICIT, DEFLATED, UNCOMPRESSED}


def image(
    bits: tuple[int, int, int], overlay: tuple[int | None, int | None], *, data: bool = False, group: str = "6000"
) -> Attributes:
    """Bits Allocated, Bits Stored and High Bit of an image; Overlay Bits Allocated and Overlay Bit Position."""
    numbers = {"00280002": 1, "00280010": 8, "00280011": 8, f"{group}0010": 8, f"{group}0011": 8}
    numbers |= dict(zip(("00280100", "00280101", "00280102"), bits, strict=True))
    for element, value in zip(("0100", "0102"), overlay, strict=True):
        if value is not None:
            numbers[group + element] = value
    attributes: Attributes = {tag: {"vr": "US", "Value": [value]} for tag, value in numbers.items()}
    attributes["00280004"] = {"vr": "CS", "Value": ["MONOCHROME2"]}
    if data:
        attributes[f"{group}3000"] = {"vr": "OW", "InlineBinary": "AAAAAAAAAAA="}
    return attributes


@pytest.mark.parametrize(
    ("bits", "overlay", "position"),
    [
        ((8, 8, 7), (None, None), None),
        ((8, 8, 7), (1, 0), None),
        ((8, 8, 7), (8, 0), None),
        ((8, 8, 7), (16, 12), None),
        ((16, 16, 15), (16, 15), None),
        ((16, 12, 11), (None, None), None),
        ((16, 12, 11), (1, 0), None),
        ((16, 12, 11), (16, 11), None),
        ((16, 12, 11), (16, 12), 12),
        ((16, 12, 11), (16, 15), 15),
        ((16, 12, 11), (16, 16), None),
        ((16, 12, 11), (None, 13), 13),
        ((16, 12, 11), (1, 13), 13),
        ((16, 12, 15), (16, 3), 3),
        ((16, 12, 15), (16, 0), 0),
        ((16, 12, 15), (1, 0), None),
        ((16, 12, 15), (16, 4), None),
        ((8, 7, 6), (8, 7), 7),
    ],
)
def test_a_plane_is_embedded_if_its_bit_is_none_of_the_pixels(
    bits: tuple[int, int, int], overlay: tuple[int | None, int | None], position: int | None
) -> None:
    assert embedded_position(image(bits, overlay), "6000") == position
    last = image(bits, overlay, group="601E")
    assert (embedded_position(last, "6000"), embedded_position(last, "601E")) == (None, position)
    assert has_embedded_overlays(last) == (position is not None)
    assert not has_embedded_overlays(image(bits, overlay, data=True))


@pytest.mark.parametrize(
    ("stored", "bits", "overlay", "native", "others"),
    [
        ("4.80", (8, 8, 7), (None, None), True, True),
        (".5", (8, 8, 7), (1, 0), True, True),
        (".5", (16, 12, 11), (16, 13), True, False),
        ("4.70", (16, 12, 11), (16, 13), True, False),
        ("4.80", (16, 12, 11), (16, 13), True, False),
        ("4.90", (16, 12, 11), (16, 13), True, False),
        ("4.201", (16, 12, 11), (16, 13), True, False),
        (".1.98", (16, 12, 11), (16, 13), True, False),
        (".8.1", (16, 12, 11), (16, 13), True, False),
        # The stream may have lost it.
        ("4.51", (16, 12, 11), (16, 13), False, False),
        ("4.91", (16, 12, 11), (16, 13), False, False),
        # High Bit would change.
        (".5", (16, 12, 15), (16, 3), False, False),
    ],
)
def test_what_images_can_be_converted_to(
    stored: str, bits: tuple[int, int, int], overlay: tuple[int | None, int | None], native: bool, others: bool
) -> None:
    uid = f"{PREFIX}.{stored.lstrip('.')}"
    layout = PixelLayout("7FE00010", "OB", encapsulated=True, offset=1000, length=5000, frames=1, frame_bits=0)
    reach = reach_of(image(bits, overlay), uid, layout, framed=True)
    assert (set(reach.lossless) >= NATIVE - {uid}) == native
    assert bool(set(reach.lossless) - NATIVE) == others
    assert ("overlay" in reach.obstacle) == (not others)


def test_native_images_keep_it_in_native_files() -> None:
    layout = PixelLayout("7FE00010", "OW", encapsulated=False, offset=1000, length=128, frames=1, frame_bits=1024)
    reach = reach_of(image((16, 12, 15), (16, 3)), f"{PREFIX}", layout, framed=False)
    assert reach.lossless == (EXPLICIT, DEFLATED)
