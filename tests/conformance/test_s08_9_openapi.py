"""The OpenAPI document: well-formed by the specification's own schema, and about the routes that there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
import schemathesis
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.http.routes import TABLE
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "/dicom-web"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data=tmp_path_factory.mktemp("openapi") / "archive", deletion={"enabled": True})
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    response = client.get(f"{BASE}/openapi.json")
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_it_is_loaded_by_a_tool_that_tests_apis(document: dict) -> None:
    schema = schemathesis.openapi.from_dict(document)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == len(TABLE) + 1


def test_it_has_every_route_and_no_other(document: dict) -> None:
    methods = {"get", "post", "delete", "options", "put", "patch", "head"}
    found = {(name.upper(), path) for path, item in document["paths"].items() for name in item if name in methods}
    assert found == {(row.method, row.template) for row in TABLE} | {("OPTIONS", "/")}
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": f"http://testserver:8104{BASE}"}]


def operations(document: dict) -> Iterator[tuple[str, dict, dict]]:
    for path, item in document["paths"].items():
        for name, operation in item.items():
            if name != "parameters":
                yield path, item, operation


def test_examples_are_valid_by_their_schemas(document: dict) -> None:
    for _, item, operation in operations(document):
        for row in [*item.get("parameters", ()), *operation["parameters"]]:
            if "example" in row:
                jsonschema_rs.validate(row["schema"], row["example"])
    jsonschema_rs.meta.validate(document["components"]["schemas"]["Problem"])
    jsonschema_rs.meta.validate(document["components"]["schemas"]["DataSet"])


def test_every_path_variable_has_an_example(document: dict) -> None:
    for path, item, _ in operations(document):
        names = {row["name"] for row in item.get("parameters", ()) if row["in"] == "path" and row["example"]}
        assert names == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_every_refusal_is_a_problem_document(document: dict) -> None:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert "application/problem+json" in response["content"]
        assert {"405", "500"} <= set(operation["responses"])


def test_identifiers_are_unique(document: dict) -> None:
    identifiers = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(identifiers) == len(set(identifiers))


def test_problem_documents_and_data_sets_are_as_described(client: TestClient, document: dict) -> None:
    schemas = document["components"]["schemas"]
    problem = client.get(f"{BASE}/studies?limit=x").json()
    jsonschema_rs.validate(schemas["Problem"], problem)
    assert not set(problem) - set(schemas["Problem"]["properties"]), json.dumps(problem)


def test_cached_by_its_tag(client: TestClient) -> None:
    first = client.get(f"{BASE}/openapi.json")
    again = client.get(f"{BASE}/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
