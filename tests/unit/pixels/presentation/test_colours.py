"""Colours of presentation states."""

from __future__ import annotations

import numpy as np
import pytest

from filmjacket.pixels.presentation.colours import grey_colour, hot_iron, lab_colour, lab_to_srgb


# L*, a*, b* under D50 of sRGB colours, from published tables (Bradford adaptation).
@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((100, 0, 0), (255, 255, 255)),
        ((0, 0, 0), (0, 0, 0)),
        ((53.39, 0, 0), (127, 127, 127)),
        ((54.29, 80.81, 69.89), (255, 0, 0)),
        ((87.82, -79.27, 80.99), (0, 255, 0)),
        ((29.57, 68.29, -112.03), (0, 0, 255)),
        ((97.61, -15.75, 93.39), (255, 255, 0)),
    ],
)
def test_lab(lab, rgb):
    assert np.abs(np.array(lab_to_srgb(*lab)) - rgb).max() <= 2
    lightness, a, b = lab
    encoded = [round(lightness * 655.35), round((a + 128) * 257), round((b + 128) * 257)]
    found = lab_colour({"00700401": {"vr": "US", "Value": encoded}}, "00700401")
    assert found is not None
    assert np.abs(np.array(found) - rgb).max() <= 2


def test_what_is_no_colour():
    assert lab_colour({"00700401": {"vr": "US", "Value": [1, 2]}}, "00700401") is None
    assert lab_colour({}, "00700401") is None
    assert grey_colour({}, "00700066") is None
    assert grey_colour({"00700066": {"vr": "US", "Value": [65535]}}, "00700066") == (255, 255, 255)


def test_hot_iron_goes_from_black_over_red_and_yellow_to_white():
    table = hot_iron()
    assert table[[0, 127, 255]].tolist() == [[0, 0, 0], [254, 0, 0], [255, 255, 255]]
    assert (np.diff(table.astype(int), axis=0) >= 0).all()
