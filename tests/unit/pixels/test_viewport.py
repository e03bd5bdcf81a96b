"""Region and viewport (PS3.18 8.3.5.1.3)."""

from __future__ import annotations

import numpy as np
import pytest

from filmjacket.errors import BadRequest
from filmjacket.pixels.viewport import pixel_aspect, place, show
from filmjacket.web.rendering import parse_rendering


def placed(query, rows=100, columns=200, aspect=1.0):
    viewport = parse_rendering(b"viewport=" + query.encode()).viewport
    assert viewport is not None
    return place(viewport, rows, columns, aspect)


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("200,100", (200, 100)),
        ("100,100", (100, 50)),
        ("400,400", (400, 200)),
        ("1000,100", (200, 100)),
        ("50,1000", (50, 25)),
        ("100,100,0,0,50,100", (50, 100)),
        ("100,100,100,50,100,50", (100, 50)),
        ("100,100,150,0,500,50", (100, 100)),
        ("1,1", (1, 1)),
        ("10,10,0,0,200,0.5", (10, 1)),
    ],
)
def test_the_picture_fills_the_viewport_one_way_and_never_exceeds_it(query, size):
    placement = placed(query)
    assert (placement.columns, placement.rows) == size


def test_regions_are_clipped():
    assert placed("10,10,150,20,100,300").region == (150, 20, 200, 100)


@pytest.mark.parametrize("query", ["10,10,200,0", "10,10,0,100", "10,10,500,500,10,10"])
def test_regions_outside_are_refused(query):
    with pytest.raises(BadRequest, match="outside"):
        placed(query)


def test_pixels_that_are_not_square_are_shown_in_their_proportion():
    placement = placed("100,100", rows=100, columns=100, aspect=2.0)
    assert (placement.columns, placement.rows) == (50, 100)


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({}, 1.0),
        ({"00280034": ["2", "1"]}, 2.0),
        ({"00280034": [1, 2]}, 0.5),
        ({"00280030": ["0.5", "0.25"]}, 2.0),
        ({"00280030": ["0.5", "0.501"]}, 1.0),
        ({"00181164": ["3", "1"]}, 3.0),
        ({"00280030": ["0", "1"]}, 1.0),
        ({"00280030": ["x", "1"]}, 1.0),
        ({"00280030": ["1"]}, 1.0),
        ({"00280030": ["1000", "1"]}, 1.0),
    ],
)
def test_proportion_of_pixels(attributes, aspect):
    found = {tag: {"vr": "DS", "Value": values} for tag, values in attributes.items()}
    assert pixel_aspect(found) == aspect


def gradient():
    return (np.arange(100)[:, None] + np.arange(100)[None, :]).astype(np.uint8)


@pytest.mark.parametrize(
    ("query", "picture"),
    [
        ("100,100", gradient()),
        ("100,100,0,0,-100,100", gradient()[:, ::-1]),
        ("100,100,0,0,100,-100", gradient()[::-1]),
        ("100,100,0,0,-100,-100", gradient()[::-1, ::-1]),
        ("20,10,30,40,20,10", gradient()[40:50, 30:50]),
        ("20,10,30,40,-20,10", gradient()[40:50, 30:50][:, ::-1]),
    ],
)
def test_regions_that_need_no_scaling_are_the_pixels_themselves(query, picture):
    assert np.array_equal(show(gradient(), placed(query, 100, 100), 100, 100), picture)


def test_a_reduced_image_gives_the_same_picture():
    image = np.kron(gradient()[:25, :25], np.ones((4, 4), np.uint8))
    placement = placed("25,25", 100, 100)
    assert placement.reduction == 2
    assert np.abs(show(image, placement, 100, 100).astype(int) - show(image[::4, ::4], placement, 100, 100)).max() <= 2


@pytest.mark.parametrize(("query", "reduction"), [("100,100", 0), ("51,51", 0), ("50,50", 1), ("2,2", 5), ("1,1", 5)])
def test_how_much_smaller_a_source_may_be(query, reduction):
    assert placed(query, 100, 100).reduction == reduction
