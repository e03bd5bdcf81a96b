"""Which frames make a volume: the Volume Input Requirements of PS3.3 C.11.23.1, over geometry alone.

A stack is a set of parallel frames of one series that share frame of reference, orientation, pixel spacing and size,
one frame at each position. Choices where the standard leaves one:

* the largest stack among the frames that were asked for is taken, of equal ones the first by UID;
* frames at the same position (time points, echoes, reconstructions) are told apart by the first of the attributes
  `DISCRIMINATORS` that leaves one frame at each position; if none does, there is no volume;
* a gap wider than twice the usual distance ends a stack; smaller irregularities are resampled when it is loaded;
* slices may be displaced sideways evenly (gantry tilt): the grid is then oblique, and geometry stays right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from filmjacket.dicom.attributes import get_integer, get_text, get_values
from filmjacket.errors import BadRequest
from filmjacket.pixels.functional_groups import attributes_of_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from filmjacket.dicom.attributes import Attributes

Vector: TypeAlias = tuple[float, float, float]

SECTION: Final = "PS3.3 C.11.23.1"

DISCRIMINATORS: Final = (
    "00080008",  # Image Type
    "00209128",  # Temporal Position Index
    "00200100",  # Temporal Position Identifier
    "00209056",  # Stack ID
    "00180086",  # Echo Numbers
    "00180081",  # Echo Time
    "00189082",  # Effective Echo Time
    "00189087",  # Diffusion b-value
    "00200012",  # Acquisition Number
    "00189080",  # Metabolite Map Description
    "00289110",  # Pixel Measures
    "00181060",  # Trigger Time
    "00209153",  # Nominal Cardiac Trigger Delay Time
    "00080032",  # Acquisition Time
)
"""Attributes that tell frames at the same place apart, the weightiest first."""

_DIRECTION_DIGITS: Final = 3
_SPACING_DIGITS: Final = 4
SAME_PLACE: Final = 1e-3
"""Millimetres between frames that are at the same position."""
GAP: Final = 2.05
"""Distance of neighbours, in usual distances, that ends a stack."""
SMALLEST_STACK: Final = 2


@dataclass(frozen=True, slots=True)
class Plane:
    """One frame in patient coordinates (PS3.3 C.7.6.2.1.1): centre of its first pixel, directions, spacing.

    `row` is the direction along a row, `column` down a column; `spacing` is that between rows, then between columns.
    """

    sop_uid: str
    frame: int
    series_uid: str
    frame_of_reference: str
    position: Vector
    row: Vector
    column: Vector
    spacing: tuple[float, float]
    size: tuple[int, int]
    slope: float
    intercept: float
    window: tuple[float, float, str] | None
    modality: str
    photometric: str
    discriminators: tuple[str, ...]

    @property
    def normal(self) -> Vector:
        """Row direction cross column direction."""
        (a, b, c), (x, y, z) = self.row, self.column
        return b * z - c * y, c * x - a * z, a * y - b * x

    @property
    def depth(self) -> float:
        """Position along the normal."""
        return math.fsum(a * b for a, b in zip(self.position, self.normal, strict=True))


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes of a volume in the order of their depth; `distances` are those of neighbours in millimetres."""

    planes: tuple[Plane, ...]

    @property
    def spacing(self) -> float:
        """The usual distance of neighbours."""
        steps = sorted(_steps(self.planes))
        return steps[(len(steps) - 1) // 2]

    @property
    def voxels(self) -> int:
        """Rows x columns x slices on the regular grid."""
        first = self.planes[0]
        return first.size[0] * first.size[1] * self.slices

    @property
    def slices(self) -> int:
        """Slices on the regular grid: those that there are, unless distances are irregular."""
        extent = self.planes[-1].depth - self.planes[0].depth
        return max(len(self.planes), round(extent / self.spacing) + 1)

    @property
    def key(self) -> tuple[tuple[str, int], ...]:
        """What the volume is made of."""
        return tuple((plane.sop_uid, plane.frame) for plane in self.planes)


def planes_of(
    attributes: Attributes, sop_uid: str, series_uid: str, numbers: Iterable[int] | None = None
) -> Iterator[Plane]:
    """The frames of an instance that have a place in the patient; those of other objects are left out.

    `numbers` limits it to some frames.
    """
    frames = get_integer(attributes, "00280008") or 1
    offsets = _numbers(attributes, "3004000C", frames)
    for number in numbers or range(1, frames + 1):
        plane = _plane(attributes_of_frame(attributes, number), sop_uid, series_uid, number)
        if plane is not None:
            yield plane if offsets is None else _shifted(plane, offsets[number - 1] - offsets[0])


def _shifted(plane: Plane, distance: float) -> Plane:
    """A plane moved along its normal: Grid Frame Offset Vector of a dose (PS3.3 C.8.8.3.2), first value 0 or not."""
    (a, b, c), (x, y, z) = plane.row, plane.column
    normal = (b * z - c * y, c * x - a * z, a * y - b * x)
    first, second, third = (place + distance * step for place, step in zip(plane.position, normal, strict=True))
    return replace(plane, position=(first, second, third))


def _plane(attributes: Attributes, sop_uid: str, series_uid: str, number: int) -> Plane | None:
    position = _numbers(attributes, "00200032", 3)
    directions = _numbers(attributes, "00200037", 6)
    spacing = _numbers(attributes, "00280030", 2)
    rows, columns = get_integer(attributes, "00280010"), get_integer(attributes, "00280011")
    photometric = (get_text(attributes, "00280004") or "").strip().upper()
    if not (position and directions and spacing and rows and columns) or min(spacing) <= 0:
        return None
    if photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        return None
    row, column = _unit(directions[:3]), _unit(directions[3:])
    if row is None or column is None or abs(sum(a * b for a, b in zip(row, column, strict=True))) > 0.01:
        return None
    # A dose has its scale in Dose Grid Scaling (PS3.3 C.8.8.3).
    slope = _numbers(attributes, "00281053", 1) or _numbers(attributes, "3004000E", 1)
    intercept = _numbers(attributes, "00281052", 1)
    return Plane(
        sop_uid,
        number,
        series_uid,
        get_text(attributes, "00200052") or "",
        (position[0], position[1], position[2]),
        row,
        column,
        (spacing[0], spacing[1]),
        (rows, columns),
        slope[0] if slope and slope[0] else 1.0,
        intercept[0] if intercept else 0.0,
        _window(attributes),
        get_text(attributes, "00080060") or "",
        photometric,
        tuple(repr(get_values(attributes, tag)) for tag in DISCRIMINATORS),
    )


def _window(attributes: Attributes) -> tuple[float, float, str] | None:
    center, width = _numbers(attributes, "00281050", 1), _numbers(attributes, "00281051", 1)
    if not center or not width or width[0] < 1:
        return None
    function = (get_text(attributes, "00281056") or "LINEAR").strip().upper()
    return center[0], width[0], function if function in {"LINEAR", "LINEAR_EXACT", "SIGMOID"} else "LINEAR"


def _numbers(attributes: Attributes, tag: str, count: int) -> tuple[float, ...] | None:
    values = get_values(attributes, tag)[:count]
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _unit(vector: Sequence[float]) -> Vector | None:
    length = math.hypot(*vector)
    if not 0.5 < length < 2:
        return None
    x, y, z = (value / length for value in vector)
    return x, y, z


def choose_stack(planes: Iterable[Plane], *, holding: tuple[str, int | None] | None = None) -> Stack:
    """The largest stack; with `holding` (SOP Instance UID, frame or None) the largest that has this frame.

    Raises `BadRequest` with the reason if there is none.
    """
    groups: dict[tuple[object, ...], list[Plane]] = {}
    for plane in planes:
        groups.setdefault(_alike(plane), []).append(plane)
    if not groups:
        raise refusal("none of its frames is a grey image with a place in the patient (position, orientation, spacing)")
    stacks = [stack for group in groups.values() for stack in _stacks(group)]
    if holding is not None:
        stacks = [stack for stack in stacks if _holds(stack, holding)]
    if not stacks:
        raise refusal(_why_not(list(groups.values()), wanted=holding is not None))
    return max(stacks, key=lambda stack: (stack.voxels, [-ord(letter) for letter in stack.planes[0].sop_uid]))


def refusal(why: str) -> BadRequest:
    """The 400 of a target that is no volume."""
    return BadRequest(
        f"No volume can be made of the target: {why}.",
        section=SECTION,
        offender="target URI",
        accepted=(
            "parallel frames of one size, orientation and frame of reference, one at each position, evenly spaced",
            "volumeinputreference or attributes such as ImageType that leave one such set",
        ),
    )


def _alike(plane: Plane) -> tuple[object, ...]:
    directions = tuple(round(value, _DIRECTION_DIGITS) + 0.0 for value in (*plane.row, *plane.column))
    spacing = tuple(round(value, _SPACING_DIGITS) for value in plane.spacing)
    return plane.series_uid, plane.frame_of_reference, directions, spacing, plane.size, plane.photometric


def _stacks(group: list[Plane]) -> Iterator[Stack]:
    # All with the normal of the first: rounding differences of directions must not move positions.
    first = group[0]
    aligned = [replace(plane, row=first.row, column=first.column) for plane in group]
    for part in _one_at_each_place(aligned):
        part.sort(key=lambda plane: plane.depth)
        for run in _without_gaps(part):
            if len(run) >= SMALLEST_STACK and _straight(run):
                yield Stack(tuple(run))


def _one_at_each_place(group: list[Plane]) -> list[list[Plane]]:
    """The group itself, or its parts by the first discriminator that leaves one frame at each place."""
    if not _crowded(group):
        return [group]
    # One attribute first; where two vary (time and echo), each with all that are weightier than it.
    for keys in (_single, _up_to):
        for number in range(len(group[0].discriminators)):
            parts: dict[object, list[Plane]] = {}
            for plane in group:
                parts.setdefault(keys(plane, number), []).append(plane)
            usable = [part for part in parts.values() if len(part) >= SMALLEST_STACK]
            if len(parts) > 1 and usable and not any(map(_crowded, usable)):
                return usable
    return []


def _single(plane: Plane, number: int) -> object:
    return plane.discriminators[number]


def _up_to(plane: Plane, number: int) -> object:
    return plane.discriminators[: number + 1]


def _crowded(group: Sequence[Plane]) -> bool:
    depths = sorted(plane.depth for plane in group)
    return any(after - before < SAME_PLACE for before, after in pairwise(depths))


def _steps(planes: Sequence[Plane]) -> list[float]:
    return [after.depth - before.depth for before, after in pairwise(planes)]


def _without_gaps(planes: list[Plane]) -> Iterator[list[Plane]]:
    steps = _steps(planes)
    if not steps:
        return
    widest = GAP * sorted(steps)[(len(steps) - 1) // 2]
    numbers = [0]
    for step in steps:
        numbers.append(numbers[-1] + (step > widest))
    for _, run in groupby(zip(numbers, planes, strict=True), key=lambda pair: pair[0]):
        yield [plane for _, plane in run]


def _straight(planes: Sequence[Plane]) -> bool:
    """Whether the first pixels are on one line, to within half a pixel: even when the gantry was tilted."""
    first, last = planes[0], planes[-1]
    extent = last.depth - first.depth
    step = [(b - a) / extent for a, b in zip(first.position, last.position, strict=True)]
    tolerance = min(first.spacing) / 2
    for plane in planes:
        along = plane.depth - first.depth
        expected = [a + along * s for a, s in zip(first.position, step, strict=True)]
        if math.dist(plane.position, expected) > tolerance:
            return False
    return True


def _holds(stack: Stack, holding: tuple[str, int | None]) -> bool:
    uid, frame = holding
    return any(plane.sop_uid == uid and frame in {None, plane.frame} for plane in stack.planes)


def _why_not(groups: list[list[Plane]], *, wanted: bool) -> str:
    largest = max(groups, key=len)
    if wanted:
        return "the frame that volumeinputreference names belongs to none of its volumes"
    if len(largest) < SMALLEST_STACK:
        return "no two of its frames are parallel, of one size and in one frame of reference"
    if not any(map(len, map(_one_at_each_place, groups))):
        return "several frames are at the same position, and no attribute tells which of them belong together"
    return "its frames lie neither behind each other nor evenly displaced"
