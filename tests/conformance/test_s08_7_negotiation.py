"""PS3.18 8.3.3 and 8.7.5 to 8.7.8: Accept header and `accept` parameter, across the resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import samples
from tests.payloads import EXPLICIT, media_type, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient
    from tests.conformance.shelf import Shelf

BASE = "/dicom-web"
DICOM = 'multipart/related; type="application/dicom"'
RESOURCES = ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"]


# The Accept header (8.4.1, 8.7.7) ------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [*RESOURCES, "search"])
def test_without_accept_the_strict_answer_is_406(make_client: Callable[..., TestClient], below: str) -> None:
    """8.7.7; lenient by default, as command line tools and hyperlinks come without one."""
    file = samples.sample("CT_small.dcm")
    for strict, status in ((True, 406), (False, 200)):
        client = make_client(strict_accept=strict)
        client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
        del client.headers["Accept"]
        path = "/studies" if below == "search" else samples.instance_path(file) + below
        response = client.get(BASE + path)
        assert response.status_code == status
        if strict:
            problem = response.json()
            assert problem["section"] == "PS3.18 8.7.7"
            assert problem["accepted"]


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("", ("multipart/related", "application/dicom")),
        ("/metadata", ("application/dicom+json", None)),
        ("/frames/1", ("multipart/related", "application/octet-stream")),
        ("/bulkdata/7FE00010", ("application/octet-stream", None)),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "*/*;q=0.1", "image/webp, */*;q=0.8", " */* ", "garbage, */*"])
def test_anything_means_the_default_of_the_resource(
    shelf: Shelf, below: str, expected: tuple[str, str | None], accept: str
) -> None:
    """8.7.8.1 step 4; unreadable and unsupported ranges are ignored (8.7.5)."""
    response = shelf.store(samples.sample("CT_small.dcm")).get(below, accept)
    assert response.status_code == 200
    essence, parameters = media_type(response.headers["content-type"])
    assert (essence, parameters.get("type")) == expected
    (part,) = parts_of(response)
    if "dicom+json" not in essence:
        assert part.content_type[1]["transfer-syntax"] == EXPLICIT


def test_the_highest_quality_wins_and_the_most_specific_range_sets_it(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    xml = 'multipart/related; type="application/dicom+xml"'
    for accept, expected in [
        (f"application/dicom+json; q=0.4, {xml}; q=0.5", "multipart/related"),
        (f"application/dicom+json; q=0.5, {xml}; q=0.4", "application/dicom+json"),
        (f"*/*; q=0.9, application/dicom+json; q=0.1, {xml}; q=0.2", "application/dicom+xml"),
        (f"application/dicom+json; q=0, {xml}; q=0.001", "multipart/related"),
        (f"application/*, {xml}; q=0.5", "application/dicom+json"),
    ]:
        response = stored.get("/metadata", accept)
        assert media_type(response.headers["content-type"])[0] == expected, accept


def test_repeated_accept_headers_are_one_list(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    headers = [("Accept", "audio/basic"), ("Accept", "application/dicom+json")]
    client = shelf.client
    response = client.send(client.build_request("GET", stored.path + "/metadata", headers=headers))
    assert response.status_code == 200


@pytest.mark.parametrize("below", RESOURCES)
@pytest.mark.parametrize("accept", ["application/pdf", "audio/*", "garbage", "*/*;q=0", "*/*;q=2"])
def test_406_lists_what_can_be_had_and_that_works(shelf: Shelf, below: str, accept: str) -> None:
    """8.7.7: the payload should list the available media types (pain 9)."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get(below, accept)
    assert response.status_code == 406
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["offender"] == "Accept"
    assert problem["section"].startswith("PS3.18 8.7")
    assert problem["accepted"]
    for accepted in problem["accepted"]:
        assert stored.get(below, accepted).status_code == 200, accepted


