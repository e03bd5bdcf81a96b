"""Records of the Storage Commitment service."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.archive.records import BlobRef
    from filmjacket.web.commitment_module import CommitmentRequest

LATER: Final = 0xFFFF
"""In place of a reason: the instance could not be read at the moment, and will be looked at again."""


class CommitmentState(StrEnum):
    """Where a transaction is: being verified, verified, or known by its UID alone."""

    PENDING = "pending"
    DONE = "done"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Commitment:
    """One transaction; `reasons` of its first references, all of them once it is done.

    Moments are microseconds since 1970 in UTC, 0 while not known; `retry_after` is in seconds.
    """

    transaction_uid: str
    state: CommitmentState
    request: CommitmentRequest
    reasons: tuple[int, ...] = ()
    requested_at: int = 0
    expires_at: int = 0
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A stored instance as commitment needs it; a non-patient one has "" as study and series."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    blob: BlobRef
    stored_at: int


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a transaction ends: reasons of all references, when they were judged, how long the result stays.

    `read` are the keys of the blobs that this worker read, by SOP Instance UID; what another one read before must not
    have been stored after `judged_since`.
    With `hold` what is committed cannot be deleted until somebody removes the hold; its text says why.
    """

    reasons: tuple[int, ...]
    judged_since: int
    finished_at: int
    expires_at: int
    hold: str = ""
    read: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class CommitmentRules:
    """How long results stay, a requester waits, and bytes that cannot be read are tried; whether to hold."""

    result_days: int = 7
    immediate_seconds: float = 5.0
    unreadable_hours: int = 24
    hold: bool = False
