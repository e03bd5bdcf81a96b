"""Writes paper as PNG; drawn at twice its size and made smaller, so that thin lines stay even."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw

from filmjacket.pixels.fonts import font_for

if TYPE_CHECKING:
    from filmjacket.pixels.waveforms.paper import Grid, Paper

RESOLUTION: Final = 6.0
"""Pixels for a millimetre."""
MAX_PIXELS: Final = 12_000_000
"""Of the picture; papers with many channels get a lower resolution."""
_TWICE: Final = 2


def as_png(paper: Paper) -> bytes:
    """The picture as a file that knows its true size."""
    resolution = min(RESOLUTION, (MAX_PIXELS / (paper.width * paper.height)) ** 0.5)
    scale = resolution * _TWICE
    size = (round(paper.width * resolution), round(paper.height * resolution))
    image = Image.new("RGB", (size[0] * _TWICE, size[1] * _TWICE), "white")
    draw = ImageDraw.Draw(image)
    for grid in paper.grids:
        _grid(draw, grid, scale)
    for trace in paper.traces:
        points = np.round(trace.points * scale, 1)
        look = ("#0d1b2a", max(round(0.28 * scale), 1)) if trace.heavy else ("#8c99a6", max(round(0.15 * scale), 1))
        draw.line([(x, y) for x, y in points.tolist()], fill=look[0], width=look[1], joint=None)
    image = image.resize(size, Image.Resampling.BOX)
    draw = ImageDraw.Draw(image)
    for label in paper.labels:
        font, text = font_for(label.text, max(round(label.size * resolution), 6))
        anchor = "rs" if label.anchor == "end" else "ls"
        place = (label.x * resolution, label.y * resolution)
        draw.text(place, text, fill="#16202b", font=font, anchor=anchor, stroke_width=0.4 if label.bold else 0)
    out = BytesIO()
    image.save(out, "PNG", dpi=(resolution * 25.4, resolution * 25.4), optimize=False)
    return out.getvalue()


def _grid(draw: ImageDraw.ImageDraw, grid: Grid, scale: float) -> None:
    for every, color, width in ((1, "#fae0e0", 0.1), (5, "#eeb0b0", 0.2)):
        look = max(round(width * scale), 1)
        right, bottom = (grid.x + grid.width) * scale, (grid.y + grid.height) * scale
        for step in range(0, round(grid.width) + 1, every):
            x = (grid.x + step) * scale
            draw.line([(x, grid.y * scale), (x, bottom)], fill=color, width=look)
        for step in range(0, round(grid.height) + 1, every):
            y = (grid.y + step) * scale
            draw.line([(grid.x * scale, y), (right, y)], fill=color, width=look)
