"""PS3.18 11.5: Retrieve Workitem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.workitems import FILTERED, WORKLIST, Requester

from filmjacket.dicom.xml_model import decode_native

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.fixture
def requester(client: TestClient) -> Requester:
    return Requester(client)


@pytest.mark.parametrize("accept", ["*/*", "application/dicom+json", "application/json", "application/*"])
def test_json_is_an_array_of_one(requester: Requester, accept: str) -> None:
    uid = requester.create()
    response = requester.get(f"/workitems/{uid}", Accept=accept)
    assert response.headers["content-type"] == "application/dicom+json"
    assert [one["00080018"]["Value"] for one in response.json()] == [[uid]]


def test_xml_alone_and_in_parts(requester: Requester) -> None:
    uid = requester.create()
    alone = requester.get(f"/workitems/{uid}", Accept="application/dicom+xml")
    assert alone.headers["content-type"] == "application/dicom+xml"
    assert decode_native(alone.content)["00080018"]["Value"] == [uid]
    parts = requester.get(f"/workitems/{uid}", Accept='multipart/related; type="application/dicom+xml"')
    assert parts.headers["content-type"].startswith('multipart/related; type="application/dicom+xml"')
    assert alone.content in parts.content


def test_mistake_2_the_transaction_uid_never_leaks(requester: Requester) -> None:
    uid = requester.create()
    lock = requester.claim(uid)
    for _ in ("IN PROGRESS", "COMPLETED"):
        for accept in ("application/dicom+json", "application/dicom+xml"):
            response = requester.get(f"/workitems/{uid}", Accept=accept)
            assert lock not in response.text
            assert "00081195" not in response.text
        if requester.state_of(uid) == "IN PROGRESS":
            requester.complete(uid, lock)
    assert lock not in str(requester.events())


def test_entity_tags(requester: Requester) -> None:
    uid = requester.create()
    first = requester.get(f"/workitems/{uid}")
    assert first.headers["cache-control"] == "private, no-cache"
    again = {"If-None-Match": first.headers["etag"]}
    assert requester.get(f"/workitems/{uid}", **again).status_code == 304
    assert requester.get(f"/workitems/{uid}", **{"If-Match": '"other"'}).status_code == 412
    requester.claim(uid)
    changed = requester.get(f"/workitems/{uid}", **again)
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)


@pytest.mark.parametrize("uid", ["1.2.3", WORKLIST, FILTERED])
def test_item_11_what_is_no_workitem_is_not_found(requester: Requester, uid: str) -> None:
    assert requester.get(f"/workitems/{uid}").status_code == 404


def test_what_is_refused(requester: Requester) -> None:
    uid = requester.create()
    assert requester.get("/workitems/x").status_code == 400
    assert requester.get(f"/workitems/{uid}", Accept="image/png").status_code == 406
    assert requester.client.delete(f"/dicom-web/workitems/{uid}").status_code == 405
