"""IHE AI Workflow for Imaging (AIW-I): the Task Manager, as its three partners meet it over HTTP.

RAD-80 to RAD-88 and RAD-109 in the order in which the profile's workflows have them, with the events that each leads
to. The single transactions are proved by the tests of PS3.18 chapter 11; here they have to work together.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples
from tests.workitems import BASE, FILTERED, PUSH, WORKLIST, Requester, code, element, performed, workitem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient, WebSocketTestSession

STUDY, SERIES, IMAGE, RESULT = "2.25.71", "2.25.72", "2.25.73", "2.25.74"
CT = "1.2.840.10008.5.1.4.1.1.2"
QUEUE = "LIVER_AI_QUEUE"
REASON = {"00741238": element("LT", "Wrong patient"), "0074100A": element("UR", "tel:+4312345")}


@pytest.fixture
def manager(client: TestClient) -> Requester:
    return Requester(client)


@contextmanager
def channel(manager: Requester, aetitle: str) -> Iterator[WebSocketTestSession]:
    """RAD-109 Open Event Channel."""
    with manager.client.websocket_connect(f"{BASE}/ws/subscribers/{aetitle}") as socket:
        yield socket


def notified(socket: WebSocketTestSession, uid: str) -> tuple[int, dict[str, Any]]:
    """RAD-87 Send UPS Notification: the type of the next event, and what it says, of one workitem."""
    said: dict[str, Any] = socket.receive_json()
    assert said["00000002"]["Value"] == [PUSH]
    assert said["00001000"]["Value"] == [uid]
    assert "00081195" not in str(said)
    return said["00001002"]["Value"][0], said


def states(socket: WebSocketTestSession, uid: str, count: int) -> list[str]:
    """The states of the next events, all of them state reports."""
    events = [notified(socket, uid) for _ in range(count)]
    assert {kind for kind, _ in events} == {1}
    return [said["00741000"]["Value"][0] for _, said in events]


def store(manager: Requester, instance: str) -> None:
    file = samples.variant("CT_small.dcm", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=instance)
    answer = manager.client.post(
        f"{BASE}/studies",
        content=file,
        headers={"Content-Type": "application/dicom", "Accept": "application/dicom+json"},
    )
    assert answer.status_code == 200, answer.text


def reference(instance: str, url: str) -> dict[str, Any]:
    """Referenced Instances and Access, by WADO-RS."""
    return {
        "0040E020": element("CS", "DICOM"),
        "0020000D": element("UI", STUDY),
        "0020000E": element("UI", SERIES),
        "00081199": element("SQ", {"00081150": element("UI", CT), "00081155": element("UI", instance)}),
        "0040E025": element("SQ", {"00081190": element("UR", url)}),
    }


def url_of(instance: str) -> str:
    return f"http://testserver:8104{BASE}/studies/{STUDY}/series/{SERIES}/instances/{instance}"


def task(**changes: Any) -> dict[str, Any]:
    """What a Task Requester asks a liver model for."""
    given: dict[str, Any] = {
        "t00741202": element("LO", QUEUE),
        "t00404018": element("SQ", code("LIVER_SEG", "99AI", "Liver segmentation")),
        "t00404021": element("SQ", reference(IMAGE, url_of(IMAGE))),
        "t0020000D": element("UI", STUDY),
    }
    return workitem(**given | changes)


def find(manager: Requester, query: str) -> list[str]:
    """RAD-81 Query UPS Workitems."""
    answer = manager.get(f"/workitems?{query}", Accept="application/dicom+json")
    assert answer.status_code == 200, answer.text
    return [item["00080018"]["Value"][0] for item in answer.json()]


def progress(percent: float, text: str) -> dict[str, Any]:
    return {"00741002": element("SQ", {"00741004": element("DS", percent), "00741006": element("ST", text)})}


def results() -> dict[str, Any]:
    """What COMPLETED wants, with the instance that was made."""
    sent = performed()
    sent["00741216"]["Value"][0]["00404033"] = element("SQ", reference(RESULT, url_of(RESULT)))
    return sent


def put_state(manager: Requester, uid: str, state: str, lock: str, requester: str) -> int:
    return manager.state(uid, state, lock, f"/state?requester={requester}").status_code


def test_pull_workflow(manager: Requester) -> None:
    """Create, query, claim, get, update, complete; a Watcher follows all of it, and so does the Task Requester."""
    store(manager, IMAGE)
    with channel(manager, "WATCHER") as watcher, channel(manager, "RIS") as requester:
        assert manager.subscribe(WORKLIST, "WATCHER").status_code == 201  # RAD-86, global
        uid = str(generate_uid())
        created = manager.post(f"/workitems?workitem={uid}", task())  # RAD-80
        assert created.status_code == 201
        assert created.headers["location"].endswith(f"/workitems/{uid}")
        assert states(watcher, uid, 1) == ["SCHEDULED"]
        kind, assigned = notified(watcher, uid)
        assert (kind, assigned["00404025"]["Value"][0]["00080100"]["Value"]) == (5, ["CT1"])
        assert manager.subscribe(uid, "RIS").status_code == 201  # RAD-86, one workitem: its state is reported at once
        assert states(requester, uid, 1) == ["SCHEDULED"]

        keys = f"WorklistLabel={QUEUE}&ProcedureStepState=SCHEDULED&InputReadinessState=READY"
        assert find(manager, keys + "&00404018.00080100=LIVER_SEG") == [uid]
        lock, late = str(generate_uid()), str(generate_uid())
        assert put_state(manager, uid, "IN PROGRESS", lock, "LIVER_AI") == 200  # RAD-82
        assert put_state(manager, uid, "IN PROGRESS", late, "OTHER_AI") == 400
        assert find(manager, keys) == []
        for socket in (watcher, requester):
            assert states(socket, uid, 1) == ["IN PROGRESS"]

        contents = manager.read(uid)  # RAD-83
        assert "00081195" not in contents
        (source,) = contents["00404021"]["Value"]
        image = manager.client.get(source["0040E025"]["Value"][0]["00081190"]["Value"][0])
        assert image.status_code == 200

        update = f"/workitems/{uid}?Transaction-uid={lock}"
        assert manager.post(update, progress(40, "Segmenting")).status_code == 200  # RAD-84
        assert manager.post(f"/workitems/{uid}?Transaction-uid={late}", progress(41, "Mine")).status_code == 400
        for socket in (watcher, requester):
            kind, said = notified(socket, uid)
            assert (kind, said["00741002"]["Value"][0]["00741004"]["Value"]) == (3, [40])

        store(manager, RESULT)
        assert put_state(manager, uid, "COMPLETED", lock, "LIVER_AI") == 409  # nothing says what was performed
        assert manager.post(update, results()).status_code == 200
        assert put_state(manager, uid, "COMPLETED", lock, "LIVER_AI") == 200  # RAD-85
        for socket in (watcher, requester):
            assert states(socket, uid, 1) == ["COMPLETED"]

    done = manager.read(uid)
    assert done["00741000"]["Value"] == ["COMPLETED"]
    (made,) = done["00741216"]["Value"][0]["00404033"]["Value"]
    assert manager.client.get(made["0040E025"]["Value"][0]["00081190"]["Value"][0]).status_code == 200
    assert manager.post(update, progress(100, "Too late")).status_code == 400


def test_triggered_pull_workflow(manager: Requester) -> None:
    """A Task Performer subscribes with a filter, hears of a workitem that it can do, and only then asks for it."""
    words = f"?filter=WorklistLabel%3D{QUEUE}%2C00404018.00080100%3DLIVER_SEG"
    with channel(manager, "LIVER_AI") as socket:
        assert manager.subscribe(FILTERED, "LIVER_AI", words).status_code == 201
        manager.create(workitem())  # of another worklist: nobody is told
        uid = manager.create(task(t00404041=element("CS", "INCOMPLETE")))
        kind, said = notified(socket, uid)
        assert (kind, said["00404041"]["Value"]) == (1, ["INCOMPLETE"])
        assert notified(socket, uid)[0] == 5
        # The Task Requester says that the input is there (RAD-84 before the claim: without Transaction UID).
        assert manager.post(f"/workitems/{uid}", {"00404041": element("CS", "READY")}).status_code == 200
        kind, said = notified(socket, uid)
        assert (kind, said["00404041"]["Value"]) == (1, ["READY"])
        lock = manager.claim(uid)
        manager.complete(uid, lock)
        assert states(socket, uid, 2) == ["IN PROGRESS", "COMPLETED"]
        ended = manager.client.delete(f"{BASE}/workitems/{FILTERED}/subscribers/LIVER_AI")  # RAD-86
        assert ended.status_code == 200


def test_assigned_to_a_performer(manager: Requester) -> None:
    """The Task Requester names the performer, who is subscribed and told so; the next one is assigned afterwards."""
    person = {"00404009": element("SQ", code("LIVER_AI", "99AI")), "00404037": element("PN", {"Alphabetic": "AI"}),
              "00404036": element("LO", "Radiology")}  # fmt: skip
    with channel(manager, "LIVER_AI") as socket:
        manager.subscribe(WORKLIST, "LIVER_AI")
        uid = manager.create(task(t00404034=element("SQ", person)))
        assert states(socket, uid, 1) == ["SCHEDULED"]
        kind, said = notified(socket, uid)
        assert (kind, said["00404009"]["Value"][0]["00080100"]["Value"]) == (5, ["LIVER_AI"])
        other = person | {"00404009": element("SQ", code("SPLEEN_AI", "99AI"))}
        assert manager.post(f"/workitems/{uid}", {"00404034": element("SQ", other)}).status_code == 200
        kind, said = notified(socket, uid)
        assert (kind, said["00404009"]["Value"][0]["00080100"]["Value"]) == (5, ["SPLEEN_AI"])
    assert find(manager, "00404034.00404009.00080100=SPLEEN_AI") == [uid]


def test_cancelation_before_the_claim(manager: Requester) -> None:
    """RAD-88 of what nobody has claimed: the Task Manager cancels it itself."""
    with channel(manager, "WATCHER") as watcher:
        manager.subscribe(WORKLIST, "WATCHER")
        uid = manager.create(task())
        assert [notified(watcher, uid)[0] for _ in range(2)] == [1, 5]
        asked = manager.post(f"/workitems/{uid}/cancelrequest?requester=RIS", REASON)
        assert asked.status_code == 202
        assert states(watcher, uid, 1) == ["IN PROGRESS"]
        kind, said = notified(watcher, uid)
        assert (kind, said["00741000"]["Value"], said["00741238"]["Value"]) == (1, ["CANCELED"], ["Wrong patient"])
    assert manager.state(uid, "IN PROGRESS", str(generate_uid())).status_code == 400


def test_cancelation_of_what_is_being_done(manager: Requester) -> None:
    """RAD-88 after the claim: the performer is told who asks and why, and decides; then everybody hears of it."""
    with channel(manager, "LIVER_AI") as performer, channel(manager, "RIS") as requester:
        uid = manager.create(task())
        manager.subscribe(uid, "LIVER_AI")
        manager.subscribe(uid, "RIS")
        lock = str(generate_uid())
        assert put_state(manager, uid, "IN PROGRESS", lock, "LIVER_AI") == 200
        for socket in (performer, requester):
            assert states(socket, uid, 2) == ["SCHEDULED", "IN PROGRESS"]
        asked = manager.post(f"/workitems/{uid}/cancelrequest?requester=RIS", REASON)
        assert asked.status_code == 202
        assert manager.state_of(uid) == "IN PROGRESS"
        kind, said = notified(performer, uid)
        assert (kind, said["00741236"]["Value"], said["00741238"]["Value"]) == (2, ["RIS"], ["Wrong patient"])
        assert notified(requester, uid)[0] == 2
        reason = {"0074100E": element("SQ", code("110514", "DCM", "Incorrect worklist entry selected"))}
        stopped = {"00741002": element("SQ", reason)}
        assert manager.post(f"/workitems/{uid}?Transaction-uid={lock}", stopped).status_code == 200
        assert put_state(manager, uid, "CANCELED", lock, "LIVER_AI") == 200
        for socket in (performer, requester):
            kind, said = notified(socket, uid)
            assert (kind, said["00741000"]["Value"]) == (1, ["CANCELED"])
            assert said["0074100E"]["Value"][0]["00080100"]["Value"] == ["110514"]


def test_a_channel_that_was_closed_is_opened_again(manager: Requester) -> None:
    """RAD-109 again: the subscription outlives the connection, and what happened meanwhile is sent first."""
    manager.subscribe(WORKLIST, "WATCHER")
    uid = manager.create(task())
    with channel(manager, "WATCHER") as watcher:
        assert [notified(watcher, uid)[0] for _ in range(2)] == [1, 5]
    manager.claim(uid)
    with channel(manager, "WATCHER") as watcher:
        assert states(watcher, uid, 1) == ["IN PROGRESS"]
    ended = manager.post(f"/workitems/{WORKLIST}/subscribers/WATCHER/suspend")  # RAD-86: future ones no more
    assert ended.status_code == 200
    manager.create(task())
    manager.state(uid, "CANCELED", "2.25.1")
    with channel(manager, "WATCHER") as watcher:
        assert manager.post(f"/workitems/{uid}/cancelrequest").status_code == 202
        assert notified(watcher, uid)[0] == 2


@pytest.mark.parametrize(("edition", "status"), [("2026", 400), ("2024", 409)])
def test_a_second_claim_is_refused_as_the_edition_has_it(
    make_client: Callable[..., TestClient], edition: str, status: int
) -> None:
    """RAD-82: AIW-I is of 2020, when this was 409; clients of that time set `edition`."""
    manager = Requester(make_client(edition=edition))
    uid = manager.create(task())
    manager.claim(uid)
    refused = manager.state(uid, "IN PROGRESS", str(generate_uid()))
    assert refused.status_code == status
    assert "The Transaction UID is incorrect." in refused.headers["warning"]
