"""The index on PostgreSQL: retries, several writers, servers that are killed, failover, PgBouncer, plans."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.errors import CommitUnknown, FilmjacketError, Unavailable
from filmjacket.index import DatabaseOptions, open_database, open_index
from filmjacket.index.engine import Database
from filmjacket.index.schema import HEAD_REVISION, metadata
from tests.engines.cluster import Engine
from tests.engines.postgres_rows import PGBOUNCER, pgbouncer_binary, standby_of
from tests.engines.services import POSTGRES
from tests.engines.storing import candidate, check_counters, store_in_processes, store_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.engines.fixtures import PostgresServer

pytestmark = pytest.mark.slow

KEEP = DuplicatePolicy.KEEP
ONE = text("SELECT 1")


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url, DatabaseOptions(reconnect_seconds=5))
    yield opened
    opened.close()


# --- what is tried again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_a_conflict_is_tried_again(database: Database, state: str) -> None:
    tries: list[int] = []

    def unit(connection: Connection) -> str:
        tries.append(1)
        connection.execute(text("INSERT INTO holds VALUES ('1.2', '', 0)"))
        if len(tries) < 4:
            connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '{state}'; END $$"))
        return "written"

    assert database.write(unit) == "written"
    assert len(tries) == 4


def test_a_conflict_without_end_is_unavailable(database: Database) -> None:
    def unit(connection: Connection) -> None:
        connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Unavailable):
        database.write(unit)


def test_two_units_that_wait_for_each_other_both_end(database: Database) -> None:
    both = threading.Barrier(2, timeout=10)
    database.write(lambda connection: connection.execute(text("INSERT INTO holds VALUES ('1', '', 0), ('2', '', 0)")))

    def unit(first: str, second: str) -> Callable[[Connection], None]:
        tries: list[int] = []

        def run(connection: Connection) -> None:
            tries.append(1)
            for uid in (first, second):
                connection.execute(text(f"UPDATE holds SET held_at = held_at + 1 WHERE study_uid = '{uid}'"))
                if len(tries) == 1 and uid == first:
                    both.wait()

        return run

    running = [threading.Thread(target=database.write, args=(unit(*pair),)) for pair in (("1", "2"), ("2", "1"))]
    for one in running:
        one.start()
    for one in running:
        one.join()
    with database.reading() as connection:
        assert connection.execute(text("SELECT sum(held_at) FROM holds")).scalar() == 4


def test_an_error_of_our_own_is_not_tried_again(database: Database) -> None:
    tries: list[int] = []

    def unit(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(Exception, match="nothing"):
        database.write(unit)
    assert len(tries) == 1


def test_errors_hold_no_parameters(database: Database) -> None:
    with pytest.raises(Exception) as caught, database.reading() as connection:  # noqa: PT011 - whatever is raised
        connection.execute(text("SELECT * FROM nothing WHERE x = :name"), {"name": "DOE^JANE"})
    assert "DOE" not in f"{caught.value} {caught.value.__cause__}"


def test_a_statement_that_takes_too_long_is_ended(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseOptions(statement_seconds=0.1))
    with pytest.raises(Unavailable, match="too long"), database.reading() as connection:
        connection.execute(text("SELECT pg_sleep(5)"))
    database.close()


def test_a_reader_sees_one_state_and_writes_nothing(database: Database) -> None:
    count = text("SELECT count(*) FROM holds")
    with database.reading() as connection:
        assert connection.execute(count).scalar() == 0
        database.write(lambda writer: writer.execute(text("INSERT INTO holds VALUES ('1.2', '', 0)")))
        assert connection.execute(count).scalar() == 0
    with database.reading() as connection:
        assert connection.execute(count).scalar() == 1
    with pytest.raises(Unavailable), database.reading() as connection:
        connection.execute(text("DELETE FROM holds"))


# --- connections that break -------------------------------------------------------------------------------------------


def end_session(postgres: PostgresServer, connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    postgres.execute(f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)")


def test_a_connection_lost_before_the_commit_is_tried_again(database: Database, postgres: PostgresServer) -> None:
    tries: list[int] = []

    def unit(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("INSERT INTO holds VALUES ('1.2', '', 0)"))
        if len(tries) == 1:
            end_session(postgres, connection)
            connection.execute(ONE)

    database.write(unit)
    assert len(tries) == 2
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM holds")).scalar() == 1


def test_a_connection_lost_in_the_commit_is_not_guessed_about(database: Database, postgres: PostgresServer) -> None:
    tries: list[int] = []

    def unit(connection: Connection) -> None:
        tries.append(1)
        connection.execute(ONE)
        if len(tries) == 1:
            end_session(postgres, connection)

    with pytest.raises(CommitUnknown):
        database.write(unit)
    tries.clear()
    database.write(unit, repeatable=True)
    assert len(tries) == 2


def test_idle_connections_that_broke_are_noticed_by_nobody(database: Database, postgres: PostgresServer) -> None:
    name = database._engines.reader.connect().connection.driver_connection.info.dbname  # pyright: ignore[reportOptionalMemberAccess]
    for _ in range(2):
        database.write(lambda connection: connection.execute(ONE))
        with database.reading() as one, database.reading() as two:
            one.execute(ONE)
            two.execute(ONE)
        ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        postgres.execute(ended)
    with database.reading() as one, database.reading() as two:
        assert one.execute(ONE).scalar() == two.execute(ONE).scalar() == 1
    database.write(lambda connection: connection.execute(ONE))


def test_no_server_is_unavailable_and_soon() -> None:
    database = Database("postgresql://postgres@127.0.0.1:1/nobody", DatabaseOptions(reconnect_seconds=0.2))
    began = time.monotonic()
    with pytest.raises(Unavailable), database.reading():
        pass
    assert time.monotonic() - began < 3


# --- several writers --------------------------------------------------------------------------------------------------


def test_two_processes_store_the_same_instances_at_once(postgres_url: str) -> None:
    job = {"study": "1.2", "prefix": "1.2.3", "threads": 2, "each": 40, "same_uids": True}
    tallies = store_in_processes(postgres_url, [job | {"content": "a"}, job | {"content": "b"}])
    assert [one.refused for one in tallies] == [[], []]
    total = sum((one.results for one in tallies), start=tallies[0].results.__class__())
    assert total["stored"] == 40
    assert set(total) <= {"stored", "identical", "kept"}
    index = open_index(postgres_url)
    assert check_counters(index) == 40
    index.close()


def test_the_same_instances_in_two_studies_at_once_are_in_one(postgres_url: str) -> None:
    job = {"prefix": "1.2.3", "threads": 2, "each": 40}
    tallies = store_in_processes(postgres_url, [job | {"study": "1.2"}, job | {"study": "1.3"}])
    assert [one.refused for one in tallies] == [[], []]
    index = open_index(postgres_url)
    assert check_counters(index) == 80
    index.close()


def test_ten_connections_store_the_same_study_from_two_processes(postgres_url: str) -> None:
    jobs = [{"study": "1.2", "prefix": f"1.2.{number}", "threads": 5, "each": 30} for number in (1, 2)]
    tallies = store_in_processes(postgres_url, jobs)
    assert [one.refused for one in tallies] == [[], []]
    index = open_index(postgres_url)
    assert check_counters(index) == 300
    index.close()


# --- migrations -------------------------------------------------------------------------------------------------------


def test_workers_that_open_a_new_database_together_all_succeed(postgres: PostgresServer) -> None:
    url = postgres.create(migrated=False)
    failures: list[Exception] = []

    def work() -> None:
        try:
            open_index(url).close()
        except Exception as error:  # noqa: BLE001 - of a thread
            failures.append(error)

    running = [threading.Thread(target=work) for _ in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert failures == []
    postgres.drop(url)


def test_migrations_and_schema_agree(postgres_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with create_engine(postgres_url.replace("://", "+psycopg://", 1), poolclass=NullPool).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        defaults = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND (column_default IS NOT NULL OR is_identity = 'YES')"
            )
        ).all()
        assert defaults == []
        collations = connection.execute(
            text(
                "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND data_type = 'text'"
            )
        ).scalars()
        assert set(collations) == {"C"}


def test_readers_go_on_while_another_worker_migrates(postgres_url: str) -> None:
    index = open_index(postgres_url)
    index.store([candidate("1.2", "1.2.1", "1.2.1.1")], KEEP, at=1)
    migrating = psycopg.connect(postgres_url)
    migrating.execute("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE")
    migrating.execute("CREATE TABLE something_new (a text)")
    migrating.execute("CREATE INDEX ix_new ON holds (reason)")
    migrating.execute("UPDATE alembic_version SET version_num = '9999'")
    # Another one opens, reads and stores beside it; only what changes the indexed table would wait.
    other = open_index(postgres_url)
    assert len(other.instances(_study("1.2"))) == 1
    other.store([candidate("1.2", "1.2.1", "1.2.1.2")], KEEP, at=1)
    migrating.rollback()
    migrating.close()
    assert check_counters(other) == 2
    index.close()
    other.close()


def test_an_older_worker_goes_on_after_a_newer_one_has_migrated(postgres_url: str) -> None:
    older = open_index(postgres_url)
    with psycopg.connect(postgres_url) as newer:
        newer.execute("CREATE TABLE something_new (a text)")
        newer.execute("UPDATE alembic_version SET version_num = '9998'")
    older.store([candidate("1.2", "1.2.1", "1.2.1.1")], KEEP, at=1)
    older.close()
    # It may be restarted too.
    again = open_index(postgres_url)
    again.store([candidate("1.2", "1.2.1", "1.2.1.2")], KEEP, at=1)
    assert check_counters(again) == 2
    again.close()
    with psycopg.connect(postgres_url) as newer:
        newer.execute("UPDATE schema_compatibility SET oldest_revision = '9998'")
    with pytest.raises(FilmjacketError, match=f"this one is of revision {HEAD_REVISION}"):
        open_database(postgres_url)
    with psycopg.connect(postgres_url) as newer:
        assert newer.execute("SELECT version_num FROM alembic_version").fetchall() == [("9998",)]
        newer.execute("DROP TABLE something_new")
        newer.execute("UPDATE alembic_version SET version_num = %s", (HEAD_REVISION,))
        newer.execute("UPDATE schema_compatibility SET oldest_revision = %s", (HEAD_REVISION,))


# --- servers that die -------------------------------------------------------------------------------------------------


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(engines: Path) -> None:
    with running(Engine(POSTGRES, engines / "killed", {"fsync": "on"})) as engine:
        options = DatabaseOptions(reconnect_seconds=15)
        index = open_index(open_database(engine.urls["POSTGRES_URL"], options))
        ends = time.monotonic() + 3.5
        reads: list[bool] = []

        def disturb() -> None:
            for _ in range(2):
                time.sleep(0.8)
                engine.kill()
                time.sleep(0.3)
                engine.start()
                index.check()
                reads.append(True)

        disturber = threading.Thread(target=disturb)
        disturber.start()
        tally = store_in_threads(
            index,
            6,
            lambda thread, number: candidate(f"1.{thread % 3}", f"1.{thread % 3}.1", f"1.9.{thread}.{number}"),
            lambda _number: time.monotonic() < ends,
        )
        disturber.join()
        assert reads == [True, True]
        # The outage was shorter than what a store waits, and a store may be repeated.
        assert tally.refused == []
        stored = {one.sop_uid for study in range(3) for one in index.instances(_study(f"1.{study}"))}
        assert stored == set(tally.acknowledged)
        assert check_counters(index) == len(tally.acknowledged) > 20
        index.close()


def test_a_standby_takes_over(engines: Path) -> None:
    """Synchronous replication, the primary killed, the standby promoted: the same DSN finds it, and all is there."""
    options = {"fsync": "on", "wal_level": "replica", "hot_standby": "on"}
    with running(Engine(POSTGRES, engines / "primary", options)) as primary:
        port = primary.place.ports["sql"]
        hba = primary.directory / "data" / "pg_hba.conf"
        hba.write_text(hba.read_text() + "host replication all 127.0.0.1/32 trust\n")
        postgres = primary.urls["POSTGRES_URL"]
        with running(Engine(standby_of(port), engines / "standby", options)) as standby:
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
                connection.execute("SELECT pg_reload_conf()")
            hosts = f"127.0.0.1:{port},127.0.0.1:{standby.place.ports['sql']}"
            database = open_database(f"postgresql://postgres@{hosts}/postgres", DatabaseOptions(reconnect_seconds=15))
            index = open_index(database)
            ends = time.monotonic() + 3

            def disturb() -> None:
                time.sleep(1)
                primary.kill()
                with psycopg.connect(standby.urls["POSTGRES_URL"], autocommit=True) as connection:
                    connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
                    connection.execute("SELECT pg_promote(), pg_reload_conf()")

            disturber = threading.Thread(target=disturb)
            disturber.start()
            tally = store_in_threads(
                index,
                4,
                lambda thread, number: candidate("1.2", "1.2.1", f"1.9.{thread}.{number}"),
                lambda _number: time.monotonic() < ends,
            )
            disturber.join()
            assert not primary.is_running()
            assert tally.refused == []
            assert {one.sop_uid for one in index.instances(_study("1.2"))} == set(tally.acknowledged)
            assert check_counters(index) == len(tally.acknowledged) > 10
            index.close()


# --- PgBouncer --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(pgbouncer_binary() is None, reason="PgBouncer is not installed (Debian: pgbouncer), see PGBOUNCER")
def test_everything_works_behind_pgbouncer(engines: Path, postgres: PostgresServer) -> None:
    """Transaction mode, fewer server connections than clients."""
    url = postgres.create(migrated=False)
    port = str(postgres.engine.place.ports["sql"])
    with running(Engine(PGBOUNCER, engines / "pgbouncer", {"server_port": port})) as bouncer:
        behind = f"{bouncer.urls['PGBOUNCER_URL'].rpartition('/')[0]}/{url.rpartition('/')[2]}"
        index = open_index(open_database(behind))
        tally = store_in_threads(
            index,
            10,
            lambda thread, number: candidate(f"1.{thread % 4}", f"1.{thread % 4}.1", f"1.9.{thread}.{number}"),
            lambda number: number < 12,
        )
        assert tally.refused == []
        assert check_counters(index) == 120
        index.close()
    postgres.drop(url)


# --- plans ------------------------------------------------------------------------------------------------------------

SCAN = re.compile(r"Seq Scan on (studies|series|instances)\b")


def test_required_keys_read_no_whole_table(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With whole reads forbidden, the planner finds another way for each search of tests/unit/index."""
    from filmjacket.dicom.levels import Level
    from filmjacket.index import search as searching
    from filmjacket.index import unit
    from filmjacket.web.query import parse_search
    from filmjacket.web.refs import ResourceRef
    from tests.unit.index.test_search_plans import COMBINED, SEARCHES

    levels = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}
    index = open_index(postgres_url)
    for study in range(3):
        index.store([candidate(f"1.{study}", f"1.{study}.1", f"1.{study}.1.1")], KEEP, at=1)
    found: list[str] = []

    def explained(connection: Connection, statement: Any, parameters: Any) -> Any:
        rows = unit.run(connection, statement, parameters)
        words = str(statement)
        if "FROM" in words and "sets" not in words and "odd_studies.study_uid\nFROM" not in words:
            lists = {name: unit._padded(value) for name, value in parameters.items() if isinstance(value, list)}
            sizes = tuple((name, len(value)) for name, value in lists.items())
            made = unit._text_of(statement, connection.dialect, sizes)
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN {made.sql}", made.bind({**parameters, **lists}))
            plan = "\n".join(row[0] for row in cursor.fetchall())
            if SCAN.search(plan):
                found.append(plan)
        return rows

    monkeypatch.setattr(searching, "run", explained)
    for resource, query in SEARCHES + COMBINED:
        with index._database.reading() as connection:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            searching.search(connection, parse_search(levels[resource], ResourceRef(), f"{query}&limit=1"), 10)
        assert not found, (resource, query, found)
    index.close()


