"""The change feed, an extension: `GET /changes`, `GET /changes/stream`, WebSocket `/changes/socket`."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from starlette.websockets import WebSocketDisconnect
from tests import samples
from tests.procedures import JSON as DICOM_JSON
from tests.procedures import PERFORMED, SCHEDULE, attributes, completing, performed, scheduled

from filmjacket.archive.changes import Change
from filmjacket.index.change_log import record_changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

BASE = "/dicom-web"
CHANGES = f"{BASE}/changes"
STREAM = f"{BASE}/changes/stream"
SOCKET = f"{BASE}/changes/socket"


def store(client: TestClient, study: str, number: int = 1, **changes: Any) -> None:
    file = samples.variant(
        "CT_small.dcm",
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.{number}",
        **changes,
    )
    response = client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    assert response.status_code == 200, response.text


@pytest.fixture
def two(client: TestClient) -> TestClient:
    """Two studies: changes 1 to 3 and 4 to 6."""
    store(client, "1.2", PatientID="A")
    store(client, "1.3", PatientID="B")
    return client


def numbers(body: dict[str, Any]) -> list[int]:
    return [one["number"] for one in body["changes"]]


def test_an_empty_log(client: TestClient) -> None:
    response = client.get(CHANGES)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"changes": [], "through": 0, "done": True, "first": 1, "latest": 0}


def test_a_store_in_full(client: TestClient) -> None:
    store(client, "1.2")
    study, series, instance = client.get(CHANGES).json()["changes"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", study.pop("at"))
    url = f"http://testserver:8104{BASE}/studies/1.2"
    assert study == {"number": 1, "level": "study", "action": "created", "studyInstanceUID": "1.2", "url": url}
    assert series["url"] == f"{url}/series/1.2.1"
    assert (instance["sopInstanceUID"], instance["detail"]) == (
        "1.2.1.1",
        {"sopClassUID": "1.2.840.10008.5.1.4.1.1.2"},
    )
    assert client.get(study["url"]).status_code == 200


def test_no_patient_data(two: TestClient) -> None:
    text = two.get(CHANGES).text
    assert "CompressedSamples" not in text
    assert '"A"' not in text


def test_deleting_is_a_change(make_client: Callable[..., TestClient]) -> None:
    client = make_client(deletion={"enabled": True})
    store(client, "1.2")
    client.delete(f"{BASE}/studies/1.2")
    body = client.get(f"{CHANGES}?since=3").json()
    assert [(one["level"], one["action"]) for one in body["changes"]] == [
        ("instance", "deleted"),
        ("series", "deleted"),
        ("study", "deleted"),
    ]


def test_pages_lead_to_the_end(two: TestClient) -> None:
    seen: list[int] = []
    url = f"{CHANGES}?limit=4&level=study,series,instance"
    while url:
        response = two.get(url)
        seen += numbers(response.json())
        link = response.headers.get("link")
        assert (link is None) is response.json()["done"]
        url = re.fullmatch(r'<(.*)>; rel="next"', link)[1] if link else ""
    assert seen == [1, 2, 3, 4, 5, 6]


FILTERS = [
    ("level=study", [1, 4]),
    ("level=series,study", [1, 2, 4, 5]),
    ("action=deleted", []),
    ("StudyInstanceUID=1.3", [4, 5, 6]),
    ("StudyInstanceUID=1.2,1.3&level=instance", [3, 6]),
    ("PatientID=B", [4]),
    ("PatientID=B&level=instance", [6]),
    ("00100020=A&level=series&Modality=CT", [2]),
    ("PatientID=?&ModalitiesInStudy=CT", [1, 4]),
    ("PatientID=C", []),
    ("since=4", [5, 6]),
    ("since=6", []),
    ("since=latest", []),
    ("since=1&limit=2", [2, 3]),
    ("to=2000-01-01", []),
    ("from=2000-01-01", [1, 2, 3, 4, 5, 6]),
    ("from=2999-01-01T00:00:00Z", []),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_what_is_asked_for(two: TestClient, query: str, expected: list[int]) -> None:
    response = two.get(f"{CHANGES}?{query}")
    assert response.status_code == 200, response.text
    assert numbers(response.json()) == expected


def test_a_time_window_has_its_start_and_not_its_end(client: TestClient) -> None:
    store(client, "1.2")
    time.sleep(0.01)
    store(client, "1.3")
    moments = [one["at"] for one in client.get(CHANGES).json()["changes"]]
    window = f"from={moments[0]}&to={moments[3]}"
    assert numbers(client.get(f"{CHANGES}?{window}").json()) == [1, 2, 3]


REFUSED = [
    ("level=patient", 400, "level"),
    ("since=-1", 400, "since"),
    ("PatientID=A&level=workitem", 400, "level"),
    ("ScheduledProcedureStepID=STEP1&level=scheduled-step", 400, "level"),
    ("PerformedStationAETitle=CT1&level=performed-step", 400, "level"),
    ("Modality=CT&level=study&SOPInstanceUID=1", 400, "SOPInstanceUID"),
    ("since=99", 409, "since"),
]


@pytest.mark.parametrize(("query", "status", "offender"), REFUSED)
@pytest.mark.parametrize("where", [CHANGES, STREAM])
def test_refusals_teach(two: TestClient, where: str, query: str, status: int, offender: str) -> None:
    response = two.get(f"{where}?{query}")
    assert response.status_code == status
    assert response.json()["offender"] == offender


def test_a_lost_beginning_is_said(two: TestClient) -> None:
    log = two.app_state["context"].changes
    two.get(CHANGES)  # on PostgreSQL changes get their numbers when somebody reads them
    log.forget(2**62, 0, batch=4)
    response = two.get(f"{CHANGES}?since=0")
    assert response.status_code == 410
    assert response.json()["accepted"] == ["4"]
    assert two.get(f"{STREAM}?since=3&wait=0").status_code == 410
    assert numbers(two.get(f"{CHANGES}?since=4").json()) == [5, 6]
    body = two.get(CHANGES).json()
    assert (numbers(body), body["first"], body["latest"]) == ([5, 6], 5, 6)


def later(*steps: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        for step in steps:
            time.sleep(0.15)
            step()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_waiting_ends_with_the_first_wanted_change(client: TestClient) -> None:
    store(client, "1.2", PatientID="A")
    thread = later(lambda: store(client, "1.3", PatientID="B"), lambda: store(client, "1.4", PatientID="C"))
    begun = time.monotonic()
    response = client.get(f"{CHANGES}?since=latest&wait=20&PatientID=C")
    assert time.monotonic() - begun < 10
    thread.join()
    assert [one["studyInstanceUID"] for one in response.json()["changes"]] == ["1.4"]


def test_waiting_in_vain(two: TestClient) -> None:
    begun = time.monotonic()
    body = two.get(f"{CHANGES}?since=latest&wait=1").json()
    assert 0.9 < time.monotonic() - begun < 5
    assert (body["changes"], body["through"]) == ([], 6)


# Server-sent events -------------------------------------------------------------------------------------------


def events(text: str) -> list[dict[str, str]]:
    """Blocks as a browser reads them (WHATWG HTML 9.2.6)."""
    assert text.endswith("\n\n")
    blocks = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    return [dict(line.split(": ", 1) for line in block if not line.startswith(":")) for block in blocks]


def test_a_stream_of_what_is_there(two: TestClient) -> None:
    response = two.get(f"{STREAM}?since=0&wait=0&level=study")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    first, *rest = events(response.text)
    assert first == {"retry": "3000", "id": "0"}
    assert [(one["id"], one["event"]) for one in rest] == [("1", "study.created"), ("4", "study.created")]
    assert '"studyInstanceUID":"1.3"' in rest[1]["data"]


def test_a_stream_resumes_behind_the_last_event(two: TestClient) -> None:
    response = two.get(f"{STREAM}?wait=0", headers={"Last-Event-ID": "4"})
    assert [one["id"] for one in events(response.text)] == ["4", "5", "6"]
    assert two.get(f"{STREAM}?wait=0", headers={"Last-Event-ID": "x"}).status_code == 400
    assert two.get(f"{STREAM}?wait=0", headers={"Last-Event-ID": "7"}).status_code == 409


def test_a_stream_begins_now_unless_it_is_told(two: TestClient) -> None:
    thread = later(lambda: store(two, "1.4"))
    response = two.get(f"{STREAM}?limit=1")
    thread.join()
    assert [one["id"] for one in events(response.text)] == ["6", "7"]


def test_signs_of_life_carry_how_far_it_is(make_client: Callable[..., TestClient]) -> None:
    client = make_client(notifications={"heartbeat_seconds": 0.05})
    store(client, "1.2")
    text = client.get(f"{STREAM}?PatientID=NOBODY&since=0&wait=1").text
    assert ": heartbeat\nid: 3\n\n" in text


# WebSocket ----------------------------------------------------------------------------------------------------


def test_a_socket_of_what_happens(client: TestClient) -> None:
    with client.websocket_connect(f"{SOCKET}?PatientID=B") as socket:
        store(client, "1.2", PatientID="A")
        store(client, "1.3", PatientID="B")
        said = socket.receive_json()
    assert (said["number"], said["studyInstanceUID"]) == (4, "1.3")


def test_a_socket_resumes_and_ends_with_its_limit(two: TestClient) -> None:
    with two.websocket_connect(f"{SOCKET}?since=2&limit=3") as socket:
        assert [socket.receive_json()["number"] for _ in range(3)] == [3, 4, 5]
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_a_socket_says_how_far_it_is(make_client: Callable[..., TestClient]) -> None:
    client = make_client(notifications={"heartbeat_seconds": 0.05})
    store(client, "1.2")
    with client.websocket_connect(SOCKET) as socket:
        assert socket.receive_json() == {"heartbeat": True, "through": 3}


@pytest.mark.parametrize(("query", "status"), [("level=patient", 400), ("since=99", 409), ("from=2026-01-01", 400)])
def test_a_socket_is_refused_before_it_opens(client: TestClient, query: str, status: int) -> None:
    with pytest.raises(WebSocketDisconnect) as refusal, client.websocket_connect(f"{SOCKET}?{query}"):
        pass
    assert refusal.value.status_code == status  # type: ignore[attr-defined]
    assert refusal.value.json()["status"] == status  # type: ignore[attr-defined]


def test_only_so_many_may_listen(make_client: Callable[..., TestClient]) -> None:
    client = make_client(notifications={"listeners": 1})
    with client.websocket_connect(SOCKET):
        assert client.get(f"{CHANGES}?wait=1").status_code == 503
        assert client.get(CHANGES).status_code == 200
    assert client.get(f"{CHANGES}?wait=1").status_code == 200


# Stable studies -----------------------------------------------------------------------------------------------


def test_a_study_becomes_stable(make_client: Callable[..., TestClient]) -> None:
    client = make_client(notifications={"stable_seconds": 1})
    with client.websocket_connect(f"{SOCKET}?action=stable") as socket:
        store(client, "1.2")
        said = socket.receive_json()
    assert (said["level"], said["action"], said["studyInstanceUID"]) == ("study", "stable", "1.2")


def test_workitems_are_in_the_same_log(client: TestClient) -> None:
    database = client.app_state["context"].changes._database
    change = Change("workitem", "created", uid="1.9")
    database.write(lambda connection: record_changes(connection, [change], at=1))
    (one,) = client.get(f"{CHANGES}?level=workitem").json()["changes"]
    assert (one["workitemUID"], one["url"]) == ("1.9", f"http://testserver:8104{BASE}/workitems/1.9")


# Procedure steps ----------------------------------------------------------------------------------------------

STEP = f"{SCHEDULE}/1.2.3.1/STEP1"
PPS = f"{PERFORMED}/1.2.3.4"


class Follower:
    """Reads on in the feed from where it was."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.through = 0
        self.entries: list[dict[str, Any]] = []

    def told(self) -> list[str]:
        """What happened since the last time."""
        body = self.client.get(f"{CHANGES}?since={self.through}").json()
        self.through = body["through"]
        self.entries += body["changes"]
        return [f"{one['level']} {one['action']} {one['detail']['status']}" for one in body["changes"]]


