"""Migrations make exactly the tables that the schema declares."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable
from filmjacket.index import open_database, open_index
from filmjacket.index.migrate import revision_of
from filmjacket.index.schema import HEAD_REVISION, metadata

if TYPE_CHECKING:
    from pathlib import Path

    from filmjacket.index import SqlIndex


def declared(url: str) -> dict[str, str]:
    with create_engine(url).connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {row.name: " ".join(row.sql.split()) for row in rows if row.name != "alembic_version"}


@pytest.mark.usefixtures("embedded_only")
def test_migrations_and_schema_agree(index: SqlIndex, tmp_path: Path) -> None:
    made = f"sqlite:///{tmp_path / 'created.db'}"
    metadata.create_all(create_engine(made))
    assert declared(f"sqlite:///{tmp_path / 'index.db'}") == declared(made)
    with create_engine(f"sqlite:///{tmp_path / 'index.db'}").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_head_is_the_newest_migration() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", "filmjacket.index:migrations")
    assert ScriptDirectory.from_config(configuration).get_heads() == [HEAD_REVISION]


@pytest.mark.usefixtures("embedded_only")
def test_downgrade_removes_every_table(index: SqlIndex, tmp_path: Path) -> None:
    from alembic import command

    configuration = Config()
    configuration.set_main_option("script_location", "filmjacket.index:migrations")
    engine = create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


@pytest.mark.usefixtures("embedded_only")
def test_an_up_to_date_index_opens_without_alembic(index: SqlIndex, tmp_path: Path) -> None:
    code = (
        "import sys; from filmjacket.index import open_index;"
        f"open_index('sqlite:///{tmp_path / 'index.db'}').close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_processes_that_open_a_new_index_together_all_succeed(tmp_path: Path) -> None:
    code = f"from filmjacket.index import open_index; open_index('sqlite:///{tmp_path / 'new.db'}').check()"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]


def test_a_newer_index_is_worked_on_unless_it_says_otherwise(index_url: str) -> None:
    """An older worker goes on after a newer one has migrated, and is refused when it would not know the tables."""
    database = open_database(index_url)

    def note(statement: str) -> None:
        database.write(lambda connection: connection.execute(text(statement)))

    note("UPDATE alembic_version SET version_num = '9999'")
    with open_database(index_url).reading() as connection:
        assert revision_of(connection) == "9999"
    note("UPDATE schema_compatibility SET oldest_revision = '9998'")
    with pytest.raises(FilmjacketError, match="only workers of revision 9998 and newer") as caught:
        open_database(index_url)
    assert HEAD_REVISION in caught.value.message
    with database.reading() as connection:
        assert revision_of(connection) == "9999"
    note(f"UPDATE schema_compatibility SET oldest_revision = '{HEAD_REVISION}'")
    note(f"UPDATE alembic_version SET version_num = '{HEAD_REVISION}'")
    database.close()


def test_an_index_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_index(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'index.db'}")


@pytest.mark.usefixtures("embedded_only")
def test_a_full_disk_is_out_of_storage(index: SqlIndex) -> None:
    def fill(connection: object) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # pyright: ignore[reportAttributeAccessIssue]
        connection.exec_driver_sql("CREATE TABLE big (x)")  # pyright: ignore[reportAttributeAccessIssue]
        connection.exec_driver_sql("INSERT INTO big VALUES (zeroblob(10000000))")  # pyright: ignore[reportAttributeAccessIssue]

    with pytest.raises(OutOfStorage):
        index._database.write(fill)
    index.check()


@pytest.mark.usefixtures("embedded_only")
def test_commits_are_synced_and_names_keep_their_case(index: SqlIndex) -> None:
    def pragmas(connection: object) -> list[object]:
        names = ("journal_mode", "synchronous")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]  # pyright: ignore[reportAttributeAccessIssue]

    assert index._database.write(pragmas) == ["wal", 2]
