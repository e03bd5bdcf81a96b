"""Where editions of PS3.18 differ: the setting `edition` chooses whose wording decides (CP-2473)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.wire import send
from tests.samples import multipart, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

# Searches of the Studies service without a result (10.6.3.1, 8.3.4.4)
EMPTY = [
    "/studies?PatientID=NOBODY",
    "/series?PatientID=NOBODY",
    "/instances?PatientID=NOBODY",
    "/studies/1.2.3/series",
    "/studies/1.2.3/instances",
    "/studies/1.2.3/series/1.2.4/instances",
    "/studies?limit=0",
    "/studies?offset=5",
]


@pytest.fixture
def of_edition(make_client: Callable[..., TestClient]) -> Callable[[str], TestClient]:
    def make(edition: str) -> TestClient:
        client = make_client(edition=edition)
        body, headers = multipart(sample("CT_small.dcm"))
        assert client.post("/dicom-web/studies", content=body, headers=headers).status_code == 200
        return client

    return make


def test_2026_answers_an_empty_search_with_200_and_an_empty_array(of_edition) -> None:
    client = of_edition("2026")
    for target in EMPTY:
        answer = send(client, target)
        assert (answer.status, answer.body) == (200, b"[]"), target
        assert answer.header("content-type") == "application/dicom+json"


def test_2024_answers_an_empty_search_with_204_and_no_content(of_edition) -> None:
    client = of_edition("2024")
    for target in EMPTY:
        answer = send(client, target)
        assert (answer.status, answer.body) == (204, b""), target
        assert not {"content-type", "content-length"} & set(answer.headers), target


def test_2024_keeps_the_count_of_an_empty_search(of_edition) -> None:
    answer = send(of_edition("2024"), "/studies?PatientID=NOBODY", headers={"Prefer": "count=exact"})
    assert answer.status == 204
    assert answer.header("x-total-count") == "0"


@pytest.mark.parametrize("edition", ["2024", "2026"])
def test_results_are_200_in_every_edition(of_edition, edition: str) -> None:
    answer = send(of_edition(edition), "/studies")
    assert (answer.status, len(answer.json())) == (200, 1)


def test_2026_is_the_default(client: TestClient) -> None:
    assert send(client, "/studies").status == 200
