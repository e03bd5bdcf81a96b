"""What a database's errors become."""

from __future__ import annotations

import re
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from filmjacket.errors import CommitUnknown, FilmjacketError, Unavailable
from filmjacket.index import engine, postgresql
from filmjacket.index.connections import DatabaseOptions
from filmjacket.index.engine import Database
from filmjacket.index.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import Connection


def test_a_writer_waits_its_turn_and_then_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_ATTEMPTS", 2)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", DatabaseOptions(wait_seconds=0.01))
    database.write(lambda connection: connection.execute(text("CREATE TABLE t (x)")))
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        database.write(lambda connection: connection.execute(text("INSERT INTO t VALUES (1)")))
    other.execute("ROLLBACK")
    other.close()
    database.write(lambda connection: connection.execute(text("INSERT INTO t VALUES (1)")))
    database.close()


def test_a_conflict_is_tried_again(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    tries: list[int] = []

    def unit(connection: Connection) -> str:
        tries.append(1)
        if len(tries) < 3:
            # What SQLite says when another process writes; SQLAlchemy wraps what its driver raises.
            from sqlalchemy.exc import OperationalError

            raise OperationalError("", {}, sqlite3.OperationalError("database is locked"))
        return "written"

    assert database.write(unit) == "written"
    assert len(tries) == 3
    database.close()


def test_a_failed_unit_leaves_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.write(lambda connection: connection.execute(text("CREATE TABLE t (x)")))

    def unit(connection: Connection) -> None:
        connection.execute(text("INSERT INTO t VALUES (1)"))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - any error of the unit itself
        database.write(unit)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 0
    database.close()


def test_a_reader_sees_one_state(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.write(lambda connection: connection.execute(text("CREATE TABLE t (x)")))
    count = text("SELECT count(*) FROM t")
    with database.reading() as connection:
        assert connection.execute(count).scalar() == 0
        database.write(lambda writer: writer.execute(text("INSERT INTO t VALUES (1)")))
        assert connection.execute(count).scalar() == 0
    with database.reading() as connection:
        assert connection.execute(count).scalar() == 1
    database.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all " * 100)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(Unavailable), database.reading() as connection:
        connection.execute(text("SELECT 1"))
    with pytest.raises(Unavailable):
        database.write(lambda connection: connection.execute(text("SELECT 1")))


def test_readers_that_find_no_connection_are_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", DatabaseOptions(readers=1, wait_seconds=0.05))
    with database.reading(), pytest.raises(Unavailable), database.reading():
        pass
    database.close()


def test_a_lost_commit_is_not_the_callers_to_guess(tmp_path: Path) -> None:
    """What the whole group of a commit is told, once: nobody of it asks the index again in turn."""
    asked: list[int] = []

    def commit(requests: Sequence[int]) -> Sequence[int]:
        asked.append(len(requests))
        raise CommitUnknown("lost")

    group: GroupCommit[int, int] = GroupCommit(commit, largest_group=8)
    with pytest.raises(CommitUnknown):
        group.submit(1)
    assert asked == [1]


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(FilmjacketError, match=re.escape("pip install 'filmjacket[postgres]'")):
        Database("postgresql://user:secret@host/name")


def test_other_databases_are_refused_without_their_password() -> None:
    with pytest.raises(FilmjacketError) as caught:
        Database("mysql://user:secret@host/name")
    assert "mysql" in caught.value.message
    assert "postgresql://user@host/name" in caught.value.accepted
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@a/db", {"conninfo": "postgresql://u@a/db", "application_name": "filmjacket"}),
        ("postgresql+psycopg://u@a/db", {"conninfo": "postgresql://u@a/db"}),
        ("postgres://u@a/db", {"conninfo": "postgresql://u@a/db"}),
        ("postgresql://u@a,b/db", {"target_session_attrs": "read-write"}),
        ("postgresql://u@a:1,b:2/db?target_session_attrs=any", {"target_session_attrs": None}),
        ("postgresql:///db?host=a,b", {"target_session_attrs": "read-write"}),
        ("postgresql:///db?connect_timeout=1&application_name=x", {"connect_timeout": None, "application_name": None}),
    ],
)
def test_urls_go_to_libpq_with_what_was_left_unsaid(url: str, expected: dict[str, object]) -> None:
    arguments = postgresql._arguments(url)
    assert {name: arguments.get(name) for name in expected} == expected


def test_errors_hold_no_parameters(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(Exception) as caught, database.reading() as connection:  # noqa: PT011 - whatever is raised
        connection.execute(text("SELECT * FROM nothing WHERE x = :name"), {"name": "DOE^JANE"})
    assert "DOE" not in f"{caught.value} {caught.value.__cause__}"
    database.close()
