"""Judging the instances of a commitment request: every committed one has been read back (PS3.18 13.4.2).

The bytes of each instance are read from the store and compared with the SHA-256 that was made while they arrived; a
link, or an entry of the index, commits nothing (PS3.4 J.1).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from filmjacket.archive.blob_check import find_damage
from filmjacket.archive.commitment_records import LATER
from filmjacket.dicom.sop_classes import is_storage
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable
from filmjacket.web.commitment_module import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.archive.commitment_port import Commitments
    from filmjacket.archive.commitment_records import Commitment, Whereabouts
    from filmjacket.archive.ports import Blobs
    from filmjacket.web.commitment_module import Reference

LOOKED_UP_AT_ONCE: Final = 256
NOTED_EVERY_SECONDS: Final = 5.0
FIRST_GUESS_BYTES_PER_SECOND: Final = 200 * 2**20
SHORTEST_WAIT, LONGEST_WAIT = 1, 3600


class Interrupted(Exception):
    """The server stops, or the time for an answer at once is over."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When to stop: `stop` says that the server does, `seconds` is how long the requester waits, None for nobody."""

    stop: Callable[[], bool] = lambda: False
    seconds: float | None = None


class Verification:
    """Verifies the references of one transaction, as far as its pace allows."""

    def __init__(self, commitments: Commitments, blobs: Blobs, commitment: Commitment, pace: Pace) -> None:
        self._commitments = commitments
        self._blobs = blobs
        self._commitment = commitment
        self._pace = pace
        self._started = self._noted = time.monotonic()
        self._done = self._bytes = 0
        self.reasons = list(commitment.reasons)
        self.read: dict[str, str] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every reference has been judged."""
        return len(self.reasons) == len(self._commitment.request.references) and LATER not in self.reasons

    @property
    def retry_after(self) -> int:
        """Seconds that what is left will take, by what it took so far."""
        left = len(self._commitment.request.references) - len(self.reasons) + self.reasons.count(LATER)
        each = (time.monotonic() - self._started) / self._done if self._done else 0.1
        return min(max(round(left * each), SHORTEST_WAIT), LONGEST_WAIT)

    def run(self, on_noted: Callable[[], object]) -> None:
        """Judge what has not been judged; `on_noted` is called whenever progress has been written down."""
        references = self._commitment.request.references
        numbers = [number for number, reason in enumerate(self.reasons) if reason == LATER]
        todo = iter((*numbers, *range(len(self.reasons), len(references))))
        try:
            while batch := list(islice(todo, LOOKED_UP_AT_ONCE)):
                known = self._commitments.whereabouts([references[number] for number in batch])
                for number in batch:
                    self._set(number, self._judge(references[number], known.get(references[number].sop_uid)))
                    self._note_now_and_then(on_noted)
        except Interrupted:
            pass
        if not self.is_complete:
            self._note()

    def judge_again(self, numbers: Iterable[int]) -> None:
        """Judge references anew that were replaced or removed since."""
        references = self._commitment.request.references
        some = list(numbers)
        known = self._commitments.whereabouts([references[number] for number in some])
        for number in some:
            self.reasons[number] = self._judge(references[number], known.get(references[number].sop_uid))

    def give_up(self, numbers: Iterable[int]) -> None:
        """Fail references that cannot be judged."""
        for number in numbers:
            self.reasons[number] = FailureReason.PROCESSING_FAILURE

    def _set(self, number: int, reason: int) -> None:
        if number < len(self.reasons):
            self.reasons[number] = reason
        else:
            self.reasons.append(reason)
        self._done += 1

    def _judge(self, reference: Reference, where: Whereabouts | None) -> int:
        reason = mismatch_of(reference, where)
        if reason is not None or where is None:
            return reason or FailureReason.NO_SUCH_INSTANCE
        self._check_time(where.blob.size)
        try:
            damage = find_damage(self._blobs, reference.sop_uid, where.blob, self._check_stop)
        except OutOfStorage:
            return FailureReason.RESOURCE_LIMITATION
        except Unavailable:
            return LATER
        except FilmjacketError:
            return FailureReason.PROCESSING_FAILURE
        self._bytes += where.blob.size
        self.read[reference.sop_uid] = where.blob.key
        return FailureReason.COMMITTED if damage is None else FailureReason.PROCESSING_FAILURE

    def _check_time(self, size: int) -> None:
        """Leave what would take longer than the requester waits to those who work in the background."""
        self._check_stop()
        if self._pace.seconds is None:
            return
        elapsed = time.monotonic() - self._started
        rate = self._bytes / elapsed if self._bytes > FIRST_GUESS_BYTES_PER_SECOND else FIRST_GUESS_BYTES_PER_SECOND
        if elapsed + size / rate >= self._pace.seconds:
            raise Interrupted

    def _check_stop(self) -> None:
        if self._pace.stop():
            raise Interrupted

    def _note_now_and_then(self, on_noted: Callable[[], object]) -> None:
        if time.monotonic() - self._noted >= NOTED_EVERY_SECONDS:
            self._note()
            on_noted()

    def _note(self) -> None:
        self._noted = time.monotonic()
        self._commitments.note_progress(self._commitment.transaction_uid, self.reasons, retry_after=self.retry_after)


def mismatch_of(reference: Reference, where: Whereabouts | None) -> FailureReason | None:
    """Why an instance cannot be committed before any byte of it is read; None if it may be."""
    return next((reason for applies, reason in _rules(reference, where) if applies), None)


def _rules(reference: Reference, where: Whereabouts | None) -> Iterator[tuple[bool, FailureReason]]:
    """The rules in the order in which they apply (PS3.3 C.14.1.1)."""
    yield not is_storage(reference.sop_class_uid), FailureReason.SOP_CLASS_NOT_SUPPORTED
    yield where is None, FailureReason.NO_SUCH_INSTANCE
    if where is not None:
        elsewhere = (reference.study_uid, reference.series_uid) not in {("", ""), (where.study_uid, where.series_uid)}
        yield elsewhere, FailureReason.NO_SUCH_INSTANCE
        yield where.sop_class_uid != reference.sop_class_uid, FailureReason.CLASS_INSTANCE_CONFLICT
