"""The grammar of readers of the change log."""

from __future__ import annotations

import pytest

from filmjacket.archive.changes import Change, ChangeFilter, LogExtent, LoggedChange
from filmjacket.client.changes import parse_change
from filmjacket.errors import BadRequest, Conflict, FilmjacketError, Gone
from filmjacket.services.notifications.entries import change_object, cloud_event, resource_path
from filmjacket.services.notifications.event_reports import message_id
from filmjacket.services.notifications.feed import starting_point
from filmjacket.services.notifications.query import ChangeQuery, parse_change_query

TAKEN = [
    (b"", ChangeQuery(wait=0)),
    (b"since=0", ChangeQuery(since=0, wait=0)),
    (b"since=latest&limit=7", ChangeQuery(latest=True, limit=7, wait=0)),
    (b"from=1970-01-01T00:00:01Z&to=1970-01-02", ChangeQuery(begin=1_000_000, end=86_400_000_000, wait=0)),
    (b"from=1970-01-01T01:00:01%2B01:00", ChangeQuery(begin=1_000_000, wait=0)),
    (b"level=instance,study", ChangeQuery(wanted=ChangeFilter(levels=frozenset({"study", "instance"})), wait=0)),
    (b"level=performed-step,scheduled-step&StudyInstanceUID=1.2",
     ChangeQuery(wanted=ChangeFilter(levels=frozenset({"scheduled-step", "performed-step"}),
                                     study_uids=frozenset({"1.2"})), wait=0)),
    (b"action=stable", ChangeQuery(wanted=ChangeFilter(actions=frozenset({"stable"})), wait=0)),
    (b"StudyInstanceUID=1.2,1.3", ChangeQuery(wanted=ChangeFilter(study_uids=frozenset({"1.2", "1.3"})), wait=0)),
    (b"wait=60", ChangeQuery(wait=60)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), TAKEN, ids=[raw.decode() for raw, _ in TAKEN])
def test_taken(raw: bytes, expected: ChangeQuery) -> None:
    assert parse_change_query(raw) == expected


REFUSED = [
    (b"since=-1", "since"),
    (b"since=x", "since"),
    (b"since=" + b"9" * 5000, "since"),
    (b"limit=0", "limit"),
    (b"limit=1001", "limit"),
    (b"wait=61", "wait"),
    (b"from=yesterday", "from"),
    (b"level=patient", "level"),
    (b"level=", "level"),
    (b"action=created,", "action"),
    (b"since=1&since=2", "since"),
    (b"StudyInstanceUID=x", "StudyInstanceUID"),
    (b"NoSuchKeyword=1", "NoSuchKeyword"),
    (b"PatientID=1&level=workitem", "level"),
    (b"ScheduledProcedureStepStatus=STARTED&level=scheduled-step", "level"),
    (b"PerformedProcedureStepStatus=COMPLETED&level=performed-step", "level"),
    (b"PatientID=1&level=study,scheduled-step", "level"),
    (b"PatientID=1&level=study,series", "level"),
    (b"SOPInstanceUID=1.2", "SOPInstanceUID"),
    (b"since=%FF", "query"),
]


