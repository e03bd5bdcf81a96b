"""Arrays and descriptions of frames for tests of pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from filmjacket.pixels.description import PixelDescription

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

GREY = PixelDescription(
    rows=37,
    columns=61,
    samples=1,
    photometric="MONOCHROME2",
    bits_allocated=8,
    bits_stored=8,
    high_bit=7,
    signed=False,
    planar=0,
    frames=1,
    kind="integer",
    transfer_syntax=EXPLICIT,
    padding=None,
    lossy=False,
)


def describe(**changes: Any) -> PixelDescription:
    """A grey image of 8 bits, odd in both sizes, with changes; High Bit follows Bits Stored."""
    if "bits_allocated" in changes:
        changes.setdefault("bits_stored", changes["bits_allocated"])
    if "bits_stored" in changes:
        changes.setdefault("high_bit", changes["bits_stored"] - 1)
    if changes.get("samples") == 3:
        changes.setdefault("photometric", "RGB")
    return replace(GREY, **changes)


def noise(description: PixelDescription, seed: int = 1) -> Any:
    """Waves with noise and the lowest and the highest value that the description allows."""
    made = np.random.default_rng(seed)
    shape = (description.rows, description.columns, description.samples)
    low = -(1 << (description.bits_stored - 1)) if description.signed else 0
    span = (1 << description.bits_stored) - 1
    waves = (np.sin(np.arange(np.prod(shape)).reshape(shape) / 50) + 1) / 2.3 + made.random(shape) / 10
    array = (low + np.clip(waves, 0, 1) * span).astype(description.dtype)
    array.flat[0], array.flat[1] = low, low + span
    return array[..., 0] if description.samples == 1 else array
