"""The search for scheduled procedure steps as data: Table K.6-1 of PS3.4 (PS3.18 14.4)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULED_STEP_SEQUENCE: Final = "00400100"
SCHEDULED_STATUS: Final = "00400020"
STEP_ID: Final = "00400009"
STATION_AE_TITLE: Final = "00400001"
START_DATE: Final = "00400002"
START_TIME: Final = "00400003"
MODALITY: Final = "00080060"
PERFORMING_PHYSICIAN_NAME: Final = "00400006"
STEP_DESCRIPTION: Final = "00400007"
PROTOCOL_CODE_SEQUENCE: Final = "00400008"
SPECIFIC_CHARACTER_SET: Final = "00080005"
ACCESSION_NUMBER: Final = "00080050"
PATIENT_NAME: Final = "00100010"
PATIENT_ID: Final = "00100020"
STUDY_INSTANCE_UID: Final = "0020000D"
REQUESTED_PROCEDURE_DESCRIPTION: Final = "00321060"
REQUESTED_PROCEDURE_CODE_SEQUENCE: Final = "00321064"
REQUESTED_PROCEDURE_ID: Final = "00401001"

DEPARTED: Final = "DEPARTED"
STARTED: Final = "STARTED"
WAITING: Final = ("SCHEDULED", "ARRIVED", "READY")
"""Values of Scheduled Procedure Step Status before anything is done (PS3.3 C.4.10)."""
STATUSES: Final = (*WAITING, STARTED, DEPARTED)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One row: the matching type is R, O, or nothing; the return type as in the table."""

    path: tuple[str, ...]
    matching: str
    returned: str


def _rows(parent: tuple[str, ...], *rows: str) -> tuple[KeyRow, ...]:
    found: list[KeyRow] = []
    for row in rows:
        tag, matching, returned = row.split()
        found.append(KeyRow((*parent, tag), matching.strip("-"), returned))
    return tuple(found)


KEY_TABLE: Final = (
    *_rows((), "00080005 - 1C", "00080201 - 1C"),
    # Scheduled Procedure Step
    *_rows((), "00400100 R 1"),
    *_rows(
        (SCHEDULED_STEP_SEQUENCE,),
        "00400001 R 1", "00400002 R 1", "00400003 R 1", "00080060 R 1", "00400006 R 2", "00400007 O 1C",
        "00400010 O 2", "00400011 O 2", "0018990C O 3", "0018990D O 3", "00400008 O 1C", "00400012 O 2C",
        "00400009 O 1", "00321070 O 2C", "00400020 O 3",
    ),
    # Scheduled Specimen
    *_rows((), "00400500 O 3"),
    *_rows(("00400500",), "00400512 - 1", "00400518 - 2", "00400560 - 1"),
    *_rows(("00400500", "00400560"), "00400551 - 1", "00400554 - 1"),
    *_rows((), "22000005 O 3"),
    # Requested Procedure
    *_rows(
        (),
        "00401001 O 1", "00321060 O 1C", "00321064 O 1C", "00321065 O 3", "0020000D O 1", "00080020 O 3",
        "00080030 O 3", "00081110 O 2", "00401003 O 2", "00401004 O 2",
    ),
    # Imaging Service Request
    *_rows((), "00080050 O 2", "00080051 O 3", "00321032 O 2", "00080090 O 2", "0040A390 - 1C"),
    # Visit
    *_rows((), "00380010 O 2", "00380014 O 3", "00380300 O 2", "00081120 O 2"),
    # Patient
    *_rows(
        (),
        "00100010 R 1", "00100020 R 1", "00100021 O 3", "00100024 O 3", "00101002 O 3", "00100030 O 2",
        "00100040 O 2", "00101030 O 2", "00101020 O 3", "00100101 O 3", "00403001 O 2", "00380500 O 2",
        "001021C0 O 2", "00102000 O 2", "00102110 O 2", "00380050 O 2", "00380100 O 3",
    ),
)  # fmt: skip

IN_STEP: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {row.path[1]: row.path for row in KEY_TABLE if len(row.path) == 2 and row.path[0] == SCHEDULED_STEP_SEQUENCE}
)
"""Where the attributes of the step are: a key or a column may name them without the sequence, `Modality=CT`.

None of them is outside of the sequence as well, so that nothing else can be meant.
"""


def returned_by_type(*types: str, parent: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the tags of one level of nesting whose return type is one of those."""
    return tuple(row.path[-1] for row in KEY_TABLE if row.path[:-1] == parent and row.returned in types)


ALWAYS_RETURNED: Final = returned_by_type("1", "2")
"""Present in every result, empty if there is no value."""
RETURNED_IF_KNOWN: Final = returned_by_type("1C", "2C")
ALWAYS_RETURNED_OF_STEP: Final = returned_by_type("1", "2", parent=(SCHEDULED_STEP_SEQUENCE,))
RETURNED_OF_STEP_IF_KNOWN: Final = returned_by_type("1C", "2C", parent=(SCHEDULED_STEP_SEQUENCE,))
