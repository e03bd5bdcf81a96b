"""PS3.18 11.8: Request Workitem Cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.workitems import BASE, Requester, code, element, performed

if TYPE_CHECKING:
    from starlette.testclient import TestClient

REASON = {
    "00741238": element("LT", "Patient left"),
    "0074100E": element("SQ", code("110514", "DCM")),
    "0074100A": element("UR", "tel:+4312345"),
    "0074100C": element("LO", "Front desk"),
}


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


@pytest.mark.parametrize("path", ["", "?requester=RIS", "/RIS"])
@pytest.mark.parametrize("reason", [REASON, None])
def test_item_3_and_mistake_5_what_is_scheduled_is_canceled(
    requester: Requester, path: str, reason: dict[str, object] | None
) -> None:
    uid = requester.create()
    requester.subscribe(uid, "WATCH")
    known = len(requester.events())
    response = requester.post(f"/workitems/{uid}/cancelrequest{path}", reason)
    assert (response.status_code, response.content) == (202, b"")
    assert "warning" not in response.headers
    events = requester.events()[known:]
    assert [(event[0], event[2]["00741000"]["Value"][0]) for event in events] == [
        (1, "IN PROGRESS"),
        (1, "CANCELED"),
    ]
    (progress,) = requester.read(uid)["00741002"]["Value"]
    assert progress["0074100E"]["Value"][0]["00080100"]["Value"] == ["110514" if reason else "110513"]
    assert ("00741238" in events[1][2]) is bool(reason)
    assert bool(progress.get("00741008")) is bool(reason)


def test_the_performer_is_told(requester: Requester) -> None:
    uid = requester.create()
    requester.subscribe(uid, "WATCH")
    requester.claim(uid)
    known = len(requester.events())
    assert requester.post(f"/workitems/{uid}/cancelrequest?requester=RIS1", REASON).status_code == 202
    (event,) = requester.events()[known:]
    assert event == (2, uid, REASON | {"00741236": element("AE", "RIS1")}, ("WATCH",))
    assert requester.state_of(uid) == "IN PROGRESS"


def test_a_performer_who_would_not_hear_of_it(requester: Requester) -> None:
    uid = requester.create()
    requester.claim(uid)
    response = requester.post(f"/workitems/{uid}/cancelrequest")
    assert response.status_code == 409
    assert "The performer cannot be contacted." in response.headers["warning"]


def test_final_states(requester: Requester) -> None:
    uid, other = requester.create(), requester.create()
    requester.complete(uid, requester.claim(uid))
    response = requester.post(f"/workitems/{uid}/cancelrequest")
    assert response.status_code == 409
    assert "The UPS is already COMPLETED." in response.headers["warning"]
    requester.post(f"/workitems/{other}/cancelrequest")
    again = requester.post(f"/workitems/{other}/cancelrequest")
    assert again.status_code == 202
    assert "The UPS is already in the requested state of CANCELED." in again.headers["warning"]


def test_nobody_has_the_lock_of_what_the_server_canceled(requester: Requester) -> None:
    uid = requester.create()
    requester.post(f"/workitems/{uid}/cancelrequest")
    assert requester.state(uid, "CANCELED", "2.25.1").status_code == 400
    assert requester.post(f"/workitems/{uid}", performed()).status_code == 400


def test_what_is_refused(requester: Requester) -> None:
    uid = requester.create()
    post = requester.client.post
    url = f"{BASE}/workitems/{uid}/cancelrequest"
    assert requester.post("/workitems/1.2.3/cancelrequest").status_code == 404
    assert post(url, content=b"{", headers={"Content-Type": "application/dicom+json"}).status_code == 400
    assert post(url, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert post(url, content=b"{}").status_code == 415
    assert post(f"{url}?requester=").status_code == 400
    assert requester.state_of(uid) == "SCHEDULED"


@pytest.mark.parametrize("state", ["SCHEDULED", "IN PROGRESS"])
@pytest.mark.parametrize(
    "item", [{}, {"00080104": element("LO", "Meaning alone")}, code("C") | {"00080104": {"vr": "LO"}}]
)
def test_a_reason_without_what_a_code_needs_is_refused_and_cancels_nothing(
    requester: Requester, state: str, item: dict[str, object]
) -> None:
    uid = requester.create()
    if state == "IN PROGRESS":
        requester.subscribe(uid, "WATCH")
        requester.claim(uid)
    response = requester.post(f"/workitems/{uid}/cancelrequest", {"0074100E": element("SQ", item)})
    assert response.status_code == 400
    assert requester.state_of(uid) == state
