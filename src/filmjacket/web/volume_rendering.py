"""Parameters of rendered MPR and 3D volumes: raw query to `VolumeRequest` or `BadRequest` (PS3.18 8.3.5.3).

Choices where the standard leaves one:

* a parameter may occur once, but for `volumetriccurvepoint`, whose triplets may come in one list or in several;
* a parameter of the other resource (`mprslab` on 3D, `swivelrange` on MPR) is ignored, as any unknown one is;
* without `renderingmethod` a plane is an average and a 3D picture is volume rendered; without `orientation` and
  viewpoint a plane is seen from the feet, a 3D picture from anterior; a missing member of the viewpoint is chosen;
* `volume_rendered` on a plane renders a slab, 10 mm thick if nothing else is said;
* an animation without step or rate has steps of 10 degrees or 2 mm, 10 in a second.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from filmjacket.dicom.levels import Level
from filmjacket.errors import BadRequest
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef
from filmjacket.web.rendering import PLAIN, RenderRequest, parse_rendering
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from filmjacket.web.matching import MatchKey

Point: TypeAlias = tuple[float, float, float]


class Operation(StrEnum):
    """Reformatting Operation Type (0072,0510) of the two resources."""

    MPR = "MPR"
    THREE_D = "3D_RENDERING"


class RenderingMethod(StrEnum):
    """Values of `renderingmethod`; in capitals those of Rendering Method (0070,120D)."""

    VOLUME_RENDERED = "volume_rendered"
    MAXIMUM_IP = "maximum_ip"
    MINIMUM_IP = "minimum_ip"
    AVERAGE_IP = "average_ip"


ORIENTATIONS: Final = ("a", "p", "r", "l", "h", "f")
DEFAULT_SIDE: Final = {Operation.MPR: "f", Operation.THREE_D: "a"}
DEFAULT_METHOD: Final = {
    Operation.MPR: RenderingMethod.AVERAGE_IP,
    Operation.THREE_D: RenderingMethod.VOLUME_RENDERED,
}
DEFAULT_SLAB: Final = 10.0
DEGREES_STEP: Final = 10
MILLIMETRES_STEP: Final = 2
STEPS_PER_SECOND: Final = 10
MOST_FRAMES: Final = 360
"""Frames of one animation: a full circle in steps of a degree."""
LARGEST_RATE: Final = 120
MOST_POINTS: Final = 1000
LARGEST_COORDINATE: Final = 1e6

VOLUMETRIC_PRESENTATION_STATES: Final = frozenset(
    "1.2.840.10008.5.1.4.1.1.11." + suffix for suffix in ("6", "7", "9", "10", "11")
)
"""SOP classes of Volumetric Presentation States (PS3.4 FF)."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,24})?|\.\d{1,24})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,6}", re.ASCII)
_ATTRIBUTE_NAME = re.compile(rb"(?:[A-Z]\w*|[0-9A-Fa-f]{8})(?:\.(?:[A-Z]\w*|[0-9A-Fa-f]{8}))*", re.ASCII)
_MATCHING_FLAGS = frozenset((b"fuzzymatching", b"emptyvaluematching", b"multiplevaluematching"))


@dataclass(frozen=True, slots=True)
class VolumeReference:
    """`volumeinputreference`: an instance, or one frame of it, that the volume has to hold (8.3.5.3.1)."""

    uid: str
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """`viewpointposition`, `viewpointlookat` and `viewpointup`; None is what was not said."""

    position: Point | None = None
    look_at: Point | None = None
    up: Point | None = None


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """What to make of which volume. `side` is None when a viewpoint decides.

    `swivel` (degrees) and `curve` (points) ask for an animation of `step` degrees or millimetres at `rate` steps a
    second. `given` names the parameters that were there.
    """

    operation: Operation
    method: RenderingMethod
    side: str | None = None
    viewpoint: Viewpoint = Viewpoint()
    slab: float | None = None
    swivel: float | None = None
    curve: tuple[Point, ...] = ()
    step: int = DEGREES_STEP
    rate: int = STEPS_PER_SECOND
    reference: VolumeReference | None = None
    keys: tuple[MatchKey, ...] = ()
    metadata: bool = False
    rendering: RenderRequest = PLAIN
    given: frozenset[str] = frozenset()

    @property
    def animated(self) -> bool:
        """Whether the answer has more than one frame."""
        return self.swivel is not None or bool(self.curve)

    @property
    def picture_key(self) -> str:
        """A text that is the same for requests of the same picture of the same volume."""
        return repr((replace(self, rendering=PLAIN, given=frozenset(), reference=None, keys=()), self.rendering.key))


