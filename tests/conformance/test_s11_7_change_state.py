"""PS3.18 11.7: Change Workitem State; every cell of PS3.4 Table CC.1.1-2 over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.workitems import BASE, JSON, Requester, element, performed

from filmjacket.archive.worklist_records import State
from filmjacket.services.worklist.states import TRANSITIONS, Event
from filmjacket.services.worklist.statuses import Dimse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
ANSWERS = {
    Dimse.FINAL: (409, INCONSISTENT),
    Dimse.ALREADY_IN_PROGRESS: (409, INCONSISTENT),
    Dimse.NOT_BY_CHANGE: (400, INCONSISTENT),
    Dimse.NOT_IN_PROGRESS: (409, INCONSISTENT),
    Dimse.WRONG_LOCK: (400, "The Transaction UID is incorrect."),
    Dimse.ALREADY_COMPLETED: (200, "The UPS is already in the requested state of COMPLETED."),
    Dimse.ALREADY_CANCELED: (200, "The UPS is already in the requested state of CANCELED."),
    Dimse.UNKNOWN: (404, ""),
}
TO = {
    Event.CLAIM: ("IN PROGRESS", True),
    Event.CLAIM_WRONGLY: ("IN PROGRESS", False),
    Event.SCHEDULE: ("SCHEDULED", True),
    Event.COMPLETE: ("COMPLETED", True),
    Event.COMPLETE_WRONGLY: ("COMPLETED", False),
    Event.CANCEL: ("CANCELED", True),
    Event.CANCEL_WRONGLY: ("CANCELED", False),
}
LOCK = "2.25.1"


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


def in_state(requester: Requester, state: State | None) -> str:
    if state is None:
        return "1.2.3"
    uid = requester.create()
    if state is not State.SCHEDULED:
        requester.claim(uid, LOCK)
    if state is not State.SCHEDULED:
        requester.post(f"/workitems/{uid}?{LOCK}", performed())
    if state.is_final:
        assert requester.state(uid, state, LOCK).status_code == 200
    return uid


@pytest.mark.parametrize("event", TO)
def test_every_cell(requester: Requester, event: Event) -> None:
    wanted, right = TO[event]
    for state in (None, *State):
        uid = in_state(requester, state)
        # Before the claim no UID is wrong; only one that is missing is.
        lock = LOCK if right else None if state is State.SCHEDULED else "2.25.2"
        known = len(requester.events())
        response = requester.state(uid, wanted, lock)
        cell = TRANSITIONS[event, state]
        status, text = ANSWERS[cell] if isinstance(cell, Dimse) else (200, "")
        if lock is None:
            text = "The Transaction UID is missing."
        assert response.status_code == status, (event, state)
        assert text in response.headers.get("warning", "")
        assert bool(response.content) is (status >= 400)
        if state is not None:
            assert requester.state_of(uid) == (state if isinstance(cell, Dimse) else wanted)
        assert len(requester.events()) == known  # nobody is subscribed


@pytest.mark.parametrize(("edition", "status"), [("2026", 400), ("2024", 409)])
def test_item_1_the_edition_decides_about_a_wrong_transaction_uid(
    make_client: Callable[..., TestClient], edition: str, status: int
) -> None:
    requester = Requester(make_client(edition=edition))
    uid = in_state(requester, State.IN_PROGRESS)
    for lock in ("2.25.2", None):
        assert requester.state(uid, "IN PROGRESS", lock).status_code == status
    assert requester.state(uid, "IN PROGRESS", LOCK).status_code == 409


def test_item_2_a_repeated_claim_is_no_silent_200(requester: Requester) -> None:
    uid = in_state(requester, State.IN_PROGRESS)
    assert requester.state(uid, "IN PROGRESS", LOCK).status_code == 409


def test_item_3_and_mistake_4_no_way_around_in_progress(requester: Requester) -> None:
    uid = requester.create()
    assert requester.state(uid, "COMPLETED", LOCK).status_code == 409
    assert requester.state(uid, "CANCELED", LOCK).status_code == 409
    assert requester.state_of(uid) == "SCHEDULED"


@pytest.mark.parametrize(("output", "status"), [("empty", 200), ("absent", 409)])
def test_item_4_and_mistake_7_an_empty_output_is_enough(requester: Requester, output: str, status: int) -> None:
    uid = requester.create()
    requester.claim(uid, LOCK)
    step = performed()
    if output == "absent":
        del step["00741216"]["Value"][0]["00404033"]
    sent = requester.post(f"/workitems/{uid}?{LOCK}", step)
    if output == "absent":
        # The table already refuses such an item; what is complete later is sent without the sequence until then.
        step = {"00741216": {"vr": "SQ"}}
        assert requester.post(f"/workitems/{uid}?{LOCK}", step).status_code == 200
    else:
        assert sent.status_code == 200
    response = requester.state(uid, "COMPLETED", LOCK)
    assert response.status_code == status
    if status == 409:
        assert INCONSISTENT in response.headers["warning"]
        assert any("(0074,1216)" in text for text in response.json()["accepted"])


def test_mistake_6_a_final_state_needs_what_is_inside_the_sequences(requester: Requester) -> None:
    uid = requester.create()
    requester.claim(uid, LOCK)
    step = performed()
    del step["00741216"]["Value"][0]["00404051"]
    assert requester.post(f"/workitems/{uid}?{LOCK}", step).status_code == 200
    refused = requester.state(uid, "COMPLETED", LOCK)
    assert refused.status_code == 409
    assert any("(0040,4051)" in text for text in refused.json()["accepted"])


def test_canceling_fills_in_when_and_why(requester: Requester) -> None:
    """Two requests withdraw a workitem: the server supplies what the final state needs (PS3.4 CC.2.5.1.3.2)."""
    uid = requester.create()
    requester.claim(uid, LOCK)
    requester.subscribe(uid, "RIS")
    assert requester.state(uid, "CANCELED", LOCK).status_code == 200
    (progress,) = requester.read(uid)["00741002"]["Value"]
    assert progress["0074100E"]["Value"][0]["00080100"]["Value"] == ["110513"]
    assert progress["00404052"]["Value"][0]
    event = requester.events()[-1]
    assert (event[0], event[2]["00741000"]["Value"], "0074100E" in event[2]) == (1, ["CANCELED"], True)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"00741000": element("CS", "DONE"), "00081195": element("UI", LOCK)},
        {"00741000": element("CS", "CANCELLED"), "00081195": element("UI", LOCK)},
        {"00741000": element("CS", "IN PROGRESS"), "00081195": element("UI", "1.02")},
        {"00741000": element("CS", "IN PROGRESS"), "00081195": element("UI", "abc")},
        {"00741000": element("CS", "IN PROGRESS"), "00081195": element("UI", LOCK), "00741204": element("LO", "x")},
    ],
)
def test_what_is_refused(requester: Requester, payload: dict[str, Any]) -> None:
    uid = requester.create()
    response = requester.client.put(f"{BASE}/workitems/{uid}/state", json=payload, headers=JSON)
    assert response.status_code == 400, response.text
    assert requester.state_of(uid) == "SCHEDULED"


@pytest.mark.parametrize("path", ["/state", "/state?requester=RIS%20A", "/state/RIS%20A", "/state/%20RIS%20A%20"])
def test_every_way_to_say_who_asks(requester: Requester, path: str) -> None:
    uid = requester.create()
    assert requester.state(uid, "IN PROGRESS", LOCK, path).status_code == 200
    performer = requester.client.app_state["context"].worklist.find(uid).performer
    assert performer == ("RIS A" if "RIS" in path else "UNKNOWN")


def test_a_site_can_insist_on_the_requester(make_client: Callable[..., TestClient]) -> None:
    requester = Requester(make_client(worklist={"requester_required": True}))
    uid = requester.create()
    assert requester.state(uid, "IN PROGRESS", LOCK).status_code == 400
    assert requester.state(uid, "IN PROGRESS", LOCK, "/state?requester=A_NAME_OF_MORE_THAN_16").status_code == 400
    assert requester.state(uid, "IN PROGRESS", LOCK, "/state?requester=RIS").status_code == 200


def test_entity_tags_guard_updates_changes_of_state_and_cancellations(requester: Requester) -> None:
    uid, label = requester.create(), {"00741204": element("LO", "another")}
    first = requester.get(f"/workitems/{uid}").headers["etag"]
    as_xml = requester.get(f"/workitems/{uid}", Accept="application/dicom+xml").headers["etag"]
    assert requester.post(f"/workitems/{uid}", label, **{"If-Match": as_xml}).status_code == 200
    before = requester.read(uid)
    for stale in (first, '"nope"', f"W/{requester.get(f'/workitems/{uid}').headers['etag']}"):
        refused = (
            requester.post(f"/workitems/{uid}", {"00741204": element("LO", "lost")}, **{"If-Match": stale}),
            requester.state(uid, "IN PROGRESS", "1.2.3", **{"If-Match": stale}),
            requester.post(f"/workitems/{uid}/cancelrequest", **{"If-Match": stale}),
        )
        assert [(answer.status_code, answer.json()["offender"]) for answer in refused] == [(412, "If-Match")] * 3
    assert requester.read(uid) == before
    current = requester.get(f"/workitems/{uid}").headers["etag"]
    assert requester.state(uid, "IN PROGRESS", "1.2.3", **{"If-Match": current}).status_code == 200
    # What could not be done anyway is not a matter of preconditions (RFC 9110 13.2.1).
    assert requester.post(f"/workitems/{uid}", label, **{"If-Match": '"nope"'}).status_code == 400
    assert requester.state("1.2.9", "IN PROGRESS", "1.2.3", **{"If-Match": '"nope"'}).status_code == 404
