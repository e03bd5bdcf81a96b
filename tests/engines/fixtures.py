"""Fixtures over real engines: a server for the session, a fresh database for each test.

With `pytest --backend scaleout` the archives of all tests have their index there; without it the engines start only
for tests that ask for them by name. Each worker of pytest-xdist has servers of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from filmjacket.index import open_database
from filmjacket.index.schema import metadata
from tests.engines.backends import Backend
from tests.engines.cluster import Engine
from tests.engines.s3_server import S3Server
from tests.engines.services import POSTGRES, SEAWEEDFS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        choices=("embedded", "scaleout"),
        default="embedded",
        help="what archives of tests are kept in: SQLite and files, or PostgreSQL and S3",
    )
    parser.addoption(
        "--every-case", action="store_true", help="On real servers, run every case of each conformance test, not one."
    )


# Filled by a migration, changed by nobody.
_CONSTANT = frozenset({"study_locks", "schema_compatibility", "alembic_version"})


class PostgresServer:
    """A PostgreSQL server whose databases are copied from one that has all tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._numbers = count(1)
        self._root = engine.urls["POSTGRES_URL"].rpartition("/")[0]
        self._template = ""
        self._clean: list[str] = []
        self._seeds: dict[str, list[tuple[Any, ...]]] = {}

    def url(self, database: str) -> str:
        """Return the URL of a database of this server."""
        return f"{self._root}/{database}"

    def create(self, *, migrated: bool = True) -> str:
        """Make a database and return its URL: with all tables, or empty."""
        if migrated and not self._template:
            url = self.create(migrated=False)
            open_database(url).close()
            self._template = url.rpartition("/")[2]
        name = f"test{next(self._numbers)}"
        # Without fsync, copying files takes half as long as logging their pages.
        template = f"{self._template} STRATEGY file_copy" if migrated else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def borrow(self) -> str:
        """Return the URL of a database with all tables that may have served before; a tenth of the time of `create`."""
        return self._clean.pop() if self._clean else self.create()

    def give_back(self, url: str) -> None:
        """Empty a borrowed database for the next who needs one."""
        if not self._seeds:
            with psycopg.connect(self.url(self._template)) as connection:
                self._seeds = {
                    name: connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall()
                    for name in metadata.tables
                    if name not in _CONSTANT
                }
        try:
            with psycopg.connect(url, options="-c lock_timeout=1s") as connection:
                connection.execute("; ".join(f'DELETE FROM "{name}"' for name in self._seeds).encode())
                for name, rows in self._seeds.items():
                    for row in rows:
                        places = ", ".join(["%s"] * len(row))
                        connection.execute(f'INSERT INTO "{name}" VALUES ({places})'.encode(), row)
            self._clean.append(url)
        except psycopg.Error:
            # Somebody still works on it, or the test changed its tables or killed the server.
            with suppress(psycopg.Error):
                self.drop(url)

    def drop(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement beside everything else; return its rows if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def engines() -> Iterator[Path]:
    """A directory for engines, which other users may enter: PostgreSQL does not run as root."""
    directory = Path(tempfile.mkdtemp(prefix="filmjacket-engines-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(engines: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session."""
    engine = Engine(POSTGRES, engines / "postgres", tied=True)
    try:
        engine.start()
        yield PostgresServer(engine)
    finally:
        engine.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database with all tables."""
    url = postgres.borrow()
    yield url
    postgres.give_back(url)


@pytest.fixture(scope="session")
def seaweedfs(engines: Path) -> Iterator[S3Server]:
    """A SeaweedFS server for the whole session."""
    engine = Engine(SEAWEEDFS, engines / "seaweedfs", tied=True)
    try:
        engine.start()
        yield S3Server(engine)
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """What `--backend` names: gives settings of fresh archives, for fixtures of any scope."""
    name = request.config.getoption("--backend")
    if name == "embedded":
        return Backend(name, None)
    return Backend(name, request.getfixturevalue("postgres"), request.getfixturevalue("seaweedfs"))


@pytest.fixture
def embedded_only(backend: Backend) -> None:
    """Leave out, with scale-out archives, a test of what only SQLite or a directory has."""
    if not backend.embedded:
        pytest.skip("is about the embedded archive")


@pytest.fixture
def backend_settings(backend: Backend) -> Iterator[Callable[[Path], dict[str, Any]]]:
    """Settings for an archive whose data directory is given; the same directory gets the same archive again."""
    taken: dict[Path, dict[str, Any]] = {}

    def settings_for(data: Path) -> dict[str, Any]:
        if data not in taken:
            taken[data] = backend.fresh_settings()
        return taken[data]

    yield settings_for
    for settings in taken.values():
        backend.discard(settings)