def parse_volume_request(operation: Operation, raw_query: bytes) -> VolumeRequest:
    """Read the parameters of a volume resource; others are ignored (8.3.1). Raises `BadRequest`."""
    values = _values(operation, raw_query)
    keys = _keys(raw_query)
    if keys and "volumeinputreference" in values:
        raise _refusal(
            "volumeinputreference",
            "attributes to match are there as well; the volume is chosen in one way or the other",
            "one of them",
        )
    viewpoint = [name for name in ("viewpointposition", "viewpointlookat", "viewpointup") if name in values]
    if viewpoint and "orientation" in values:
        raise _refusal("orientation", f"it excludes {viewpoint[0]}", "orientation=a", "the three viewpoint parameters")
    method = _method(operation, values)
    curve = _curve(values)
    swivel = _swivel(values)
    step = _whole(values, "animationstepsize", MILLIMETRES_STEP if curve else DEGREES_STEP, 10_000)
    request = VolumeRequest(
        operation,
        method,
        None if viewpoint else _side(operation, values),
        Viewpoint(*(_point(values, name) for name in ("viewpointposition", "viewpointlookat", "viewpointup"))),
        _slab(values, method) if operation is Operation.MPR else None,
        swivel,
        curve,
        step,
        _whole(values, "animationrate", STEPS_PER_SECOND, LARGEST_RATE),
        _reference(values),
        keys,
        _metadata(values),
        parse_rendering(raw_query),
        frozenset(values),
    )
    _check_frames(request)
    return request


NOT_ON_PRESENTATION_STATES: Final = (
    "volumeinputreference",
    "renderingmethod",
    "mprslab",
    "swivelrange",
    "volumetriccurvepoint",
    "animationstepsize",
    "animationrate",
    "renderedvolumetricmetadata",
)
"""Parameters that a Volumetric Presentation State decides about (8.3.5.3)."""


def refuse_on_presentation_state(request: VolumeRequest) -> None:
    """Raise `BadRequest` for parameters that may not be used when the target is a Volumetric Presentation State."""
    forbidden = [name for name in NOT_ON_PRESENTATION_STATES if name in request.given]
    if request.keys:
        forbidden.append("attribute match")
    if forbidden:
        raise _refusal(
            forbidden[0],
            "the target is a Volumetric Presentation State, which decides that by itself",
            "orientation, viewpointposition, viewpointlookat, viewpointup",
        )