def test_a_step_is_followed_from_its_order_to_its_end(client: TestClient) -> None:
    feed = Follower(client)
    assert client.put(STEP, json=scheduled(), headers=DICOM_JSON).status_code == 201
    assert feed.told() == ["scheduled-step created SCHEDULED"]
    assert client.post(PPS, json=performed(), headers=DICOM_JSON).status_code == 201
    assert feed.told() == ["performed-step created IN PROGRESS", "scheduled-step updated STARTED"]
    changed = attributes(PerformedProcedureStepDescription="Head")
    assert client.patch(PPS, json=changed, headers=DICOM_JSON).status_code == 200
    assert feed.told() == ["performed-step updated IN PROGRESS"]
    assert client.post(f"{PPS}?update", json=completing(), headers=DICOM_JSON).status_code == 200
    assert feed.told() == ["performed-step updated COMPLETED", "scheduled-step updated DEPARTED"]

    refused = [
        client.post(f"{PPS}?update", json=changed, headers=DICOM_JSON),
        client.post(PPS, json=performed(), headers=DICOM_JSON),
        client.put(STEP, json=scheduled({"Modality": ""}), headers=DICOM_JSON),
        client.put(STEP, json=scheduled(PatientID="P2"), headers=DICOM_JSON | {"If-None-Match": "*"}),
    ]
    assert [response.status_code for response in refused] == [409, 409, 400, 412]
    assert feed.told() == []

    for one in feed.entries:
        assert client.get(one["url"]).status_code == 200
        assert one["studyInstanceUID"] == "1.2.3.1"
    assert client.delete(STEP).status_code == 204
    assert feed.told() == ["scheduled-step deleted DEPARTED"]
    first, second, *_ = feed.entries
    assert (first["scheduledProcedureStepID"], second["performedProcedureStepUID"]) == ("STEP1", "1.2.3.4")
    text = client.get(CHANGES).text
    assert "Doe" not in text
    assert '"P1"' not in text


