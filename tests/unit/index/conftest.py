"""An empty index, and candidates made out of pydicom's CT_small.dcm."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.data import get_testdata_file

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Candidate, SearchPage
from filmjacket.dicom.header import Header, read_header
from filmjacket.dicom.levels import Level
from filmjacket.index import SqlIndex, open_index
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engines.backends import Backend

VRS = {
    "00080008": "CS",
    "00080016": "UI",
    "00080018": "UI",
    "00080020": "DA",
    "00080030": "TM",
    "00080050": "SH",
    "00080060": "CS",
    "00080090": "PN",
    "00080201": "SH",
    "00081030": "LO",
    "00100010": "PN",
    "00100020": "LO",
    "0020000D": "UI",
    "0020000E": "UI",
    "00200011": "IS",
    "00200013": "IS",
}


@pytest.fixture(scope="session")
def ct_header() -> Header:
    return read_header(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())


@pytest.fixture(scope="session")
def empty_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "index.db"
    open_index(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def index_url(tmp_path: Path, empty_index: Path, backend: Backend, request: pytest.FixtureRequest) -> str:
    """The URL of an empty index."""
    if not backend.embedded:
        return request.getfixturevalue("postgres_url")
    (tmp_path / "index.db").write_bytes(empty_index.read_bytes())
    return f"sqlite:///{tmp_path / 'index.db'}"


@pytest.fixture
def index(index_url: str) -> Iterator[SqlIndex]:
    opened = open_index(index_url, maximum_results=50)
    yield opened
    opened.close()


@pytest.fixture
def candidate(ct_header: Header) -> Callable[..., Candidate]:
    """`candidate("1.2", "1.2.3", "1.2.3.4", content="a", t00100020="ID")`: values of attributes by tag."""

    def make(study: str, series: str, sop: str, *, content: str = "", layout: Any = None, **changes: Any) -> Candidate:
        attributes = dict(ct_header.attributes)
        values = {"t0020000D": study, "t0020000E": series, "t00080018": sop, **changes}
        for name, value in values.items():
            tag = name[1:]
            if isinstance(value, dict):
                attributes[tag] = value
            elif value is None:
                attributes.pop(tag, None)
            elif value == "":
                attributes[tag] = {"vr": VRS[tag]}
            else:
                member = {"Alphabetic": value} if VRS[tag] == "PN" else value
                attributes[tag] = {"vr": VRS[tag], "Value": [member]}
        digest = hashlib.sha256(f"{study} {series} {sop} {content}".encode()).hexdigest()
        return Candidate(
            study_uid=study,
            series_uid=series,
            sop_uid=sop,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            transfer_syntax=ct_header.transfer_syntax,
            blob=BlobRef(f"blob-{digest}", 39206, digest),
            attributes=attributes,
            layout=layout or ct_header.layout,
        )

    return make


@dataclass
class Archive:
    """Stores and searches in few words."""

    index: SqlIndex
    candidate: Callable[..., Candidate]
    stored: list[Candidate] = field(default_factory=list)

    def store(self, *candidates: Candidate, duplicates: DuplicatePolicy = DuplicatePolicy.REPLACE) -> list[str]:
        self.stored += candidates
        return [str(outcome.result) for outcome in self.index.store(candidates, duplicates)]

    def add(self, study: str, series: str, sop: str, **changes: Any) -> None:
        assert self.store(self.candidate(study, series, sop, **changes)) == ["stored"]

    def search(self, path: str, query: str = "") -> SearchPage:
        """Search `studies`, `studies/1.2/series`, `instances` and so on."""
        *parents, resource = path.split("/")
        level = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}[resource]
        names = {"studies": "study", "series": "series"}
        ref = ResourceRef(**{names[name]: uid for name, uid in zip(parents[::2], parents[1::2], strict=True)})
        return self.index.search(parse_search(level, ref, query))

    def uids(self, path: str, query: str = "") -> list[str]:
        return [match.sop_uid or match.series_uid or match.study_uid for match in self.search(path, query).matches]


@pytest.fixture
def archive(index: SqlIndex, candidate: Callable[..., Candidate]) -> Archive:
    return Archive(index, candidate)
