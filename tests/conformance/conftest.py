"""Fixtures of the conformance tests: an archive that a whole module shares, and what storing a file gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.settings import Settings
from tests.payloads import dataset_of, transfer_syntax_of
from tests.samples import instance_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from pydicom import Dataset

BASE = "/dicom-web"
ORIGIN = "http://testserver:8104"


@dataclass
class Shelf:
    """An archive that replaces an instance when its UID comes again: the same UIDs occur in many bundled files."""

    client: TestClient

    def store(self, file: bytes) -> StoredFile:
        """Store one file, which must succeed."""
        response = self.client.post(f"{BASE}/studies", content=file, headers={"Content-Type": "application/dicom"})
        assert response.status_code in {200, 202}, response.text
        assert "00081199" in response.json(), response.text
        return StoredFile(self.client, file, dataset_of(file), BASE + instance_path(file))


@dataclass
class StoredFile:
    """A file in the archive."""

    client: TestClient
    file: bytes
    dataset: Dataset
    path: str

    @property
    def url(self) -> str:
        """Absolute URL of the instance."""
        return ORIGIN + self.path

    @property
    def transfer_syntax(self) -> str:
        """What it is stored in."""
        return transfer_syntax_of(self.dataset)

    @property
    def study(self) -> str:
        """Path of its study."""
        return self.path.partition("/series/")[0]

    @property
    def series(self) -> str:
        """Path of its series."""
        return self.path.partition("/instances/")[0]

    def get(self, below: str = "", accept: str = "*/*", **headers: str) -> httpx2.Response:
        """GET the instance or something below it."""
        return self.client.get(self.path + below, headers={"Accept": accept, **headers})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """An archive for all tests of a module."""
    settings = Settings(data=tmp_path_factory.mktemp("shelf") / "archive", duplicates="replace")
    with TestClient(create_app(settings), base_url=ORIGIN) as client:
        client.headers["Accept"] = "*/*"
        yield Shelf(client)
