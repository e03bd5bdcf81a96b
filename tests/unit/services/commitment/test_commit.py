"""Committing: what a store that fails, a worker that is killed, and a change in between come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples

from filmjacket.archive.commitment_records import LATER, CommitmentRules, CommitmentState
from filmjacket.archive.deletions import DAY
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.errors import Conflict, DicomError, OutOfStorage, Unavailable
from filmjacket.opening import Archive, open_archive
from filmjacket.services.commitment.commit import LEASE_SECONDS, Committer
from filmjacket.services.commitment.verification import LOOKED_UP_AT_ONCE
from filmjacket.web.commitment_module import CommitmentRequest, FailureReason, Reference
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.settings import Settings

CT = "1.2.840.10008.5.1.4.1.1.2"


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_archive(settings: Settings) -> Iterator[Callable[..., Archive]]:
    """Open an empty archive with changed settings."""
    opened: list[Archive] = []

    def make(**changes: object) -> Archive:
        opened.append(open_archive(settings.model_copy(update=changes)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def store(archive: Archive, number: int = 1) -> list[Reference]:
    """Instances of one study."""
    return store_files(archive, samples.series(number))


def store_files(archive: Archive, files: list[bytes]) -> list[Reference]:
    found: list[Reference] = []
    for file in files:
        incoming = archive.ingest.begin()
        incoming.write(file)
        received = [incoming.finish()]
        archive.ingest.publish(received)
        archive.ingest.commit(received)
        study, series, sop = samples.uids(file)
        found.append(Reference(CT, sop, study, series))
    return found


def committer(archive: Archive, clock: Clock, **rules: Any) -> Committer:
    return Committer(archive.commitments, archive.blobs, archive.leases, CommitmentRules(**rules), clock)


def later(clock: Clock) -> None:
    """Stored instances are older than the request."""
    clock.now = 4 * 10**15


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OutOfStorage, FailureReason.RESOURCE_LIMITATION), (DicomError, FailureReason.PROCESSING_FAILURE)],
)
def test_what_the_store_answers_decides(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: type[Exception], reason: int
) -> None:
    later(clock)

    def refuse(*_: object) -> None:
        raise error("no")

    references = store(archive)
    monkeypatch.setattr(type(archive.blobs), "chunks", refuse)
    done = committer(archive, clock).request("1.2.3", CommitmentRequest(tuple(references)))
    assert (done.state, done.reasons) == (CommitmentState.DONE, (reason,))


def test_a_store_that_does_not_answer_is_asked_again_and_given_up_in_the_end(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(clock)

    def silent(*_: object) -> None:
        raise Unavailable("no")

    references = store(archive, 2)
    working = committer(archive, clock)
    with monkeypatch.context() as patch:
        patch.setattr(type(archive.blobs), "chunks", silent)
        first = working.request("1.2.3", CommitmentRequest(tuple(references)))
        assert (first.state, first.reasons) == (CommitmentState.PENDING, (LATER, LATER))
        working.request("1.2.4", CommitmentRequest(tuple(references)))
        clock.now += DAY
        working.work(lambda: False)
        failed = working.result("1.2.3")
        assert failed.reasons == (FailureReason.PROCESSING_FAILURE,) * 2
    working.request("1.2.5", CommitmentRequest(tuple(references)))
    assert working.result("1.2.5").reasons == (0, 0)


def test_one_unreadable_instance_does_not_keep_the_others(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(clock)
    references = store(archive, 3)
    key = archive.commitments.whereabouts(references)[references[1].sop_uid].blob.key
    read = type(archive.blobs).chunks
    working = committer(archive, clock)
    with monkeypatch.context() as patch:

        def chunks(self: object, wanted: str, *rest: int) -> Any:
            if wanted == key:
                raise Unavailable("no")
            return read(self, wanted, *rest)  # pyright: ignore[reportArgumentType] - the store itself

        patch.setattr(type(archive.blobs), "chunks", chunks)
        assert working.request("1.2.3", CommitmentRequest(tuple(references))).reasons == (0, LATER, 0)
    working.work(lambda: False)
    assert working.result("1.2.3").reasons == (0, 0, 0)


def test_another_worker_goes_on_when_the_lease_of_a_killed_one_is_over(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(clock)
    monkeypatch.setattr(archive.leases, "_clock", lambda: clock.now / 10**6)
    references = store(archive, 3)
    archive.commitments.add("1.2.3", CommitmentRequest(tuple(references)), at=clock.now)
    archive.commitments.note_progress("1.2.3", [FailureReason.COMMITTED], retry_after=7)
    assert archive.leases.acquire("commitment 1.2.3", "killed", LEASE_SECONDS, clock.now)
    working = committer(archive, clock)
    working.work(lambda: False)
    pending = working.result("1.2.3")
    assert (pending.state, pending.retry_after) == (CommitmentState.PENDING, 7)
    clock.now += int(LEASE_SECONDS * 10**6) + 1
    working.work(lambda: False)
    assert working.result("1.2.3").reasons == (0, 0, 0)


def test_a_refused_request_does_not_take_the_lease_of_the_one_before(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise whoever verifies in the background would find it taken, and pass on."""
    later(clock)
    working = committer(archive, clock, immediate_seconds=0)
    request = CommitmentRequest(tuple(store(archive)))
    assert working.request("1.2.3", request).state is CommitmentState.PENDING
    taken: list[str] = []
    acquire = type(archive.leases).acquire

    def note(self: Any, name: str, *rest: Any) -> bool:
        taken.append(name)
        return acquire(self, name, *rest)

    monkeypatch.setattr(type(archive.leases), "acquire", note)
    with pytest.raises(Conflict):
        working.request("1.2.3", request)
    assert taken == []
    working.work(lambda: False)
    assert working.result("1.2.3").state is CommitmentState.DONE
    assert taken


