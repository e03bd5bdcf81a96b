"""Whole volumes: which frames make one, loading, projections, volume rendering."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from filmjacket.dicom.header import read_header
from filmjacket.errors import BadRequest, TooLarge
from filmjacket.pixels.camera import camera_from_points, camera_from_side, view_of
from filmjacket.pixels.mpr import reformat
from filmjacket.pixels.projection import project
from filmjacket.pixels.transfer_functions import preset_of
from filmjacket.pixels.volume import isotropic, render_volume
from filmjacket.pixels.volume_cache import VolumeCache
from filmjacket.pixels.volume_grid import never
from filmjacket.pixels.volume_input import Plane, choose_stack, planes_of
from filmjacket.pixels.volume_load import check_size, load_volume
from filmjacket.web.rendering import Viewport
from tests.samples import sample
from tests.volumes import Grid, head


@dataclasses.dataclass
class Described:
    """What loading wants to know of a frame."""

    kind: str = "integer"
    bits_stored: int = 12
    signed: bool = False
    padding: tuple[float, float] | None = None


def plane(number: int, z: float, **changes: object) -> Plane:
    made = Plane(
        f"1.2.{number}", 1, "1.9", "1.8", (0.0, 0.0, z), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), (4, 5), 1.0,
        -1024.0, (40.0, 400.0, "LINEAR"), "CT", "MONOCHROME2", ("a", "b"),
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def depths(stack) -> list[float]:
    return [entry.depth for entry in stack.planes]


def test_slices_come_in_the_order_of_their_places() -> None:
    stack = choose_stack([plane(1, 20.0), plane(2, 0.0), plane(3, 10.0)])
    assert depths(stack) == [0.0, 10.0, 20.0]
    assert (stack.spacing, stack.slices, stack.voxels) == (10.0, 3, 60)


ALIKE = {
    "series": {"series_uid": "1.99"},
    "frame of reference": {"frame_of_reference": "1.88"},
    "orientation": {"row": (0.0, 1.0, 0.0), "column": (1.0, 0.0, 0.0)},
    "spacing": {"spacing": (2.0, 1.0)},
    "size": {"size": (4, 6)},
}


@pytest.mark.parametrize("what", ALIKE)
def test_what_is_not_alike_is_another_stack_and_the_largest_is_taken(what: str) -> None:
    others = [plane(10 + n, n, **ALIKE[what]) for n in range(2)]
    stack = choose_stack([*others, *(plane(n, n) for n in range(4))])
    assert [entry.sop_uid for entry in stack.planes] == [f"1.2.{n}" for n in range(4)]
    held = choose_stack([*others, *(plane(n, n) for n in range(4))], holding=("1.2.10", None))
    assert {entry.sop_uid for entry in held.planes} == {"1.2.10", "1.2.11"}


def test_frames_at_one_place_are_told_apart() -> None:
    phases = [plane(100 * phase + n, n, discriminators=("same", str(phase))) for phase in (1, 2) for n in range(3)]
    stack = choose_stack(phases)
    assert len(stack.planes) == 3
    assert len({entry.discriminators for entry in stack.planes}) == 1
    with pytest.raises(BadRequest, match="same position"):
        choose_stack([dataclasses.replace(entry, discriminators=("a", "b")) for entry in phases])


def test_a_localizer_in_the_series_does_not_hurt() -> None:
    scout = plane(50, 2.0, row=(1.0, 0.0, 0.0), column=(0.0, 0.0, -1.0))
    assert len(choose_stack([scout, *(plane(n, n) for n in range(5))]).planes) == 5


def test_gaps_end_a_stack() -> None:
    stack = choose_stack([plane(n, z) for n, z in enumerate((0, 1, 2, 3, 10, 11, 12))])
    assert depths(stack) == [0, 1, 2, 3]


REFUSED = {
    "nothing": ([], "none of its frames"),
    "one": ([plane(1, 0.0)], "no two"),
    "all of different sizes": ([plane(n, n, size=(4, 5 + n)) for n in range(3)], "no two"),
    "moved sideways": (
        [plane(n, n, position=(x, 0.0, float(n))) for n, x in enumerate((0.0, 5.0, 0.0, 5.0, 0.0))],
        "neither behind",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_volume_is_refused_with_the_reason(name: str) -> None:
    planes, why = REFUSED[name]
    with pytest.raises(BadRequest, match=why):
        choose_stack(planes)


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(BadRequest, match="volumeinputreference"):
        choose_stack([plane(n, n) for n in range(3)], holding=("9.9", None))


def test_planes_of_enhanced_objects_come_from_functional_groups() -> None:
    def item(**groups: dict) -> dict:
        return {tag[1:]: {"vr": "SQ", "Value": [content]} for tag, content in groups.items()}

    def of(*values: float) -> dict:
        return {"vr": "DS", "Value": list(values)}

    shared = item(
        _00209116={"00200037": of(1, 0, 0, 0, 1, 0)},
        _00289110={"00280030": of(0.5, 0.25)},
        _00289145={"00281053": of(2), "00281052": of(-10)},
    )
    attributes = {
        "00280008": {"vr": "IS", "Value": [3]},
        "00280010": {"vr": "US", "Value": [4]},
        "00280011": {"vr": "US", "Value": [5]},
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "52009229": {"vr": "SQ", "Value": [shared]},
        "52009230": {"vr": "SQ", "Value": [item(_00209113={"00200032": of(1, 2, 3 * n)}) for n in range(3)]},
    }
    planes = list(planes_of(attributes, "1.2", "1.9"))
    assert [(entry.frame, entry.position, entry.spacing, entry.slope) for entry in planes] == [
        (n + 1, (1.0, 2.0, 3.0 * n), (0.5, 0.25), 2.0) for n in range(3)
    ]
    assert [entry.frame for entry in planes_of(attributes, "1.2", "1.9", (2, 3))] == [2, 3]


# Loading ------------------------------------------------------------------------------------------------------


def loaded(planes: list[Plane], frames: dict[str, np.ndarray], described: Described | None = None):
    return load_volume(choose_stack(planes), lambda entry: (frames[entry.sop_uid], described or Described()))


def test_one_scale_keeps_stored_values() -> None:
    frames = {f"1.2.{n}": np.full((4, 5), 100 * n, np.uint16) for n in range(3)}
    volume = loaded([plane(n, 2.0 * n) for n in range(3)], frames)
    assert volume.values.dtype == np.int16
    np.testing.assert_array_equal(volume.real(volume.values[:, 0, 0].astype(np.float32)), [-1024, -924, -824])
    np.testing.assert_allclose(volume.index_of(np.array((3.0, 1.0, 4.0))), (2, 1, 3))


@pytest.mark.parametrize(("bits", "signed", "kind"), [(16, False, "i2"), (16, True, "i2"), (32, False, "f4")])
def test_wide_values_survive(bits: int, signed: bool, kind: str) -> None:
    dtype = f"{'i' if signed else 'u'}{bits // 8}"
    top = np.iinfo(dtype).max
    frames = {f"1.2.{n}": np.full((4, 5), value, dtype) for n, value in enumerate((0, top))}
    volume = loaded([plane(n, n, intercept=0.0) for n in range(2)], frames, Described(bits_stored=bits, signed=signed))
    assert volume.values.dtype == kind
    found = volume.real(volume.values[:, 0, 0].astype(np.float32))
    np.testing.assert_allclose(found, (0, top), rtol=1e-6)


def test_scales_that_differ_become_one() -> None:
    """PET: each slice has a slope of its own."""
    planes = [plane(n, n, slope=0.5 + n, intercept=0.0) for n in range(3)]
    frames = {entry.sop_uid: np.full((4, 5), 1000, np.uint16) for entry in planes}
    volume = loaded(planes, frames)
    found = volume.real(volume.values[:, 0, 0].astype(np.float32))
    np.testing.assert_allclose(found, (500, 1500, 2500), atol=volume.slope)


def test_padding_is_no_value() -> None:
    frames = {f"1.2.{n}": np.full((4, 5), 500, np.uint16) for n in range(2)}
    frames["1.2.0"][0, 0] = 4000
    volume = loaded([plane(n, n) for n in range(2)], frames, Described(padding=(4000.0, 4000.0)))
    assert volume.values.max() == 500


def test_irregular_distances_are_resampled() -> None:
    places = (0.0, 1.0, 2.0, 3.5, 4.0)
    frames = {f"1.2.{n}": np.full((4, 5), 100 * z, np.uint16) for n, z in enumerate(places)}
    volume = loaded([plane(n, z, intercept=0.0) for n, z in enumerate(places)], frames)
    expected = np.linspace(0, 400, len(volume.values))
    np.testing.assert_allclose(volume.values[:, 0, 0], expected, atol=1)


def test_a_tilted_gantry_keeps_its_geometry() -> None:
    planes = [plane(n, z, position=(0.0, 0.5 * z, z)) for n, z in enumerate((0.0, 2.0, 4.0))]
    frames = {entry.sop_uid: np.zeros((4, 5), np.uint16) for entry in planes}
    volume = loaded(planes, frames)
    np.testing.assert_allclose(volume.matrix[:, 0], (0, 1, 2))


def test_too_large_is_said_before_anything_is_read() -> None:
    stack = choose_stack([plane(n, n, size=(512, 512)) for n in range(10)])
    with pytest.raises(TooLarge, match=r"volumes\.maximum_bytes"):
        check_size(stack, 1 << 20)
    check_size(stack, 8 << 20)


def test_volumes_are_kept_within_a_bound() -> None:
    cache = VolumeCache(maximum_bytes=10**6, cache_bytes=5000)
    grid = Grid(shape=(5, 20, 20))
    made: list[int] = []

    def load():
        made.append(1)
        return grid.volume(np.zeros(grid.shape, np.int16))

    assert cache.get("a", load, never) is cache.get("a", load, never)
    cache.get("b", load, never)
    assert cache.held_bytes == 4000
    cache.get("a", load, never)
    assert len(made) == 3


# Projections and volume rendering -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["maximum_ip", "minimum_ip", "average_ip"])
@pytest.mark.parametrize("eye", [(0, -300, 0), (300, -200, 120), (-80, 60, 300), (-300, 10, 20)])
def test_projections_are_those_of_thick_slabs(method: str, eye: tuple[float, ...]) -> None:
    """The fast way against planes sampled one by one. Smooth, since the two have their samples at other places."""
    grid = Grid(shape=(24, 30, 36), spacing=(2.0, 1.5, 1.5))
    x, y, z = np.moveaxis(grid.points - grid.points.reshape(-1, 3).mean(axis=0), -1, 0)
    values = (1000 * np.exp(-((x - 6) ** 2 + (y + 4) ** 2 + (z - 3) ** 2) / 200) + 4 * x + 300).astype(np.int16)
    volume = grid.volume(values)
    camera = camera_from_points(volume.center + eye, volume.center, (0, 0.2, 1), volume, default_side="a")
    view = view_of(camera, volume, Viewport(60, 60))
    fast, covered = project(volume, view, method=method)
    slow, inside = reformat(volume, view, slab=140, method=method)
    assert (covered == inside).mean() > 0.93
    core = covered & inside
    for _ in range(3):  # rays that only touch the box have few samples
        core[1:-1, 1:-1] &= core[2:, 1:-1] & core[:-2, 1:-1] & core[1:-1, 2:] & core[1:-1, :-2]
    core[[0, -1]] = core[:, [0, -1]] = False
    assert core.sum() > 500
    difference = np.abs(fast - slow)[core]
    assert np.median(difference) < 8
    assert np.quantile(difference, 0.98) < 45


def test_a_marker_is_where_the_plane_shows_it() -> None:
    grid = Grid(shape=(24, 30, 36), spacing=(2.0, 1.5, 1.5))
    values = np.zeros(grid.shape, np.int16)
    values[16, 8, 25] = 3000
    volume = grid.volume(values)
    point = grid.points[16, 8, 25]
    for eye in ((0, -300, 0), (300, -200, 120), (-80, 60, 300)):
        camera = camera_from_points(point + eye, volume.center, (0, 0.2, 1), volume, default_side="a")
        view = view_of(camera, volume, Viewport(120, 120))
        made, _ = project(volume, view, method="maximum_ip")
        rows, columns = np.indices(made.shape)
        weight = made / made.sum()
        away = point - camera.look_at
        x = ((columns * weight).sum() + 0.5) * view.pixel_width + view.left
        y = ((rows * weight).sum() + 0.5) * view.pixel_height + view.top
        assert (x, y) == pytest.approx((away @ camera.right, -away @ camera.upright), abs=0.6)


def test_cubes_keep_place_and_mean() -> None:
    grid = Grid(shape=(12, 40, 44), spacing=(4.0, 1.0, 1.0))
    values = np.random.default_rng(3).integers(0, 1000, grid.shape).astype(np.int16)
    volume = grid.volume(values)
    for pixel in (0.8, 3.0):
        cubes = isotropic(volume, pixel)
        np.testing.assert_allclose(cubes.corners, volume.corners, atol=1e-6)
        assert np.ptp(cubes.spacing) < 0.3
        assert cubes.values.mean() == pytest.approx(values.mean(), rel=0.01)


def rendered(volume, side: str, **options):
    view = view_of(camera_from_side(side, volume), volume, Viewport(96, 96))
    cubes = isotropic(volume, view.pixel_width)
    return render_volume(cubes, view, preset_of("CT", (40, 400, "LINEAR"), asked=False), **options)


def test_what_is_in_front_hides_what_is_behind() -> None:
    """A bright and a soft plate: from anterior one is seen, from posterior the other."""
    grid = Grid(shape=(40, 40, 40), spacing=(2.0, 2.0, 2.0))
    values = np.full(grid.shape, -1000, np.int16)
    values[10:30, 8:12, 10:30] = 1200
    values[10:30, 28:32, 10:30] = 30
    volume = grid.volume(values)
    anterior, posterior = (rendered(volume, side)[40:56, 40:56].reshape(-1, 3).mean(axis=0) for side in "ap")
    assert anterior[2] > 100  # bone is nearly white
    assert posterior[0] > posterior[2] * 1.15 > anterior[0] * 0.5  # flesh is redder
    assert anterior[0] < anterior[2] * 1.1
    corner = rendered(volume, "a")[:4, :4]
    assert not corner.any()


def test_light_comes_from_above_left_of_the_camera() -> None:
    grid = Grid(shape=(48, 48, 48), spacing=(2.0, 2.0, 2.0))
    away = np.linalg.norm(grid.points - grid.points.reshape(-1, 3).mean(axis=0), axis=-1)
    volume = grid.volume(np.where(away < 36, 900, -1000).astype(np.int16))
    picture = rendered(volume, "a").astype(float).mean(axis=2)
    assert picture[34:40, 34:40].mean() > picture[56:62, 56:62].mean() * 1.15


def test_a_slab_cuts_the_rest_away() -> None:
    grid = Grid(shape=(40, 40, 40), spacing=(2.0, 2.0, 2.0))
    values = np.full(grid.shape, -1000, np.int16)
    values[:, :10] = 1000
    volume = grid.volume(values)
    assert rendered(volume, "a").any()
    assert not rendered(volume, "a", slab=20.0).any()


def test_a_head_has_skin_and_under_it_bone() -> None:
    grid, values = head(Grid((40, 48, 44), (5.0, 4.6, 4.6), (-100.0, -120.0, -100.0)))
    volume = grid.volume(values)
    view = view_of(camera_from_side("a", volume), volume, Viewport(128, 128))
    cubes = isotropic(volume, view.pixel_width)
    soft = render_volume(cubes, view, preset_of("CT", (40, 400, "LINEAR"), asked=False))
    bone = render_volume(cubes, view, preset_of("CT", (500, 1500, "LINEAR"), asked=True))
    assert (soft.max(axis=2) > 20).sum() > (bone.max(axis=2) > 20).sum() > 1000


def test_frames_of_a_dose_lie_along_its_grid_frame_offset_vector() -> None:
    attributes = read_header(sample("rtdose.dcm")).attributes
    planes = list(planes_of(attributes, "1.1", "1.2"))
    assert [round(entry.position[2] - planes[0].position[2], 6) for entry in planes] == [5.0 * n for n in range(15)]
    assert {entry.slope for entry in planes} == {1e-06}
    assert len(choose_stack(planes).planes) == 15
    # The vector may hold places instead of distances (PS3.3 C.8.8.3.2).
    absolute = attributes | {"3004000C": {"vr": "DS", "Value": [-761.87 + 5.0 * n for n in range(15)]}}
    for ours, theirs in zip(planes_of(absolute, "1.1", "1.2"), planes, strict=True):
        assert ours.position == pytest.approx(theirs.position)
