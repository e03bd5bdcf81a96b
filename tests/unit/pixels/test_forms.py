"""What each transfer syntax has room for, without any codec at hand (PS3.5 8.2, PS3.18 8.7.3)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from filmjacket.dicom.layout import PixelLayout
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.pixels.encoders import _ENCODERS
from filmjacket.pixels.forms import ENCODABLE, reach_of
from filmjacket.services.studies.stored_bytes import joined_bits
from filmjacket.web.reach import LOSSLESS, LOSSY

EXPLICIT, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
IMAGE = {
    tag: {"vr": "US", "Value": [value]}
    for tag, value in {"00280002": 1, "00280010": 512, "00280011": 512, "00280100": 16, "00280101": 12}.items()
} | {"00280004": {"vr": "CS", "Value": ["MONOCHROME2"]}}

LEFT = {"00280102": {"vr": "US", "Value": [15]}}  # High Bit: the pixels are in the upper bits


def layout(frames: int = 1, tag: str = "7FE00010", *, encapsulated: bool = True) -> PixelLayout:
    return PixelLayout(tag, "OW", encapsulated, 1000, 5000, frames, 0)


def test_the_tables_know_the_encoders() -> None:
    assert frozenset(_ENCODERS) == ENCODABLE
    assert not set(LOSSLESS) & set(LOSSY)
    assert not any(TRANSFER_SYNTAXES[uid].lossy for uid in LOSSLESS)
    assert all(TRANSFER_SYNTAXES[uid].lossy for uid in LOSSY)


def test_no_codec_is_loaded_to_know_what_can_be_had() -> None:
    """Searches list it for thousands of instances."""
    code = "import sys, filmjacket.pixels.forms as f; sys.exit(bool({'numpy', 'imagecodecs'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_more_than_32_bits_can_count_is_no_native_data_set() -> None:
    """8.7.8.2, the second exception; 8192 frames of half a megabyte are one too many."""
    fits = reach_of(IMAGE, J2K, layout(8191), framed=True)
    assert (EXPLICIT in fits.lossless, fits.oversized) == (True, False)
    large = reach_of(IMAGE, J2K, layout(8192), framed=True)
    assert (EXPLICIT in large.lossless, large.oversized) == (False, True)
    assert {"1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.80"} <= set(large.lossless)
    assert EXPLICIT not in large.available


@pytest.mark.parametrize(
    ("changes", "framed", "words"),
    [
        ({}, False, "not divided into frames"),
        ({"00280010": {"vr": "US", "Value": [0]}}, True, "Rows"),
        ({"60000010": {"vr": "US", "Value": [512]}, "60000102": {"vr": "US", "Value": [3]}, **LEFT}, True, "overlay"),
    ],
)
def test_what_is_in_the_way_of_any_conversion(changes: dict[str, object], framed: bool, words: str) -> None:
    reach = reach_of(IMAGE | changes, J2K, layout(), framed=framed)
    assert reach.lossless == reach.lossy == ()
    assert words in reach.obstacle
    assert reach.available == (J2K,)


def test_a_native_data_set_can_always_be_sent_natively() -> None:
    broken = IMAGE | {"00280010": {"vr": "US", "Value": [0]}}
    reach = reach_of(broken, "1.2.840.10008.1.2", layout(encapsulated=False), framed=False)
    assert reach.available == (EXPLICIT, "1.2.840.10008.1.2.1.99")


def test_retired_subsampled_colours_stay_as_they_are() -> None:
    colours = IMAGE | {
        "00280002": {"vr": "US", "Value": [3]},
        "00280004": {"vr": "CS", "Value": ["YBR_PARTIAL_422"]},
        "00280100": {"vr": "US", "Value": [8]},
    }
    reach = reach_of(colours, EXPLICIT, layout(encapsulated=False), framed=False)
    assert set(reach.lossless) == {EXPLICIT, "1.2.840.10008.1.2.1.99"}
    assert reach.lossy == ()


@pytest.mark.parametrize("bits", [1, 3, 7, 8, 9, 21, 64])
def test_frames_of_bits_are_joined_without_gaps(bits: int) -> None:
    frames = [(n * 0x9E3779B97F4A7C15 & ((1 << bits) - 1)) for n in range(1, 12)]
    size = (bits + 7) // 8
    joined = b"".join(joined_bits((frame.to_bytes(size, "little") for frame in frames), bits))
    assert len(joined) == (11 * bits + 7) // 8
    whole = int.from_bytes(joined, "little")
    assert [whole >> (n * bits) & ((1 << bits) - 1) for n in range(11)] == frames