def test_a_server_that_stops_leaves_the_rest(archive: Archive, clock: Clock) -> None:
    later(clock)
    references = store(archive, 3)
    archive.commitments.add("1.2.3", CommitmentRequest(tuple(references)), at=clock.now)
    answers = iter([False, False, False, True])
    working = committer(archive, clock)
    working.work(lambda: next(answers, True))
    stopped = working.result("1.2.3")
    assert stopped.state is CommitmentState.PENDING
    assert len(stopped.reasons) < 3
    working.work(lambda: False)
    assert working.result("1.2.3").reasons == (0, 0, 0)


def test_what_goes_while_it_is_verified_is_not_committed(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(clock)
    references = store(archive, 2)
    finish = type(archive.commitments).finish
    gone = ResourceRef(references[0].study_uid, references[0].series_uid, references[0].sop_uid)

    def delete_first(self: Any, *rest: Any) -> Any:
        archive.index.delete(gone, at=clock.now, keep_until=clock.now + DAY, retained_since=None)
        return finish(self, *rest)

    monkeypatch.setattr(type(archive.commitments), "finish", delete_first)
    done = committer(archive, clock).request("1.2.3", CommitmentRequest(tuple(references)))
    assert done.reasons == (FailureReason.NO_SUCH_INSTANCE, FailureReason.COMMITTED)


def test_what_the_clock_takes_for_newer_than_the_request_is_committed_when_it_was_read(
    archive: Archive, clock: Clock
) -> None:
    """By the clock of this test, which went back, everything was stored after the request."""
    references = store(archive)
    done = committer(archive, clock).request("1.2.3", CommitmentRequest(tuple(references)))
    assert done.reasons == (FailureReason.COMMITTED,)


def test_what_another_worker_read_before_it_was_stored_is_read_again(
    archive: Archive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    references = store(archive)
    archive.commitments.add("1.2.3", CommitmentRequest(tuple(references)), at=clock.now)
    archive.commitments.note_progress("1.2.3", [FailureReason.COMMITTED], retry_after=1)
    read: list[str] = []
    chunks = type(archive.blobs).chunks

    def spied(self: object, key: str, *rest: int) -> Any:
        read.append(key)
        return chunks(self, key, *rest)  # pyright: ignore[reportArgumentType] - the store itself

    monkeypatch.setattr(type(archive.blobs), "chunks", spied)
    working = committer(archive, clock)
    working.work(lambda: False)
    assert working.result("1.2.3").reasons == (FailureReason.COMMITTED,)
    assert len(read) == 1


def test_what_is_replaced_after_it_was_read_is_not_committed_unread(
    make_archive: Callable[..., Archive], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes back meanwhile, so that the new bytes look older than the request."""
    later(clock)
    archive = make_archive(duplicates=DuplicatePolicy.REPLACE)
    (file,) = samples.series(1)
    (reference,) = store_files(archive, [file])
    finish = type(archive.commitments).finish
    read: list[str] = []
    chunks = type(archive.blobs).chunks

    def spied(self: object, key: str, *rest: int) -> Any:
        read.append(key)
        return chunks(self, key, *rest)  # pyright: ignore[reportArgumentType] - the store itself

    def replaced_first(self: Any, *rest: Any) -> tuple[int, ...]:
        if len(read) == 1:
            other = samples.variant(
                "CT_small.dcm",
                StudyInstanceUID=reference.study_uid,
                SeriesInstanceUID=reference.series_uid,
                SOPInstanceUID=reference.sop_uid,
                PatientName="Other",
            )
            store_files(archive, [other])
        return finish(self, *rest)

    monkeypatch.setattr(type(archive.blobs), "chunks", spied)
    monkeypatch.setattr(type(archive.commitments), "finish", replaced_first)
    done = committer(archive, clock).request("1.2.3", CommitmentRequest((reference,)))
    assert done.reasons == (FailureReason.COMMITTED,)
    assert len(set(read)) == 2, "the bytes that are there now were read too"


def test_more_references_than_are_looked_up_at_once(archive: Archive, clock: Clock) -> None:
    later(clock)
    known = store(archive)
    others = [Reference(CT, generate_uid()) for _ in range(2 * LOOKED_UP_AT_ONCE + 1)]
    done = committer(archive, clock).request("1.2.3", CommitmentRequest((*others, *known)))
    assert done.reasons == (FailureReason.NO_SUCH_INSTANCE,) * len(others) + (0,)


def test_results_expire(archive: Archive, clock: Clock) -> None:
    later(clock)
    working = committer(archive, clock, result_days=1)
    working.request("1.2.3", CommitmentRequest((Reference(CT, "1.2"),)))
    clock.now += DAY - 1
    assert archive.commitments.expire(clock.now) == 0
    clock.now += 1
    assert archive.commitments.expire(clock.now) == 1
    tombstone = archive.commitments.find("1.2.3")
    assert tombstone is not None
    assert (tombstone.state, tombstone.request.references, tombstone.reasons) == (CommitmentState.EXPIRED, (), ())
    assert not archive.commitments.add("1.2.3", CommitmentRequest(()), at=clock.now)
