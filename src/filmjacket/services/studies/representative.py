"""Which frame stands for a study, a series or an instance (PS3.18 10.4.1.1.4 leaves that to the server).

Of the kinds of instances below the resource the most telling one counts: acquired images, then videos, then images that
were made of other things, then what has no pixels. Of its series the one with most frames, of that series the instance
in the middle, of that the frame in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.sop_classes import is_text
from filmjacket.services.studies.studio import is_video

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.records import StoredInstance

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."
_MADE: Final = frozenset(
    _ROOT + suffix
    for suffix in (
        "7",
        "7.1",
        "7.2",
        "7.3",
        "7.4",
        "66.4",
        "66.7",
        "30",
        "481.2",
        "77.1.5.7",
        "77.1.5.8",
        "81.1",
        "82.1",
    )
)
"""Secondary Capture, segmentations, maps, RT Dose: pictures of results rather than of a patient."""

SLIDE: Final = _ROOT + "77.1.6"
_SLIDES_LOOKED_AT: Final = 8


class Telling(IntEnum):
    """How much the picture of an instance tells about its study, most first."""

    IMAGE = 0
    VIDEO = 1
    MADE = 2
    NO_PIXELS = 3
    TEXT = 4


@dataclass(frozen=True, slots=True)
class Representative:
    """An instance and one of its frames, 1 for what has none."""

    instance: StoredInstance
    frame: int


def representative_of(
    instances: Sequence[StoredInstance], is_label: Callable[[StoredInstance], bool]
) -> Representative:
    """Choose among the instances of a resource, which are in retrieval order, at least one.

    `is_label` tells whether a picture of a slide shows its label, which holds the patient's name.
    """
    best = min(map(_telling, instances))
    chosen = [instance for instance in instances if _telling(instance) is best]
    series = [list(group) for _, group in groupby(chosen, attrgetter("series_uid"))]
    members = max(series, key=lambda group: sum(map(_frames, group)))
    middle = members[(len(members) - 1) // 2]
    if middle.sop_class_uid == SLIDE:
        middle = _slide(members, is_label)
    return Representative(middle, (_frames(middle) + 1) // 2)


def _slide(members: Sequence[StoredInstance], is_label: Callable[[StoredInstance], bool]) -> StoredInstance:
    """The picture of a slide with fewest tiles shows most of it at once."""
    smallest = sorted(members, key=_frames)[:_SLIDES_LOOKED_AT]
    return next((member for member in smallest if not is_label(member)), smallest[0])


def _telling(instance: StoredInstance) -> Telling:
    if instance.layout.pixel is None:
        return Telling.TEXT if is_text(instance.sop_class_uid) else Telling.NO_PIXELS
    if is_video(instance):
        return Telling.VIDEO
    return Telling.MADE if instance.sop_class_uid in _MADE else Telling.IMAGE


def _frames(instance: StoredInstance) -> int:
    return instance.layout.pixel.frames if instance.layout.pixel is not None else 1