@pytest.mark.parametrize(("raw", "offender"), REFUSED, ids=str)
def test_refused(raw: bytes, offender: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_change_query(raw)
    assert refusal.value.offender == offender


@pytest.mark.parametrize("name", ["levle", "since", "limit", "wait", "accept", "charset", "from"])
def test_the_filter_of_a_webhook_says_which_changes_and_nothing_else(name: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_change_query(f"{name}=5".encode(), live=True, strict=True)
    assert (refusal.value.offender, refusal.value.accepted) == (name, ("level", "action"))


def test_unknown_parameters_are_ignored() -> None:
    assert parse_change_query(b"levle=study") == ChangeQuery(wait=0)


def test_attributes_choose_studies_unless_a_level_is_named() -> None:
    for raw, level in ((b"PatientID=A", "study"), (b"PatientID=A&level=series", "series")):
        wanted = parse_change_query(raw).wanted
        assert wanted.levels == {level}
        assert wanted.query is not None
        assert wanted.query.level == level
        assert [key.tag for key in wanted.query.keys] == ["00100020"]


def test_live_readers_begin_now_and_have_no_end() -> None:
    assert parse_change_query(b"", live=True) == ChangeQuery(latest=True, limit=0, wait=None)
    assert parse_change_query(b"since=3&wait=0", live=True) == ChangeQuery(since=3, limit=0, wait=0)
    for name in ("from", "to"):
        with pytest.raises(BadRequest):
            parse_change_query(f"{name}=2026-01-01".encode(), live=True)


EXTENT = LogExtent(first=5, last=9)
STARTS: list[tuple[ChangeQuery, int | type[FilmjacketError]]] = [
    (ChangeQuery(), 4),
    (ChangeQuery(latest=True), 9),
    (ChangeQuery(since=4), 4),
    (ChangeQuery(since=9), 9),
    (ChangeQuery(since=3), Gone),
    (ChangeQuery(since=0), Gone),
    (ChangeQuery(since=10), Conflict),
]


@pytest.mark.parametrize(("query", "expected"), STARTS, ids=str)
def test_where_a_reader_begins(query: ChangeQuery, expected: int | type[FilmjacketError]) -> None:
    if isinstance(expected, int):
        assert starting_point(query, EXTENT) == expected
    else:
        with pytest.raises(expected):
            starting_point(query, EXTENT)


PATHS = [
    (Change("study", "stable", "1.2"), "studies/1.2"),
    (Change("series", "created", "1.2", "1.3"), "studies/1.2/series/1.3"),
    (Change("instance", "created", "1.2", "1.3", "1.4"), "studies/1.2/series/1.3/instances/1.4"),
    (Change("workitem", "updated", uid="1.5"), "workitems/1.5"),
    (Change("scheduled-step", "created", "1.2", uid="A/1 \u00e4"), "schedule/1.2/A%2F1%20%C3%A4"),
    (Change("performed-step", "created", "1.2", uid="1.7"), "modality-performed-procedure-steps/1.7"),
    (Change("non-patient", "created", uid="1.6"), ""),
]


@pytest.mark.parametrize(("change", "path"), PATHS, ids=str)
def test_where_a_resource_is(change: Change, path: str) -> None:
    assert resource_path(change) == path


def test_an_envelope_has_what_cloud_events_require() -> None:
    one = LoggedChange(7, 1_500_000, Change("instance", "created", "1.2", "1.3", "1.4", b'{"sopClassUID":"1.5"}'))
    source = "https://pacs.example.org/dicom-web"
    event = cloud_event(change_object(one, source), source)
    assert event == {
        "specversion": "1.0",
        "id": "7",
        "source": source,
        "type": "org.filmjacket.instance.created",
        "subject": "studies/1.2/series/1.3/instances/1.4",
        "time": "1970-01-01T00:00:01.500000Z",
        "datacontenttype": "application/json",
        "sequence": "0000000000000000007",
        "data": {
            "number": 7,
            "at": "1970-01-01T00:00:01.500000Z",
            "level": "instance",
            "action": "created",
            "studyInstanceUID": "1.2",
            "seriesInstanceUID": "1.3",
            "sopInstanceUID": "1.4",
            "detail": {"sopClassUID": "1.5"},
            "url": source + "/studies/1.2/series/1.3/instances/1.4",
        },
    }


STEPS = [
    (Change("scheduled-step", "updated", "1.2", uid="S/1"), "scheduledProcedureStepID", "schedule/1.2/S%2F1"),
    (Change("performed-step", "created", "", uid="1.7"), "performedProcedureStepUID",
     "modality-performed-procedure-steps/1.7"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "member", "subject"), STEPS, ids=["scheduled", "performed"])
def test_how_steps_are_told_of(change: Change, member: str, subject: str) -> None:
    source = "https://pacs.example.org/dicom-web"
    entry = change_object(LoggedChange(7, 1_500_000, change), source)
    assert entry[member] == change.uid
    assert ("studyInstanceUID" in entry) is bool(change.study_uid)
    event = cloud_event(entry, source)
    assert (event["type"], event["subject"]) == (f"org.filmjacket.{change.level}.{change.action}", subject)
    read = parse_change(entry)
    assert (read.level, read.study_uid, read.uid) == (change.level, change.study_uid, change.uid)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (65535, 65535), (65536, 1), (131070, 65535)])
def test_message_ids_wrap(count: int, expected: int) -> None:
    assert message_id(count) == expected
