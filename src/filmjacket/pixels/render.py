"""A frame as a picture: grey scale and colour pipeline, region, viewport, annotation (PS3.4 N.2, PS3.18 8.3.5.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.pixels.grayscale import Grayscale, Span, VoiWindow, read_grayscale, to_grey
from filmjacket.pixels.overlays import burn_in, has_overlays, read_overlays
from filmjacket.pixels.palette import is_mapped, map_palette, read_palette
from filmjacket.pixels.photometric import decoded_photometric, to_rgb
from filmjacket.pixels.viewport import Placement, pixel_aspect, place, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.description import PixelDescription
    from filmjacket.web.rendering import RenderRequest

_SOP_CLASS: Final = "00080016"
_PRESENTATION: Final = "00089205"
_LABEL_MAP: Final = "1.2.840.10008.5.1.4.1.1.66.7"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame to render. `attributes` are those of the frame (`attributes_of_frame`).

    `array` decodes it, at 1/2^n of its size if asked to; `bulk` gives the bytes behind an attribute path, `cells` the
    pixel cells with all their bits (None if they cannot be had), `stream` the bytes of the coded frame.
    """

    description: PixelDescription
    attributes: Attributes
    number: int
    array: Callable[[int], NDArray[Any]]
    bulk: Callable[[str], bytes]
    cells: Callable[[], NDArray[Any] | None]
    stream: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A picture: (rows, columns) of grey values or (rows, columns, 3) of RGB, 8 bits each.

    `icc_profile` is to be embedded; `pixel_aspect` is the height of a pixel by its width, 1 once it has been scaled.
    """

    array: NDArray[np.uint8]
    icc_profile: bytes | None = None
    pixel_aspect: float = 1.0


def render(frame: Frame, request: RenderRequest, *, overlays: bool = True) -> RenderedImage:
    """The picture of a frame. Raises `BadRequest` for a region outside of the image, `DicomError` for bad pixels."""
    description = frame.description
    placement = None
    if request.viewport is not None:
        aspect = pixel_aspect(frame.attributes)
        placement = place(request.viewport, description.rows, description.columns, aspect)
    made = appearance(frame, request, placement, overlays=overlays)
    return finished(made, frame.attributes, request, (description.rows, description.columns))


def finished(
    image: RenderedImage, attributes: Attributes, request: RenderRequest, size: tuple[int, int] | None = None
) -> RenderedImage:
    """A whole frame in grey or RGB as the picture that is wanted: region, viewport, annotation.

    `size` is (rows, columns) of the frame if the image is a reduced one.
    """
    rows, columns = size or image.array.shape[:2]
    aspect = pixel_aspect(attributes)
    if request.viewport is None:
        image = replace(image, pixel_aspect=aspect)
    else:
        placement = place(request.viewport, rows, columns, aspect)
        image = replace(image, array=show(image.array, placement, rows, columns))
    if not request.annotation:
        return image
    from filmjacket.pixels.annotate import annotate  # noqa: PLC0415 - fonts are loaded by those who need them

    return replace(image, array=annotate(image.array, attributes, request.annotation))


def appearance(
    frame: Frame, request: RenderRequest, placement: Placement | None = None, *, overlays: bool = True
) -> RenderedImage:
    """The whole frame in grey or RGB, before any region is cut out of it.

    With a `placement` that makes it smaller it may be decoded at a lower resolution.
    """
    planes = overlays and has_overlays(frame.attributes)
    reduction = 0 if placement is None or planes else placement.reduction
    if _is_colour(frame.description):
        picture = _colour(frame, request, reduction)
    else:
        picture = _monochrome(frame, request, reduction)
    if not planes:
        return picture
    found = read_overlays(frame.attributes, frame.number, frame.bulk, frame.cells)
    return replace(picture, array=burn_in(picture.array, found))


def grayscale_of(frame: Frame, request: RenderRequest) -> Grayscale:
    """The grey scale transformation of a frame: its own, with the window of the request instead of its VOI."""
    grayscale = read_grayscale(frame.attributes, frame.description, frame.bulk)
    if get_text(frame.attributes, _SOP_CLASS) == _LABEL_MAP and isinstance(grayscale.voi, Span):
        grayscale = replace(grayscale, voi=None)  # of 256 labels a few are in use
    if request.window is not None:
        window = request.window
        grayscale = replace(grayscale, voi=VoiWindow(window.center, window.width, window.function))
    return grayscale


def _is_colour(description: PixelDescription) -> bool:
    return description.samples == 3 or decoded_photometric(description) == "PALETTE COLOR"


def _monochrome(frame: Frame, request: RenderRequest, reduction: int) -> RenderedImage:
    grayscale = grayscale_of(frame, request)
    palette = None
    if get_text(frame.attributes, _PRESENTATION) in {"COLOR", "MIXED"}:
        palette = read_palette(frame.attributes, frame.bulk)
    # A range that is found in the frame, and padding, are those of the frame as it is.
    reducible = grayscale.voi is not None and grayscale.padding is None and palette is None
    array = frame.array(reduction if reducible else 0)
    grey = to_grey(array, grayscale)
    if palette is None:
        return _grey_managed(grey, request.icc)
    mapped = is_mapped(array, palette)
    colours = _eight_bits(map_palette(array, palette))
    return _managed(frame, np.where(mapped[..., None], colours, grey[..., None]), request.icc)


def _colour(frame: Frame, request: RenderRequest, reduction: int) -> RenderedImage:
    indexed = frame.description.samples == 1
    palette = read_palette(frame.attributes, frame.bulk) if indexed else None
    array = frame.array(0 if indexed else reduction)
    return _managed(frame, _eight_bits(to_rgb(array, frame.description, palette)), request.icc)


def _grey_managed(grey: NDArray[np.uint8], wanted: str | None) -> RenderedImage:
    """Grey has no profile in DICOM; where one is wanted it becomes RGB, which has the same grey on its diagonal."""
    if wanted in {None, "no"}:
        return RenderedImage(grey)
    from filmjacket.pixels.icc import managed  # noqa: PLC0415 - colour management is loaded by those who need it

    colours = managed(np.repeat(grey[..., None], 3, axis=2), None, wanted)
    return RenderedImage(colours.array, colours.profile)


def _managed(frame: Frame, rgb: NDArray[np.uint8], wanted: str | None) -> RenderedImage:
    if wanted == "no":
        return RenderedImage(rgb)
    from filmjacket.pixels.icc import managed, source_profile  # noqa: PLC0415 - see above

    stream = frame.stream() if frame.description.coding is Kind.JPEG else b""
    colours = managed(rgb, source_profile(frame.attributes, frame.bulk, stream), wanted)
    return RenderedImage(colours.array, colours.profile)


def _eight_bits(colours: NDArray[Any]) -> NDArray[np.uint8]:
    return colours if colours.dtype.itemsize == 1 else (colours >> 8).astype(np.uint8)
