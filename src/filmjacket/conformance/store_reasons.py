"""Failure and warning reasons of a store with their conditions (PS3.18 Annex I); the codes are in `web.status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.web import status

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of Failure Reason (0008,1197) or Warning Reason (0008,1196)."""

    code: int
    kind: str
    when: str

    @property
    def hexadecimal(self) -> str:
        """The code as the standard writes it."""
        return f"{self.code:04X}H"


CONDITIONS: Final[Mapping[str, str]] = {
    "PROCESSING_FAILURE": "Something else went wrong.",
    "DUPLICATE_SOP_INSTANCE": "The SOP Instance UID is stored with other content, and `duplicates` is `reject`.",
    "SOP_CLASS_NOT_SUPPORTED": "A DICOMDIR, or an instance that belongs to no patient.",
    "OUT_OF_RESOURCES": "The instance is larger than `limits.part_bytes`.",
    "DATA_SET_DOES_NOT_MATCH": "One of the four UIDs that identify an instance is missing or is no UID.",
    "STUDY_INSTANCE_UID_MISMATCH": "The instance belongs to another study than the target URI.",
    "CANNOT_UNDERSTAND": "Not readable as DICOM: truncated, damaged, over a limit, of another media type.",
    "TRANSFER_SYNTAX_NOT_SUPPORTED": "The transfer syntax is not one of those in section 1.1.2.",
    "COERCION_OF_DATA_ELEMENTS": "Attributes were changed; Original Attributes Sequence says which.",
    "ELEMENTS_DISCARDED": "The SOP Instance UID is stored with other content, which was kept (`duplicates` is `keep`).",
    "DATA_SET_DOES_NOT_MATCH_WARNING": "Stored as it came, though something in it is against the standard.",
}
"""When each code is sent, by the name of its constant."""


def reasons() -> tuple[Reason, ...]:
    """Every reason, failures first."""
    found = [
        Reason(code, "Warning" if code >> 12 == 0xB else "Failure", CONDITIONS[name])
        for name, code in vars(status).items()
        if name.isupper() and isinstance(code, int)
    ]
    return tuple(sorted(found, key=lambda row: (row.kind, row.code)))
