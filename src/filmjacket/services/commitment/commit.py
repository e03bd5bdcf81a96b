"""Request and Result Check transactions of the Storage Commitment service (PS3.18 13.4, 13.5).

A transaction is durable before anything is verified. What can be verified while the requester waits is; the rest is
done by whichever server process takes the lease next, and goes on where a killed one has stopped.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from filmjacket.archive.commitment_records import LATER, CommitmentState, Conclusion
from filmjacket.archive.deletions import DAY
from filmjacket.clock import moment_text
from filmjacket.errors import Conflict, Gone, NotFound, Unavailable
from filmjacket.services.commitment.verification import Interrupted, Pace, Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from filmjacket.archive.commitment_port import Commitments
    from filmjacket.archive.commitment_records import Commitment, CommitmentRules
    from filmjacket.archive.leases_port import Leases
    from filmjacket.archive.ports import Blobs
    from filmjacket.web.commitment_module import CommitmentRequest

LEASE_SECONDS: Final = 120.0
ROUNDS: Final = 3
"""How often instances that change while they are verified are looked at again."""


class Committer:
    """Takes requests, verifies, and tells of results, by the rules of one archive."""

    def __init__(
        self,
        commitments: Commitments,
        blobs: Blobs,
        leases: Leases,
        rules: CommitmentRules,
        clock: Callable[[], int],
    ) -> None:
        self._commitments = commitments
        self._blobs = blobs
        self._leases = leases
        self._rules = rules
        self._clock = clock
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def request(self, transaction_uid: str, request: CommitmentRequest) -> Commitment:
        """Begin a transaction and verify what there is time for. Raises `Conflict` if the UID was ever used."""
        # Asked before the lease is taken: whoever works on that transaction must not find it with us.
        if self._commitments.find(transaction_uid) is not None:
            raise _used()
        with self._leased(transaction_uid) as mine:
            if not self._commitments.add(transaction_uid, request, at=self._clock()):
                raise _used()
            commitment = self._found(transaction_uid)
            if mine:
                self._verify(commitment, Pace(seconds=self._rules.immediate_seconds))
        return self._found(transaction_uid)

    def result(self, transaction_uid: str) -> Commitment:
        """A transaction, verified or not. Raises `NotFound`, and `Gone` when its result is no longer kept."""
        commitment = self._found(transaction_uid)
        over = commitment.state is CommitmentState.DONE and commitment.expires_at <= self._clock()
        if over or commitment.state is CommitmentState.EXPIRED:
            raise Gone(
                f"The result was kept until {moment_text(commitment.expires_at)}.",
                section="13.5.3.1",
                offender="Transaction UID",
                accepted=("a new request",),
            )
        return commitment

    def work(self, stop: Callable[[], bool]) -> None:
        """Verify whatever is pending and nobody else is at; forget results whose time is over."""
        self._commitments.expire(self._clock())
        for transaction_uid in self._commitments.pending():
            if stop():
                return
            with self._leased(transaction_uid) as mine:
                commitment = self._commitments.find(transaction_uid) if mine else None
                if commitment is not None and commitment.state is CommitmentState.PENDING:
                    self._verify(commitment, Pace(stop))

    def _found(self, transaction_uid: str) -> Commitment:
        commitment = self._commitments.find(transaction_uid)
        if commitment is None:
            raise NotFound(
                "There is no storage commitment transaction with this UID.",
                section="13.5.3.1",
                offender="Transaction UID",
            )
        return commitment

    def _verify(self, commitment: Commitment, pace: Pace) -> None:
        """As far as the pace allows; a store that does not answer is asked again later."""
        verification = Verification(self._commitments, self._blobs, commitment, pace)
        try:
            verification.run(lambda: self._prolong(commitment.transaction_uid))
            self._give_up_in_time(commitment, verification)
            if verification.is_complete:
                self._conclude(commitment, verification)
        except (Unavailable, Interrupted):
            return  # it stays pending

    def _give_up_in_time(self, commitment: Commitment, verification: Verification) -> None:
        hours = (self._clock() - commitment.requested_at) / (DAY / 24)
        if hours >= self._rules.unreadable_hours:
            verification.give_up(number for number, reason in enumerate(verification.reasons) if reason == LATER)

    def _conclude(self, commitment: Commitment, verification: Verification) -> None:
        since = commitment.requested_at
        for attempt in range(ROUNDS + 1):
            at = self._clock()
            stale = self._commitments.finish(commitment, self._conclusion(verification, since, at))
            if not stale:
                return
            since = at
            if attempt + 1 < ROUNDS:
                verification.judge_again(stale)
            else:
                verification.give_up(stale)
            if not verification.is_complete:
                return

    def _conclusion(self, verification: Verification, since: int, at: int) -> Conclusion:
        expires_at = at + self._rules.result_days * DAY
        hold = "storage commitment" if self._rules.hold else ""
        return Conclusion(tuple(verification.reasons), since, at, expires_at, hold, verification.read)

    @contextmanager
    def _leased(self, transaction_uid: str) -> Generator[bool]:
        """Whether this process is the one to verify a transaction."""
        mine = self._prolong(transaction_uid)
        try:
            yield mine
        finally:
            if mine:
                self._leases.release(_lease_of(transaction_uid), self._holder)

    def _prolong(self, transaction_uid: str) -> bool:
        return self._leases.acquire(_lease_of(transaction_uid), self._holder, LEASE_SECONDS, self._clock())


def _used() -> Conflict:
    return Conflict(
        "This Transaction UID has been used; a result that got lost is had with GET.",
        section="13.4.3.1",
        offender="Transaction UID",
        accepted=("a new Transaction UID", "GET of the same URL"),
    )


def _lease_of(transaction_uid: str) -> str:
    return f"commitment {transaction_uid}"
