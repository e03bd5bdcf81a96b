"""PS3.18 11.9: Search for Workitems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient
from tests.workitems import BASE, Requester, code, element, request, workitem

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engines.backends import Backend


def item(**changes: object) -> dict[str, object]:
    return workitem(**changes)


ITEMS = {
    "1.1": item(
        t00100010=element("PN", {"Alphabetic": "Müller^Anna", "Ideographic": "山田^太郎"}),
        t00404005=element("DT", "20261122080000+0100"),
        t00404011=element("DT", "20261122120000"),
        t00101002=element("SQ", {"00100020": element("LO", "OTHER1"), "00100022": element("CS", "TEXT")}),
        t00404034=element(
            "SQ",
            {
                "00404009": element("SQ", code("D1")),
                "00404037": element("PN", {"Alphabetic": "Doe^John"}),
                "00404036": element("LO", "Radiology"),
            },
        ),
    ),
    "1.2": item(
        t00100010=element("PN", {"Alphabetic": "Smith^Bob"}),
        t00404005=element("DT", "20261122093000"),
        t00100020=element("LO", "P2"),
        t00404025=element("SQ", code("CT1", "OTHER"), code("MR1", "99TEST", "MR room 1")),
        t0040A370=element("SQ", request("ACC2") | {"00321033": element("LO", "Surgery")}),
    ),
    "1.3": item(
        t00100010=element("PN"),
        t00404005=element("DT", "20261123"),
        t00100020=element("LO", "p1"),
        t00741200=element("CS", "HIGH"),
        t00380010=element("LO", "A*1"),
        t00102000=element("LO", "latex", "penicillin"),
        t00080201=element("SH", "-0500"),
    ),
}
EVERY = {"1.1", "1.2", "1.3"}


@pytest.fixture(scope="module")
def requester(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Requester]:
    settings = Settings(data=tmp_path_factory.mktemp("worklist") / "archive", **backend.fresh_settings())
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        requester = Requester(client)
        for uid, attributes in ITEMS.items():
            requester.create(attributes, uid)
        requester.claim("1.2", "2.25.99")
        yield requester


def found(requester: Requester, query: str) -> set[str]:
    response = requester.get(f"/workitems?{query}")
    assert response.status_code == 200, response.text
    assert "2.25.99" not in response.text
    assert "00081195" not in response.text
    return {one["00080018"]["Value"][0] for one in response.json()}


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("", EVERY),
        ("00080018=1.2", {"1.2"}),
        ("SOPInstanceUID=1.1,1.3", {"1.1", "1.3"}),
        ("ProcedureStepState=SCHEDULED", {"1.1", "1.3"}),
        ("00741000=IN%20PROGRESS", {"1.2"}),
        ("00741000=*S*", EVERY),
        ("00741000=COMPLETED", set()),
        ("PatientName=muller*", {"1.1"}),
        ("PatientName=SMITH^BOB", {"1.2"}),
        ("PatientName=山田*", {"1.1"}),
        ("PatientName==山田*", {"1.1"}),
        ("PatientName=mueler&fuzzymatching=true", {"1.1"}),
        ("PatientName=bob&fuzzymatching=true", {"1.2"}),
        ("PatientID=P1", {"1.1"}),
        ("PatientID=p1", {"1.3"}),
        ("PatientID=?1", {"1.1", "1.3"}),
        ("PatientID=OTHER1", set()),
        ("ScheduledProcedureStepPriority=HIGH", {"1.3"}),
        ("ScheduledStationNameCodeSequence.CodeValue=CT1", EVERY),
        ("00404025.00080100=CT1&00404025.00080102=OTHER", {"1.2"}),
        ("00404025.00080100=MR1&00404025.00080102=OTHER", set()),  # within one item
        ("00404025.00080102=OTHER", {"1.2"}),
        ("00404025.00080104=MR%20room%201", {"1.2"}),
        ("00404025.00080100=CT1&00404025.00080104=MR*", set()),
        ("0040A370.00080050=ACC2", {"1.2"}),
        ("0040A370.00080050=ACC2&0040A370.00321033=Surgery", {"1.2"}),
        ("0040A370.00080050=ACC1&0040A370.00321033=Surgery", set()),
        ("00404034.00404009.00080100=D1", {"1.1"}),
        ("00404034.00404037=doe*", {"1.1"}),
        ("00404005=20261122-20261122", {"1.1", "1.2"}),
        ("00404005=20261122080000-20261122235959", {"1.2"}),
        ("00404005=20261122080000%2B0100-20261122080000%2B0100", {"1.1"}),
        ("00404005=20261123-", {"1.3"}),
        ("00404005=-20261122", {"1.1", "1.2"}),
        ("00404005=20261122093000", {"1.2"}),
        ("00404005=20261122093000&TimezoneOffsetFromUTC=%2B0100", {"1.2"}),
        ("00404005=20261123-0500", {"1.3"}),
        ("00404011=20261122110000-20261122130000", {"1.1"}),
        ("00404011=20261122-", {"1.1"}),
        ("AdmissionID=A*1", EVERY),
        ("MedicalAlerts=latex", {"1.3"}),
        ("MedicalAlerts=latex,penicillin&multiplevaluematching=true", {"1.3"}),
        ("PatientName=%22%22&emptyvaluematching=true", {"1.3"}),
        ("00741000=SCHEDULED&00404025.00080100=CT1&00404005=20261122-20261122", {"1.1"}),
        ("ProcedureStepLabel=Segment*&00741200=MEDIUM&PatientSex=F", {"1.1", "1.2"}),
    ],
)
def test_matching(requester: Requester, query: str, uids: set[str]) -> None:
    assert found(requester, query) == uids


@pytest.mark.parametrize(
    "query",
    [
        "00081195=2.25.99", "TransactionUID=2.25.99", "00081195=", "00741216.00081195=1.2", "NoSuchKeyword=1",
        "PatientID=P1&PatientID=P2", "limit=x", "00404005=2026-11-22", "fuzzymatching=maybe", "00404025=x",
    ],
)  # fmt: skip
def test_item_6_what_is_refused(requester: Requester, query: str) -> None:
    assert requester.get(f"/workitems?{query}").status_code == 400


def test_item_6_and_mistake_2_no_leak(requester: Requester) -> None:
    for query in ("includefield=all", "includefield=00081195", "includefield=TransactionUID,00404011"):
        assert "2.25.99" not in requester.get(f"/workitems?{query}").text
        accept = 'multipart/related; type="application/dicom+xml"'
        assert "2.25.99" not in requester.get(f"/workitems?{query}", Accept=accept).text


def test_order_and_mistake_14_paging(requester: Requester) -> None:
    """By start, and the page says how many are behind it, with 200."""
    seen = []
    for offset, remaining in ((0, 2), (1, 1), (2, 0)):
        response = requester.get(f"/workitems?limit=1&offset={offset}")
        assert response.status_code == 200
        seen += [one["00080018"]["Value"][0] for one in response.json()]
        text = f"There are {remaining} additional results that can be requested"
        assert (text in response.headers.get("warning", "")) is (remaining > 0)
    assert seen == ["1.1", "1.2", "1.3"]
    counted = requester.get("/workitems?limit=1&PatientID=*1", Prefer="count=exact")
    assert counted.headers["x-total-count"] == "2"
    assert requester.get("/workitems?offset=9").json() == []


@pytest.mark.parametrize(("edition", "status"), [("2026", 200), ("2024", 204)])
def test_no_matches(make_client: Callable[..., TestClient], edition: str, status: int) -> None:
    requester = Requester(make_client(edition=edition))
    response = requester.get("/workitems?PatientID=NOBODY")
    assert (response.status_code, response.content) == (status, b"[]" if status == 200 else b"")


def test_representations(requester: Requester) -> None:
    assert requester.get("/workitems", Accept="application/json").headers["content-type"] == "application/dicom+json"
    parts = requester.get("/workitems", Accept='multipart/related; type="application/dicom+xml"')
    assert parts.text.count(f"Content-Location: http://testserver:8104{BASE}/workitems/1.") == 3
    assert requester.get("/workitems", Accept="image/png").status_code == 406


def test_encounter_imaging_context(make_client: Callable[..., TestClient]) -> None:
    """IHE RAD-130: the keys of a modality worklist under their names in workitems; other identifiers too."""
    requester = Requester(make_client(worklist={"other_patient_ids": True}))
    requester.create(ITEMS["1.1"], "1.1")
    requester.create(ITEMS["1.2"], "1.2")
    keys = (
        "PatientID=OTHER1",
        "PatientName=muller*",
        "AdmissionID=A1",
        "0040A370.00080050=ACC1",
        "0040A370.00401001=RP1",
        "StudyInstanceUID=1.2.3",
        "00404025.00080104=CT%20room%201",
        "00404026.00080100=CT",
        "00404027.00080100=GROUND",
        "00404034.00404037=Doe^John",
        "00404018.00080100=121726",
        "ProcedureStepLabel=Segment*",
        "00404005=20261122-20261122",
    )
    for key in keys:
        assert "1.1" in found(requester, key), key
    assert found(requester, "&".join(keys)) == {"1.1"}
    assert found(requester, "PatientID=P1") == {"1.1"}
    (answer,) = requester.get("/workitems?PatientID=OTHER1").json()
    assert answer["0020000D"]["Value"]
    assert answer["0040A370"]["Value"][0]["00080050"]["Value"] == ["ACC1"]
