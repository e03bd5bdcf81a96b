"""Displayed areas: where points and pixels of an image come to lie (PS3.3 C.10.4, C.10.6)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from filmjacket.pixels.presentation.layout import Layout

IMAGE = np.zeros((40, 60), np.uint8)
IMAGE[12, 33] = 255


@pytest.mark.parametrize(("quarters", "flip", "scale"), list(product(range(4), (False, True), (1.0, 3.0))))
def test_points_and_pixels_move_together(quarters, flip, scale):
    layout = Layout(20.0, 5.0, 30.0, 25.0, scale, scale, quarters, flip)
    shown = layout.show(IMAGE)
    assert shown.shape == layout.size
    row, column = np.unravel_index(int(shown.argmax()), shown.shape)
    ((x, y),) = layout.points(np.array([[33.5, 12.5]])).tolist()
    assert abs(x - 0.5 - column) <= scale / 2
    assert abs(y - 0.5 - row) <= scale / 2


@pytest.mark.parametrize(("quarters", "flip"), list(product(range(4), (False, True))))
def test_the_region_fills_the_picture(quarters, flip):
    layout = Layout(20.0, 5.0, 30.0, 25.0, 2.0, 1.0, quarters, flip)
    corners = layout.points(np.array([[20.0, 5.0], [50.0, 5.0], [20.0, 30.0], [50.0, 30.0]]))
    rows, columns = layout.size
    assert sorted(map(tuple, corners.tolist())) == [(0, 0), (0, rows), (columns, 0), (columns, rows)]


def test_a_limit_cuts_from_the_top_left_corner():
    whole, cut = (Layout(0, 0, 60, 40, 1, 1, 0, flip=False, limit=limit) for limit in (None, (20, 50)))
    assert np.array_equal(cut.show(IMAGE), whole.show(IMAGE)[:20, :50])


def test_a_region_outside_of_the_image_is_black():
    assert not Layout(100.0, 100.0, 5.0, 5.0, 1, 1).show(np.full((40, 60), 9, np.uint8)).any()
