"""Every status that the Worklist service declares, provoked: for test_s10_2_register.py."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.testclient import TestClient
from tests.workitems import BASE, FILTERED, JSON, WORKLIST, Requester, element, workitem

from filmjacket.app import create_app
from filmjacket.archive.deletions import DAY
from filmjacket.clock import now
from filmjacket.errors import Unavailable
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    Provocation = Callable[[Path, pytest.MonkeyPatch], Iterator[int]]

OTHER = {"If-Match": '"other"'}
LONG = "x=" + "a" * 5000


@contextmanager
def opened(tmp_path: Path, edition: str = "2026") -> Iterator[Requester]:
    """An archive of its own in which a workitem was removed: 1.9."""
    settings = Settings(
        data=tmp_path / "archive", edition=edition, limits={"query_bytes": 4096}, worklist={"payload_bytes": 8192}
    )
    with TestClient(create_app(settings), base_url="http://testserver:8104", raise_server_exceptions=False) as client:
        client.headers["Accept"] = "*/*"
        requester = Requester(client)
        requester.create(uid="1.9")
        requester.post("/workitems/1.9/cancelrequest")
        client.app_state["context"].worklist.purge(final_before=now() + DAY, at=now())
        yield requester


def unavailable(*_arguments: object, **_named: object) -> None:
    raise Unavailable("The index is locked.", section="8.5")


def received(requester: Requester, method: str, path: str) -> Iterator[int]:
    """What every request with a payload may meet."""
    ask = partial(requester.client.request, method)
    yield ask(f"{BASE}{path}", content=b"{", headers=JSON).status_code
    yield ask(f"{BASE}{path}", content=b"x" * 9000, headers=JSON).status_code
    yield ask(f"{BASE}{path}", content=b"x", headers={"Content-Type": "text/plain"}).status_code
    separator = "&" if "?" in path else "?"
    yield ask(f"{BASE}{path}{separator}{LONG}", json={}, headers=JSON).status_code


def create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        yield requester.post("/workitems?1.2.3", workitem()).status_code
        yield requester.post("/workitems?1.2.3", workitem()).status_code
        yield from received(requester, "POST", "/workitems?1.2.4")
        monkeypatch.setattr(SqlWorkitems, "create", unavailable)
        yield requester.post("/workitems?1.2.5", workitem()).status_code


def retrieve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        requester.create(uid="1.2.3")
        first = requester.get("/workitems/1.2.3")
        yield first.status_code
        yield requester.get("/workitems/1.2.3", **{"If-None-Match": first.headers["etag"]}).status_code
        yield requester.get("/workitems/1.2.3", **{"If-Match": '"other"'}).status_code
        yield requester.get("/workitems/x").status_code
        yield requester.get("/workitems/1.2.4").status_code
        yield requester.get("/workitems/1.9").status_code
        yield requester.get("/workitems/1.2.3", Accept="image/png").status_code
        yield requester.get(f"/workitems/1.2.3?{LONG}").status_code
        monkeypatch.setattr(SqlWorkitems, "find", unavailable)
        yield requester.get("/workitems/1.2.3").status_code


def update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edition: str = "2026") -> Iterator[int]:
    label = {"00741204": element("LO", "x")}
    with opened(tmp_path, edition) as requester:
        requester.create(uid="1.2.3")
        yield requester.post("/workitems/1.2.3", label, **OTHER).status_code
        yield requester.post("/workitems/1.2.3", label).status_code
        yield requester.post("/workitems/1.2.3?1.5", label).status_code
        requester.claim("1.2.3")
        yield requester.post("/workitems/1.2.3?1.5", label).status_code
        yield requester.post("/workitems/1.2.4", label).status_code
        yield requester.post("/workitems/1.9", label).status_code
        yield from received(requester, "POST", "/workitems/1.2.3")
        monkeypatch.setattr(SqlWorkitems, "change", unavailable)
        yield requester.post("/workitems/1.2.3", label).status_code


def change_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edition: str = "2026") -> Iterator[int]:
    with opened(tmp_path, edition) as requester:
        requester.create(uid="1.2.3")
        yield requester.state("1.2.3", "IN PROGRESS", "1.5", **OTHER).status_code
        for uid in ("1.2.3", "1.2.3", "1.2.4", "1.9"):
            yield requester.state(uid, "IN PROGRESS", "1.5").status_code
        yield requester.state("1.2.3", "COMPLETED", "1.6").status_code
        yield from received(requester, "PUT", "/workitems/1.2.3/state")
        monkeypatch.setattr(SqlWorkitems, "change", unavailable)
        yield requester.state("1.2.3", "COMPLETED", "1.5").status_code


def cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        requester.create(uid="1.2.3")
        requester.create(uid="1.2.4")
        requester.claim("1.2.4")
        yield requester.post("/workitems/1.2.3/cancelrequest", **OTHER).status_code
        for uid in ("1.2.3", "1.2.4", "1.2.5", "1.9"):
            yield requester.post(f"/workitems/{uid}/cancelrequest").status_code
        yield from received(requester, "POST", "/workitems/1.2.3/cancelrequest")
        monkeypatch.setattr(SqlWorkitems, "change", unavailable)
        yield requester.post("/workitems/1.2.3/cancelrequest").status_code


def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edition: str = "2026") -> Iterator[int]:
    with opened(tmp_path, edition) as requester:
        requester.create()
        yield requester.get("/workitems").status_code
        yield requester.get("/workitems?PatientID=NOBODY").status_code
        yield requester.get("/workitems?limit=x").status_code
        yield requester.get("/workitems", Accept="image/png").status_code
        yield requester.get(f"/workitems?{LONG}").status_code
        monkeypatch.setattr(SqlWorkitems, "search", unavailable)
        yield requester.get("/workitems").status_code


def subscribe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        requester.create(uid="1.2.3")
        for uid in ("1.2.3", "1.2.4", "1.9", FILTERED):
            yield requester.subscribe(uid, "RIS").status_code
        yield requester.subscribe(WORKLIST, "RIS", f"?{LONG}").status_code
        monkeypatch.setattr(SqlWorkitems, "subscribe", unavailable)
        yield requester.subscribe("1.2.3", "RIS").status_code


def unsubscribe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        requester.create(uid="1.2.3")
        requester.subscribe("1.2.3", "RIS")
        for uid in ("1.2.3", "1.2.3", "1.9", "x"):
            yield requester.client.delete(f"{BASE}/workitems/{uid}/subscribers/RIS").status_code
        monkeypatch.setattr(SqlWorkitems, "unsubscribe", unavailable)
        yield requester.client.delete(f"{BASE}/workitems/1.2.3/subscribers/RIS").status_code


def suspend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with opened(tmp_path) as requester:
        requester.subscribe(WORKLIST, "RIS")
        for uid in (WORKLIST, WORKLIST, "1.2.3"):
            yield requester.post(f"/workitems/{uid}/subscribers/RIS/suspend").status_code
        monkeypatch.setattr(SqlWorkitems, "suspend_worklist", unavailable)
        yield requester.post(f"/workitems/{WORKLIST}/subscribers/RIS/suspend").status_code


PROVOCATIONS: dict[tuple[str, str], Provocation] = {
    ("Create Workitem", "2026"): create,
    ("Retrieve Workitem", "2026"): retrieve,
    ("Update Workitem", "2026"): update,
    ("Update Workitem", "2024"): partial(update, edition="2024"),
    ("Change Workitem State", "2026"): change_state,
    ("Change Workitem State", "2024"): partial(change_state, edition="2024"),
    ("Request Workitem Cancellation", "2026"): cancel,
    ("Search for Workitems", "2026"): search,
    ("Search for Workitems", "2024"): partial(search, edition="2024"),
    ("Subscribe", "2026"): subscribe,
    ("Unsubscribe", "2026"): unsubscribe,
    ("Suspend Global Subscription", "2026"): suspend,
}
