"""Target resources of the Studies service: UIDs and frame lists in paths, URLs back to them (PS3.18 10.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_UID: Final = 64
"""Characters of a UID (PS3.5 9.1)."""
MAX_FRAMES: Final = 100_000
"""Frame numbers in one list; the URI would be over any server's limit long before."""

# PS3.5 9.1 forbids leading zeros in a component, yet stored objects have them, so they are tolerated here.
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
MAX_FRAME_DIGITS: Final = 1000
"""Digits of one frame number. No instance has so many frames, which is a 404; Python converts up to 4300."""
_FRAME = re.compile(rf"(?=[0-9]{{1,{MAX_FRAME_DIGITS}}}\Z)0*[1-9][0-9]*", re.ASCII)


class _Resource(Protocol):
    @property
    def path(self) -> str: ...


def parse_uid(text: str, what: str) -> str:
    """A UID from a path; `what` names it in the refusal, which never repeats the text."""
    if len(text) > MAX_UID or not _UID.fullmatch(text):
        raise BadRequest(
            f"The {what} in the target URI is not a UID: up to {MAX_UID} characters, digits and single dots.",
            section="PS3.5 9.1",
            offender=what,
            accepted=("a UID such as 1.2.840.10008.1.1",),
        )
    return text


def parse_frame_list(text: str, *, ascending: bool = True) -> tuple[int, ...]:
    """Frame numbers of `frames/{frames}`: a comma list of positive numbers in ascending order (8.2, 10.1)."""
    elements = text.split(",", MAX_FRAMES)
    if len(elements) > MAX_FRAMES:
        raise _bad_frames(f"the list has more than {MAX_FRAMES} numbers")
    if not all(map(_FRAME.fullmatch, elements)):
        raise _bad_frames("each element is a whole number from 1 on")
    numbers = tuple(map(int, elements))
    if ascending and not _is_ascending(numbers):
        raise _bad_frames("the numbers ascend, and each occurs once")
    return numbers


def _is_ascending(numbers: Iterable[int]) -> bool:
    previous = 0
    for number in numbers:
        if number <= previous:
            return False
        previous = number
    return True


def _bad_frames(why: str) -> BadRequest:
    return BadRequest(
        f"The frame list cannot be read: {why}.",
        section="8.2",
        offender="frames",
        accepted=("a list such as 1,2,5",),
    )


def resource_url(base: str, ref: _Resource) -> str:
    """URL of the study, series or instance that a reference with a `path` names."""
    return f"{base}/{ref.path}"


def study_url(base: str, study: str) -> str:
    """URL of a study."""
    return f"{base}/studies/{study}"


def series_url(base: str, study: str, series: str) -> str:
    """URL of a series."""
    return f"{base}/studies/{study}/series/{series}"


def instance_url(base: str, study: str, series: str, instance: str) -> str:
    """URL of an instance."""
    return f"{base}/studies/{study}/series/{series}/instances/{instance}"


def frame_url(base: str, study: str, series: str, instance: str, frame: int) -> str:
    """URL of one frame, the `Content-Location` of its part."""
    return f"{instance_url(base, study, series, instance)}/frames/{frame}"


def non_patient_url(base: str, category: str, instance: str) -> str:
    """URL of a non-patient instance (12.1.1)."""
    return f"{base}/{category}/{instance}"
