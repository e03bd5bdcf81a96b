"""PS3.18 11.10 to 11.12: Subscribe, Unsubscribe, Suspend; PS3.4 Table CC.2.3-2 cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.workitems import BASE, FILTERED, WORKLIST, Requester, element, workitem

from filmjacket.archive.worklist_records import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

SUBSCRIBED, LOCKED = Standing.SUBSCRIBED, Standing.LOCKED


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


def standing(requester: Requester, uid: str) -> dict[str, Standing]:
    return requester.client.app_state["context"].worklist.subscribers_of(uid)


def initial(requester: Requester, name: str) -> list[str]:
    """The workitems that a subscriber was told of."""
    return [uid for kind, uid, _, names in requester.events() if kind == 1 and name in names]


def end(requester: Requester, uid: str, name: str) -> int:
    return requester.client.delete(f"{BASE}/workitems/{uid}/subscribers/{name}").status_code


def suspend(requester: Requester, uid: str, name: str) -> int:
    return requester.post(f"/workitems/{uid}/subscribers/{name}/suspend").status_code


@pytest.mark.parametrize(
    ("query", "granted"), [("", SUBSCRIBED), ("?deletionlock=true", LOCKED), ("?deletionlock=false", SUBSCRIBED)]
)
def test_subscribing_to_a_workitem(requester: Requester, query: str, granted: Standing) -> None:
    uid = requester.create()
    response = requester.subscribe(uid, "RIS%201", query)
    assert (response.status_code, response.content) == (201, b"")
    url = f"ws://testserver:8104{BASE}/ws/subscribers/RIS%201"
    assert (response.headers["content-location"], response.headers["location"]) == (url, url)
    assert standing(requester, uid) == {"RIS 1": granted}
    assert initial(requester, "RIS 1") == [uid]
    requester.subscribe(uid, "RIS%201")
    assert standing(requester, uid) == {"RIS 1": SUBSCRIBED}  # a lock that is not asked for again is gone


def test_item_9_and_mistake_11_initial_events_come_with_the_lock(requester: Requester) -> None:
    uids = [requester.create() for _ in range(3)]
    requester.subscribe(WORKLIST, "PLAIN")
    requester.subscribe(WORKLIST, "LOCKING", "?deletionlock=true")
    assert initial(requester, "PLAIN") == []
    assert sorted(initial(requester, "LOCKING")) == sorted(uids)
    assert standing(requester, uids[0]) == {"PLAIN": SUBSCRIBED, "LOCKING": LOCKED}
    later = requester.create()
    assert standing(requester, later) == {"PLAIN": SUBSCRIBED, "LOCKING": LOCKED}
    assert initial(requester, "PLAIN") == [later]


def test_what_is_subscribed_stays_as_it_is(requester: Requester) -> None:
    first, second = requester.create(), requester.create()
    requester.subscribe(first, "RIS")
    requester.subscribe(WORKLIST, "RIS", "?deletionlock=true")
    assert [standing(requester, uid)["RIS"] for uid in (first, second)] == [SUBSCRIBED, LOCKED]
    third = requester.create()
    requester.subscribe(WORKLIST, "RIS")
    fourth = requester.create()
    found = [standing(requester, uid)["RIS"] for uid in (first, second, third, fourth)]
    assert found == [SUBSCRIBED, LOCKED, LOCKED, SUBSCRIBED]


@pytest.mark.parametrize("query", ["", "?deletionlock=true"])
@pytest.mark.parametrize("well_known", [WORKLIST, FILTERED])
def test_item_8_and_mistake_12_suspending_keeps_what_unsubscribing_ends(
    requester: Requester, well_known: str, query: str
) -> None:
    if well_known == FILTERED:
        query += ("&" if query else "?") + "filter=00741200%3DMEDIUM"
    before = requester.create()
    requester.subscribe(well_known, "RIS", query)
    during = requester.create()
    assert suspend(requester, well_known, "RIS") == 200
    after = requester.create()
    granted = LOCKED if "lock" in query else SUBSCRIBED
    assert [standing(requester, uid) for uid in (before, during, after)] == [{"RIS": granted}, {"RIS": granted}, {}]
    assert suspend(requester, well_known, "RIS") == 404
    assert end(requester, well_known, "RIS") == 200
    assert [standing(requester, uid) for uid in (before, during, after)] == [{}, {}, {}]
    assert end(requester, well_known, "RIS") == 404


def test_unsubscribing_from_one_workitem(requester: Requester) -> None:
    uid, other = requester.create(), requester.create()
    requester.subscribe(WORKLIST, "RIS")
    assert end(requester, uid, "RIS") == 200
    assert end(requester, uid, "RIS") == 404
    assert (standing(requester, uid), standing(requester, other)) == ({}, {"RIS": SUBSCRIBED})
    requester.claim(uid)
    assert initial(requester, "RIS") == []
    requester.subscribe(WORKLIST, "RIS")
    assert standing(requester, uid) == {"RIS": SUBSCRIBED}


@pytest.mark.parametrize(
    "query",
    [
        "?filter=00741200%3DHIGH%2CWorklistLabel%3DAI",
        "?filter=00741200=HIGH,WorklistLabel=AI",
        "?00741200=HIGH&WorklistLabel=AI",
        "?filter=ScheduledProcedureStepPriority%3DHIGH&deletionlock=true",
        "?filter=00404025.00080100%3DCT1%2C00741200%3DHIGH",
        "?filter=PatientName%3Dm%25C3%25BCller*%2C00741200%3DHIGH",
        "?filter=fuzzymatching%3Dtrue%2CPatientName%3Dmueler%2C00741200%3DHIGH",
        "?filter=StudyInstanceUID%3D1.2.3%2C1.2.4%2C00741200%3DHIGH",
        "?filter=00404005%3D20261122-20261123%2C00741200%3DHIGH",
    ],
)
def test_item_18_filters(requester: Requester, query: str) -> None:
    urgent = workitem(t00741200=element("CS", "HIGH"))
    there, not_there = requester.create(urgent), requester.create()
    response = requester.subscribe(FILTERED, "RIS", query)
    assert response.status_code == 201, response.text
    come, not_come = requester.create(urgent), requester.create()
    granted = LOCKED if "lock" in query else SUBSCRIBED
    found = [standing(requester, uid) for uid in (there, not_there, come, not_come)]
    assert found == [{"RIS": granted}, {}, {"RIS": granted}, {}]
    assert (there in initial(requester, "RIS")) is (granted is LOCKED)


def test_what_comes_to_pass_a_filter_is_subscribed_and_reported(requester: Requester) -> None:
    requester.subscribe(FILTERED, "RIS", "?filter=00741200%3DHIGH")
    requester.subscribe(FILTERED, "AI", "?filter=00741000%3DIN%2520PROGRESS")
    uid = requester.create()
    assert standing(requester, uid) == {}
    requester.post(f"/workitems/{uid}", {"00741200": element("CS", "HIGH")})
    requester.claim(uid)
    assert standing(requester, uid) == {"RIS": SUBSCRIBED, "AI": SUBSCRIBED}
    assert (initial(requester, "RIS"), initial(requester, "AI")) == ([uid, uid], [uid])
    assert end(requester, uid, "RIS") == 200
    known = len(requester.events())
    requester.post(f"/workitems/{uid}?2.25.1", {})
    assert standing(requester, uid) == {"AI": SUBSCRIBED}
    assert len(requester.events()) == known


@pytest.mark.parametrize(
    ("uid", "name", "query"),
    [
        (FILTERED, "RIS", ""),
        (FILTERED, "RIS", "?filter="),
        (FILTERED, "RIS", "?filter=nonsense"),
        (FILTERED, "RIS", "?filter=00081195%3D1.2"),  # item 6, mistake 2
        (FILTERED, "RIS", "?00081195=1.2"),
        (FILTERED, "RIS", "?filter=NoSuchKeyword%3D1"),
        (FILTERED, "RIS", "?filter=PatientName%3D*"),
        (FILTERED, "RIS", "?filter=%ZZ"),
        (FILTERED, "RIS", "?filter=00404005%3Dsoon"),
        (WORKLIST, "RIS", "?filter=00741200%3DHIGH"),
        (WORKLIST, "RIS", "?deletionlock=yes"),
        (WORKLIST, "RIS", "?deletionlock="),
        (WORKLIST, "LONGER_THAN_SIXTEEN", ""),
        (WORKLIST, "A%5CB", ""),
        (WORKLIST, "%20", ""),
        ("x", "RIS", ""),
    ],
)
def test_item_18_what_is_refused(requester: Requester, uid: str, name: str, query: str) -> None:
    assert requester.subscribe(uid, name, query).status_code == 400
    assert requester.client.app_state["context"].worklist.worklist_subscribers() == ()


def test_unknown_workitems_and_subscriptions(requester: Requester) -> None:
    uid = requester.create()
    assert requester.subscribe("1.2.3", "RIS").status_code == 404
    assert end(requester, "1.2.3", "RIS") == 404
    assert end(requester, uid, "RIS") == 404
    assert suspend(requester, uid, "RIS") == 400
    assert suspend(requester, WORKLIST, "RIS") == 404


def test_mistake_10_and_item_11_the_well_known_uids_come_first(requester: Requester) -> None:
    response = requester.client.options(f"{BASE}/workitems/{WORKLIST}/subscribers/RIS")
    assert response.headers["allow"] == "DELETE, OPTIONS, POST"
    assert requester.subscribe(WORKLIST, "RIS").status_code == 201
    assert requester.get(f"/workitems/{WORKLIST}").status_code == 404
    assert requester.client.app_state["context"].worklist.worklist_subscribers() == ("RIS",)


def test_a_site_can_refuse_deletion_locks(make_client: Callable[..., TestClient]) -> None:
    requester = Requester(make_client(worklist={"deletion_locks": False}))
    uid = requester.create()
    response = requester.subscribe(uid, "RIS", "?deletionlock=true")
    assert response.status_code == 201
    assert "Deletion Lock not granted." in response.headers["warning"]
    assert standing(requester, uid) == {"RIS": SUBSCRIBED}


def test_initial_reports_are_bounded(make_client: Callable[..., TestClient]) -> None:
    requester = Requester(make_client(worklist={"initial_reports": 2}))
    uids = [requester.create() for _ in range(4)]
    requester.subscribe(WORKLIST, "A", "?deletionlock=true")
    requester.subscribe(FILTERED, "B", "?deletionlock=true&filter=00741200%3DMEDIUM")
    assert [len(initial(requester, name)) for name in "AB"] == [2, 2]
    assert all(standing(requester, uid) == {"A": LOCKED, "B": LOCKED} for uid in uids)


@pytest.mark.parametrize("aetitle", ["A/B", "CT/1/2", "A B", "suspend"])
def test_an_ae_title_is_whatever_ps3_5_lets_it_be(requester: Requester, aetitle: str) -> None:
    path, uid = quote(aetitle, safe=""), requester.create()
    for target in (uid, WORKLIST):
        response = requester.subscribe(target, path)
        assert response.status_code == 201
        assert response.headers["content-location"].endswith(f"/ws/subscribers/{path}")
    assert requester.state(uid, "IN PROGRESS", "1.2.3", path=f"/state/{path}").status_code == 200
    heard = [event for event in requester.events() if event[1] == uid]
    assert heard[-1][3] == (aetitle,)
    assert requester.post(f"/workitems/{WORKLIST}/subscribers/{path}/suspend").status_code == 200
    assert requester.client.delete(f"{BASE}/workitems/{uid}/subscribers/{path}").status_code == 200
    assert requester.client.delete(f"{BASE}/workitems/{uid}/subscribers/{path}").status_code == 404
    assert requester.post(f"/workitems/{uid}/cancelrequest/{path}").status_code == 409


def test_the_socket_of_a_subscriber_with_a_slash_opens(requester: Requester) -> None:
    requester.subscribe(WORKLIST, "A%2FB")
    with requester.client.websocket_connect(f"{BASE}/ws/subscribers/A%2FB") as socket:
        uid = requester.create()
        assert socket.receive_json()["00001000"]["Value"] == [uid]