def test_a_file_of_steps(client: TestClient) -> None:
    feed = Follower(client)
    steps = [scheduled({"ScheduledProcedureStepID": name}) for name in ("STEP2", "STEP1")]
    for expected in (["scheduled-step created SCHEDULED"] * 2, []):
        assert client.post(SCHEDULE, json=steps, headers=DICOM_JSON).status_code == 200
        assert feed.told() == expected
    assert [one["scheduledProcedureStepID"] for one in feed.entries] == ["STEP1", "STEP2"]
    response = client.post(SCHEDULE, json=[scheduled(PatientID="P9"), scheduled({"Modality": ""})], headers=DICOM_JSON)
    assert response.status_code == 400
    assert feed.told() == []


def test_only_the_first_instance_starts_a_step(client: TestClient) -> None:
    client.put(STEP, json=scheduled(), headers=DICOM_JSON)
    item = Dataset()
    item.ScheduledProcedureStepID = "STEP1"
    for number in (1, 2):
        store(client, "1.2.3.1", number, RequestAttributesSequence=[item])
    store(client, "1.2.9")
    (_, started) = client.get(f"{CHANGES}?level=scheduled-step").json()["changes"]
    assert (started["action"], started["detail"]) == ("updated", {"status": "STARTED"})


def test_steps_are_chosen_by_level_and_study(client: TestClient) -> None:
    store(client, "1.2.3.1")
    client.put(STEP, json=scheduled(), headers=DICOM_JSON)
    client.put(f"{SCHEDULE}/1.2.3.2/STEP1", json=scheduled(StudyInstanceUID="1.2.3.2"), headers=DICOM_JSON)
    client.post(PPS, json=performed(), headers=DICOM_JSON)
    asked = {
        "level=scheduled-step": [4, 5, 7],
        "level=performed-step": [6],
        "level=scheduled-step&StudyInstanceUID=1.2.3.2": [5],
        "level=performed-step,scheduled-step&StudyInstanceUID=1.2.3.1&action=created": [4, 6],
        "StudyInstanceUID=1.2.3.1": [1, 2, 3, 4, 6, 7],
        "PatientName=Doe*": [],
    }
    assert {query: numbers(client.get(f"{CHANGES}?{query}").json()) for query in asked} == asked
    response = client.get(f"{STREAM}?since=0&wait=0&level=performed-step")
    assert [one["event"] for one in events(response.text)[1:]] == ["performed-step.created"]


def test_a_socket_of_steps(client: TestClient) -> None:
    with client.websocket_connect(f"{SOCKET}?level=scheduled-step&action=updated") as socket:
        client.put(STEP, json=scheduled(), headers=DICOM_JSON)
        client.post(PPS, json=performed(), headers=DICOM_JSON)
        said = socket.receive_json()
    assert (said["scheduledProcedureStepID"], said["detail"]) == ("STEP1", {"status": "STARTED"})
