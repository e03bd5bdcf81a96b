"""Port: what the Storage Commitment service needs from an index (PS3.18 chapter 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.archive.commitment_records import Commitment, Conclusion, Whereabouts
    from filmjacket.web.commitment_module import CommitmentRequest, Reference


class Commitments(Protocol):
    """Transactions, durable before a call returns."""

    def add(self, transaction_uid: str, request: CommitmentRequest, *, at: int) -> bool:
        """Begin a transaction; False if its UID was ever used."""
        ...

    def find(self, transaction_uid: str) -> Commitment | None:
        """One transaction."""
        ...

    def whereabouts(self, references: Sequence[Reference]) -> dict[str, Whereabouts]:
        """The stored instances among those that are referred to, by SOP Instance UID."""
        ...

    def note_progress(self, transaction_uid: str, reasons: Sequence[int], *, retry_after: int) -> None:
        """Remember how far verification has come."""
        ...

    def finish(self, commitment: Commitment, conclusion: Conclusion) -> tuple[int, ...]:
        """End a transaction, unless something committed is not, or not any more, what was verified.

        Then nothing is done, and the numbers of those references are returned, to be verified again.
        """
        ...

    def pending(self) -> list[str]:
        """UIDs of the transactions that are not verified yet, oldest first."""
        ...

    def expire(self, now: int) -> int:
        """Forget results whose time is over; the UIDs stay taken. Returns how many."""
        ...
