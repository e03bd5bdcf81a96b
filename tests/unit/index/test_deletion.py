"""Deleting, restoring, purging, holds and retention."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from filmjacket.archive.deletions import Cause, Deletion, Hold, Obstacle, PurgedBatch, RestoreOutcome
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef
from filmjacket.index import open_index
from filmjacket.index.schema import name_words
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filmjacket.archive.deletions import DeleteOutcome
    from filmjacket.archive.records import Candidate
    from filmjacket.index import SqlIndex

    from .conftest import Archive

pytestmark = pytest.mark.slow

STUDY, SERIES, INSTANCE = ResourceRef("1.2"), ResourceRef("1.2", "1.2.1"), ResourceRef("1.2", "1.2.1", "1.2.1.1")
NOW, UNTIL = 1000, 2000
REPLACE = DuplicatePolicy.REPLACE


def delete(index: SqlIndex, ref: ResourceRef, *, at: int = NOW, **changes: Any) -> DeleteOutcome:
    return index.delete(ref, **({"at": at, "keep_until": UNTIL, "retained_since": None} | changes))


def purge(index: SqlIndex, *, at: int = UNTIL, **changes: Any) -> PurgedBatch:
    return index.purge(**({"at": at, "retained_since": None} | changes))


def fill(archive: Archive) -> None:
    """Study 1.2: series 1.2.1 (CT, two instances) and 1.2.2 (SR, one)."""
    archive.add("1.2", "1.2.1", "1.2.1.1")
    archive.add("1.2", "1.2.1", "1.2.1.2")
    archive.add("1.2", "1.2.2", "1.2.2.1", t00080060="SR")


def shown(index: SqlIndex, archive: Archive) -> dict[str, Any]:
    """Everything that clients can see of the archive."""
    return {
        "searches": [
            [
                (match.study_uid, match.series_uid, match.sop_uid, match.attributes)
                for match in archive.search(*query).matches
            ]
            for query in (
                ("studies", "includefield=all"),
                ("series", "includefield=all"),
                ("instances", "includefield=all"),
                ("studies", "ModalitiesInStudy=SR"),
                ("studies", "PatientName=second*"),
                ("series", "RequestAttributesSequence.RequestedProcedureID=R1"),
            )
        ],
        "metadata": [item for batch in index.metadata(ResourceRef()) for item in batch],
        "instances": index.instances(ResourceRef()),
    }


@pytest.mark.parametrize(
    ("ref", "left", "outcome"),
    [
        (STUDY, [], (3, 2)),
        (SERIES, ["1.2.2.1"], (2, 1)),
        (INSTANCE, ["1.2.1.2", "1.2.2.1"], (1, 1)),
        (ResourceRef("1.2", "1.2.2", "1.2.2.1"), ["1.2.1.1", "1.2.1.2"], (1, 1)),
    ],
)
def test_what_is_deleted_is_out_of_sight_and_comes_back(
    index: SqlIndex, archive: Archive, ref: ResourceRef, left: list[str], outcome: tuple[int, int]
) -> None:
    fill(archive)
    archive.add("1.9", "1.9.1", "1.9.1.1")
    before = shown(index, archive)
    deleted = delete(index, ref)
    assert (deleted.instances, deleted.series) == outcome
    assert sorted(archive.uids("studies/1.2/instances")) == left
    assert [one.sop_uid for one in index.instances(STUDY)] == left
    assert sorted(item.sop_uid for batch in index.metadata(STUDY) for item in batch) == left
    assert index.deletion_of(ref) == Deletion(NOW, UNTIL)
    assert index.restore(ref) == RestoreOutcome(outcome[0])
    assert shown(index, archive) == before
    assert index.deletion_of(ref) is None
    assert index.deleted() == []


def test_counters_and_modalities_follow(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    delete(index, ResourceRef("1.2", "1.2.2", "1.2.2.1"))
    (study,) = archive.search("studies", "includefield=all").matches
    assert study.attributes["00080061"]["Value"] == ["CT"]
    assert [study.attributes[tag]["Value"] for tag in ("00201206", "00201208")] == [[1], [2]]
    assert archive.uids("studies/1.2/series") == ["1.2.1"]
    assert archive.uids("studies", "ModalitiesInStudy=SR") == []


def test_what_a_deleted_instance_said_about_its_study_is_forgotten(index: SqlIndex, archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00081030=None)
    archive.add("1.2", "1.2.1", "1.2.1.2", t00081030="SECRET")
    assert archive.uids("studies", "StudyDescription=SECRET&includefield=StudyDescription") == ["1.2"]
    delete(index, ResourceRef("1.2", "1.2.1", "1.2.1.2"))
    (study,) = archive.search("studies", "includefield=all").matches
    assert "00081030" not in study.attributes


@pytest.mark.parametrize("seed", range(12))
def test_deleting_some_is_the_same_as_never_having_stored_them(
    tmp_path: Path, empty_index: Path, candidate: Callable[..., Candidate], seed: int
) -> None:
    """The property of all deletions, and of restoring: as if it had never happened."""
    chance = random.Random(seed)
    candidates = [_random_candidate(chance, candidate, number) for number in range(14)]
    chance.shuffle(candidates)
    doomed = set(chance.sample([item.sop_uid for item in candidates], chance.randint(1, 13)))

    def opened(name: str) -> SqlIndex:
        (tmp_path / name).write_bytes(empty_index.read_bytes())
        return open_index(f"sqlite:///{tmp_path / name}", maximum_results=50)

    from .conftest import Archive

    whole, without, never = opened("whole"), opened("without"), opened("never")
    for number, item in enumerate(candidates):
        whole.store([item], REPLACE, at=number)
        without.store([item], REPLACE, at=number)
        if item.sop_uid not in doomed:
            never.store([item], REPLACE, at=number)
    for item in candidates:
        if item.sop_uid in doomed:
            assert delete(without, ResourceRef(item.study_uid, item.series_uid, item.sop_uid)).obstacle is None
    assert shown(without, Archive(without, candidate)) == shown(never, Archive(never, candidate))
    for item in chance.sample(candidates, len(candidates)):
        if item.sop_uid in doomed:
            without.restore(ResourceRef(item.study_uid, item.series_uid, item.sop_uid))
    assert shown(without, Archive(without, candidate)) == shown(whole, Archive(whole, candidate))
    for one in (whole, without, never):
        one.close()


def _random_candidate(chance: random.Random, candidate: Callable[..., Candidate], number: int) -> Candidate:
    study = chance.choice(["1.2", "1.3"])
    series = f"{study}.{chance.randint(1, 3)}"
    request = {
        "vr": "SQ",
        "Value": [{"00401001": {"vr": "SH", "Value": [chance.choice(["R1", "R2"])]}}],
    }
    return candidate(
        study,
        series,
        f"{series}.{number}",
        t00080060=chance.choice(["CT", "SR", "MR"]),
        t00081030=chance.choice([None, "", "FIRST", "SECOND"]),
        t00100010=chance.choice([None, "FIRST^A", "SECOND^B"]),
        t00100020=chance.choice([None, "ID1", "ID2"]),
        t00200011=chance.choice([None, 1, 2]),
        t00400275=chance.choice([None, request]),
    )


def test_frames_go_and_come_with_their_instance(
    index: SqlIndex, candidate: Callable[..., Candidate], ct_header: Any
) -> None:
    from dataclasses import replace
    from struct import pack

    spans = b"".join(pack("<QQ", number * 10, 10) for number in range(3000))
    layout = replace(ct_header.layout, spans=spans)
    index.store([candidate("1.2", "1.2.1", "1.2.1.1", layout=layout)], REPLACE)
    (instance,) = index.instances(INSTANCE)
    delete(index, STUDY)
    index.store([candidate("1.2", "1.2.1", "1.2.1.2", content="other")], REPLACE)
    index.restore(STUDY)
    assert index.frame_spans(instance, [1, 1025, 3000]) == [(0, 10), (10240, 10), (29990, 10)]
    delete(index, STUDY)
    assert purge(index).instances == 2


def test_absent_and_deleted_twice(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    assert delete(index, ResourceRef("7")).obstacle is Obstacle.ABSENT
    assert index.deletion_of(ResourceRef("7")) is None
    delete(index, SERIES)
    assert delete(index, SERIES).obstacle is Obstacle.ABSENT
    assert index.deletion_of(SERIES) == index.deletion_of(INSTANCE) == Deletion(NOW, UNTIL)
    assert index.deletion_of(ResourceRef("1.2", "1.2.1", "9")) is None
    assert index.deletion_of(ResourceRef("1.2", "1.2.2")) is None


@pytest.mark.parametrize(
    ("deleted", "restored", "comes_back"),
    [
        ([INSTANCE, STUDY], STUDY, {"1.2.1.2", "1.2.2.1"}),
        ([INSTANCE, STUDY], SERIES, {"1.2.1.2"}),
        ([INSTANCE, STUDY], INSTANCE, {"1.2.1.1"}),
        ([SERIES, STUDY], STUDY, {"1.2.2.1"}),
        ([SERIES, STUDY], INSTANCE, {"1.2.1.1"}),
        ([INSTANCE, SERIES], STUDY, set[str]()),
    ],
)
def test_what_a_restore_brings_back(
    index: SqlIndex, archive: Archive, deleted: list[ResourceRef], restored: ResourceRef, comes_back: set[str]
) -> None:
    fill(archive)
    for ref in deleted:
        delete(index, ref)
    before = {one.sop_uid for one in index.instances(STUDY)}
    assert index.restore(restored).restored == len(comes_back)
    assert {one.sop_uid for one in index.instances(STUDY)} == before | comes_back


def test_a_deleted_instance_can_be_stored_again(index: SqlIndex, archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", content="old")
    archive.add("1.2", "1.2.1", "1.2.1.2")
    delete(index, STUDY)
    old, other, new = archive.stored[0], archive.stored[1], archive.candidate("1.2", "1.2.1", "1.2.1.1", content="new")
    (outcome,) = index.store([new], DuplicatePolicy.KEEP)
    assert (outcome.result, outcome.unneeded) == ("stored", None)
    # Both copies are known until the old one is purged.
    assert index.unknown_keys([old.blob.key, other.blob.key, new.blob.key, "x"]) == {"x"}
    assert index.restore(STUDY) == RestoreOutcome(1, stored_again=1)
    assert {one.blob.key for one in index.instances(STUDY)} == {other.blob.key, new.blob.key}
    assert purge(index).blob_keys == (old.blob.key,)
    assert index.instances(INSTANCE)[0].blob == new.blob


def test_the_newest_deleted_version_is_restored(index: SqlIndex, archive: Archive) -> None:
    versions = [archive.candidate("1.2", "1.2.1", "1.2.1.1", content=str(number)) for number in range(2)]
    for number, version in enumerate(versions):
        index.store([version], REPLACE)
        delete(index, INSTANCE, at=NOW + number)
    assert index.restore(INSTANCE) == RestoreOutcome(1)
    assert index.instances(INSTANCE)[0].blob == versions[1].blob


def test_deleted_bytes_are_verified_and_not_swept_nor_taken_for_stored(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    keys = {item.blob.key for item in archive.stored}
    delete(index, SERIES)
    assert {blob.key for batch in index.blobs(batch=1) for _, blob in batch} == keys
    assert index.unknown_keys(keys) == set()
    digests = [item.blob.sha256 for item in archive.stored]
    assert index.known_sources(digests) == {archive.stored[2].blob.sha256}


def test_purge_takes_what_is_expired_batch_by_batch_and_leaves_tombstones(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    keys = {item.blob.key for item in archive.stored}
    delete(index, STUDY)
    assert purge(index, at=UNTIL - 1) == PurgedBatch(0, 0, ())
    assert index.expired(at=UNTIL, retained_since=None) == PurgedBatch(3, 3 * 39206, ())
    batches = [purge(index, batch=2), purge(index, batch=2)]
    assert [batch.instances for batch in batches] == [2, 1]
    assert {key for batch in batches for key in batch.blob_keys} == keys == index.unknown_keys(keys)
    for ref in (STUDY, SERIES, INSTANCE):
        assert index.deletion_of(ref) == Deletion(NOW, None)
        assert index.restore(ref) == RestoreOutcome(0)
    index.forget_deletions(NOW)
    assert index.deletion_of(STUDY) is not None
    index.forget_deletions(NOW + 1)
    assert index.deletion_of(STUDY) is None


def names_known(index: SqlIndex) -> set[str]:
    with index._database.reading() as connection:
        return {row.name for row in connection.execute(select(name_words.c.name))}


def test_a_purge_leaves_no_name_behind_that_nobody_has_any_more(index: SqlIndex, archive: Archive) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00100010="Gone^Patient", t00080090="Doctor^Both")
    archive.add("1.3", "1.3.1", "1.3.1.1", t00100010="Other^Patient", t00080090="Doctor^Both")
    delete(index, STUDY)
    assert "gone^patient" in names_known(index)
    purge(index)
    assert names_known(index) == {"other^patient", "doctor^both"}


def test_tombstones_are_renewed(index: SqlIndex, archive: Archive) -> None:
    for at in (NOW, NOW + 1):
        assert archive.store(archive.candidate("1.2", "1.2.1", "1.2.1.1", content=str(at))) == ["stored"]
        delete(index, STUDY, at=at)
        assert purge(index).instances == 1
    assert index.deletion_of(INSTANCE) == Deletion(NOW + 1, None)


def test_a_blob_that_something_refers_to_is_not_given_up(index: SqlIndex, archive: Archive) -> None:
    one, twin = archive.candidate("1.2", "1.2.1", "1.2.1.1"), archive.candidate("1.3", "1.3.1", "1.3.1.1")
    twin = type(twin)(**{name: getattr(twin, name) for name in twin.__slots__} | {"blob": one.blob})
    index.store([one, twin], REPLACE)
    delete(index, STUDY)
    assert purge(index).blob_keys == ()
    delete(index, ResourceRef("1.3"))
    assert purge(index).blob_keys == (one.blob.key,)


def test_holds(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    held = Hold("1.2", "court", 5)
    assert index.add_hold(held)
    assert not index.add_hold(Hold("1.2", "another", 6))
    assert index.holds() == [held]
    for ref in (STUDY, SERIES, INSTANCE):
        assert delete(index, ref).obstacle is Obstacle.HELD
    assert len(index.instances(STUDY)) == 3
    assert index.remove_hold("1.2")
    assert not index.remove_hold("1.2")
    assert delete(index, STUDY).obstacle is None


def test_a_hold_stops_the_purge_but_not_the_restore(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    archive.add("1.3", "1.3.1", "1.3.1.1")
    delete(index, STUDY)
    delete(index, ResourceRef("1.3"))
    index.add_hold(Hold("1.2", "", 5))
    assert [(one.ref.study, one.held) for one in index.deleted()] == [("1.2", True), ("1.3", False)]
    assert purge(index).instances == 1
    assert index.restore(STUDY) == RestoreOutcome(3)


def test_minimum_retention(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    index.store([candidate("1.2", "1.2.1", "1.2.1.1")], REPLACE, at=100)
    index.store([candidate("1.2", "1.2.1", "1.2.1.2")], REPLACE, at=200)
    assert delete(index, STUDY, retained_since=150).obstacle is Obstacle.RETAINED
    assert delete(index, STUDY, retained_since=150).last_stored_at == 200
    assert delete(index, INSTANCE, retained_since=150).obstacle is None
    # A retention that was raised meanwhile keeps what is deleted already.
    assert purge(index, retained_since=50).instances == 0
    index.restore(INSTANCE)
    assert delete(index, INSTANCE, retained_since=99).obstacle is Obstacle.RETAINED


def test_if_match(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    digest = archive.stored[0].blob.sha256
    assert delete(index, INSTANCE, digests=frozenset({"0"})).obstacle is Obstacle.CHANGED
    assert delete(index, INSTANCE, digests=frozenset({"0", digest})).obstacle is None


@pytest.mark.parametrize("protected", ["held", "retained", "neither"])
@pytest.mark.parametrize("together", [False, True])
def test_replacing_destroys_nothing_that_is_protected(
    index: SqlIndex, candidate: Callable[..., Candidate], protected: str, together: bool
) -> None:
    versions = [candidate("1.2", "1.2.1", "1.2.1.1", content=str(number)) for number in range(3)]
    if protected == "held":
        index.add_hold(Hold("1.2", "", 0))
    retained_since = 0 if protected == "retained" else None
    outcomes = [
        outcome
        for batch in ([versions] if together else [[version] for version in versions])
        for outcome in index.store(batch, REPLACE, at=10, retained_since=retained_since)
    ]
    assert [outcome.result for outcome in outcomes] == ["stored", "replaced", "replaced"]
    assert index.instances(INSTANCE)[0].blob == versions[2].blob
    old = [version.blob.key for version in versions[:2]]
    given_up = [outcome.unneeded.key for outcome in outcomes if outcome.unneeded is not None]
    if protected == "neither":
        assert given_up == old
        assert index.deleted() == []
        return
    assert given_up == []
    assert index.unknown_keys(old) == set()
    assert [(one.ref, one.cause, one.instances) for one in index.deleted()] == [(INSTANCE, Cause.REPLACED, 2)]
    assert purge(index, at=10, retained_since=retained_since).instances == 0
    index.remove_hold("1.2")
    assert set(purge(index, at=10).blob_keys) == set(old)
    assert index.instances(INSTANCE)[0].blob == versions[2].blob
    # A replaced version was not deleted.
    delete(index, INSTANCE, at=NOW)
    assert index.deletion_of(INSTANCE) == Deletion(NOW, UNTIL)


def test_replaced_versions_are_not_deleted_resources(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    index.add_hold(Hold("1.2", "", 0))
    index.store([candidate("1.2", "1.2.1", "1.2.1.1", content="a")], REPLACE)
    index.store([candidate("1.3", "1.3.1", "1.2.1.1", content="b")], REPLACE)
    assert index.deletion_of(STUDY) is None
    assert index.restore(STUDY) == RestoreOutcome(0)
    assert index.locate("1.2", deleted=True) == []


def test_listing_and_locating(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    archive.add("1.3", "1.2.1", "1.3.1.1")
    assert index.locate("1.2") == [STUDY]
    assert index.locate("1.2.1") == [SERIES, ResourceRef("1.3", "1.2.1")]
    assert index.locate("1.2.1.1") == [INSTANCE]
    assert index.locate("9") == []
    delete(index, INSTANCE, at=1)
    delete(index, ResourceRef("1.2", "1.2.2"), at=2)
    delete(index, STUDY, at=3)
    assert [(one.ref, one.cause, one.deleted_at, one.instances, one.bytes) for one in index.deleted()] == [
        (INSTANCE, Cause.INSTANCE, 1, 1, 39206),
        (ResourceRef("1.2", "1.2.2"), Cause.SERIES, 2, 1, 39206),
        (STUDY, Cause.STUDY, 3, 1, 39206),
    ]
    assert index.locate("1.2.1", deleted=True) == [SERIES]
    assert index.locate("1.2", deleted=True) == [STUDY]
    assert index.locate("1.2.1.1", deleted=True) == [INSTANCE]


def test_deletions_and_stores_at_the_same_time(index: SqlIndex, candidate: Callable[..., Candidate]) -> None:
    """Whatever the order, counters are those of what is there."""
    errors: list[BaseException] = []

    def store(first: int) -> None:
        try:
            for number in range(first, first + 20):
                index.store([candidate("1.2", f"1.2.{number % 3}", f"7.{number}")], REPLACE)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    deleted: list[int] = []

    def remove() -> None:
        try:
            deleted.extend(delete(index, STUDY).instances for _ in range(20))
        except BaseException as error:  # noqa: BLE001 - as above
            errors.append(error)

    threads = [threading.Thread(target=store, args=(start,)) for start in (0, 100)]
    threads += [threading.Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    left = index.instances(STUDY)
    assert len(left) + sum(deleted) == 40
    index.restore(STUDY)
    assert len(index.instances(STUDY)) == 40


def test_a_blob_is_never_in_two_places(index: SqlIndex, archive: Archive) -> None:
    fill(archive)
    delete(index, STUDY)
    index.restore(STUDY)
    delete(index, SERIES)
    keys = [blob.key for batch in index.blobs() for _, blob in batch]
    assert sorted(keys) == sorted({item.blob.key for item in archive.stored})
    assert all(isinstance(blob, BlobRef) for batch in index.blobs() for _, blob in batch)
