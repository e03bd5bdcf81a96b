"""PS3.18 8.10 and 11.13: the notification connection, and event reports over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from filmjacket.app import create_app
from filmjacket.archive.changes import Log
from filmjacket.archive.ups_events import EventType, UpsEvent
from filmjacket.events.wakeups import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "/dicom-web"
PUSH = "1.2.840.10008.5.1.4.34.6.1"
GLOBAL = "1.2.840.10008.5.1.4.34.5"
PLACES = [
    "/subscribers/RIS_1",  # 2014 to 2019a
    "/ws/subscribers/RIS_1",
    "/?requester=RIS_1",  # 2026b
    "?requester=RIS_1",
    "/ws/subscribers/%20RIS_1%20",
]


def tell(client: TestClient, *subscribers: str, uid: str = "1.2", **attributes: Any) -> None:
    """An event of the worklist, as the transaction of a change writes it."""
    context = client.app_state["context"]
    data_set = attributes or {"00741000": {"vr": "CS", "Value": ["SCHEDULED"]}}
    context.changes.tell([UpsEvent(EventType.STATE_REPORT, uid, data_set, subscribers)], 1)
    context.notifications.wakeups.poke(LOG)


def ids(*frames: dict[str, Any]) -> list[int]:
    return [frame["00000110"]["Value"][0] for frame in frames]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_where_clients_look(client: TestClient, place: str) -> None:
    with client.websocket_connect(BASE + place) as socket:
        assert socket.accepted_subprotocol is None
        tell(client, "RIS_1")
        assert socket.receive_json()["00001000"]["Value"] == ["1.2"]


def test_a_frame_to_the_letter(client: TestClient) -> None:
    """11.13 with the SOP class of PS3.4 CC.2.4.3 and the VRs of PS3.6, unlike the printed example."""
    with client.websocket_connect(f"{BASE}/ws/subscribers/A") as socket:
        tell(
            client,
            "A",
            **{
                "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
                "00404041": {"vr": "CS", "Value": ["READY"]},
                "00001000": {"vr": "UI", "Value": ["9.9"]},
            },
        )
        message = socket.receive()
    assert message["type"] == "websocket.send"
    assert message["text"] == (
        '{"00000002":{"vr":"UI","Value":["1.2.840.10008.5.1.4.34.6.1"]},'
        '"00000110":{"vr":"US","Value":[1]},'
        '"00001000":{"vr":"UI","Value":["1.2"]},'
        '"00001002":{"vr":"US","Value":[1]},'
        '"00404041":{"vr":"CS","Value":["READY"]},'
        '"00741000":{"vr":"CS","Value":["SCHEDULED"]}}'
    )


def test_reports_are_in_order_and_for_their_subscriber_only(client: TestClient) -> None:
    with client.websocket_connect(f"{BASE}/ws/subscribers/A") as socket:
        for number in range(1, 30):
            tell(client, "A" if number % 2 else "B", uid=f"1.{number}")
        frames = [socket.receive_json() for _ in range(15)]
    assert [frame["00001000"]["Value"][0] for frame in frames] == [f"1.{number}" for number in range(1, 30, 2)]
    assert ids(*frames) == list(range(1, 16))


def test_every_connection_of_a_subscriber_hears_everything(client: TestClient) -> None:
    place = f"{BASE}/ws/subscribers/A"
    with client.websocket_connect(place) as one, client.websocket_connect(place) as two:
        tell(client, "A")
        assert one.receive_json() == two.receive_json()


def test_what_happened_while_nobody_listened_is_sent_first(client: TestClient) -> None:
    place = f"{BASE}/ws/subscribers/A"
    tell(client, "A", uid="1.1")
    with client.websocket_connect(place) as socket:
        assert socket.receive_json()["00001000"]["Value"] == ["1.1"]
    tell(client, "A", uid="1.2")
    tell(client, "B", uid="1.3")
    tell(client, "A", uid="1.4")
    with client.websocket_connect(place) as socket:
        frames = [socket.receive_json() for _ in range(2)]
    assert [frame["00001000"]["Value"][0] for frame in frames] == ["1.2", "1.4"]
    assert ids(*frames) == [1, 2]


def test_the_queue_is_bounded_and_the_loss_shows(make_client: Callable[..., TestClient]) -> None:
    """The Message ID counts what was dropped: a first one other than 1 says so."""
    client = make_client(notifications={"queue_events": 2})
    for number in range(1, 6):
        tell(client, "A", uid=f"1.{number}")
    with client.websocket_connect(f"{BASE}/ws/subscribers/A") as socket:
        frames = [socket.receive_json() for _ in range(2)]
    assert [frame["00001000"]["Value"][0] for frame in frames] == ["1.4", "1.5"]
    assert ids(*frames) == [4, 5]


def test_without_a_queue_only_what_happens_is_heard(make_client: Callable[..., TestClient]) -> None:
    client = make_client(notifications={"queue_events": 0})
    tell(client, "A", uid="1.1")
    with client.websocket_connect(f"{BASE}/ws/subscribers/A") as socket:
        tell(client, "A", uid="1.2")
        assert socket.receive_json()["00001000"]["Value"] == ["1.2"]


def test_what_clients_say_is_ignored(client: TestClient) -> None:
    """8.10.5: the server speaks."""
    with client.websocket_connect(f"{BASE}/ws/subscribers/A") as socket:
        socket.send_text("{}")
        socket.send_bytes(b"\xff")
        tell(client, "A")
        assert ids(socket.receive_json()) == [1]


ORIGINS = [
    ((), None, True),
    ((), "http://testserver:8104", True),
    ((), "https://evil.example", False),
    ((), "null", False),
    (("https://viewer.example.org",), "https://viewer.example.org", True),
    (("https://viewer.example.org",), "https://viewer.example.org.evil.example", False),
    (("*",), "https://anywhere.example", True),
]


@pytest.mark.parametrize(("allowed", "origin", "opens"), ORIGINS)
def test_pages_of_other_origins(
    make_client: Callable[..., TestClient], allowed: tuple[str, ...], origin: str | None, opens: bool
) -> None:
    client = make_client(cors_origins=allowed)
    headers = {"Host": "testserver:8104", **({"Origin": origin} if origin else {})}
    place = f"{BASE}/ws/subscribers/A"
    if opens:
        with client.websocket_connect(place, headers=headers):
            return
    with pytest.raises(WebSocketDisconnect) as refusal, client.websocket_connect(place, headers=headers):
        pass
    assert refusal.value.status_code == 403  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "place",
    ["/", "/?requester=", "/ws/subscribers/SEVENTEEN_LETTERS", "/ws/subscribers/A%5CB", "/subscribers/%00",
     "/?requester=A&requester=B", "/subscribers/%C3%84"],
)  # fmt: skip
def test_who_does_not_say_whose_events_it_wants_gets_400(client: TestClient, place: str) -> None:
    """8.10.4.3: 101 or 400."""
    with pytest.raises(WebSocketDisconnect) as refusal, client.websocket_connect(BASE + place):
        pass
    assert refusal.value.status_code == 400  # type: ignore[attr-defined]


# SCP Status Change --------------------------------------------------------------------------------------------


def status(frame: dict[str, Any]) -> list[str]:
    assert frame["00001002"]["Value"] == [EventType.SCP_STATUS_CHANGE]
    assert frame["00000002"]["Value"] == [PUSH]
    assert frame["00001000"]["Value"] == [GLOBAL]
    return [frame[tag]["Value"][0] for tag in ("00741242", "00741244", "00741246")]


def test_the_start_is_reported_to_the_fallback_list(make_client: Callable[..., TestClient]) -> None:
    """PS3.4 CC.2.4.3: a cold start the first time, then warm ones, for subscriptions survive."""
    settings = {"notifications": {"fallback_subscribers": ("RIS",)}}
    client = make_client(**settings)
    place = f"{BASE}/ws/subscribers/RIS"
    with client.websocket_connect(place) as socket:
        assert status(socket.receive_json()) == ["RESTARTED", "COLD START", "COLD START"]
    same = client.app_state["context"].settings
    with TestClient(create_app(same)) as again, again.websocket_connect(place) as socket:
        assert status(socket.receive_json()) == ["RESTARTED", "WARM START", "WARM START"]


def test_nobody_is_told_of_the_start_who_did_not_ask(client: TestClient) -> None:
    assert client.app_state["context"].changes.extent(Log.EVENTS).last == 0
