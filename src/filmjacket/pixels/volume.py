"""Volume rendering: light that falls on what a transfer function makes opaque (PS3.18 8.3.5.3.2; PS3.3 C.11.30).

Rays go from front to back through slices that are sheared as `filmjacket.pixels.shear` describes; values are
interpolated first and made opaque then, gradients are those of the interpolated values. Only samples that would be
seen are lit: after the first surfaces most rays have ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.pixels.projection import nearest
from filmjacket.pixels.shear import clip_mask, shear_of, warp
from filmjacket.pixels.transfer_functions import Tables, tables_of
from filmjacket.pixels.volume_grid import Volume, never

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filmjacket.pixels.camera import View
    from filmjacket.pixels.shear import Shear
    from filmjacket.pixels.transfer_functions import Preset
    from filmjacket.pixels.volume_grid import Check, Floats, Matrix

MOST_VOXELS: Final = 24_000_000
"""Voxels that are lit: finer volumes are averaged down before. 300 x 300 x 270 of them take about two seconds."""
OPAQUE: Final = 0.02
"""Light that is left when a ray ends."""
INVISIBLE: Final = 0.003

_AMBIENT, _DIFFUSE, _SPECULAR, _SHININESS = 0.25, 0.72, 0.22, 24


def isotropic(volume: Volume, pixel: float, check: Check = never, most: int = MOST_VOXELS) -> Volume:
    """Real values on cubes of the size of a pixel, or of what `most` voxels allow: averages or interpolations."""
    extents = volume.spacing * np.array(volume.values.shape)
    # Cubes of less than half a voxel show nothing more.
    size = max(pixel, float(volume.spacing.min()) / 2, float(np.prod(extents) / most) ** (1 / 3))
    shape = [max(2, round(extent / size)) for extent in extents]
    weights = [_weights(old, new) for old, new in zip(volume.values.shape, shape, strict=True)]
    values = np.zeros(shape, np.float32)
    for number in range(volume.values.shape[0]):
        check()
        targets = np.flatnonzero(weights[0][:, number])
        plane = weights[1] @ volume.values[number].astype(np.float32) @ weights[2].T
        for target in targets:
            values[target] += plane * weights[0][target, number]
    scale = np.array(volume.values.shape) / np.array(shape)
    origin = volume.origin + volume.matrix @ (0.5 * scale - 0.5)
    return replace(volume, values=volume.real(values), slope=1.0, intercept=0.0, matrix=volume.matrix * scale,
                   origin=origin)  # fmt: skip


def _weights(old: int, new: int) -> Floats:
    """What each new sample of an axis takes of the old ones: means when there are fewer, neighbours when more."""
    weights = np.zeros((new, old), np.float32)
    ratio = old / new
    for number in range(new):
        if ratio > 1:
            first, last = number * ratio, (number + 1) * ratio
            for source in range(int(first), min(math.ceil(last), old)):
                weights[number, source] = (min(last, source + 1) - max(first, source)) / ratio
        else:
            position = min(max((number + 0.5) * ratio - 0.5, 0.0), old - 1.0)
            source = min(int(position), max(old - 2, 0))
            weights[number, source] = 1 - (position - source)
            weights[number, min(source + 1, old - 1)] += position - source
    return weights


@dataclass(slots=True)
class _Light:
    """What has arrived so far: colour and what still gets through, one row for each pixel of the picture."""

    colour: Floats
    through: Floats
    columns: int


def render_volume(
    volume: Volume, view: View, preset: Preset, *, slab: float | None = None, check: Check = never
) -> NDArray[np.uint8]:
    """A picture in RGB on black. `volume` holds real values on cubes, see `isotropic`.

    With `slab` only what is within half of it of the look-at point is there.
    """
    shear = shear_of(volume, view)
    tables = tables_of(preset, shear.step)
    rows, columns = shear.shape
    light = _Light(np.zeros((rows * columns, 3), np.float32), np.ones(rows * columns, np.float32), columns)
    clip = _clip(volume, view, slab)
    lamp = _Lamp.of(shear, view)
    floor = float(volume.values.min())
    window: list[tuple[int, Floats]] = []
    for m, plane in shear.slices():
        check()
        sheared = np.full(shear.shape, floor, np.float32)
        sheared[shear.rectangle(m)] = shear.shifted(m, plane)
        window = [*window[-2:], (m, sheared)]
        if len(window) == 3:
            mask = None if clip is None else clip_mask(shear, view, window[1][0], shear.rectangle(window[1][0]), *clip)
            _add(light, [entry[1] for entry in window], shear.rectangle(window[1][0]), tables, lamp, mask)
    picture = light.colour.reshape(rows, columns, 3)
    return (np.clip(warp(shear, view, picture), 0, 1) ** np.float32(0.85) * 255 + 0.5).astype(np.uint8)


def _clip(volume: Volume, view: View, slab: float | None) -> tuple[float, float] | None:
    if slab is not None:
        return -slab / 2, slab / 2
    near = nearest(volume, view)
    return None if near is None else (near, math.inf)


@dataclass(frozen=True, slots=True)
class _Lamp:
    """From differences along (slices, rows, columns) of the sheared picture to what light needs of a gradient."""

    matrix: Matrix
    to_light: Matrix
    to_half: Matrix

    @classmethod
    def of(cls, shear: Shear, view: View) -> _Lamp:
        """A lamp beside the camera, up and to the left of it."""
        camera = view.camera
        light = -camera.direction + 0.45 * camera.upright - 0.35 * camera.right
        half = light / np.linalg.norm(light) - camera.direction
        # f'(m, u, v) = f(m, u + m su, v + m sv), hence f_m = f'_m - su f'_u - sv f'_v.
        unshear = np.array(((1, -shear.su, -shear.sv), (0, 1, 0), (0, 0, 1)), float)
        forward = 0.5 if shear.forward else -0.5
        central = np.diag((forward, 0.5, 0.5))
        vectors = np.stack([shear.volume.matrix[:, axis] for axis in shear.axes], axis=1)
        matrix = np.linalg.inv(vectors).T @ unshear @ central
        return cls(matrix, light / np.linalg.norm(light), half / np.linalg.norm(half))


def _add(
    light: _Light,
    window: list[Floats],
    rectangle: tuple[slice, slice],
    tables: Tables,
    lamp: _Lamp,
    mask: NDArray[np.bool_] | None,
) -> None:
    """Light the samples of the middle one of three slices that are seen."""
    before, here, after = window
    rows = slice(max(rectangle[0].start, 1), min(rectangle[0].stop, here.shape[0] - 1))
    columns = slice(max(rectangle[1].start, 1), min(rectangle[1].stop, here.shape[1] - 1))
    entries = np.clip((here[rows, columns] - tables.low) * tables.scale, 0, len(tables.opacity) - 1).astype(np.int32)
    opacity = tables.opacity.take(entries)
    seen = opacity * light.through.reshape(here.shape)[rows, columns] > INVISIBLE * OPAQUE * 10
    if mask is not None:
        seen &= mask[rows.start - rectangle[0].start :, columns.start - rectangle[1].start :][
            : seen.shape[0], : seen.shape[1]
        ]
    picked = np.flatnonzero(seen)
    if not picked.size:
        return
    width = columns.stop - columns.start
    place = (picked // width + rows.start) * light.columns + picked % width + columns.start
    flat, entry = here.reshape(-1), entries.reshape(-1)[picked]
    differences = np.stack((
        after.reshape(-1)[place] - before.reshape(-1)[place],
        flat[place + light.columns] - flat[place - light.columns],
        flat[place + 1] - flat[place - 1],
    ))  # fmt: skip
    gradient = lamp.matrix.astype(np.float32) @ differences
    size = np.sqrt((gradient * gradient).sum(axis=0))
    unit = gradient / np.maximum(size, 1e-6)
    # Borders are lit from both sides: what faces away is the inside of a cut.
    diffuse = np.abs(lamp.to_light.astype(np.float32) @ unit)
    glossy = np.abs(lamp.to_half.astype(np.float32) @ unit) ** _SHININESS
    alpha = opacity.reshape(-1)[picked]
    if tables.edges:
        steep = np.minimum(size * np.float32(tables.scale / len(tables.opacity) * 12), 1)
        alpha = alpha * (1 - tables.edges + tables.edges * steep)
    weight = light.through[place] * alpha
    shade = (_AMBIENT + _DIFFUSE * diffuse)[:, None]
    light.colour[place] += weight[:, None] * (tables.colour[entry] * shade + (_SPECULAR * glossy)[:, None])
    through = light.through[place] * (1 - alpha)
    # A ray that has nearly ended has ended.
    light.through[place] = np.where(through < OPAQUE, 0, through)