@pytest.mark.parametrize("most", [1, 1_000])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*E^.11", ["1.11"]), ("*^.1*", ["1.10", "1.11"]), ("*nobody*", []), ("*^?2=*", [])],
    ids=["one", "several", "none", "by groups"],
)
def test_patterns_without_a_beginning_find_the_same_however_many_values_they_have(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, most: int, pattern: str, expected: list[str]
) -> None:
    """Values are bound as a list, or else looked at row by row (`filmjacket.index.search_resolving`)."""
    from filmjacket.dicom.levels import Level
    from filmjacket.index import search_resolving
    from filmjacket.web.query import parse_search
    from filmjacket.web.refs import ResourceRef

    monkeypatch.setattr(search_resolving, "MOST_VALUES", most)
    index = open_index(postgres_url)
    for study in (10, 11, 20):
        index.store([candidate(f"1.{study}", f"1.{study}.1", f"1.{study}.1.1")], KEEP, at=1)
    page = index.search(parse_search(Level.STUDY, ResourceRef(), f"PatientName={pattern}"))
    assert sorted(match.attributes["0020000D"]["Value"][0] for match in page.matches) == expected
    index.close()


def _study(uid: str) -> Any:
    from filmjacket.web.refs import ResourceRef

    return ResourceRef(uid)
