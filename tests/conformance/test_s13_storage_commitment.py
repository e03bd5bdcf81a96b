"""PS3.18 chapter 13, Annex J: request and result of storage commitment, over HTTP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.uid import generate_uid
from tests import samples
from tests.non_patient import COLOR_PALETTE, file_of

from filmjacket.archive.deletions import DAY
from filmjacket.clock import now
from filmjacket.dicom.json_model import decode_attributes, encode_attributes
from filmjacket.dicom.xml_model import decode_native, encode_native
from filmjacket.errors import NotFound
from filmjacket.web.commitment_module import FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

BASE = "/dicom-web"
JSON = {"Content-Type": "application/dicom+json"}
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
REFERENCED, FAILED = "00081199", "00081198"
STUDIES, FAILED_STUDIES = "00081110", "0008119B"
REASON = "00081197"


def ui(uid: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [uid]}


def sq(*items: Any) -> dict[str, Any]:
    return {"vr": "SQ", "Value": list(items)}


def flat(*references: tuple[str, str]) -> dict[str, Any]:
    return {REFERENCED: sq(*({"00081150": ui(one), "00081155": ui(uid)} for one, uid in references))}


def tree(study: str, series: str, sop_class: str, *uids: str) -> dict[str, Any]:
    instances = {"00081150": ui(sop_class), "0008114A": sq(*({"00081155": ui(uid)} for uid in uids))}
    return {STUDIES: sq({"0020000D": ui(study), "00081115": sq({"0020000E": ui(series), "00081112": sq(instances)})})}


@pytest.fixture
def uids(client: TestClient) -> tuple[str, str, str]:
    return store(client)


def store(client: TestClient, **changes: str) -> tuple[str, str, str]:
    file = samples.variant("CT_small.dcm", SOPInstanceUID=generate_uid(), **changes)
    response = client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
    assert response.status_code == 200
    return samples.uids(file)


def url(transaction: str = "") -> str:
    return f"{BASE}/commitment-requests/{transaction or generate_uid()}"


def reasons(module: dict[str, Any]) -> dict[str, int]:
    """Reason by SOP Instance UID, 0 for a commitment, of a flat answer."""
    found = {item["00081155"]["Value"][0]: 0 for item in module.get(REFERENCED, {}).get("Value", [])}
    return found | {
        item["00081155"]["Value"][0]: item[REASON]["Value"][0] for item in module.get(FAILED, {}).get("Value", [])
    }


def wait_for(client: TestClient, path: str) -> Any:
    for _ in range(200):
        response = client.get(path)
        if response.status_code != 202:
            return response
        time.sleep(0.02)
    return pytest.fail("still pending")


def test_flat(client: TestClient, uids: tuple[str, str, str]) -> None:
    path, request = url(), flat((CT, uids[2]))
    response = client.post(path, json=request, headers=JSON)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/dicom+json"
    assert response.json() == request  # all committed, no empty sequence, no Transaction UID
    assert client.get(path).json() == request


def test_hierarchical(client: TestClient, uids: tuple[str, str, str]) -> None:
    study, series, sop = uids
    path, request = url(), tree(study, series, CT, sop)
    response = client.post(path, json=request, headers=JSON)
    assert (response.status_code, response.json()) == (200, request)
    assert client.get(path).json() == request


def test_both_parts_of_a_hierarchical_answer(client: TestClient, uids: tuple[str, str, str]) -> None:
    study, series, sop = uids
    answer = client.post(url(), json=tree(study, series, CT, sop, "1.2.3"), headers=JSON).json()
    assert {STUDIES: answer[STUDIES]} == tree(study, series, CT, sop)
    (failed_study,) = answer[FAILED_STUDIES]["Value"]
    (failed,) = failed_study["00081115"]["Value"][0]["00081112"]["Value"][0]["0008114A"]["Value"]
    assert failed == {"00081155": ui("1.2.3"), REASON: {"vr": "US", "Value": [FailureReason.NO_SUCH_INSTANCE]}}
    assert set(answer) == {STUDIES, FAILED_STUDIES}


@pytest.mark.parametrize(
    ("sop_class", "known", "reason"),
    [
        (CT, True, FailureReason.COMMITTED),
        (CT, False, FailureReason.NO_SUCH_INSTANCE),
        (MR, True, FailureReason.CLASS_INSTANCE_CONFLICT),
        ("1.2.3", True, FailureReason.SOP_CLASS_NOT_SUPPORTED),
        ("1.2.840.10008.1.3.10", True, FailureReason.SOP_CLASS_NOT_SUPPORTED),
    ],
)
def test_reasons(client: TestClient, uids: tuple[str, str, str], sop_class: str, known: bool, reason: int) -> None:
    uid = uids[2] if known else "1.2.3.4"
    answer = client.post(url(), json=flat((sop_class, uid)), headers=JSON)
    assert answer.status_code == 200  # evaluated, which is all that 200 says
    assert reasons(answer.json()) == {uid: reason}


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_wrong_study_or_series_is_no_such_instance(
    client: TestClient, uids: tuple[str, str, str], wrong: int
) -> None:
    places = list(uids[:2])
    places[wrong] = "1.2.3"
    answer = client.post(url(), json=tree(*places, CT, uids[2]), headers=JSON).json()
    assert STUDIES not in answer
    item = answer[FAILED_STUDIES]["Value"][0]["00081115"]["Value"][0]["00081112"]["Value"][0]["0008114A"]["Value"][0]
    assert item[REASON]["Value"] == [0x0112]


@pytest.mark.parametrize("damage", ["digest", "size", "missing"])
def test_what_is_committed_has_been_read_back(
    client: TestClient, uids: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    blobs = type(client.app_state["context"].blobs)
    read = blobs.chunks

    def damaged(self: Any, *where: Any) -> Any:
        content = b"".join(read(self, *where))
        if damage == "missing":
            raise NotFound("no such blob")
        yield content[:-1] + (bytes([content[-1] ^ 1]) if damage == "digest" else b"")

    monkeypatch.setattr(blobs, "chunks", damaged)
    assert reasons(client.post(url(), json=flat((CT, uids[2])), headers=JSON).json()) == {uids[2]: 0x0110}


def test_deleted_instances_are_not_committed(client: TestClient, uids: tuple[str, str, str]) -> None:
    assert client.delete(f"{BASE}/studies/{uids[0]}").status_code == 200
    assert reasons(client.post(url(), json=flat((CT, uids[2])), headers=JSON).json()) == {uids[2]: 0x0112}


def test_non_patient_instances(client: TestClient) -> None:
    file = file_of(COLOR_PALETTE, "1.2.3.4")
    client.post(f"{BASE}/color-palettes", content=file, headers={"Content-Type": "application/dicom"})
    answer = client.post(url(), json=flat((COLOR_PALETTE, "1.2.3.4"), (CT, "1.2.3.4")), headers=JSON).json()
    assert [item["00081150"]["Value"] for item in answer[REFERENCED]["Value"]] == [[COLOR_PALETTE]]
    assert answer[FAILED]["Value"][0][REASON]["Value"] == [0x0119]


def test_a_transaction_uid_is_used_once(client: TestClient, uids: tuple[str, str, str]) -> None:
    path, request = url(), flat((CT, uids[2]))
    assert client.post(path, json=request, headers=JSON).status_code == 200
    again = client.post(path, json=request, headers=JSON)
    assert again.status_code == 409
    assert "GET" in again.json()["detail"]
    assert client.get(path).json() == request


def test_large_requests_are_verified_in_the_background(make_client: Callable[..., TestClient]) -> None:
    client = make_client(commitment={"immediate_seconds": 0})
    study, series, sop = store(client)
    path, request = url(), tree(study, series, CT, sop)
    first = client.post(path, json=request, headers=JSON)
    assert (first.status_code, first.content) == (202, b"")
    assert int(first.headers["retry-after"]) >= 1
    assert client.post(path, json=request, headers=JSON).status_code == 409
    assert wait_for(client, path).json() == request


def test_pending_transactions_survive_a_restart(
    make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(commitment={"immediate_seconds": 0})
    _, _, sop = store(client)
    context = client.app_state["context"]
    monkeypatch.setattr(type(context.committer), "work", lambda *_: None)
    path = url()
    assert client.post(path, json=flat((CT, sop)), headers=JSON).status_code == 202
    assert client.get(path).status_code == 202
    monkeypatch.undo()
    context.wake_committer()
    client.__exit__(None, None, None)
    client.__enter__()
    assert wait_for(client, path).json() == flat((CT, sop))


def test_results_expire(client: TestClient, uids: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = url()
    assert client.get(path).status_code == 404
    client.post(path, json=flat((CT, uids[2])), headers=JSON)
    committer = client.app_state["context"].committer
    monkeypatch.setattr(committer, "_clock", lambda: now() + 8 * DAY)
    assert client.get(path).status_code == 410
    committer.work(lambda: False)
    assert client.get(path).status_code == 410
    assert client.post(path, json=flat((CT, uids[2])), headers=JSON).status_code == 409


def test_committed_studies_can_be_put_on_hold(make_client: Callable[..., TestClient]) -> None:
    client = make_client(commitment={"hold": True}, deletion={"enabled": True})
    study, _, sop = store(client)
    assert client.post(url(), json=flat((CT, sop), (CT, "1.2.3")), headers=JSON).status_code == 200
    assert client.delete(f"{BASE}/studies/{study}").status_code == 409
    plain = make_client(deletion={"enabled": True})
    study, _, sop = store(plain)
    assert plain.post(url(), json=flat((CT, sop)), headers=JSON).status_code == 200
    assert plain.delete(f"{BASE}/studies/{study}").status_code == 200


def test_committed_palettes_keep_their_bytes(make_client: Callable[..., TestClient]) -> None:
    client = make_client(commitment={"hold": True}, duplicates="replace")
    for label in ("FIRST", "SECOND"):
        file = file_of(COLOR_PALETTE, "1.2.3.4", ContentLabel=label)
        client.post(f"{BASE}/color-palettes", content=file, headers={"Content-Type": "application/dicom"})
        if label == "FIRST":
            assert client.post(url(), json=flat((COLOR_PALETTE, "1.2.3.4")), headers=JSON).status_code == 200
    index = client.app_state["context"].index
    assert sum(len(batch) for batch in index.blobs()) == 2
    assert index.purge(at=now(), retained_since=None).instances == 0


def capitalised(document: bytes) -> bytes:
    """As the examples of Annex B have it."""
    return document.replace(b" tag=", b" Tag=").replace(b" vr=", b" VR=").replace(b" keyword=", b" Keyword=")


PAYLOADS: list[tuple[str, Callable[[dict[str, Any]], tuple[bytes, str]]]] = [
    ("object", lambda one: (encode_attributes(one), "application/dicom+json")),
    ("array", lambda one: (b"[" + encode_attributes(one) + b"]", "application/dicom+json")),
    ("plain json", lambda one: (encode_attributes(one), "application/json")),
    ("xml", lambda one: (encode_native(one), "application/dicom+xml")),
    ("capitals", lambda one: (capitalised(encode_native(one)), "application/dicom+xml")),
]


@pytest.mark.parametrize(("name", "write"), PAYLOADS, ids=[name for name, _ in PAYLOADS])
def test_payloads(client: TestClient, uids: tuple[str, str, str], name: str, write: Any) -> None:
    for request in (flat((CT, uids[2])), tree(*uids[:2], CT, uids[2])):
        body, content_type = write(request)
        response = client.post(url(), content=body, headers={"Content-Type": content_type})
        assert (response.status_code, response.json()) == (200, request), name


@pytest.mark.parametrize("media_type", ["application/dicom+json", "application/dicom+xml"])
def test_multipart_requests_are_one_transaction(client: TestClient, media_type: str) -> None:
    """B.29: the parts are about different studies."""
    places = [store(client, StudyInstanceUID=generate_uid()) for _ in range(2)]
    requests = [tree(*place[:2], CT, place[2]) for place in places]
    write = encode_attributes if media_type.endswith("json") else encode_native
    body, headers = samples.multipart(*map(write, requests), media_type=media_type)
    answer = client.post(url(), content=body, headers=headers).json()
    assert answer[STUDIES]["Value"] == [one for request in requests for one in request[STUDIES]["Value"]]


@pytest.mark.parametrize("accept", ["application/dicom+xml", 'multipart/related; type="application/dicom+xml"',
                                    'multipart/related; type="application/dicom+json"'])  # fmt: skip
def test_answers_in_every_form(client: TestClient, uids: tuple[str, str, str], accept: str) -> None:
    request, path = flat((CT, uids[2])), url()
    posted = client.post(path, json=request, headers=JSON | {"Accept": accept})
    got = client.get(path, headers={"Accept": accept})
    for response in (posted, got):
        assert response.headers["content-type"].startswith(accept)
        body = response.content
        if accept.startswith("multipart"):
            body = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        assert (decode_native(body) if "xml" in accept else decode_attributes(body)) == request
    assert client.get(f"{path}?accept=application/dicom%2Bxml").headers["content-type"] == "application/dicom+xml"


@pytest.mark.parametrize(
    "body",
    [
        {},
        flat((CT, "1.2.3")) | tree("1", "2", CT, "3"),
        {REFERENCED: {"vr": "SQ"}},
        {REFERENCED: sq({"00081150": ui(CT)})},
        {REFERENCED: sq({"00081150": ui(CT), "00081155": ui("1.2.x")})},
        {REFERENCED: sq({"00081150": ui(CT), "00081155": {"vr": "UI", "Value": ["1.2", "1.3"]}})},
        {STUDIES: sq({"0020000D": ui("1.2")})},
        {STUDIES: sq({"0020000D": ui("1.2"), "00081115": sq({"0020000E": ui("1.3")})})},
        [flat((CT, "1.2.3")), tree("1", "2", CT, "3")],
        [],
        "text",
    ],
    ids=str,
)
def test_malformed_requests_are_400_and_use_no_uid(client: TestClient, body: Any) -> None:
    path = url()
    response = client.post(path, json=body, headers=JSON)
    assert response.status_code == 400, response.text
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}, 415),
        (JSON | {"Accept": "image/png"}, 406),
        (JSON | {"Content-Encoding": "br"}, 415),
    ],
)
def test_refused_headers(client: TestClient, headers: dict[str, str], status: int) -> None:
    path = url()
    assert client.post(path, content=encode_attributes(flat((CT, "1.2.3"))), headers=headers).status_code == status
    assert client.get(path).status_code == 404


def test_bad_uids_and_methods(client: TestClient) -> None:
    assert client.post(url("1.2.x"), json=flat((CT, "1.2.3")), headers=JSON).status_code == 400
    assert client.get(url("1.2.x")).status_code == 400
    assert client.delete(url("1.2.3")).status_code == 405
    assert client.get(f"{BASE}/commitment-requests").status_code == 404


def test_the_same_instance_twice_is_once(client: TestClient, uids: tuple[str, str, str]) -> None:
    answer = client.post(url(), json=flat((CT, uids[2]), (CT, uids[2])), headers=JSON).json()
    assert answer == flat((CT, uids[2]))
