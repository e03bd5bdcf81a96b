"""PS3.18 8.3.4.4 Paging: limit, offset, the Warning about what remains, and an order that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.search_archive import fill, library
from tests.conformance.wire import send
from tests.samples import multipart, series, variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient
    from tests.conformance.search_archive import Searchable

RESOURCES = ["/studies", "/series", "/instances", "{multi}/series", "{multi}/instances", "{multi/ct}/instances"]
UID_OF = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}


def warning(remaining: int) -> str:
    text = f"There are {remaining} additional results that can be requested"
    return f'299 http://testserver:8104/dicom-web "{text}"'


def uids(searchable: Searchable, target: str) -> list[str]:
    tag = UID_OF[target.partition("?")[0].rpartition("/")[2]]
    return [row[tag]["Value"][0] for row in searchable.rows(target)]


@pytest.mark.parametrize("resource", RESOURCES)
def test_pages_put_together_are_the_whole(searchable: Searchable, resource: str) -> None:
    whole = uids(searchable, resource)
    size = max(1, len(whole) // 3)
    pages = [uids(searchable, f"{resource}?limit={size}&offset={at}") for at in range(0, len(whole), size)]
    assert [uid for page in pages for uid in page] == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_same_request_has_the_same_order(searchable: Searchable, resource: str) -> None:
    assert uids(searchable, resource) == uids(searchable, resource)


@pytest.mark.parametrize("key", ["", "&PatientName=*", "&StudyDescription", "&Manufacturer=GE*"])
@pytest.mark.parametrize("resource", RESOURCES)
def test_remaining_results_have_the_exact_warning(searchable: Searchable, resource: str, key: str) -> None:
    """Also where stored attributes without columns decide (Manufacturer)."""
    if "Manufacturer" in key and not resource.endswith("instances"):
        return
    total = len(searchable.rows(f"{resource}?limit=1000{key}"))
    for limit, offset in ((1, 0), (1, 1), (2, total - 2), (total - 1, 0), (total, 0), (1, total - 1)):
        answer = searchable.get(f"{resource}?limit={limit}&offset={max(offset, 0)}{key}")
        remaining = total - max(offset, 0) - len(answer.json())
        assert answer.status == 200
        assert answer.headers.get("warning") == ([warning(remaining)] if remaining > 0 else None)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "offset=1000", "limit=0&offset=0", "limit=5&offset=99999999999999999999", "offset=41&limit=1"],
)
def test_no_results_on_the_page_is_an_empty_array_without_warning(searchable: Searchable, query: str) -> None:
    answer = searchable.get(f"/studies?{query}")
    assert (answer.status, answer.body) == (200, b"[]")
    assert "warning" not in answer.headers


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["-1", "1.5", "x", "", "+1", "1e3", "%31x", "0x10", "1,2", "٣"])
def test_what_is_no_unsigned_number_is_refused(searchable: Searchable, name: str, value: str) -> None:
    target = f"/studies?{name}={value}".encode()
    answer = send(searchable.client, target)
    assert answer.status == 400
    assert answer.json()["offender"] == name
    assert send(searchable.client, f"/studies?{name}").status == 400


def test_a_limit_beyond_the_servers_gets_the_servers(make_client: Callable[..., TestClient]) -> None:
    client = make_client(search={"maximum_results": 7})
    fill(client, library())
    for query, offset in (("", 0), ("?limit=1000", 0), ("?offset=3", 3)):
        answer = send(client, f"/instances{query}")
        total = len(library().files)
        assert len(answer.json()) == 7
        assert answer.headers["warning"] == [warning(total - 7 - offset)]


def test_the_order_survives_storing_more(make_client: Callable[..., TestClient]) -> None:
    """8.3.4.4: unchanged entities keep their order; new ones come between, none moves."""
    client = make_client()
    first = series(4, "MR_small.dcm")
    body, headers = multipart(*first)
    client.post("/dicom-web/studies", content=body, headers=headers)
    before = [row["00080018"]["Value"][0] for row in send(client, "/instances").json()]
    more = [variant("MR_small.dcm", StudyInstanceUID=f"1.2.3.{n}") for n in range(1)] + series(3, "MR_small.dcm")
    body, headers = multipart(*more)
    client.post("/dicom-web/studies", content=body, headers=headers)
    after = [row["00080018"]["Value"][0] for row in send(client, "/instances").json()]
    assert [uid for uid in after if uid in before] == before
    assert len(after) == 8


def test_instances_come_in_the_order_of_their_numbers(searchable: Searchable) -> None:
    numbers = [row["00200013"]["Value"][0] for row in searchable.rows("{multi/ct}/instances")]
    assert numbers == [101, 102, 103]


def test_studies_come_newest_first(searchable: Searchable) -> None:
    """Our choice: a list of studies without keys begins with what people look for."""
    dates = [row["00080020"].get("Value", [""])[0].replace(".", "") for row in searchable.rows("/studies")]
    assert dates == sorted(dates, reverse=True)
