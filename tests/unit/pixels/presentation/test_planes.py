"""Frames in the patient: nearest ones, and one resampled onto another against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from filmjacket.pixels.presentation.planes import Placed, Slices, parallel, place_frame, resampled


def placed(position, angle=0.0, spacing=(1.0, 1.0), size=(20, 24), uid="1", frame_of_reference="1.2"):
    row = np.array([np.cos(angle), np.sin(angle), 0.0])
    column = np.array([-np.sin(angle), np.cos(angle), 0.0])
    return Placed(uid, 1, frame_of_reference, np.array(position, float), row, column, spacing, size, 2.0)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_resampling_against_a_loop(angle):
    source = placed((1.0, 2.0, 0.0), 0.0, (1.5, 2.5), (12, 16))
    target = placed((3.0, 1.0, 0.0), angle)
    # Linear in x and y, so that linear interpolation is exact.
    rows, columns = np.mgrid[0:12, 0:16]
    array = 3.0 * columns + 7.0 * rows
    made, covered = resampled(array, source, target, smooth=True)
    checked = 0
    for row in range(20):
        for column in range(24):
            point = target.position + target.row * column + target.column * row
            x, y = (point[0] - 1.0) / 1.5, (point[1] - 2.0) / 2.5
            assert covered[row, column] == (-0.5 < x < 15.5 and -0.5 < y < 11.5)
            if 0 <= x <= 15 and 0 <= y <= 11:
                checked += 1
                assert made[row, column] == pytest.approx(3 * x + 7 * y)
    assert checked > 150


def test_nearest_is_within_half_a_slice_and_of_the_same_orientation():
    slices = Slices.of([placed((0, 0, z), uid=str(z)) for z in (0.0, 2.0, 4.0)])
    found = slices.nearest(placed((50, -3, 2.4)))
    assert found is not None
    assert found.uid == "2.0"
    assert slices.nearest(placed((0, 0, 5.3))) is None
    assert slices.nearest(placed((0, 0, 2.0), frame_of_reference="9")) is None
    tilted = Placed("t", 1, "1.2", np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0.6, 0.8]), (1, 1), (5, 5), 2.0)
    assert slices.nearest(tilted) is None
    assert not parallel(tilted, slices.frames[0])
    assert Slices.of([]).nearest(tilted) is None


def test_through_finds_every_slice_that_points_are_in():
    slices = Slices.of([placed((0, 0, z), uid=str(z)) for z in (0.0, 2.0, 4.0)])
    assert [frame.uid for frame in slices.through(np.array([[9.0, 9.0, 0.3], [0.0, 0.0, 3.9]]))] == ["0.0", "4.0"]


@pytest.mark.parametrize(
    "changes",
    [
        {"00200032": [1, 2]},
        {"00200037": [0, 0, 0, 0, 1, 0]},
        {"00280030": [1, 0]},
        {"00280030": ["x", 1]},
        {"00280010": []},
        {"00200032": [1, 2, float("nan")]},
    ],
)
def test_a_frame_that_does_not_say_where_it_is_has_no_place(changes):
    values = {
        "00200032": [1, 2, 3],
        "00200037": [1, 0, 0, 0, 1, 0],
        "00280030": [0.5, 0.7],
        "00280010": [4],
        "00280011": [5],
    }
    there = place_frame({tag: {"Value": value} for tag, value in values.items()}, "1", 1)
    assert there is not None
    # Pixel Spacing is that between rows first.
    assert there.spacing == (0.7, 0.5)
    assert place_frame({tag: {"Value": value} for tag, value in (values | changes).items()}, "1", 1) is None
