"""Parameters of rendered resources: raw query to `RenderRequest` or `BadRequest` (PS3.18 8.3.5.1).

Choices where the standard leaves one: a parameter may occur once; a percent-encoded comma separates like a plain one,
since none of the values can hold a comma; numbers may have an exponent, as those of VR DS may. What depends on the
image, a region outside of it for example, is judged when the image is known.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_VIEWPORT: Final = 8192
"""Largest width and height that is rendered to, and with MAX_VIEWPORT_PIXELS the largest area: an 8K display."""
MAX_VIEWPORT_PIXELS: Final = 8192 * 4320

ANNOTATIONS: Final = ("patient", "technique")
FUNCTIONS: Final = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
"""Names of window functions in parameters, and the terms of VOI LUT Function (0028,1056) that they mean."""
ICC_PROFILES: Final = ("no", "yes", "srgb", "adobergb", "rommrgb")

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_POSITIVE = re.compile(r"0{0,9}[1-9]\d{0,6}", re.ASCII)
_UNSIGNED = re.compile(r"\d{1,9}", re.ASCII)
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """The VOI window: centre, width, and function as a term of VOI LUT Function (8.3.5.1.4)."""

    center: float
    width: float
    function: str


@dataclass(frozen=True, slots=True)
class Viewport:
    """The client's viewport and the region of the source image to show in it (8.3.5.1.3).

    The region has no signs any more; without a width or height it goes on to the edge of the image.
    """

    width: int
    height: int
    x: float = 0.0
    y: float = 0.0
    w: float | None = None
    h: float | None = None
    flip_x: bool = False
    flip_y: bool = False
    has_region: bool = field(default=False, compare=False, repr=False)
    """Whether a region was named, even if it is the whole image: the same picture, but not for presentation states."""


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """How to render; every default is the server's own choice."""

    annotation: tuple[str, ...] = ()
    unsupported_annotation: tuple[str, ...] = ()
    quality: int | None = None
    viewport: Viewport | None = None
    window: Window | None = None
    icc: str | None = None

    @property
    def key(self) -> str:
        """A text that is the same for requests of the same picture, for entity tags and caches."""
        return repr((self.annotation, self.quality, self.viewport, self.window, self.icc))


PLAIN: Final = RenderRequest()


@dataclass(slots=True)
class _Draft:
    annotation: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    quality: int | None = None
    viewport: Viewport | None = None
    window: Window | None = None
    icc: str | None = None


def parse_rendering(raw_query: bytes) -> RenderRequest:
    """Read the rendering parameters of an undecoded query; other parameters are ignored (8.3.1)."""
    draft = _Draft()
    seen: set[bytes] = set()
    for parameter in raw_query.split(b"&"):
        raw_name, _, value = parameter.partition(b"=")
        name = unquote_to_bytes(raw_name)
        if name not in _PARAMETERS:
            continue
        if name in seen:
            raise BadRequest(f"{name.decode()} occurs twice.", section="8.3.5", offender=name.decode())
        seen.add(name)
        _PARAMETERS[name](draft, _decoded(value, name.decode()))
    return RenderRequest(draft.annotation, draft.unsupported, draft.quality, draft.viewport, draft.window, draft.icc)


def refuse_window(request: RenderRequest) -> None:
    """A presentation state has its own VOI transformation: `window` is an error then (8.3.5.1.4)."""
    if request.window is not None:
        raise _refusal("window", "the target is a presentation state, which has a window of its own", "no window")


def not_supported_text(values: tuple[str, ...]) -> str:
    """Text of the Warning about annotation keywords that are not known (8.3.5.1.1)."""
    return f"The following annotation values are not supported: {', '.join(values)}"


def check_viewport_size(width: int, height: int) -> None:
    """Raise `BadRequest` for a viewport that is larger than anything that is rendered to."""
    if max(width, height) > MAX_VIEWPORT or width * height > MAX_VIEWPORT_PIXELS:
        raise _refusal(
            "viewport",
            f"its size is not supported: up to {MAX_VIEWPORT} each way and {MAX_VIEWPORT_PIXELS} pixels",
            "viewport=1024,1024",
        )


