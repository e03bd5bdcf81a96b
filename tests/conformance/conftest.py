"""Fixtures of the conformance tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.settings import Settings
from tests.conformance.search_archive import Searchable, fill, library

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searchable]:
    """The archive of the search tests, filled once."""
    settings = Settings(data=tmp_path_factory.mktemp("searchable") / "archive")
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        books = library()
        fill(client, books)
        yield Searchable(client, books)
