"""Fixtures: a desk over an index of its own, with a clock that tests turn."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.workitems import events_of

from filmjacket.archive.worklist_records import WorklistRules
from filmjacket.index import open_database
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.services.worklist.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.backends import Backend

    from filmjacket.index.engine import Database

START = 1_790_000_000_000_000


@dataclass
class Clock:
    """Each look at it is a microsecond later than the one before."""

    moment: int = START

    def __call__(self) -> int:
        self.moment += 1
        return self.moment


@dataclass
class Office:
    """A desk, its database and its clock."""

    desk: Desk
    database: Database
    clock: Clock

    def events(self) -> list[tuple[int, str, dict[str, Any], tuple[str, ...]]]:
        """Every event so far: type, workitem, attributes, subscribers."""
        return events_of(self.database)


@pytest.fixture(scope="session")
def blank_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new index, closed: copying it takes a tenth of the time of making one."""
    path = tmp_path_factory.mktemp("blank") / "index.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def index_url(tmp_path: Path, blank_index: Path, backend: Backend) -> Iterator[str]:
    """The URL of a database without workitems."""
    if backend.embedded:
        shutil.copy(blank_index, tmp_path / "index.db")
        yield f"sqlite:///{tmp_path / 'index.db'}"
        return
    settings = backend.fresh_settings()
    yield settings["database"]
    backend.discard(settings)


@pytest.fixture
def office(index_url: str) -> Iterator[Office]:
    """An office without workitems."""
    database = open_database(index_url)
    clock = Clock()
    yield Office(Desk(SqlWorkitems(database), WorklistRules(), clock), database, clock)
    database.close()