def _values(operation: Operation, raw_query: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for parameter in raw_query.split(b"&"):
        raw_name, _, raw_value = parameter.partition(b"=")
        # The grammar of some parameters prints a blank in front of the equals sign; it is a misprint (8.3.5.3).
        name = unquote_to_bytes(raw_name).decode("ascii", "replace").strip()
        if operation not in _PARAMETERS.get(name, ()):
            continue
        try:
            value = unquote_to_bytes(raw_value).decode("ascii").strip()
        except UnicodeDecodeError:
            raise _refusal(name, "its value has characters that none of its values has") from None
        if name in values and name != "volumetriccurvepoint":
            raise _refusal(name, "it occurs twice")
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _keys(raw_query: bytes) -> tuple[MatchKey, ...]:
    """Attributes to match, by the grammar of searches (8.3.4.1)."""
    parts = [part.partition(b"=") for part in raw_query.split(b"&")]
    names = [unquote_to_bytes(name) for name, _, _ in parts]
    if not any(map(_ATTRIBUTE_NAME.fullmatch, names)):
        return ()
    asked = [
        b"".join(part)
        for part, name in zip(parts, names, strict=True)
        if _ATTRIBUTE_NAME.fullmatch(name) or name in _MATCHING_FLAGS
    ]
    return parse_search(Level.INSTANCE, ResourceRef(), b"&".join(asked)).keys


def _method(operation: Operation, values: dict[str, str]) -> RenderingMethod:
    text = values.get("renderingmethod")
    if text is None:
        return DEFAULT_METHOD[operation]
    try:
        return RenderingMethod(text)
    except ValueError:
        raise _refusal("renderingmethod", "there is no such method", *RenderingMethod) from None


def _side(operation: Operation, values: dict[str, str]) -> str:
    text = values.get("orientation", DEFAULT_SIDE[operation])
    if text not in ORIENTATIONS:
        raise _refusal("orientation", "it is the side of the patient that the camera is on", *ORIENTATIONS)
    return text


def _point(values: dict[str, str], name: str) -> Point | None:
    if name not in values:
        return None
    numbers = _numbers(name, values[name])
    if len(numbers) != 3:
        raise _refusal(name, "it has three numbers", f"{name}=0,-500,0")
    if name == "viewpointup" and not any(numbers):
        raise _refusal(name, "0,0,0 is no direction", f"{name}=0,0,1")
    return numbers[0], numbers[1], numbers[2]


def _slab(values: dict[str, str], method: RenderingMethod) -> float | None:
    if "mprslab" not in values:
        return DEFAULT_SLAB if method is RenderingMethod.VOLUME_RENDERED else None
    numbers = _numbers("mprslab", values["mprslab"])
    if len(numbers) != 1 or numbers[0] <= 0:
        raise _refusal("mprslab", "it is a thickness of more than 0 mm", "mprslab=10")
    return numbers[0]


def _swivel(values: dict[str, str]) -> float | None:
    if "swivelrange" not in values:
        return None
    numbers = _numbers("swivelrange", values["swivelrange"])
    if len(numbers) != 1 or not 0 < numbers[0] <= 360:
        raise _refusal("swivelrange", "it is an angle of more than 0 and up to 360 degrees", "swivelrange=360")
    return numbers[0]


def _curve(values: dict[str, str]) -> tuple[Point, ...]:
    if "volumetriccurvepoint" not in values:
        return ()
    example = "volumetriccurvepoint=0,0,0,0,0,50"
    numbers = _numbers("volumetriccurvepoint", values["volumetriccurvepoint"])
    if len(numbers) % 3 or len(numbers) < 6:
        raise _refusal("volumetriccurvepoint", "it has three numbers for each of two or more points", example)
    if len(numbers) > 3 * MOST_POINTS:
        raise _refusal("volumetriccurvepoint", f"a curve has up to {MOST_POINTS} points", example)
    points = tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
    if any(math.dist(*pair) < 1e-6 for pair in pairwise(points)):
        raise _refusal("volumetriccurvepoint", "a point is the same as the one before it", example)
    return points


def _whole(values: dict[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise _refusal(name, f"it is a whole number from 1 to {most}", f"{name}={default}")
    return int(text)


def _reference(values: dict[str, str]) -> VolumeReference | None:
    text = values.get("volumeinputreference")
    if text is None:
        return None
    uid, comma, frame = text.partition(",")
    if comma and (not _WHOLE.fullmatch(frame) or int(frame) == 0):
        raise _refusal("volumeinputreference", "after the UID comes a frame number from 1 on", "1.2.3", "1.2.3,5")
    return VolumeReference(parse_uid(uid, "volumeinputreference"), int(frame) if comma else None)


def _metadata(values: dict[str, str]) -> bool:
    text = values.get("renderedvolumetricmetadata")
    if text not in {None, "yes"}:
        raise _refusal("renderedvolumetricmetadata", "its only value is yes", "yes")
    return text is not None


def _check_frames(request: VolumeRequest) -> None:
    extent = request.swivel or math.fsum(math.dist(*pair) for pair in pairwise(request.curve))
    if extent / request.step > MOST_FRAMES:
        raise _refusal(
            "animationstepsize",
            f"the animation would have {int(extent / request.step)} frames, more than {MOST_FRAMES}",
            f"animationstepsize={math.ceil(extent / MOST_FRAMES)}",
        )


def _numbers(name: str, text: str) -> tuple[float, ...]:
    parts = text.split(",")
    if not all(map(_NUMBER.fullmatch, parts)):
        raise _refusal(name, "one of its values is not a decimal number", "numbers such as -12.5")
    numbers = tuple(map(float, parts))
    if max(map(abs, numbers)) > LARGEST_COORDINATE:
        raise _refusal(name, "one of its values is farther away than a kilometre", "millimetres")
    return numbers


def _refusal(name: str, why: str, *accepted: str) -> BadRequest:
    return BadRequest(
        f"The parameter {name} cannot be used: {why}.", section="8.3.5.3", offender=name, accepted=tuple(accepted)
    )


_BOTH: Final = frozenset(Operation)
_PARAMETERS: Final = {
    **dict.fromkeys(
        (
            "volumeinputreference",
            "renderingmethod",
            "orientation",
            "viewpointposition",
            "viewpointlookat",
            "viewpointup",
            "animationstepsize",
            "animationrate",
            "renderedvolumetricmetadata",
        ),
        _BOTH,
    ),
    "mprslab": frozenset((Operation.MPR,)),
    "volumetriccurvepoint": frozenset((Operation.MPR,)),
    "swivelrange": frozenset((Operation.THREE_D,)),
}
"""Which parameter belongs to which resource (Table 10.4.1-5)."""
