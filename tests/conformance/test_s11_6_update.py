"""PS3.18 11.6: Update Workitem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.workitems import Requester, code, element, performed

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

LABEL = {"00741204": element("LO", "another label")}


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


@pytest.mark.parametrize(
    "spelling", ["?Transaction-uid={lock}", "?transaction-uid={lock}", "?transaction={lock}", "?{lock}", ""]
)
def test_mistake_1_every_spelling_of_the_transaction_uid(requester: Requester, spelling: str) -> None:
    uid = requester.create()
    lock = requester.claim(uid)
    payload = LABEL if spelling else LABEL | {"00081195": element("UI", lock)}
    response = requester.post(f"/workitems/{uid}{spelling.format(lock=lock)}", payload)
    assert response.status_code == 200, response.text
    assert response.content == b""
    assert requester.read(uid)["00741204"]["Value"] == ["another label"]
    assert "00081195" not in requester.read(uid)


@pytest.mark.parametrize(
    ("state", "lock", "status", "text"),
    [
        ("SCHEDULED", "", 200, ""),
        ("SCHEDULED", "1.2.9", 409, "The target URI did not reference a claimed Workitem."),
        ("IN PROGRESS", "own", 200, ""),
        ("IN PROGRESS", "", 400, "The Transaction UID is missing."),
        ("IN PROGRESS", "1.2.9", 400, "The Transaction UID is incorrect."),
        ("COMPLETED", "own", 400, "inconsistent with the current state of the Workitem."),
        ("COMPLETED", "", 400, "inconsistent with the current state of the Workitem."),
    ],
)
@pytest.mark.parametrize("edition", ["2026", "2024"])
def test_item_5_the_lock_decides(
    make_client: Callable[..., TestClient], edition: str, state: str, lock: str, status: int, text: str
) -> None:
    requester = Requester(make_client(edition=edition))
    uid = requester.create()
    own = requester.claim(uid) if state != "SCHEDULED" else ""
    if state == "COMPLETED":
        requester.complete(uid, own)
    query = f"?Transaction-uid={own if lock == 'own' else lock}" if lock else ""
    response = requester.post(f"/workitems/{uid}{query}", LABEL)
    assert response.status_code == (409 if edition == "2024" and status == 400 else status)
    assert text in response.headers.get("warning", "")
    assert requester.read(uid)["00741204"]["Value"] == ["another label" if status == 200 else "Segment the liver"]


@pytest.mark.parametrize(
    "payload",
    [
        {"00741000": element("CS", "IN PROGRESS")},  # mistake 4
        {"00741000": element("CS", "SCHEDULED")},
        {"00100020": element("LO", "P2")},
        {"00080018": element("UI", "1.2")},
        {"00741204": {"vr": "LO"}},
        {"00404041": element("CS", "PERHAPS")},
        {"00404005": element("DT", "2026-01-01")},
    ],
)
def test_what_may_not_be_set(requester: Requester, payload: dict[str, Any]) -> None:
    uid = requester.create()
    before = requester.read(uid)
    response = requester.post(f"/workitems/{uid}", LABEL | payload)
    assert response.status_code == 400, response.text
    assert requester.read(uid) == before


def test_mistake_8_sequences_are_replaced_whole(requester: Requester) -> None:
    uid = requester.create()
    requester.post(f"/workitems/{uid}", {"00404025": element("SQ", code("A"), code("B"))})
    requester.post(f"/workitems/{uid}", {"00404025": element("SQ", code("C"))})
    items = requester.read(uid)["00404025"]["Value"]
    assert [item["00080100"]["Value"] for item in items] == [["C"]]
    assert requester.get("/workitems?00404025.00080100=A").json() == []
    assert len(requester.get("/workitems?00404025.00080100=C").json()) == 1


def test_what_was_retrieved_names_what_it_is(requester: Requester) -> None:
    """Identity and stamp are no values to set; that they come along harms nobody, and a Warning says it."""
    uid = requester.create()
    kept = requester.read(uid)
    payload = LABEL | {tag: kept[tag] for tag in ("00080016", "00080018", "00404010")}
    response = requester.post(f"/workitems/{uid}", payload)
    assert response.status_code == 200
    assert "The Workitem was updated with modifications." in response.headers["warning"]
    assert requester.read(uid)["00404010"] != kept["00404010"]


def test_attributes_that_no_workitem_has_are_left_out(requester: Requester) -> None:
    uid = requester.create()
    response = requester.post(f"/workitems/{uid}", LABEL | {"7FE00010": {"vr": "OW", "InlineBinary": "AAA="}})
    assert response.status_code == 200
    assert "Requested optional Attributes are not supported." in response.headers["warning"]
    assert "7FE00010" not in requester.read(uid)


def test_two_different_locks_are_refused(requester: Requester) -> None:
    uid = requester.create()
    lock = requester.claim(uid)
    payload = LABEL | {"00081195": element("UI", "1.2.9")}
    assert requester.post(f"/workitems/{uid}?Transaction-uid={lock}", payload).status_code == 400
    assert requester.post(f"/workitems/{uid}?Transaction-uid={lock}&transaction=1.9", LABEL).status_code == 400
    assert requester.post(f"/workitems/{uid}?Transaction-uid=x", LABEL).status_code == 400


def test_unknown_workitem(requester: Requester) -> None:
    assert requester.post("/workitems/1.2.3", LABEL).status_code == 404


def test_updates_are_reported(requester: Requester) -> None:
    """Readiness, progress, assignment; and nothing for an update of something else."""
    uid = requester.create()
    requester.subscribe(uid, "RIS")
    lock = requester.claim(uid)
    known = len(requester.events())
    progress = {"00741004": element("DS", 40), "00741006": element("ST", "registering"), "00741238": element("LT", "x")}
    update = {
        "00741002": element("SQ", progress),
        "00404041": element("CS", "UNAVAILABLE"),
        "00404025": element("SQ", code("CT2")),
        "00404034": element(
            "SQ",
            *(
                {
                    "00404009": element("SQ", code(who)),
                    "00404037": element("PN", {"Alphabetic": who}),
                    "00404036": element("LO", "Radiology"),
                }
                for who in ("D1", "D2")
            ),
        ),
    }
    assert requester.post(f"/workitems/{uid}?{lock}", update).status_code == 200
    assert requester.post(f"/workitems/{uid}?{lock}", LABEL | performed()).status_code == 200
    events = requester.events()[known:]
    assert [event[0] for event in events] == [1, 3, 5, 5]
    assert events[0][2]["00404041"]["Value"] == ["UNAVAILABLE"]
    (told,) = events[1][2]["00741002"]["Value"]
    assert set(told) == {"00741004", "00741006"}
    assert [set(event[2]) for event in events[2:]] == [{"00404025", "00404009", "00404036"}] * 2
    assert all("00081195" not in event[2] for event in events)


@pytest.mark.parametrize(
    "progress",
    [
        {"00741002": element("SQ", {"00404052": element("DT", "nonsense")})},
        {"00741002": element("SQ", {"00741004": element("DS", "abc")})},
        {"00741216": element("SQ", {"00404050": element("DT", "yesterday")})},
    ],
)
def test_values_in_items_are_checked_as_those_outside(requester: Requester, progress: dict[str, Any]) -> None:
    uid = requester.create()
    lock = requester.claim(uid)
    response = requester.post(f"/workitems/{uid}?Transaction-uid={lock}", progress)
    assert (response.status_code, "Value" in requester.read(uid).get(next(iter(progress)), {})) == (400, False)
