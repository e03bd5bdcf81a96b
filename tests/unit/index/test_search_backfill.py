"""Declared search attributes: found the same before, during and after their values are filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from filmjacket.index import open_index, search_backfill
from filmjacket.index.schema import name_words, search_attributes, search_values
from filmjacket.index.search_catalog import read_catalog

from .conftest import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.records import Candidate
    from filmjacket.index import SqlIndex

pytestmark = pytest.mark.slow

DECLARED = ("StudyDescription", "ProtocolName", "ImageType", "KVP", "00431027@GEMS_PARM_01", "PatientBirthDate")
SEARCHES = [
    ("studies", "StudyDescription=e+1", ["1.2"]),
    ("studies", "StudyDescription=e*", ["1.2", "1.3"]),
    ("series", "StudyDescription=e+1", ["1.2.1", "1.2.2"]),
    ("series", "ProtocolName=Axial", ["1.2.2"]),
    ("instances", "ProtocolName=Axial&StudyDescription=e+1", ["1.2.2.1"]),
    ("instances", "ImageType=MPR", ["1.3.1.1"]),
    ("instances", "ImageType=MPR%5CORIGINAL&multiplevaluematching=true", ["1.3.1.1"]),
    ("instances", "ImageType=MPR%5CAXIAL&multiplevaluematching=true", []),
    ("instances", "KVP=120.0&StudyDescription=e+1", ["1.2.1.1", "1.2.2.1"]),
    ("studies", "00430010=GEMS_PARM_01&00431027=%2F1.0%3A2", ["1.3"]),
    ("series", "00430077=GEMS_PARM_01&00437727=%2F1.0%3A2", ["1.3.1"]),
    ("instances", "00430010=GEMS_PARM_01&00431027=%2F1.0%3A2", ["1.3.1.1"]),
    ("instances", "00430010=SOMEBODY&00431027=%2F1.0%3A2", []),
    ("studies", "PatientName=jon%20do&fuzzymatching=true", ["1.2", "1.3"]),
    ("studies", "PatientBirthDate=19700101-19700103", ["1.2"]),
    ("studies", 'PatientBirthDate=""&emptyvaluematching=true', ["1.4"]),
]


@pytest.fixture
def reopened(archive: Archive, index_url: str) -> Iterator[Callable[..., Archive]]:
    """The same archive, opened once more with other declarations."""
    opened: list[SqlIndex] = []

    def reopen(*declared: str) -> Archive:
        index = open_index(index_url, maximum_results=50, search_attributes=declared)
        opened.append(index)
        return Archive(index, archive.candidate)

    yield reopen
    for index in opened:
        index.close()


@pytest.fixture
def filled(archive: Archive) -> Archive:
    def lo(*values: str) -> dict[str, object]:
        return {"vr": "LO", "Value": list(values)}

    birth = {"vr": "DA", "Value": ["19700102"]}
    first = {"t00081030": lo("e+1"), "t00100010": "Doe^John", "t00100030": birth}
    archive.add("1.2", "1.2.1", "1.2.1.1", t00181030=lo("Coronal"), **first)
    archive.add("1.2", "1.2.2", "1.2.2.1", t00181030=lo("Axial"), **first)
    other = {"t00081030": lo("e+2"), "t00100010": "Doe^John", "t00100030": {"vr": "DA", "Value": ["19800102"]}}
    kinds = {"vr": "CS", "Value": ["ORIGINAL", "MPR"]}
    archive.add("1.3", "1.3.1", "1.3.1.1", t00080008=kinds, t00431027=lo("/1.0:2"), **other)
    archive.add("1.4", "1.4.1", "1.4.1.1", t00081030=lo("x" * 300), t00100030={"vr": "DA"}, t00100010="Roe^Ann")
    return archive


def rows(archive: Archive, table: object) -> int:
    with archive.index._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # pyright: ignore[reportArgumentType]


def plus(query: str) -> str:
    return query.replace("+", "%2B")


@pytest.mark.parametrize(("path", "query", "found"), SEARCHES)
def test_searches_find_the_same_before_during_and_after(
    filled: Archive,
    reopened: Callable[..., Archive],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    query: str,
    found: list[str],
) -> None:
    assert sorted(filled.uids(path, plus(query))) == found, "before it is declared"
    monkeypatch.setattr(search_backfill, "_AT_ONCE", dict.fromkeys(search_backfill._AT_ONCE, 1))
    declared = reopened(*DECLARED)
    assert sorted(declared.uids(path, plus(query))) == found, "before it is filled in"
    while declared.index.reindex():
        assert sorted(declared.uids(path, plus(query))) == found, "while it is filled in"
    with declared.index._database.reading() as connection:
        catalog = read_catalog(connection)
        assert len(catalog.complete) == len(DECLARED) + 1
    assert sorted(declared.uids(path, plus(query))) == found, "after"
    # The other process, which knows nothing of it, finds the same too.
    assert sorted(filled.uids(path, plus(query))) == found


def test_what_is_stored_meanwhile_is_there(filled: Archive, reopened: Callable[..., Archive]) -> None:
    """A server that runs with older settings fills in what another process has declared."""
    declared = reopened(*DECLARED)
    filled.add("1.5", "1.5.1", "1.5.1.1", t00181030={"vr": "LO", "Value": ["Axial"]})
    while declared.index.reindex():
        pass
    assert declared.uids("series", "ProtocolName=Axial") == ["1.2.2", "1.5.1"]
    filled.add("1.6", "1.6.1", "1.6.1.1", t00181030={"vr": "LO", "Value": ["Axial"]})
    assert declared.uids("series", "ProtocolName=Axial") == ["1.2.2", "1.5.1", "1.6.1"]


def test_values_change_with_their_instances(filled: Archive, reopened: Callable[..., Archive]) -> None:
    declared = reopened(*DECLARED)
    while declared.index.reindex():
        pass
    before = rows(declared, search_values)
    changed = declared.candidate("1.3", "1.3.1", "1.3.1.1", content="b", t00080008={"vr": "CS", "Value": ["DERIVED"]})
    assert declared.store(changed) == ["replaced"]
    assert declared.uids("instances", "ImageType=MPR") == []
    assert declared.uids("instances", "ImageType=DERIVED") == ["1.3.1.1"]
    assert declared.uids("studies", "StudyDescription=e%2B2") == []
    assert rows(declared, search_values) == before - 1


def test_it_goes_on_where_it_was_stopped(
    filled: Archive, reopened: Callable[..., Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_backfill, "_AT_ONCE", dict.fromkeys(search_backfill._AT_ONCE, 1))
    first = reopened("ProtocolName")
    everything = first.index.begin_reindex()
    # The words of names are there already: the archive was empty when it was opened for the first time.
    assert everything == 4
    assert len(first.index.reindex()) == 1
    assert first.index.begin_reindex() == everything - 1
    second = reopened("ProtocolName")
    done = 0
    while sizes := second.index.reindex():
        done += len(sizes)
    assert done == everything - 1
    assert second.index.begin_reindex() == 0
    assert second.index.begin_reindex(everything=True) == 3 + everything


def test_what_is_declared_no_more_is_forgotten(filled: Archive, reopened: Callable[..., Archive]) -> None:
    declared = reopened("ProtocolName", "StudyDescription")
    while declared.index.reindex():
        pass
    without = reopened("StudyDescription")
    without.index.begin_reindex()
    with without.index._database.reading() as connection:
        assert set(read_catalog(connection).attributes) == {"00081030"}
        numbers = connection.execute(select(search_values.c.attribute).distinct()).scalars().all()
    assert len(numbers) == 1
    assert without.uids("series", "ProtocolName=Axial") == ["1.2.2"]


def test_an_incomplete_attribute_is_not_trusted(archive: Archive, reopened: Callable[..., Archive]) -> None:
    declared = reopened("ProtocolName")
    archive.add("1.2", "1.2.1", "1.2.1.1", t00181030={"vr": "LO", "Value": ["Axial"]})
    declared.index._database.write(lambda connection: connection.execute(search_values.delete()))
    assert declared.uids("series", "ProtocolName=Axial") == [], "complete from the start in an empty archive"
    declared.index._database.write(lambda connection: connection.execute(update(search_attributes).values(complete=0)))
    assert declared.uids("series", "ProtocolName=Axial") == ["1.2.1"]


def test_words_of_a_name_are_written_once(archive: Archive) -> None:
    for number in range(3):
        archive.add(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1", t00100010="Doe^Jane", t00080090="")
    assert rows(archive, name_words) == 2


@pytest.mark.usefixtures("embedded_only")
def test_an_instance_that_changes_nothing_writes_no_search_rows(
    archive: Archive, candidate: Callable[..., Candidate]
) -> None:
    archive.add("1.2", "1.2.1", "1.2.1.1")
    written: list[str] = []
    database = archive.index._database
    database.write(lambda connection: connection.connection.driver_connection.set_trace_callback(written.append))
    archive.add("1.2", "1.2.1", "1.2.1.2")
    assert any("INSERT INTO instances" in one for one in written)
    assert not [one for one in written if "search_values" in one or "name_words" in one]
