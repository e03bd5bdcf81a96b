"""Table F.7.2-1 of PS3.4 as data: what a performed procedure step has when it is created, set, and final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Usage: TypeAlias = Literal["1", "2", "3", "NA"]
"""What the requester owes: a value, at least an empty attribute, nothing; or it may not send the attribute."""


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One row. `final`: a value is required before the step can be completed or discontinued.

    `items` are the rows of the items of a sequence.
    """

    tag: str
    create: Usage
    set: Usage
    final: bool = False
    items: tuple[AttributeRow, ...] = ()


def _rows(create: Usage, set_: Usage, *tags: str, final: bool = False) -> tuple[AttributeRow, ...]:
    return tuple(AttributeRow(tag, create, set_, final) for tag in tags)


_REQUEST_ITEM: Final = (
    *_rows("1", "NA", "0020000D"),
    *_rows("2", "NA", "00081110", "00080050", "00401001", "00321060", "00400009", "00400007", "00400008"),
    *_rows("3", "NA", "00321064", "00080051", "00402016", "00400026", "00402017", "00400027"),
)
_SERIES_ITEM: Final = (
    *_rows("2", "2", "00081050", "00081070", "0008103E", "00080054"),
    *_rows("1", "1", "00181030", "0020000E"),
    *_rows("2", "2", "00081140", "00400220"),
)

MPPS_TABLE: Final = (
    AttributeRow("00400270", "1", "NA", items=_REQUEST_ITEM),
    # Patient and visit
    *_rows("2", "NA", "00100010", "00100020", "00100030", "00100040", "00081120"),
    *_rows(
        "3", "NA",
        "00100021", "00100024", "00101002", "00380010", "00380014", "00380060", "00380064", "00380062",
    ),
    # Performed Procedure Step Information
    *_rows("1", "NA", "00400253", "00400241", "00400244", "00400245"),
    *_rows("2", "NA", "00400242", "00400243"),
    *_rows("1", "3", "00400252"),
    *_rows("2", "3", "00400254", "00400255", "00081032"),
    *_rows("3", "3", "00401012", "00400280", "00400281"),
    *_rows("2", "3", "00400250", "00400251", final=True),
    # Image Acquisition Results
    *_rows("1", "NA", "00080060"),
    *_rows("2", "NA", "00200010"),
    *_rows("2", "3", "00400260"),
    AttributeRow("00400340", "2", "3", final=True, items=_SERIES_ITEM),
)  # fmt: skip

ROWS: Final = {row.tag: row for row in MPPS_TABLE}

NEVER_SET: Final = frozenset({"0010", "0012", "0020", "0032", "0038"})
"""Groups of patient, study, request and visit: attributes of them that have no row cannot be set either.

Of the modules in the table all other attributes are type 3; those of the procedure and the dose may change.
"""

RETURNED_WITH_VALUE: Final = ("00400253", "00400241", "00400244", "00400245", "00400252", "00080060")
"""Type 1 of Table F.8.2-1; every step that was created has them."""
