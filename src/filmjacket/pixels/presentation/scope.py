"""What a presentation state is: its attributes, and which of its items are for which image (PS3.3 C.11.11, C.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from filmjacket.dicom.attributes import get_items, get_text, get_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.render import Frame

_REFERENCED_IMAGES: Final = "00081140"
_REFERENCED_UID: Final = "00081155"
_REFERENCED_FRAMES: Final = "00081160"
_LARGEST: Final = 1e30


@dataclass(frozen=True, slots=True)
class State:
    """The attributes of an object that is shown over others; `bulk` gives the bytes behind an attribute path."""

    attributes: Attributes
    bulk: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """A frame of a referenced image; `sibling` gives another frame of the same image, for mask subtraction."""

    uid: str
    frame: Frame
    sibling: Callable[[int], Frame]


def applies(item: Attributes, uid: str, frame: int) -> bool:
    """Whether an item of a state is for this frame; one without Referenced Image Sequence is for all."""
    references = get_items(item, _REFERENCED_IMAGES)
    return not references or any(names(reference, uid, frame) for reference in references)


def names(reference: Attributes, uid: str, frame: int) -> bool:
    """Whether a reference is one to this frame; one without frame numbers is to all of them."""
    frames = frame_numbers(reference)
    return get_text(reference, _REFERENCED_UID) == uid and (not frames or frame in frames)


def frame_numbers(reference: Attributes) -> tuple[int, ...]:
    """Referenced Frame Number of a reference, () if it is to the whole image."""
    numbers: list[int] = []
    for value in get_values(reference, _REFERENCED_FRAMES):
        try:
            numbers.append(int(value))
        except (TypeError, ValueError):
            continue
    return tuple(numbers)


def item_for(attributes: Attributes, sequence: str, uid: str, frame: int) -> Attributes | None:
    """The first item of a sequence of a state that is for this frame."""
    return next((item for item in get_items(attributes, sequence) if applies(item, uid, frame)), None)


def numbers_of(attributes: Attributes, tag: str) -> list[float]:
    """All values as numbers; [] if one of them is none, or so large that nothing could be computed with it."""
    values: list[Any] = get_values(attributes, tag)
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return []
    return numbers if all(abs(number) <= _LARGEST for number in numbers) else []