def _decoded(value: bytes, name: str) -> str:
    try:
        return unquote_to_bytes(value).decode("ascii")
    except UnicodeDecodeError:
        raise _refusal(name, "its value has characters that none of its values has", *_ACCEPTED[name]) from None


def _annotation(draft: _Draft, text: str) -> None:
    names = text.split(",")
    if not all(map(_KEYWORD.fullmatch, names)):
        raise _refusal("annotation", "it is a comma list of one or more keywords", *_ACCEPTED["annotation"])
    unique = dict.fromkeys(names)
    draft.annotation = tuple(name for name in ANNOTATIONS if name in unique)
    draft.unsupported = tuple(name for name in unique if name not in ANNOTATIONS)


def _quality(draft: _Draft, text: str) -> None:
    if not _UNSIGNED.fullmatch(text) or not 1 <= int(text) <= 100:
        raise _refusal("quality", "it is a whole number from 1 to 100", *_ACCEPTED["quality"])
    draft.quality = int(text)


def _viewport(draft: _Draft, text: str) -> None:
    values = text.split(",")
    if not 2 <= len(values) <= 6 or not values[-1]:
        raise _refusal(
            "viewport",
            "it has two to six values, the last one not empty: width and height of the viewport, then x, y, width and "
            "height of a region of the image",
            *_ACCEPTED["viewport"],
        )
    if not all(map(_POSITIVE.fullmatch, values[:2])):
        raise _refusal("viewport", "its width and height are whole numbers from 1 on", *_ACCEPTED["viewport"])
    width, height = map(int, values[:2])
    check_viewport_size(width, height)
    x, y, w, h = (_number(value, "viewport") if value else None for value in (*values[2:], "", "", "", "")[:4])
    if w == 0 or h == 0:
        raise _refusal("viewport", "the region has no width or no height", *_ACCEPTED["viewport"])
    draft.viewport = Viewport(
        width,
        height,
        abs(x or 0.0),
        abs(y or 0.0),
        None if w is None else abs(w),
        None if h is None else abs(h),
        flip_x=w is not None and w < 0,
        flip_y=h is not None and h < 0,
        has_region=len(values) > 2,
    )


def _window(draft: _Draft, text: str) -> None:
    values = text.split(",")
    if len(values) != 3:
        raise _refusal("window", "it has three values: center, width, function", *_ACCEPTED["window"])
    center, width = (_number(value, "window") for value in values[:2])
    function = FUNCTIONS.get(values[2])
    if function is None:
        raise _refusal("window", "its third value is the name of a function, in lower case", *FUNCTIONS)
    if width < 1 and function == "LINEAR":
        raise _refusal("window", "the width of a linear window is 1 or more", *_ACCEPTED["window"])
    if width <= 0:
        raise _refusal("window", "the width is more than 0", *_ACCEPTED["window"])
    draft.window = Window(center, width, function)


def _icc_profile(draft: _Draft, text: str) -> None:
    if text not in ICC_PROFILES:
        raise _refusal("iccprofile", "it is one of five names", *ICC_PROFILES)
    draft.icc = text


def _number(text: str, name: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise _refusal(name, "one of its values is not a decimal number", *_ACCEPTED[name])
    return value


def _refusal(name: str, why: str, *accepted: str) -> BadRequest:
    return BadRequest(
        f"The parameter {name} cannot be used: {why}.", section=_SECTIONS[name], offender=name, accepted=accepted
    )


_PARAMETERS: Final[dict[bytes, Callable[[_Draft, str], None]]] = {
    b"annotation": _annotation,
    b"quality": _quality,
    b"viewport": _viewport,
    b"window": _window,
    b"iccprofile": _icc_profile,
}

_SECTIONS: Final = {
    "annotation": "8.3.5.1.1",
    "quality": "8.3.5.1.2",
    "viewport": "8.3.5.1.3",
    "window": "8.3.5.1.4",
    "iccprofile": "8.3.5.1.5",
}

_ACCEPTED: Final = {
    "annotation": ("annotation=patient", "annotation=patient,technique"),
    "quality": ("quality=90",),
    "viewport": ("viewport=512,512", "viewport=512,512,0,0,-256,256"),
    "window": tuple(f"window=40,400,{name}" for name in FUNCTIONS),
    "iccprofile": ICC_PROFILES,
}
