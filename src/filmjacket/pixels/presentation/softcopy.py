"""Grayscale, color and pseudo-color softcopy presentation states on a frame (PS3.4 N.2).

A transformation that the state does not have is an identity, whatever the image says; so is the Photometric
Interpretation of a grey image (PS3.4 N.2.1.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.pixels.grayscale import Grayscale, Span, read_grayscale, to_grey
from filmjacket.pixels.overlays import GROUPS, read_overlays
from filmjacket.pixels.palette import read_palette
from filmjacket.pixels.photometric import decoded_photometric
from filmjacket.pixels.presentation.annotations import UNKNOWN_LAYER, annotation_drawings, read_layers
from filmjacket.pixels.presentation.canvas import Canvas
from filmjacket.pixels.presentation.colours import is_grey
from filmjacket.pixels.presentation.layout import layout_of
from filmjacket.pixels.presentation.scope import item_for
from filmjacket.pixels.presentation.shutters import hidden, shutter_colour, shutter_group
from filmjacket.pixels.render import RenderedImage, appearance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.description import PixelDescription
    from filmjacket.pixels.overlays import Overlay
    from filmjacket.pixels.palette import Palette
    from filmjacket.pixels.presentation.layout import Layout
    from filmjacket.pixels.presentation.scope import Source, State
    from filmjacket.pixels.render import Frame
    from filmjacket.web.rendering import RenderRequest

_GRAYSCALE_TAGS: Final = ("00283000", "00281052", "00281053", "00281054", "20500010", "20500020")
_SOFTCOPY_VOI: Final = "00283110"
_ICC: Final = "00282000"
_ICC_SPACE: Final = "00282002"
_MASKS: Final = "00286100"
_MASK_OPERATION: Final = "00286101"
_MASK_FRAMES: Final = "00286110"
_MASK_RANGE: Final = "00286102"
_PSEUDO_COLOR: Final = "1.2.840.10008.5.1.4.1.1.11.3"


def present(state: State, source: Source, request: RenderRequest) -> RenderedImage:
    """The picture of a frame as a presentation state wants it shown."""
    return finish(state, source, _pixels(state, source, request), request)


def finish(state: State, source: Source, pixels: NDArray[np.uint8], request: RenderRequest) -> RenderedImage:
    """Shutters, displayed area, overlays, annotation and colour management for pixels in grey or RGB."""
    attributes = state.attributes
    layout = layout_of(attributes, source, request.viewport)
    canvas = Canvas(layout.show(_shuttered(state, pixels, layout)))
    drawings = [
        *_overlay_drawings(state, source, layout),
        *annotation_drawings(attributes, layout, source.uid, source.frame.number),
    ]
    for _, draw in sorted(drawings, key=lambda drawing: drawing[0]):
        draw(canvas)
    made = _managed(state, source.frame, canvas.array, request)
    if not request.annotation:
        return made
    from filmjacket.pixels.annotate import annotate  # noqa: PLC0415 - fonts are loaded by those who need them

    return replace(made, array=annotate(made.array, source.frame.attributes, request.annotation))


def grey_of(state: State, transformations: Attributes, source: Source) -> NDArray[np.uint8]:
    """Grey values of a frame; `transformations` has the LUTs: the state, or an item of its Blending Sequence."""
    frame = source.frame
    description = replace(frame.description, photometric="MONOCHROME2")
    voi = item_for(transformations, _SOFTCOPY_VOI, source.uid, frame.number) or {}
    asked = {tag: transformations[tag] for tag in _GRAYSCALE_TAGS if tag in transformations} | voi
    grayscale = read_grayscale(asked, description, state.bulk)
    array = frame.array(0)
    masks = _mask_frames(transformations, frame.number)
    if masks:
        array = grayscale.modality(array.astype(np.float64)) - _mean_mask(grayscale, source, masks)
        grayscale = replace(grayscale, slope=1.0, intercept=0.0, modality_lut=None, padding=None)
        return to_grey(array, grayscale)
    if grayscale.voi is None:
        grayscale = replace(grayscale, voi=_full_range(grayscale, description))
    return to_grey(array, grayscale)


def palette_colours(palette: Palette) -> NDArray[np.uint8]:
    """256 colours for grey values: the palette from its first to its last entry (PS3.4 N.2.3)."""
    places = np.rint(np.linspace(0, len(palette.entries) - 1, 256)).astype(np.intp)
    colours = palette.entries[places]
    return (colours >> (8 * (colours.dtype.itemsize - 1))).astype(np.uint8)


def _pixels(state: State, source: Source, request: RenderRequest) -> NDArray[np.uint8]:
    """The frame in grey or RGB, as large as it is."""
    frame = source.frame
    if frame.description.samples == 3 or decoded_photometric(frame.description) == "PALETTE COLOR":
        # Colours are managed at the end, with the profile of the state.
        plain = replace(request, icc="no", viewport=None, window=None, annotation=())
        return appearance(frame, plain, overlays=False).array
    grey = grey_of(state, state.attributes, source)
    palette = None
    if get_text(state.attributes, "00080016") == _PSEUDO_COLOR:
        palette = read_palette(state.attributes, state.bulk)
    return grey if palette is None else palette_colours(palette)[grey]


def _full_range(grayscale: Grayscale, description: PixelDescription) -> Span | None:
    """Everything that stored values can be: the identity, brought to the range of grey values."""
    if description.kind != "integer":
        return None
    if grayscale.modality_lut is not None:
        return Span(0.0, float(grayscale.modality_lut.top))
    half = 1 << (description.bits_stored - 1)
    ends = np.array((-half, half - 1) if description.signed else (0, 2 * half - 1), np.float64)
    values = grayscale.modality(ends)
    return Span(float(values.min()), float(values.max()))


def _mask_frames(attributes: Attributes, number: int) -> list[int]:
    """Frames whose mean is subtracted from this one (PS3.3 C.7.6.10)."""
    for item in get_items(attributes, _MASKS):
        ranges = [value for value in get_values(item, _MASK_RANGE) if isinstance(value, int)]
        pairs = list(zip(ranges[::2], ranges[1::2], strict=False))
        operation = (get_text(item, _MASK_OPERATION) or "").strip()
        if operation == "AVG_SUB" and (not pairs or any(first <= number <= last for first, last in pairs)):
            return [value for value in get_values(item, _MASK_FRAMES) if isinstance(value, int)][:64]
    return []


def _mean_mask(grayscale: Grayscale, source: Source, masks: list[int]) -> NDArray[Any]:
    total: Any = 0.0
    for number in masks:
        total = total + grayscale.modality(source.sibling(number).array(0).astype(np.float64))
    return total / len(masks)


def _shuttered(state: State, pixels: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    rows, columns = pixels.shape[:2]
    mask = hidden(state, rows, columns, layout.down / layout.across)
    if mask is None:
        return pixels
    colour = shutter_colour(state.attributes)
    if pixels.ndim == 2:
        if is_grey(colour):
            return np.where(mask, np.uint8(colour[0]), pixels)
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.where(mask[..., None], np.array(colour, np.uint8), pixels)


def _overlay_drawings(state: State, source: Source, layout: Layout) -> Iterator[tuple[int, Callable[[Canvas], None]]]:
    """The overlays that the state activates: its own planes and those of the image (PS3.3 C.11.7)."""
    attributes, frame = state.attributes, source.frame
    layers = read_layers(attributes)
    active = {group: (get_text(attributes, f"{group}1001") or "").strip() for group in GROUPS}
    if not any(active.values()):
        return
    own = read_overlays(attributes, 1, state.bulk, lambda: None)
    of_image = read_overlays(frame.attributes, frame.number, frame.bulk, frame.cells)
    there = {overlay.group: overlay for overlay in (*of_image, *own)}
    for group, overlay in there.items():
        if active[group] and group != shutter_group(attributes):
            layer = layers.get(active[group], UNKNOWN_LAYER)
            mask = layout.show(_on_image(overlay, frame.description))
            yield layer.order, lambda canvas, mask=mask, colour=layer.colour: canvas.paint(mask, colour)


def _on_image(overlay: Overlay, description: PixelDescription) -> NDArray[np.uint8]:
    made = np.zeros((description.rows, description.columns), np.uint8)
    top, left = max(overlay.row, 0), max(overlay.column, 0)
    bits = overlay.bits[top - overlay.row :, left - overlay.column :]
    bits = bits[: max(made.shape[0] - top, 0), : max(made.shape[1] - left, 0)]
    made[top : top + bits.shape[0], left : left + bits.shape[1]] = bits * np.uint8(255)
    return made


def _managed(state: State, frame: Frame, array: NDArray[np.uint8], request: RenderRequest) -> RenderedImage:
    """With the profile of the state, which replaces that of the image and is always embedded (PS3.18 8.3.5.1.6)."""
    has_profile = _ICC in state.attributes or _ICC_SPACE in state.attributes
    wanted = request.icc or ("yes" if has_profile and array.ndim == 3 else None)
    if wanted == "no" or (array.ndim == 2 and wanted is None):
        return RenderedImage(array)
    from filmjacket.pixels.icc import managed, source_profile  # noqa: PLC0415 - loaded by those who need it

    rgb = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
    profile = source_profile(state.attributes, state.bulk) if has_profile else None
    if profile is None and frame.description.samples == 3:
        profile = source_profile(frame.attributes, frame.bulk)
    colours = managed(rgb, profile, wanted)
    return RenderedImage(colours.array, colours.profile)
