"""Planes through volumes: against scipy's resampler, against brute force, and with marked corners of the patient."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from filmjacket.errors import BadRequest
from filmjacket.pixels.camera import (
    along,
    camera_from_points,
    camera_from_side,
    swivel,
    view_of,
    views_of,
)
from filmjacket.pixels.mpr import layers, reformat
from filmjacket.pixels.volume_grid import sample
from filmjacket.web.rendering import Viewport
from tests.volumes import Grid

GRIDS = {
    "axial": Grid(),
    "coronal": Grid(directions=((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))),
    "sagittal": Grid(directions=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))),
    "oblique": Grid(directions=((0.8, 0.6, 0.0), (-0.36, 0.48, 0.8))),
    "tilted gantry": Grid(tilt=1.2),
}
METHODS = {"average_ip": np.nanmean, "maximum_ip": np.nanmax, "minimum_ip": np.nanmin}


@pytest.fixture(params=GRIDS, ids=str)
def grid(request: pytest.FixtureRequest) -> Grid:
    return GRIDS[request.param]


def noise(grid: Grid) -> np.ndarray:
    return np.random.default_rng(5).integers(-1000, 2000, grid.shape).astype(np.int16)


def patient_points(view) -> np.ndarray:
    """Of each pixel, from the words of the definition: right along the rows, up against the columns."""
    camera = view.camera
    x = view.left + (np.arange(view.columns) + 0.5) * view.pixel_width
    y = view.top + (np.arange(view.rows) + 0.5) * view.pixel_height
    return camera.look_at + x[None, :, None] * camera.right - y[:, None, None] * camera.upright


def resampled(grid: Grid, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """By scipy; NaN outside of the box."""
    index = np.moveaxis((points - np.array(grid.origin)) @ np.linalg.inv(grid.matrix).T, -1, 0)
    last = np.array(grid.shape)[:, None, None] - 0.5
    inside = ((index > -0.5) & (index < last)).all(axis=0)
    found = map_coordinates(values.astype(float), index, order=1, mode="nearest")
    return np.where(inside, found, np.nan)


@pytest.mark.parametrize("eye", [(300, -400, 250), (-10, 20, 500), (0, -500, 1), (500, 30, -80)])
def test_oblique_planes_are_those_of_an_independent_resampler(grid: Grid, eye: tuple[float, ...]) -> None:
    values = noise(grid)
    volume = grid.volume(values)
    center = volume.center
    camera = camera_from_points(
        center + np.array(eye), center + np.array((1.3, -0.7, 2.1)), (0, 0.1, 1), volume, default_side="a"
    )
    view = view_of(camera, volume, Viewport(90, 90))
    made, inside = reformat(volume, view)
    expected = resampled(grid, values, patient_points(view))
    border = np.isnan(expected) == inside  # a pixel on the very border may fall on either side
    assert border.mean() < 0.002
    both = inside & ~np.isnan(expected)
    assert both.sum() > 300
    np.testing.assert_allclose(made[both], expected[both], atol=0.05)
    assert not made[~inside].any()


@pytest.mark.parametrize("method", METHODS)
def test_slabs_against_brute_force(grid: Grid, method: str) -> None:
    values = noise(grid)
    volume = grid.volume(values)
    camera = camera_from_points(
        volume.center + np.array((200, -300, 100)), volume.center, (0, 0, 1), volume, default_side="a"
    )
    view = view_of(camera, volume, Viewport(40, 40))
    made, inside = reformat(volume, view, slab=7.0, method=method)
    points = patient_points(view)
    depths = layers(volume, 7.0)
    assert (depths[0], depths[-1]) == (-3.5, 3.5)
    assert np.diff(depths).max() <= volume.spacing.min() + 1e-9
    stack = np.stack([resampled(grid, values, points + depth * camera.direction) for depth in depths])
    sure = inside & ~np.isnan(stack).all(axis=0)
    assert sure.sum() > 300
    expected = METHODS[method](np.where(sure, stack, 0), axis=0)
    difference = np.abs(made - expected)[sure]
    assert np.quantile(difference, 0.995) < 0.1  # the rest: samples on the very border of the box


def test_a_plane_of_acquisition_is_the_slice_itself() -> None:
    grid = Grid(shape=(9, 12, 20), spacing=(2.0, 1.0, 1.0))
    values = noise(grid)
    volume = grid.volume(values)
    made, inside = reformat(volume, view_of(camera_from_side("f", volume), volume, None))
    assert inside.all()
    np.testing.assert_array_equal(made, values[4])


# What is where in the picture: (letter, where its marker is in the patient) for the edges left, right, top, bottom.
EDGES = {
    "a": ("r", "l", "h", "f"),
    "p": ("l", "r", "h", "f"),
    "l": ("a", "p", "h", "f"),
    "r": ("p", "a", "h", "f"),
    "f": ("r", "l", "a", "p"),
    "h": ("l", "r", "a", "p"),
}
TOWARDS = {"l": (1, 0, 0), "r": (-1, 0, 0), "p": (0, 1, 0), "a": (0, -1, 0), "h": (0, 0, 1), "f": (0, 0, -1)}


def marked(grid: Grid, letter: str) -> np.ndarray:
    """A ball two thirds of the way from the middle to that side of the patient."""
    points = grid.points
    low, high = points.reshape(-1, 3).min(axis=0), points.reshape(-1, 3).max(axis=0)
    center = (low + high) / 2 + np.array(TOWARDS[letter]) * (high - low) / 2 * 0.66
    return np.where(np.linalg.norm(points - center, axis=-1) < 4.0, 1000, 0).astype(np.int16)


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("side", EDGES)
def test_sides_of_the_patient_are_on_the_right_sides_of_the_picture(name: str, side: str) -> None:
    directions = GRIDS[name].directions
    grid = Grid(shape=(24, 24, 24), spacing=(1.5, 1.5, 1.5), directions=directions)
    for letter, edge in zip(EDGES[side], ("left", "right", "top", "bottom"), strict=True):
        volume = grid.volume(marked(grid, letter))
        made, _ = reformat(volume, view_of(camera_from_side(side, volume), volume, None))
        rows, columns = np.nonzero(made > 500)
        assert rows.size
        down, across = rows.mean() / made.shape[0] - 0.5, columns.mean() / made.shape[1] - 0.5
        found = ("left" if across < 0 else "right") if abs(across) > abs(down) else "top" if down < 0 else "bottom"
        assert (letter, found) == (letter, edge)


def test_pixels_have_the_size_that_the_view_says() -> None:
    grid = Grid(shape=(30, 30, 30), spacing=(2.0, 1.0, 1.0))
    values = np.zeros(grid.shape, np.int16)
    values[15, 15, 5], values[15, 15, 25] = 1000, 1000  # 20 mm apart
    volume = grid.volume(values)
    camera = camera_from_points(None, grid.points[15, 15, 15], None, volume, default_side="f")
    view = view_of(camera, volume, Viewport(300, 300))
    made, _ = reformat(volume, view)
    columns = np.nonzero(made.max(axis=0) > 900)[0]
    apart = (columns[columns > 150].mean() - columns[columns <= 150].mean()) * view.pixel_width
    assert apart == pytest.approx(20.0, abs=0.15)


def test_viewports_keep_the_shape_crop_and_flip() -> None:
    grid = Grid(shape=(10, 40, 80), spacing=(1.0, 1.0, 1.0))
    volume = grid.volume(noise(grid))
    camera = camera_from_side("f", volume)
    whole = reformat(volume, view_of(camera, volume, None))[0]
    assert whole.shape == (40, 80)
    assert view_of(camera, volume, Viewport(200, 200)).columns == 200
    assert view_of(camera, volume, Viewport(200, 200)).rows == 100
    part = reformat(volume, view_of(camera, volume, Viewport(20, 20, 30, 10, 20, 20)))[0]
    np.testing.assert_allclose(part, whole[10:30, 30:50], atol=0.05)
    flipped = reformat(volume, view_of(camera, volume, Viewport(20, 20, 30, 10, 20, 20, flip_x=True, flip_y=True)))[0]
    np.testing.assert_allclose(flipped, part[::-1, ::-1], atol=0.05)
    with pytest.raises(BadRequest, match="outside"):
        view_of(camera, volume, Viewport(20, 20, 80, 0))


def test_up_may_not_be_along_the_view() -> None:
    volume = Grid().volume(noise(Grid()))
    with pytest.raises(BadRequest, match="up is along"):
        camera_from_points((0, 0, 500), (0, 0, 0), (0, 0, 2), volume, default_side="a")
    with pytest.raises(BadRequest, match="at the point"):
        camera_from_points((1, 2, 3), (1, 2, 3), None, volume, default_side="a")


def test_a_swivel_turns_around_up() -> None:
    volume = Grid().volume(noise(Grid()))
    camera = camera_from_side("a", volume)
    circle = list(swivel(camera, 360, 90))
    assert len(circle) == 4
    np.testing.assert_allclose(circle[0].position, camera.position)
    # From anterior by a quarter turn around the direction to the head: the camera goes to the left of the patient.
    assert circle[1].position[0] > camera.look_at[0] + 50
    np.testing.assert_allclose(circle[2].direction, (0, -1, 0), atol=1e-9)
    arc = list(swivel(camera, 30, 10))
    angles = [np.degrees(np.arctan2(*(entry.position - entry.look_at)[:2])) for entry in arc]
    np.testing.assert_allclose(np.diff(np.unwrap(angles, period=360)), [-10, -10], atol=1e-6)
    np.testing.assert_allclose(arc[1].position, camera.position, atol=1e-6)
    views = views_of(circle, volume, None)
    assert len({(view.rows, view.columns) for view in views}) == 1


def test_planes_across_a_curve() -> None:
    volume = Grid().volume(noise(Grid()))
    camera = camera_from_side("f", volume)
    cameras = list(along(camera, [(0, 0, 0), (0, 0, 20), (10, 0, 20)], 5))
    assert len(cameras) == 6
    places = [(0, 0, 0), (0, 0, 5), (0, 0, 10), (0, 0, 15), (0, 0, 20), (5, 0, 20)]
    np.testing.assert_allclose([entry.look_at for entry in cameras], places)
    np.testing.assert_allclose(cameras[0].direction, (0, 0, 1), atol=1e-9)
    np.testing.assert_allclose(cameras[-1].direction, (1, 0, 0), atol=1e-9)
    for entry in cameras:
        assert abs(entry.direction @ entry.upright) < 1e-9
    # Along the direction that was up: another one is found.
    turned = list(along(camera, [(0, 0, 0), (0, -20, 0)], 10))
    assert all(np.isfinite(entry.right).all() for entry in turned)


def test_samples_at_the_border() -> None:
    values = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    points = np.array(((0, 0, 0), (1, 1, 1), (0.5, 0.5, 0.5), (-0.4, 0, 0), (-0.6, 0, 0), (1.4, 1, 1)))
    k, r, c = points.T
    found, inside = sample(values, k, r, c)
    assert inside.tolist() == [True, True, True, True, False, True]
    assert found[inside].tolist() == [0, 7, 3.5, 0, 7]


def test_work_stops_when_nobody_waits() -> None:
    volume = Grid().volume(noise(Grid()))

    class GoneError(Exception):
        pass

    def check() -> None:
        raise GoneError

    with pytest.raises(GoneError):
        reformat(volume, view_of(camera_from_side("a", volume), volume, None), check=check)
