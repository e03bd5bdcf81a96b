"""PS3.18 11.4: Create Workitem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pydicom.uid import generate_uid
from tests.workitems import BASE, FILTERED, JSON, PUSH, WORKLIST, Requester, code, element, workitem

from filmjacket.dicom.xml_model import encode_native

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

SPELLINGS = ("?workitem={uid}", "?AffectedSOPInstanceUID={uid}", "?{uid}", "?{uid}=")


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_mistake_1_every_spelling_of_the_uid_is_understood(requester: Requester, spelling: str) -> None:
    uid = str(generate_uid())
    response = requester.post("/workitems" + spelling.format(uid=uid), workitem())
    assert response.status_code == 201
    url = f"http://testserver:8104{BASE}/workitems/{uid}"
    assert (response.headers["location"], response.headers["content-location"]) == (url, url)
    assert response.content == b""
    assert "warning" not in response.headers
    kept = requester.read(uid)
    assert kept["00080016"]["Value"] == [PUSH]
    assert kept["00080018"]["Value"] == [uid]
    assert kept["00404010"]["Value"][0].endswith("+0000")


def test_the_uid_may_be_in_the_payload(requester: Requester) -> None:
    uid = str(generate_uid())
    assert requester.post("/workitems", workitem(t00080018=element("UI", uid))).status_code == 201
    assert requester.read(uid)["00080018"]["Value"] == [uid]


def test_names_of_parameters_are_case_sensitive(requester: Requester) -> None:
    assert requester.post("/workitems?Workitem=1.2.3", workitem()).status_code == 400


def as_xml(attributes: dict[str, Any]) -> bytes:
    return encode_native(attributes)


def multipart(body: bytes, kind: str) -> tuple[bytes, str]:
    payload = b"--b\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n--b--\r\n"
    return payload, f'multipart/related; type="{kind}"; boundary=b'


def payloads() -> dict[str, tuple[bytes, str]]:
    item = workitem()
    return {
        "object": (orjson.dumps(item), "application/dicom+json"),
        "array": (orjson.dumps([item]), "application/dicom+json"),
        "plain JSON": (orjson.dumps([item]), "application/json"),
        "XML": (as_xml(item), "application/dicom+xml"),
        "XML in parts": multipart(as_xml(item), "application/dicom+xml"),
        "JSON in parts": multipart(orjson.dumps(item), "application/dicom+json"),
    }


@pytest.mark.parametrize("kind", payloads())
def test_item_12_and_mistake_13_every_shape_of_payload(requester: Requester, kind: str) -> None:
    body, content_type = payloads()[kind]
    uid = str(generate_uid())
    response = requester.client.post(
        f"{BASE}/workitems?workitem={uid}", content=body, headers={"Content-Type": content_type}
    )
    assert response.status_code == 201, response.text
    expected = orjson.loads(payloads()["object"][0])
    kept = requester.read(uid)
    assert {tag: kept[tag] for tag in expected if tag != "00081195"} == {
        tag: value for tag, value in expected.items() if tag != "00081195"
    }


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/dicom"}, 415),
        (b"{}", {"Content-Type": 'multipart/related; type="image/png"; boundary=b'}, 415),
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b"[]", JSON, 400),
        (b"[{},{}]", JSON, 400),
        (b'"text"', JSON, 400),
        (b"<a/>", {"Content-Type": "application/dicom+xml"}, 400),
        (b"", {"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=b'}, 400),
        (b"{}", {"Content-Type": "multipart/related; type=application/dicom+xml"}, 400),
        (b"{}", JSON | {"Content-Encoding": "br"}, 415),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 400),
    ],
)
def test_item_12_what_cannot_be_read(requester: Requester, body: bytes, headers: dict[str, str], status: int) -> None:
    response = requester.client.post(f"{BASE}/workitems?workitem=1.2.3", content=body, headers=headers)
    assert response.status_code == status, response.text
    assert requester.get("/workitems/1.2.3").status_code == 404


@pytest.mark.parametrize(
    ("query", "changes", "status"),
    [
        ("", {}, 400),
        ("?workitem=x", {}, 400),
        ("?workitem=1.2.3&AffectedSOPInstanceUID=1.2.4", {}, 400),
        ("?workitem=1.2.3", {"t00080018": element("UI", "1.2.4")}, 400),
        ("?workitem=1.2.3", {"t00741000": element("CS", "IN PROGRESS")}, 400),
        ("?workitem=1.2.3", {"t00741000": None}, 400),
        ("?workitem=1.2.3", {"t00081195": element("UI", "1.2.9")}, 400),
        ("?workitem=1.2.3", {"t00741200": element("CS", "URGENT")}, 400),
        ("?workitem=1.2.3", {"t00404005": element("DT", "soon")}, 400),
        ("?workitem=1.2.3", {"t00741204": {"vr": "SQ", "Value": [{}]}}, 400),
        ("?workitem=1.2.3", {"t00741002": element("SQ", {"00741004": element("DS", 4)})}, 400),
        ("?workitem=1.2.3", {"t00080016": element("UI", "1.2.840.10008.5.1.4.1.1.2")}, 400),
        ("?workitem=1.2.3", {"t00100020": element("LO", "x" * 600)}, 400),
        (f"?workitem={WORKLIST}", {}, 409),
        (f"?workitem={FILTERED}", {}, 409),
    ],
)
def test_what_is_refused(requester: Requester, query: str, changes: dict[str, Any], status: int) -> None:
    response = requester.post("/workitems" + query, workitem(**changes))
    assert response.status_code == status, response.text
    assert response.json()["section"].startswith("PS3")
    assert requester.get("/workitems").json() == []


def test_a_uid_is_taken_once(requester: Requester) -> None:
    uid = requester.create()
    assert requester.post(f"/workitems?{uid}", workitem()).status_code == 409
    lock = requester.claim(uid)
    requester.complete(uid, lock)
    assert requester.post(f"/workitems?{uid}", workitem()).status_code == 409


@pytest.mark.parametrize(
    "changes",
    [
        {"t00380010": None},  # type 2, added empty
        {"t00741202": element("LO")},  # Worklist Label, filled
        {"t00080016": element("UI", "1.2.840.10008.5.1.4.34.6.3")},  # a way to access workitems
        {"t00080005": element("CS", "ISO_IR 100")},
        {"t00741204": element("SH", "label")},  # the VR is LO
        {"t7FE00010": {"vr": "OW", "InlineBinary": "AAA="}},
    ],
)
def test_modifications_are_told(requester: Requester, changes: dict[str, Any]) -> None:
    response = requester.post("/workitems?workitem=1.2.3", workitem(**changes))
    assert response.status_code == 201, response.text
    assert response.headers["warning"] == (
        f'299 http://testserver:8104{BASE} "The Workitem was created with modifications."'
    )
    kept = requester.read("1.2.3")
    assert kept["00741202"]["Value"] in (["AI"], ["WORKLIST"])
    assert kept["00741204"]["vr"] == "LO"
    assert "00380010" in kept
    assert "7FE00010" not in kept


def test_command_elements_and_bulk_data_are_not_kept(requester: Requester) -> None:
    uid = requester.create(workitem(t00001000=element("UI", "1.2")))
    assert "00001000" not in requester.read(uid)
    response = requester.post("/workitems?workitem=1.2.9", workitem(t00420011={"vr": "OB", "BulkDataURI": "http://h"}))
    assert response.status_code == 400


def test_the_payload_is_bounded(make_client: Callable[..., TestClient]) -> None:
    requester = Requester(make_client(worklist={"payload_bytes": 1000}))
    assert requester.post("/workitems?workitem=1.2.3", workitem()).status_code == 413


def test_creation_is_reported_to_who_subscribed_to_new_workitems(requester: Requester) -> None:
    requester.subscribe(WORKLIST, "RIS")
    uid = requester.create()
    state, assigned = requester.events()
    assert state == (1, uid, {"00404041": element("CS", "READY"), "00741000": element("CS", "SCHEDULED")}, ("RIS",))
    assert (assigned[0], set(assigned[2])) == (5, {"00404025"})


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("00741216", element("SQ", {})),
        ("00741216", element("SQ", {"00081030": element("LO", "of another module")})),
        ("00741002", element("SQ", {})),
        ("00404005", element("DT", "20261122", "20271122")),
        ("0020000D", element("UI", "not-a-uid")),
        ("00741204", element("LO", "one", "two")),
        ("00741204", element("LO", "control\0character")),
        ("00404018", element("SQ", code("C") | {"00080102": {"vr": "SH"}})),
        ("00404018", element("SQ", code("C") | {"00080119": element("UC", "also long")})),
        ("00404018", element("SQ", code("C" * 17))),
        ("00404018", element("SQ", {"00080119": element("UC", "long"), "00080104": element("LO", "Meaning")})),
        ("00404021", element("SQ", {"00404050": element("DT", "garbage")})),
    ],
)
def test_what_a_new_workitem_may_not_say_is_400_and_nothing_is_created(
    requester: Requester, tag: str, value: dict[str, Any]
) -> None:
    uid = str(generate_uid())
    response = requester.post(f"/workitems?workitem={uid}", workitem() | {tag: value})
    assert response.status_code == 400
    assert requester.client.get(f"{BASE}/workitems/{uid}").status_code == 404


def test_a_urn_code_needs_no_designator(requester: Requester) -> None:
    urn = {"00080120": element("UR", "urn:oid:1.2.3"), "00080104": element("LO", "Meaning")}
    uid = str(generate_uid())
    assert requester.post(f"/workitems?workitem={uid}", workitem(t00404018=element("SQ", urn))).status_code == 201
