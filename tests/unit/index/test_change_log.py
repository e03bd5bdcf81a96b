"""The change log: written with the data, numbered without gaps, seen in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from filmjacket.archive.changes import Change, ChangeFilter, Log, LogExtent
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.ups_events import EventType, UpsEvent
from filmjacket.dicom.levels import Level
from filmjacket.index.change_log import record_changes
from filmjacket.index.engine import Database
from filmjacket.index.sql_changes import SqlChanges
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.records import Candidate
    from filmjacket.index import SqlIndex
    from tests.unit.index.conftest import Archive

REPLACE = DuplicatePolicy.REPLACE
EVERYTHING = ChangeFilter()
SECOND = 1_000_000


@pytest.fixture
def database(index: SqlIndex, index_url: str) -> Iterator[Database]:
    opened = Database(index_url)
    yield opened
    opened.close()


@pytest.fixture
def log(database: Database) -> SqlChanges:
    return SqlChanges(database)


def told(log: SqlChanges, after: int = 0) -> list[str]:
    entries = log.changes(after, 2**62, 1000, EVERYTHING)
    assert [one.number for one in entries] == list(range(after + 1, after + 1 + len(entries)))
    assert [one.at for one in entries] == sorted(one.at for one in entries)
    return [" ".join(filter(None, (one.change.level, one.change.action, uid_of(one.change)))) for one in entries]


def uid_of(change: Change) -> str:
    return change.uid or change.series_uid or change.study_uid


CASES = {
    "the first instance": (
        [("store", "1.2", "1.2.1", "1.2.1.1")],
        ["study created 1.2", "series created 1.2.1", "instance created 1.2.1.1"],
    ),
    "one more of the same series": (
        [("store", "1.2", "1.2.1", "1.2.1.1"), ("store", "1.2", "1.2.1", "1.2.1.2")],
        ["instance created 1.2.1.2"],
    ),
    "the same bytes again": ([("store", "1.2", "1.2.1", "1.2.1.1"), ("store", "1.2", "1.2.1", "1.2.1.1")], []),
    "other bytes": (
        [("store", "1.2", "1.2.1", "1.2.1.1"), ("store", "1.2", "1.2.1", "1.2.1.1", "new")],
        ["instance updated 1.2.1.1"],
    ),
    "moved to another study": (
        [("store", "1.2", "1.2.1", "1.2.1.1"), ("store", "1.3", "1.3.1", "1.2.1.1")],
        ["study created 1.3", "series created 1.3.1", "instance deleted 1.2.1.1", "instance created 1.2.1.1",
         "series deleted 1.2.1", "study deleted 1.2"],
    ),
    "deleted": (
        [("store", "1.2", "1.2.1", "1.2.1.1"), ("delete",)],
        ["instance deleted 1.2.1.1", "series deleted 1.2.1", "study deleted 1.2"],
    ),
    "restored": (
        [("store", "1.2", "1.2.1", "1.2.1.1"), ("delete",), ("restore",)],
        ["study created 1.2", "series created 1.2.1", "instance created 1.2.1.1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_unit_of_work_is_called(archive: Archive, log: SqlChanges, name: str) -> None:
    steps, expected = CASES[name]
    before = 0
    for step in steps:
        before = log.extent(Log.CHANGES).last
        if step[0] == "store":
            study, series, sop, *content = step[1:]
            archive.store(archive.candidate(study, series, sop, content="".join(content)))
        elif step[0] == "delete":
            archive.index.delete(ResourceRef("1.2"), at=5, keep_until=10**15, retained_since=None)
        else:
            archive.index.restore(ResourceRef("1.2"))
    assert told(log, before) == expected


def test_a_changed_attribute_updates_the_study(archive: Archive, log: SqlChanges) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00081030=None)
    archive.add("1.2", "1.2.1", "1.2.1.2", t00081030="CHEST")
    assert told(log, 3) == ["study updated 1.2", "instance created 1.2.1.2"]


def test_what_is_rolled_back_leaves_no_gap(database: Database, log: SqlChanges) -> None:
    def fail(connection: Any) -> None:
        record_changes(connection, [Change("study", "created", "1.2")], at=1)
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fail)
    database.write(lambda connection: record_changes(connection, [Change("study", "created", "1.3")], at=1))
    assert told(log) == ["study created 1.3"]


def test_no_reader_sees_a_number_before_smaller_ones(database: Database, log: SqlChanges) -> None:
    """Four writers at once; whoever reads on from the last number it saw has missed nothing in the end."""
    writers = 4
    each = 25

    def write(who: int) -> None:
        for number in range(each):
            change = Change("instance", "created", str(who), uid=f"{who}.{number}")
            database.write(lambda connection, change=change: record_changes(connection, [change], at=1))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    position = 0
    while True:
        running = any(thread.is_alive() for thread in threads)
        for one in log.changes(position, 2**62, 7, EVERYTHING):
            assert one.number == position + 1
            position = one.number
            seen.append(one.change.uid)
        if not running and position == log.extent(Log.CHANGES).last:
            break
    assert len(seen) == writers * each == len(set(seen))
    for who in range(writers):
        own = [uid for uid in seen if uid.startswith(f"{who}.")]
        assert own == [f"{who}.{number}" for number in range(each)]


def test_moments_never_go_back(database: Database, log: SqlChanges) -> None:
    for at in (10, 5, 20):
        database.write(lambda connection, at=at: record_changes(connection, [Change("study", "created", "1")], at=at))
    moments = [one.at for one in log.changes(0, 2**62, 10, EVERYTHING)]
    assert moments == sorted(moments)
    assert log.number_before(moments[-1]) < 3
    assert log.number_before(moments[-1] + 1) == 3
    assert log.number_before(0) == 0


FILTERS = {
    "levels": (ChangeFilter(levels=frozenset({"study"})), ["1.2", "1.3"]),
    "actions": (ChangeFilter(actions=frozenset({"deleted"})), []),
    "study": (ChangeFilter(study_uids=frozenset({"1.3"})), ["1.3", "1.3.1", "1.3.1.1"]),
    "both": (ChangeFilter(frozenset({"series"}), frozenset({"created"}), frozenset({"1.2"})), ["1.2.1"]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(archive: Archive, log: SqlChanges, name: str) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    archive.add("1.3", "1.3.1", "1.3.1.1")
    wanted, expected = FILTERS[name]
    found = log.changes(0, 2**62, 100, wanted)
    assert [uid_of(one.change) for one in found] == expected
    assert [one for one in log.changes(0, 2**62, 100, EVERYTHING) if wanted.admits(one.change)] == found


QUERIES = [
    (Level.STUDY, "PatientID=A", ["1.2"]),
    (Level.STUDY, "PatientID=A*", ["1.2"]),
    (Level.STUDY, "ModalitiesInStudy=MR", ["1.3"]),
    (Level.SERIES, "Modality=MR", ["1.3.1"]),
    (Level.SERIES, "PatientID=A&Modality=MR", []),
    (Level.INSTANCE, "PatientID=B&Modality=MR", ["1.3.1.1"]),
    (Level.INSTANCE, "SOPInstanceUID=1.2.1.1", ["1.2.1.1"]),
]


@pytest.mark.parametrize(("level", "query", "expected"), QUERIES)
@pytest.mark.parametrize("deleted", [False, True])
def test_attributes_are_matched_whether_deleted_or_not(
    archive: Archive, log: SqlChanges, level: Level, query: str, expected: list[str], deleted: bool
) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00100020="A", t00080060="CT")
    archive.add("1.3", "1.3.1", "1.3.1.1", t00100020="B", t00080060="MR")
    if deleted:
        for uid in ("1.2", "1.3"):
            archive.index.delete(ResourceRef(uid), at=5, keep_until=10**18, retained_since=None)
    created = log.changes(0, 2**62, 100, ChangeFilter(frozenset({str(level)}), frozenset({"created"})))
    found = log.matching(created, parse_search(level, ResourceRef(), query))
    assert [uid_of(one.change) for one in found] == expected


def test_what_is_purged_matches_nothing(archive: Archive, log: SqlChanges) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00100020="A")
    archive.index.delete(ResourceRef("1.2"), at=5, keep_until=5, retained_since=None)
    archive.index.purge(at=10**18, retained_since=None)
    entries = log.changes(0, 2**62, 100, ChangeFilter(frozenset({"study"})))
    assert log.matching(entries, parse_search(Level.STUDY, ResourceRef(), "PatientID=A")) == []


def test_old_entries_go_and_the_loss_shows(database: Database, log: SqlChanges) -> None:
    assert log.extent(Log.CHANGES) == LogExtent(1, 0)
    for uid in ("1", "2", "3"):
        database.write(lambda connection, uid=uid: record_changes(connection, [Change("study", "created", uid)], at=10))
    moment = log.changes(0, 2**62, 10, EVERYTHING)[-1].at
    assert log.forget(10, 0) == 0
    assert log.forget(moment + 1, 0, batch=1) == 1
    assert log.extent(Log.CHANGES) == LogExtent(2, 3)
    log.forget(moment + 1, 0)
    # The last one stays, and with it the number that the next one follows.
    assert log.extent(Log.CHANGES) == LogExtent(3, 3)
    database.write(lambda connection: record_changes(connection, [Change("study", "created", "4")], at=20))
    assert log.extent(Log.CHANGES) == LogExtent(3, 4)


# Stable studies -----------------------------------------------------------------------------------------------


def stable(log: SqlChanges) -> list[str]:
    found = log.changes(0, 2**62, 1000, ChangeFilter(actions=frozenset({"stable"})))
    return [one.change.study_uid for one in found]


def test_a_study_is_stable_once_for_every_time_instances_came(archive: Archive, log: SqlChanges) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    at = log.changes(0, 2**62, 10, EVERYTHING)[-1].at
    assert log.unsettled(at=at, seconds=60)
    assert log.settle(at=at + 59 * SECOND, seconds=60) == 0
    assert not log.unsettled(at=at, seconds=60)
    assert log.settle(at=at + 60 * SECOND, seconds=60) == 1
    assert log.settle(at=at + 600 * SECOND, seconds=60) == 0
    assert stable(log) == ["1.2"]
    archive.add("1.2", "1.2.1", "1.2.1.2")
    later = log.changes(0, 2**62, 10, EVERYTHING)[-1].at
    assert log.settle(at=later + 60 * SECOND, seconds=60) == 1
    assert stable(log) == ["1.2", "1.2"]


def test_instances_that_keep_coming_keep_a_study_unsettled(
    index: SqlIndex, candidate: Callable[..., Candidate], log: SqlChanges, database: Database
) -> None:
    if not database.embedded:
        pytest.skip("the clock is the database's")
    for number in range(3):
        index.store([candidate("1.2", "1.2.1", f"1.2.1.{number}")], REPLACE, at=number * 50 * SECOND)
        assert log.settle(at=(number * 50 + 49) * SECOND, seconds=60) == 0
    assert log.settle(at=160 * SECOND, seconds=60) == 1


def test_a_study_that_is_deleted_meanwhile_is_never_stable(archive: Archive, log: SqlChanges) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    archive.index.delete(ResourceRef("1.2"), at=5, keep_until=10**18, retained_since=None)
    assert log.settle(at=10**17, seconds=60) == 0
    assert stable(log) == []


def test_two_workers_call_a_study_stable_once(archive: Archive, log: SqlChanges, index_url: str) -> None:
    for number in range(5):
        archive.add(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1")
    counts: list[int] = []
    databases = [Database(index_url) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda one=one: counts.append(SqlChanges(one).settle(at=10**17, seconds=60)))
        for one in databases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in databases:
        one.close()
    assert sum(counts) == 5
    assert sorted(stable(log)) == [f"1.{number}" for number in range(5)]


# Events of the worklist ---------------------------------------------------------------------------------------


def event(*subscribers: str, uid: str = "1.2") -> UpsEvent:
    data_set = {"00741000": {"vr": "CS", "Value": ["SCHEDULED"]}}
    return UpsEvent(EventType.STATE_REPORT, uid, data_set, subscribers)


def test_events_know_whom_they_are_for(log: SqlChanges) -> None:
    log.tell([event("A", "B"), event(), event("B", uid="1.3")], 7)
    first, second = log.events(0, 10)
    assert (first.number, first.event_type, first.workitem_uid) == (1, 1, "1.2")
    assert first.subscribers == {"A", "B"}
    assert (second.number, second.workitem_uid) == (2, "1.3")


def test_something_is_told_once(log: SqlChanges) -> None:
    assert log.tell([event("A")], 1, once="started:1")
    assert not log.tell([event("A")], 1, once="started:1")
    assert log.tell([event("A")], 1, once="started:2")
    assert log.extent(Log.EVENTS).last == 2


def test_positions_of_subscribers_only_rise(log: SqlChanges) -> None:
    assert log.sent("A") is None
    log.note_sent({"A": 5, "B": 2}, 1)
    log.note_sent({"A": 3}, 2)
    assert (log.sent("A"), log.sent("B")) == (5, 2)


@pytest.mark.parametrize(
    ("after", "keep", "expected"),
    [(0, 10, (0, 0)), (0, 2, (4, 1)), (0, 1, (6, 2)), (3, 10, (4, 0)), (7, 10, (8, 0)), (8, 10, (8, 0))],
)
def test_what_a_subscriber_missed(log: SqlChanges, after: int, keep: int, expected: tuple[int, int]) -> None:
    """Events 1, 5 and 7 of 8 are A's."""
    log.tell([event("A" if number in {1, 5, 7} else "B") for number in range(1, 9)], 1)
    assert log.missed("A", after, keep) == expected
