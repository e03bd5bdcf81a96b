"""Attributes of one frame: those of the data set with the functional groups of the frame (PS3.3 C.7.6.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

SHARED: Final = "52009229"
PER_FRAME: Final = "52009230"


def attributes_of_frame(attributes: Attributes, number: int) -> Attributes:
    """What holds for the frame with this 1-based number, all at the top level.

    A macro of a functional group is a sequence of one item; its attributes are lifted out of it, those of the frame
    over those that all frames share, both over those of the data set. The sequences stay where they are. A macro of
    several items, the optical paths of a slide for example, is only put beside the others, as a sequence.
    """
    groups = [*get_items(attributes, SHARED)[:1], *get_items(attributes, PER_FRAME)[number - 1 : number]]
    if not groups:
        return attributes
    merged = {tag: element for tag, element in attributes.items() if tag not in {SHARED, PER_FRAME}}
    for group in groups:
        for tag, element in group.items():
            merged[tag] = element
            items = get_items(group, tag)
            if len(items) == 1:
                merged |= items[0]
    return merged
