"""Calls of the Modality Performed Procedure Step service, MPPS (PS3.18 chapter 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.client.calls import Call, encoded, read_one, read_warnings
from filmjacket.dicom.uids import mint_uid

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_PATH = "/modality-performed-procedure-steps"


def create(step: Attributes, uid: str | None = None) -> Call[str]:
    """Report that a step has begun (15.4); gives its UID."""
    made = uid or mint_uid()
    return Call("POST", f"{_PATH}/{made}", lambda _answer: made, content=encoded(step))


def update(uid: str, changes: Attributes) -> Call[tuple[str, ...]]:
    """Report how it goes on, or that it is over (15.5); gives warnings."""
    return Call("POST", f"{_PATH}/{uid}", read_warnings, (("update", ""),), encoded(changes))


def retrieve(uid: str) -> Call[Attributes]:
    """What has been reported (15.6)."""
    return Call("GET", f"{_PATH}/{uid}", read_one)