@pytest.mark.parametrize(
    ("below", "accept", "status"),
    [
        ("", "application/dicom, image/png", 400),
        ("", "application/dicom, text/html", 400),
        ("", f"{DICOM}, image/gif;q=0.1", 400),
        ("", "application/dicom, image/jpeg", 200),
        ("", "application/dicom, image/png;q=0", 200),
        ("/frames/1", "application/octet-stream, image/jpeg", 200),
        ("/frames/1", "multipart/related; type=application/octet-stream, image/jp2, video/mp4", 200),
        ("/frames/1", "application/octet-stream, image/png", 400),
        ("/bulkdata/7FE00010", "application/octet-stream, application/pdf", 400),
        ("/metadata", "application/dicom+json, text/xml", 400),
    ],
)
def test_dicom_and_rendered_types_do_not_mix(shelf: Shelf, below: str, accept: str, status: int) -> None:
    """8.7.5; image/jpeg is a bulk data type on DICOM resources, so it mixes."""
    response = shelf.store(samples.sample("CT_small.dcm")).get(below, accept)
    assert response.status_code == status
    if status == 400:
        assert response.json()["section"] == "PS3.18 8.7.5"


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        "multipart/related;type=application/dicom",
        'Multipart/Related; Type="Application/DICOM"',
        'multipart/related; type="application/dicom"; boundary=**',
        'multipart/related; type="application/dicom"; transfer-syntax="*"',
        'multipart/related; type="application/dicom; transfer-syntax=*"',
        'multipart/related; transfer-syntax=*; type="application/dicom"',
        f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}',
        "multipart/related",
        "multipart/*",
        'multipart/related; type="*/*"',
        'multipart/related; type="application/*"',
    ],
)
def test_spellings_of_the_default_for_instances(shelf: Shelf, accept: str) -> None:
    """8.7.1 and the quotes that half of the clients omit (pain 8)."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get("", accept)
    essence, parameters = media_type(response.headers["content-type"])
    assert (essence, parameters["type"]) == ("multipart/related", "application/dicom")
    assert [part.body for part in parts_of(response)] == [stored.file]


# The accept parameter (8.3.3.1) --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("below", "query", "header", "expected"),
    [
        ("", "accept=application/dicom", "*/*", "application/dicom"),
        ("", "accept=application/dicom", "application/*", "application/dicom"),
        ("", "accept=application/dicom", "image/jpeg", 406),
        ("", "accept=application/dicom", f"{DICOM}", 406),
        ("", "accept=application%2Fdicom", "*/*", "application/dicom"),
        ("", "accept=application/dicom;transfer-syntax=*", "*/*", "application/dicom"),
        ("", "accept=multipart/related;type=%22application/dicom%22", "*/*", "multipart/related"),
        ("", "accept=image/*", "*/*", 400),
        ("", "accept=*/*", "*/*", 400),
        ("", "accept=", "*/*", 400),
        ("", "accept", "*/*", 400),
        ("", "accept=nonsense", "*/*", 400),
        ("", "accept=application/dicom%ZZ", "*/*", 400),
        ("", "accept=application/dicom,image/png", "*/*", 400),
        ("", "Accept=application/dicom", "*/*", "multipart/related"),
        ("/metadata", "accept=application/dicom+xml", "*/*", "application/dicom+xml"),
        ("/metadata", "accept=application/dicom%2Bxml", "*/*", "application/dicom+xml"),
        ("/metadata", "accept=application/dicom%20xml", "*/*", "application/dicom+xml"),
        ("/metadata", "accept=application/dicom+json", "text/html,*/*;q=0.8", "application/dicom+json"),
        ("/metadata", "accept=application/dicom+xml", "application/dicom+json", 406),
        ("/metadata", "foo=bar&accept=application/dicom+xml", "*/*", "application/dicom+xml"),
        ("/frames/1", "accept=application/octet-stream", "*/*", "application/octet-stream"),
        ("/bulkdata/7FE00010", "accept=application/octet-stream", "text/html,*/*", "application/octet-stream"),
    ],
)
def test_the_accept_parameter_narrows_the_header(
    shelf: Shelf, below: str, query: str, header: str, expected: str | int
) -> None:
    response = shelf.store(samples.sample("CT_small.dcm")).get(f"{below}?{query}", header)
    if isinstance(expected, int):
        assert response.status_code == expected
        assert response.json()["detail"]
    else:
        assert response.status_code == 200
        assert media_type(response.headers["content-type"])[0] == expected


def test_search_takes_the_accept_parameter_too(shelf: Shelf) -> None:
    shelf.store(samples.sample("CT_small.dcm"))
    response = shelf.client.get(f"{BASE}/studies?accept=application/dicom+json&PatientID=1CT1")
    assert response.status_code == 200
    assert len(response.json()) == 1
