"""Fixtures of the conformance tests."""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient
from tests.conformance.search_archive import Searchable, fill, library
from tests.conformance.shelf import open_shelf

from filmjacket.app import create_app
from filmjacket.opening import open_archive
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conformance.shelf import Shelf
    from tests.engines.backends import Backend


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On real servers, which take their time, one case of each test unless `--every-case` asks for all."""
    if config.getoption("--backend") == "embedded" or config.getoption("--every-case"):
        return
    kept: dict[tuple[str, str], pytest.Item] = {}
    for item in items:
        kept.setdefault((str(item.path), getattr(item, "originalname", item.name)), item)
    chosen = set(map(id, kept.values()))
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = kept.values()


@pytest.fixture(scope="session")
def searchable(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Searchable]:
    """The archive of the search tests, filled once."""
    settings = Settings(data=tmp_path_factory.mktemp("searchable") / "archive", **backend.fresh_settings())
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        books = library()
        fill(client, books)
        yield Searchable(client, books)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """An archive that all tests of a module share."""
    with open_shelf(tmp_path_factory.mktemp("shelf") / "archive") as opened:
        yield opened


@pytest.fixture(scope="session")
def blank_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new archive, closed: copying it takes a tenth of the time of making one."""
    data = tmp_path_factory.mktemp("blank")
    open_archive(Settings(data=data)).close()
    return data


@pytest.fixture
def make_client(
    make_client: Callable[..., TestClient], blank_archive: Path, tmp_path: Path, backend: Backend
) -> Callable[..., TestClient]:
    """As the fixture of the same name for all tests, with archives copied from the blank one."""
    numbers = count()

    def make(**changes: object) -> TestClient:
        data = changes.setdefault("data", tmp_path / f"archive{next(numbers)}")
        if backend.embedded:
            shutil.copytree(blank_archive, str(data))
        return make_client(**changes)

    return make
