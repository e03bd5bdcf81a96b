"""Which values of a volume are opaque and what colour they have: presets by modality and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.pixels.volume_grid import Floats

ENTRIES: Final = 4096


@dataclass(frozen=True, slots=True)
class Preset:
    """Points of (value, opacity of one millimetre) and (value, red, green, blue), values ascending.

    `edges` from 0 to 1 says how much only borders between tissues are seen.
    """

    name: str
    opacity: tuple[tuple[float, float], ...]
    colour: tuple[tuple[float, float, float, float], ...]
    edges: float = 0.0


BONE: Final = Preset(
    "bone",
    ((130, 0), (220, 0.10), (400, 0.6), (1500, 0.95)),
    ((100, 0.62, 0.34, 0.24), (220, 0.80, 0.62, 0.46), (450, 0.95, 0.90, 0.78), (1200, 1.0, 0.99, 0.96)),
)
SKIN_AND_BONE: Final = Preset(
    "soft tissue",
    ((-350, 0), (-150, 0.12), (-20, 0.05), (90, 0.10), (180, 0.25), (400, 0.8), (1500, 0.95)),
    (
        (-400, 0.88, 0.68, 0.56),
        (-100, 0.88, 0.66, 0.52),
        (20, 0.74, 0.36, 0.28),
        (110, 0.70, 0.28, 0.20),
        (220, 0.92, 0.80, 0.64),
        (600, 0.98, 0.95, 0.88),
    ),
    edges=0.25,
)
LUNG: Final = Preset(
    "lung",
    ((-960, 0), (-850, 0.004), (-600, 0.03), (-300, 0.02), (0, 0.05), (300, 0.5)),
    ((-1000, 0.45, 0.55, 0.75), (-600, 0.85, 0.62, 0.60), (0, 0.80, 0.45, 0.38), (300, 0.98, 0.94, 0.86)),
    edges=0.6,
)


def preset_of(modality: str, window: tuple[float, float, str], *, asked: bool) -> Preset:
    """The preset for a volume. `asked` says that the client gave the window.

    CT: below -300 HU lung, above 200 bone, otherwise skin, vessels and bone, which is also what nobody asked for.
    Everything else: opacity and brightness rise over the window.
    """
    center, width, _ = window
    if modality == "CT":
        if asked and center < -300:
            return LUNG
        return BONE if asked and center > 200 else SKIN_AND_BONE
    low = center - width / 2

    def at(part: float) -> float:
        return low + part * width

    return Preset(
        "window",
        ((at(0.12), 0), (at(0.3), 0.10), (at(0.6), 0.22), (at(1.0), 0.45)),
        ((at(0.1), 0.55, 0.42, 0.36), (at(0.4), 0.80, 0.70, 0.62), (at(0.8), 0.96, 0.93, 0.88), (at(1.0), 1, 1, 1)),
        edges=0.3,
    )


@dataclass(frozen=True, slots=True)
class Tables:
    """A preset for values from `low` on, `scale` entries to a unit: opacity of one step and colour."""

    low: float
    scale: float
    opacity: Floats
    colour: Floats
    edges: float


def tables_of(preset: Preset, step: float) -> Tables:
    """The preset for rays with samples every `step` millimetres."""
    low = min(preset.opacity[0][0], preset.colour[0][0])
    high = max(preset.opacity[-1][0], preset.colour[-1][0])
    values = np.linspace(low, high, ENTRIES)
    one = _curve(values, preset.opacity, 1)
    colours = [_curve(values, preset.colour, channel) for channel in (1, 2, 3)]
    return Tables(
        low,
        (ENTRIES - 1) / max(high - low, 1e-9),
        (1 - (1 - np.minimum(one, 0.999)) ** step).astype(np.float32),
        np.stack(colours, axis=1).astype(np.float32),
        preset.edges,
    )


def _curve(values: Floats, points: Sequence[Sequence[float]], channel: int) -> Floats:
    return np.interp(values, [point[0] for point in points], [point[channel] for point in points])
