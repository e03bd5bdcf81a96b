"""Calls of the Storage Commitment service (PS3.18 chapter 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.client.calls import Call, encoded, read_one
from filmjacket.client.data_sets import data_set
from filmjacket.dicom.attributes import get_integer, get_items, get_text
from filmjacket.dicom.uids import mint_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.client.calls import Answer
    from filmjacket.dicom.attributes import Attributes

_REFERENCED: Final = "00081199"
_FAILED: Final = "00081198"
_UID: Final = "00081155"
_REASON: Final = "00081197"

FAILURES: Final = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class-instance conflict",
    0x0122: "SOP class not supported",
    0x0213: "resource limitation",
}
"""Failure Reason (0008,1197) of an instance that is not committed (PS3.3 C.14.1.1)."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """What came of a request; `pending` while the server still verifies, then ask again after `retry_after` seconds."""

    transaction_uid: str
    committed: tuple[str, ...] = ()
    failed: tuple[tuple[str, int], ...] = ()
    pending: bool = False
    retry_after: int = 0

    @property
    def whole(self) -> bool:
        """Whether all that was asked for is committed: only then may it be deleted elsewhere."""
        return not self.pending and not self.failed


def request(instances: Sequence[tuple[str, str]], transaction_uid: str | None = None) -> Call[Commitment]:
    """Request commitment to instances (13.4), given as (SOP Class UID, SOP Instance UID)."""
    transaction = transaction_uid or mint_uid()
    items = [{"ReferencedSOPClassUID": class_uid, "ReferencedSOPInstanceUID": uid} for class_uid, uid in instances]
    content = encoded(data_set(ReferencedSOPSequence=items))
    return Call("POST", f"/commitment-requests/{transaction}", _Reader(transaction), content=content)


def check_result(transaction_uid: str) -> Call[Commitment]:
    """Check the result (13.5)."""
    return Call("GET", f"/commitment-requests/{transaction_uid}", _Reader(transaction_uid))


@dataclass(frozen=True, slots=True)
class _Reader:
    transaction_uid: str

    def __call__(self, answer: Answer) -> Commitment:
        if answer.status == 202:
            return Commitment(
                self.transaction_uid, pending=True, retry_after=int(answer.headers.get("retry-after") or 1)
            )
        found = read_one(answer)
        return Commitment(
            self.transaction_uid,
            tuple(uid for item in get_items(found, _REFERENCED) if (uid := get_text(item, _UID))),
            tuple(_failure(item) for item in get_items(found, _FAILED)),
        )


def _failure(item: Attributes) -> tuple[str, int]:
    return get_text(item, _UID) or "", get_integer(item, _REASON) or 0
