"""Writes paper as SVG in true size: one user unit is a millimetre; no scripts, nothing from elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.pixels.waveforms.paper import Label, Paper, Trace

_PATTERNS: Final = (
    '<defs><pattern id="mm" width="1" height="1" patternUnits="userSpaceOnUse">'
    '<path d="M1 0H0V1" fill="none" stroke="#f6c9c9" stroke-width=".12"/></pattern>'
    '<pattern id="cm" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" fill="url(#mm)"/>'
    '<path d="M5 0H0V5" fill="none" stroke="#e89a9a" stroke-width=".22"/></pattern></defs>\n'
)
_STYLE: Final = (
    "<style>text{font-family:system-ui,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif;fill:#16202b}"
    ".t{fill:none;stroke:#0d1b2a;stroke-width:.28;stroke-linejoin:round}"
    ".l{fill:none;stroke:#8c99a6;stroke-width:.15}</style>\n"
)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_svg(paper: Paper) -> Iterator[str]:
    """The picture in pieces."""
    width, height = f"{paper.width:g}", f"{paper.height:g}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" '
    yield f'viewBox="0 0 {width} {height}" role="img"><title>{_clean(paper.title)}</title>\n{_STYLE}'
    yield _PATTERNS
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
    for grid in paper.grids:
        # Moved to its place, so that each grid begins with a heavy line.
        yield f'<g transform="translate({grid.x:g} {grid.y:g})"><rect width="{grid.width:g}" height="{grid.height:g}" '
        yield 'fill="url(#cm)" stroke="#e89a9a" stroke-width=".22"/></g>\n'
    for trace in paper.traces:
        yield _trace(trace)
    for label in paper.labels:
        yield _label(label)
    yield "</svg>\n"


def _trace(trace: Trace) -> str:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in trace.points.tolist())
    return f'<polyline class="{"t" if trace.heavy else "l"}" points="{points}"/>\n'


def _label(label: Label) -> str:
    look = ' font-weight="bold"' if label.bold else ""
    look += ' text-anchor="end"' if label.anchor == "end" else ""
    return f'<text x="{label.x:.2f}" y="{label.y:.2f}" font-size="{label.size:g}"{look}>{_clean(label.text)}</text>\n'


def _clean(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))
