"""From a request and a volume to pictures: planes, projections, volume renderings, animations (PS3.18 8.3.5.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from filmjacket.pixels.camera import along, camera_from_points, camera_from_side, swivel, views_of
from filmjacket.pixels.grayscale import VoiWindow
from filmjacket.pixels.mpr import reformat
from filmjacket.pixels.projection import project
from filmjacket.pixels.render import RenderedImage
from filmjacket.pixels.transfer_functions import preset_of
from filmjacket.pixels.volume import isotropic, render_volume
from filmjacket.pixels.volume_grid import never
from filmjacket.pixels.volume_load import default_window
from filmjacket.web.volume_rendering import DEFAULT_SIDE, Operation, RenderingMethod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.camera import Camera, View
    from filmjacket.pixels.volume_grid import Check, Floats, Volume
    from filmjacket.web.volume_rendering import VolumeRequest


@dataclass(frozen=True, slots=True)
class Scene:
    """What is going to be rendered: the camera at the beginning, the grid of every frame, the window."""

    camera: Camera
    views: tuple[View, ...]
    window: tuple[float, float, str]


def scene_of(volume: Volume, request: VolumeRequest) -> Scene:
    """Everything that the request leaves to the server, decided. Raises `BadRequest` for a view that is none."""
    if request.side is not None:
        camera = camera_from_side(request.side, volume)
    else:
        point = request.viewpoint
        side = DEFAULT_SIDE[request.operation]
        camera = camera_from_points(point.position, point.look_at, point.up, volume, default_side=side)
    cameras = [camera]
    if request.swivel is not None:
        cameras = list(swivel(camera, request.swivel, request.step))
    elif request.curve:
        cameras = list(along(camera, request.curve, request.step))
    wanted = request.rendering.window
    window = default_window(volume) if wanted is None else (wanted.center, wanted.width, wanted.function)
    return Scene(camera, tuple(views_of(cameras, volume, request.rendering.viewport)), window)


def pictures(volume: Volume, request: VolumeRequest, scene: Scene, check: Check = never) -> Iterator[RenderedImage]:
    """One picture for each frame, each made when its turn comes."""
    if request.method is RenderingMethod.VOLUME_RENDERED:
        yield from _rendered(volume, request, scene, check)
        return
    method = request.method.value
    for view in scene.views:
        if request.operation is Operation.MPR:
            values, inside = reformat(volume, view, slab=request.slab or 0.0, method=method, check=check)
        else:
            values, inside = project(volume, view, method=method, check=check)
        yield RenderedImage(_grey(values, inside, scene.window, inverse=volume.inverse))


def _rendered(volume: Volume, request: VolumeRequest, scene: Scene, check: Check) -> Iterator[RenderedImage]:
    view = scene.views[0]
    cubes = isotropic(volume, min(view.pixel_width, view.pixel_height), check)
    preset = preset_of(volume.modality, scene.window, asked=request.rendering.window is not None)
    for view in scene.views:
        yield RenderedImage(render_volume(cubes, view, preset, slab=request.slab, check=check))


def _grey(
    values: Floats, inside: NDArray[np.bool_], window: tuple[float, float, str], *, inverse: bool
) -> NDArray[np.uint8]:
    """Windowed values; outside of the volume it is black, whatever is inverted."""
    grey = VoiWindow(*window).map(values)
    if inverse:
        grey = 1.0 - grey
    return np.where(inside, np.rint(grey * 255.0), 0).astype(np.uint8)


def finished(image: RenderedImage, request: VolumeRequest, attributes: Attributes) -> RenderedImage:
    """The picture in the colour space that was asked for, and annotated with what holds for the middle slice.

    Grey becomes RGB when a profile is wanted (8.3.5.1.5); annotation comes last (8.3.5.1).
    """
    wanted, keywords = request.rendering.icc, request.rendering.annotation
    if wanted not in {None, "no"}:
        from filmjacket.pixels.icc import managed  # noqa: PLC0415 - colour management is loaded by those who need it

        array = image.array if image.array.ndim == 3 else np.repeat(image.array[..., None], 3, axis=2)
        colours = managed(array, None, wanted)
        image = replace(image, array=colours.array, icc_profile=colours.profile)
    if keywords:
        from filmjacket.pixels.annotate import annotate  # noqa: PLC0415 - so are fonts

        image = replace(image, array=annotate(image.array, attributes, keywords))
    return image
