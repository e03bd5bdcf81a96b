"""What a workitem must say before it is final (PS3.4 CC.2.5.1.3.1; column Final State of Table CC.2.5-3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from filmjacket.archive.worklist_records import State
from filmjacket.dicom.attributes import get_items
from filmjacket.services.worklist.attribute_table import rows
from filmjacket.services.worklist.data_set import described, has_value
from filmjacket.services.worklist.desk import date_time
from filmjacket.services.worklist.reports import (
    CONTACT_NAME,
    CONTACT_URI,
    PROGRESS_SEQUENCE,
    REASON,
    REASON_CODE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.attribute_table import Row

CANCELLATION: Final = "00404052"
COMMUNICATIONS: Final = "00741008"
OUTPUT: Final = "00404033"
_NEEDED: Final = {State.COMPLETED: frozenset({"R", "P"}), State.CANCELED: frozenset({"R", "X"})}
UNSPECIFIED_REASON: Final[dict[str, Any]] = {
    "00080100": {"vr": "SH", "Value": ["110513"]},
    "00080102": {"vr": "SH", "Value": ["DCM"]},
    "00080104": {"vr": "LO", "Value": ["Discontinued for unspecified reason"]},
}
"""CID 9300, for whoever cancels without saying why."""


def missing_for(state: State, attributes: Attributes) -> tuple[str, ...]:
    """Return what a workitem lacks to become final, each attribute by its names down from the data set."""
    return tuple(_missing(attributes, rows(), _NEEDED[state], ()))


def _missing(
    attributes: Attributes, level: Iterable[Row], needed: frozenset[str], above: tuple[str, ...]
) -> Iterator[str]:
    for row in level:
        if row.final not in needed:
            continue
        path = (*above, described(row.tag))
        # A step without output says so with an empty sequence.
        if not (row.tag in attributes if row.tag == OUTPUT else has_value(attributes, row.tag)):
            yield " > ".join(path)
        for item in get_items(attributes, row.tag):
            yield from _missing(item, row.items, needed, path)


def canceled(attributes: Attributes, request: Attributes, at: int) -> Attributes:
    """Return the data set with what CANCELED needs: when, and why as far as somebody said (PS3.4 CC.2.5.1.3.2)."""
    items = get_items(attributes, PROGRESS_SEQUENCE)
    progress: Attributes = dict(items[0]) if items else {}
    progress |= {tag: request[tag] for tag in (REASON, REASON_CODE) if has_value(request, tag)}
    contact = {tag: request[tag] for tag in (CONTACT_URI, CONTACT_NAME) if has_value(request, tag)}
    if CONTACT_URI in contact:
        progress[COMMUNICATIONS] = {"vr": "SQ", "Value": [contact]}
    if not has_value(progress, CANCELLATION):
        progress[CANCELLATION] = {"vr": "DT", "Value": [date_time(at)]}
    if not has_value(progress, REASON_CODE):
        progress[REASON_CODE] = {"vr": "SQ", "Value": [UNSPECIFIED_REASON]}
    return {**attributes, PROGRESS_SEQUENCE: {"vr": "SQ", "Value": [progress, *items[1:]]}}
