"""Taking instances in: duplicates, moves, counters, first wins (PS3.18 10.5)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Place, StoreOutcome, StoreResult
from filmjacket.errors import Unavailable
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.records import Candidate
    from filmjacket.index import SqlIndex

    from .conftest import Archive

KEEP, REPLACE, REJECT = DuplicatePolicy.KEEP, DuplicatePolicy.REPLACE, DuplicatePolicy.REJECT


def study_of(archive: Archive, uid: str) -> dict[str, Any]:
    (match,) = archive.search("studies", f"StudyInstanceUID={uid}&includefield=all").matches
    return match.attributes


def counts(archive: Archive, uid: str) -> tuple[int, int]:
    attributes = study_of(archive, uid)
    return (attributes["00201206"]["Value"][0], attributes["00201208"]["Value"][0])


@pytest.mark.parametrize("duplicates", [KEEP, REPLACE, REJECT])
def test_identical_bytes_are_stored_once(
    index: SqlIndex, candidate: Callable[..., Candidate], duplicates: DuplicatePolicy
) -> None:
    first, again = candidate("1.2", "1.2.1", "1.2.1.1"), candidate("1.2", "1.2.1", "1.2.1.1")
    copy = type(again)(
        **{name: getattr(again, name) for name in again.__slots__}
        | {"blob": BlobRef("copy", again.blob.size, again.blob.sha256)}
    )
    assert index.store([first], duplicates) == [StoreOutcome(StoreResult.STORED)]
    assert index.store([copy], duplicates) == [StoreOutcome(StoreResult.IDENTICAL, copy.blob)]
    assert index.instances(ResourceRef("1.2"))[0].blob == first.blob


def test_the_same_blob_is_never_given_up(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    one = candidate("1.2", "1.2.1", "1.2.1.1")
    index.store([one], KEEP)
    assert index.store([one], REPLACE) == [StoreOutcome(StoreResult.IDENTICAL, None)]


@pytest.mark.parametrize(
    ("duplicates", "result", "kept", "unneeded"),
    [
        (KEEP, StoreResult.KEPT, "old", "new"),
        (REJECT, StoreResult.DUPLICATE, "old", "new"),
        (REPLACE, StoreResult.REPLACED, "new", "old"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_other_bytes_follow_the_policy(
    index: SqlIndex,
    candidate: Callable[..., Candidate],
    duplicates: DuplicatePolicy,
    result: StoreResult,
    kept: str,
    unneeded: str,
    together: bool,
) -> None:
    made = {name: candidate("1.2", "1.2.1", "1.2.1.1", content=name, t00081030=name) for name in ("old", "new")}
    batches = [[made["old"], made["new"]]] if together else [[made["old"]], [made["new"]]]
    outcomes = [outcome for batch in batches for outcome in index.store(batch, duplicates)]
    place = Place("1.2", "1.2.1") if duplicates is KEEP else None
    assert outcomes == [StoreOutcome(StoreResult.STORED), StoreOutcome(result, made[unneeded].blob, place)]
    assert [one.blob for one in index.instances(ResourceRef("1.2"))] == [made[kept].blob]


def test_three_versions_in_one_batch_leave_the_last(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    index.store([candidate("1.2", "1.2.1", "1.2.1.1", content="0")], REPLACE)
    versions = [candidate("1.2", "1.2.1", "1.2.1.1", content=str(number)) for number in (1, 2, 3)]
    outcomes = index.store(versions, REPLACE)
    assert [outcome.result for outcome in outcomes] == ["replaced"] * 3
    assert [outcome.unneeded for outcome in outcomes][1:] == [versions[0].blob, versions[1].blob]
    assert [one.blob for one in index.instances(ResourceRef("1.2"))] == [versions[2].blob]


def test_counters_and_modalities(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    archive.add("1.2", "1.2.1", "1.2.1.2")
    archive.add("1.2", "1.2.2", "1.2.2.1", t00080060="SR")
    archive.add("1.2", "1.2.3", "1.2.3.1", t00080060="")
    assert counts(archive, "1.2") == (3, 4)
    assert study_of(archive, "1.2")["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
    found = archive.search("studies/1.2/series")
    assert [match.attributes["00201209"]["Value"] for match in found.matches] == [[2], [1], [1]]


def test_an_instance_that_moves_leaves_no_trace(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "7.1", t00100020="WRONG", t00080060="MR")
    archive.add("1.2", "1.2.2", "7.2", t00100020="RIGHT")
    archive.add("1.3", "1.3.1", "7.3")
    moved = archive.candidate("1.3", "1.3.1", "7.1", content="moved")
    assert archive.store(moved) == ["replaced"]
    assert counts(archive, "1.2") == (1, 1)
    assert counts(archive, "1.3") == (1, 2)
    # The attributes of 1.2 came from the instance that left.
    assert study_of(archive, "1.2")["00100020"]["Value"] == ["RIGHT"]
    assert study_of(archive, "1.2")["00080061"]["Value"] == ["CT"]
    assert archive.uids("studies/1.2/series") == ["1.2.2"]
    assert archive.store(archive.candidate("1.3", "1.3.1", "7.2", content="moved")) == ["replaced"]
    assert archive.uids("studies") == ["1.3"]
    assert archive.uids("studies", "PatientID=RIGHT") == []
    assert counts(archive, "1.3") == (1, 3)


def test_an_instance_that_moves_within_its_study(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "7.1", t00080060="MR", t00200011=9)
    archive.add("1.2", "1.2.1", "7.2", t00200011=5)
    assert archive.store(archive.candidate("1.2", "1.2.2", "7.1", content="moved")) == ["replaced"]
    assert counts(archive, "1.2") == (2, 2)
    assert archive.uids("series", "SeriesNumber=5") == ["1.2.1"]
    assert archive.uids("series", "SeriesNumber=9") == []
    assert study_of(archive, "1.2")["00080061"]["Value"] == ["CT"]


def test_the_first_instance_wins_and_later_ones_fill_in(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "7.1", t00100020="A", t00081030="", t00080050=None)
    archive.add("1.2", "1.2.1", "7.2", t00100020="B", t00081030="HEAD", t00080050="ACC")
    attributes = study_of(archive, "1.2")
    assert attributes["00100020"]["Value"] == ["A"]
    assert attributes["00081030"]["Value"] == ["HEAD"]
    assert archive.uids("studies", "AccessionNumber=ACC&PatientID=A") == ["1.2"]
    assert archive.uids("studies", "PatientID=B") == []


def test_a_corrected_first_instance_corrects_its_study(archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "7.1", t00100020="WRONG", t00081030="HEAD")
    archive.add("1.2", "1.2.1", "7.2", t00100020="WRONG")
    archive.store(archive.candidate("1.2", "1.2.1", "7.2", content="x", t00100020="OTHER"))
    assert archive.uids("studies", "PatientID=WRONG") == ["1.2"]
    archive.store(archive.candidate("1.2", "1.2.1", "7.1", content="x", t00100020="RIGHT", t00081030=""))
    assert archive.uids("studies", "PatientID=RIGHT&StudyDescription=HEAD") == ["1.2"]
    assert archive.uids("studies", "PatientID=WRONG") == []


def test_a_request_that_cannot_be_written_fails_alone(archive: Archive) -> None:
    broken = archive.candidate("1.2", "1.2.1", "7.1")
    object.__setattr__(broken, "transfer_syntax", object())
    barrier = threading.Barrier(9)
    failed: list[Exception] = []

    def run(candidate: Candidate) -> None:
        barrier.wait()
        try:
            archive.store(candidate)
        except Exception as error:  # noqa: BLE001 - any error is what is looked for
            failed.append(error)

    fine = [archive.candidate("1.2", "1.2.1", f"8.{number}") for number in range(8)]
    threads = [threading.Thread(target=run, args=(one,)) for one in (broken, *fine)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 1
    assert counts(archive, "1.2") == (1, 8)


def test_concurrent_requests_count_right(archive: Archive) -> None:
    def run(worker: int) -> None:
        for number in range(10):
            archive.store(archive.candidate("1.2", f"1.2.{worker}", f"9.{worker}.{number}"))

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(archive, "1.2") == (6, 60)


def test_a_closed_index_refuses(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    index.close()
    with pytest.raises(Unavailable):
        index.store([candidate("1.2", "1.2.1", "7.1")], KEEP)


def test_nothing_to_store(index: SqlIndex) -> None:
    assert index.store([], KEEP) == []
