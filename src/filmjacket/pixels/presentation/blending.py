"""Blending softcopy presentation states: one image set in colours over another in grey (PS3.3 A.33.4, PS3.4 N.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from filmjacket.pixels.palette import read_palette
from filmjacket.pixels.presentation.colours import as_rgb, mixed
from filmjacket.pixels.presentation.overlaid import Ground
from filmjacket.pixels.presentation.scope import numbers_of
from filmjacket.pixels.presentation.softcopy import finish, grey_of, palette_colours

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.pixels.presentation.scope import Source, State
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.web.rendering import RenderRequest

_OPACITY: Final = "00700403"


def blend(
    state: State,
    under: tuple[Attributes, Source, Placed | None],
    over: tuple[Attributes, Source, Placed | None] | None,
    request: RenderRequest,
) -> RenderedImage:
    """The underlying frame with the superimposed one over it, if there is one at its place.

    Each comes with its item of the Blending Sequence and its place in the patient.
    """
    item, source, placed = under
    description = source.frame.description
    pixels = as_rgb(grey_of(state, item, source))
    if over is not None:
        palette = read_palette(state.attributes, state.bulk)
        grey = grey_of(state, over[0], over[1])
        ground = Ground(None, source.frame.attributes, (description.rows, description.columns), placed)
        fitted, covered = ground.fitted(grey, over[2], smooth=True)
        levels = np.rint(fitted).astype(np.uint8)
        colours = np.repeat(levels[..., None], 3, axis=2) if palette is None else palette_colours(palette)[levels]
        opacity = min(max((numbers_of(state.attributes, _OPACITY) or [0.5])[0], 0.0), 1.0)
        pixels = mixed(pixels, colours, np.where(covered, opacity, 0.0))
    return finish(state, source, pixels, request)
