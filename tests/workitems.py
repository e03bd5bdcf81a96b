"""Workitems for tests, and a requester who speaks UPS-RS plainly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydicom.uid import generate_uid
from sqlalchemy import text

from filmjacket.archive.changes import Log
from filmjacket.index.change_log import number_arrivals

if TYPE_CHECKING:
    from httpx import Response
    from starlette.testclient import TestClient

    from filmjacket.index.engine import Database

BASE = "/dicom-web"
JSON = {"Content-Type": "application/dicom+json"}
WORKLIST = "1.2.840.10008.5.1.4.34.5"
FILTERED = "1.2.840.10008.5.1.4.34.5.1"
PUSH = "1.2.840.10008.5.1.4.34.6.1"


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(value: str, scheme: str = "99TEST", meaning: str = "Meaning") -> dict[str, Any]:
    return {"00080100": element("SH", value), "00080102": element("SH", scheme), "00080104": element("LO", meaning)}


def workitem(**changes: Any) -> dict[str, Any]:
    """Return all that Create wants (Table CC.2.5-3); `changes` are elements by tag (`t00100020`), None to leave out."""
    attributes: dict[str, Any] = {
        "00081195": element("UI"),
        "00741200": element("CS", "MEDIUM"),
        "00741204": element("LO", "Segment the liver"),
        "00741202": element("LO", "AI"),
        "00741210": element("SQ"),
        "00404025": element("SQ", code("CT1", meaning="CT room 1")),
        "00404026": element("SQ", code("CT", "DCM")),
        "00404027": element("SQ", code("GROUND", "99LOC")),
        "00404005": element("DT", "20261122103000+0000"),
        "00404018": element("SQ", code("121726", "DCM")),
        "00400400": element("LT"),
        "00404041": element("CS", "READY"),
        "00404021": element("SQ"),
        "0020000D": element("UI", "1.2.3"),
        "00100010": element("PN", {"Alphabetic": "Müller^Anna"}),
        "00100020": element("LO", "P1"),
        "00100021": element("LO", "HOSPITAL"),
        "00100024": element("SQ"),
        "00101002": element("SQ"),
        "00100030": element("DA", "19700101"),
        "00100040": element("CS", "F"),
        "00380010": element("LO", "A1"),
        "00380014": element("SQ"),
        "00081080": element("LO"),
        "00081084": element("SQ"),
        "0040A370": element("SQ", request()),
        "00741000": element("CS", "SCHEDULED"),
        "00741002": element("SQ"),
        "00741216": element("SQ"),
    }
    for tag, value in changes.items():
        attributes.pop(tag.removeprefix("t"), None)
        if value is not None:
            attributes[tag.removeprefix("t")] = value
    return attributes


def request(accession: str = "ACC1") -> dict[str, Any]:
    return {
        "0020000D": element("UI", "1.2.3"),
        "00080050": element("SH", accession),
        "00080051": element("SQ"),
        "00400026": element("SQ"),
        "00400027": element("SQ"),
        "00401001": element("SH", "RP1"),
        "00321060": element("LO", "CT liver"),
        "00321064": element("SQ"),
    }


def performed() -> dict[str, Any]:
    """What COMPLETED wants, to be sent by Update."""
    return {
        "00741216": element(
            "SQ",
            {
                "00404028": element("SQ", code("CT1")),
                "00404050": element("DT", "20261122103000+0000"),
                "00404019": element("SQ", code("121726", "DCM")),
                "00404051": element("DT", "20261122104000+0000"),
                "00404033": element("SQ"),
            },
        )
    }


@dataclass
class Requester:
    """Sends requests of the Worklist service; answers come back as they are."""

    client: TestClient

    def create(self, attributes: dict[str, Any] | None = None, uid: str | None = None) -> str:
        """Create a workitem that is in order; returns its UID."""
        uid = uid or str(generate_uid())
        response = self.post(f"/workitems?workitem={uid}", attributes or workitem())
        assert response.status_code == 201, response.text
        return uid

    def post(self, path: str, payload: Any = None, **headers: str) -> Response:
        if payload is None:
            return self.client.post(BASE + path, headers=headers)
        return self.client.post(BASE + path, json=payload, headers=JSON | headers)

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(BASE + path, headers=headers)

    def state(self, uid: str, state: str, lock: str | None = None, path: str = "/state", **headers: str) -> Response:
        payload = {"00741000": element("CS", state)}
        if lock is not None:
            payload["00081195"] = element("UI", lock)
        return self.client.put(f"{BASE}/workitems/{uid}{path}", json=payload, headers=JSON | headers)

    def claim(self, uid: str, lock: str | None = None) -> str:
        lock = lock or str(generate_uid())
        response = self.state(uid, "IN PROGRESS", lock)
        assert response.status_code == 200, response.text
        return lock

    def complete(self, uid: str, lock: str) -> None:
        assert self.post(f"/workitems/{uid}?Transaction-uid={lock}", performed()).status_code == 200
        assert self.state(uid, "COMPLETED", lock).status_code == 200

    def read(self, uid: str) -> dict[str, Any]:
        response = self.get(f"/workitems/{uid}", Accept="application/dicom+json")
        assert response.status_code == 200, response.text
        (attributes,) = response.json()
        return attributes

    def state_of(self, uid: str) -> str:
        return self.read(uid)["00741000"]["Value"][0]

    def subscribe(self, uid: str, aetitle: str, query: str = "") -> Response:
        return self.post(f"/workitems/{uid}/subscribers/{aetitle}{query}")

    def events(self) -> list[tuple[int, str, dict[str, Any], tuple[str, ...]]]:
        """Every event so far, as they were recorded: type, workitem, attributes, subscribers."""
        return recorded_events(self.client)


def recorded_events(client: TestClient) -> list[tuple[int, str, dict[str, Any], tuple[str, ...]]]:
    return events_of(client.app_state["context"].worklist._database)


def events_of(database: Database) -> list[tuple[int, str, dict[str, Any], tuple[str, ...]]]:
    _number(database, Log.EVENTS)
    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT event_type, workitem_uid, data_set, subscribers FROM worklist_events ORDER BY number")
        )
        return [
            (row.event_type, row.workitem_uid, orjson.loads(row.data_set), tuple(orjson.loads(row.subscribers)))
            for row in rows
        ]


def changes_of(database: Database) -> list[tuple[str, str]]:
    """Every change of a workitem so far: action, UID."""
    _number(database, Log.CHANGES)
    with database.reading() as connection:
        rows = connection.execute(text("SELECT action, uid FROM changes WHERE level = 'workitem' ORDER BY number"))
        return [(row.action, row.uid) for row in rows]


def _number(database: Database, log: Log) -> None:
    """Where several write at once, entries get their numbers when somebody reads."""
    while not database.embedded and database.write(lambda connection: number_arrivals(connection, log)):
        pass
