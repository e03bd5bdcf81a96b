"""A drawing in millimetres on paper, y downwards: what the writers draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grid:
    """ECG paper: lines each millimetre, heavier ones each fifth."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Trace:
    """A polyline: points (n, 2)."""

    points: NDArray[np.float64]
    heavy: bool = True


@dataclass(frozen=True, slots=True)
class Label:
    """A text; `y` is its base line, `size` the height of its letters' body."""

    x: float
    y: float
    text: str
    size: float = 3.2
    bold: bool = False
    anchor: Literal["start", "end"] = "start"


@dataclass(slots=True)
class Paper:
    """A sheet and what is on it."""

    title: str
    width: float
    height: float
    grids: list[Grid] = field(default_factory=list[Grid])
    traces: list[Trace] = field(default_factory=list[Trace])
    labels: list[Label] = field(default_factory=list[Label])
