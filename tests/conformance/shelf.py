"""An archive that a whole test module shares, and what storing a file in it gives."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.testclient import TestClient
from tests.payloads import dataset_of, transfer_syntax_of

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        dataset = dataset_of(file)
        study, series, instance = dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
        path = f"{BASE}/studies/{study}/series/{series}/instances/{instance}"
        return StoredFile(self.client, file, dataset, path)


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


@contextmanager
def open_shelf(data: Path) -> Iterator[Shelf]:
    """An empty archive in a directory."""
    settings = Settings(data=data, duplicates="replace")
    with TestClient(create_app(settings), base_url=ORIGIN) as client:
        client.headers["Accept"] = "*/*"
        yield Shelf(client)
