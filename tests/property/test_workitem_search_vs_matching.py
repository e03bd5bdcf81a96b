"""What SQL finds among workitems is what `filmjacket.web.matching` finds, page by page."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from filmjacket.archive.worklist_records import Workitem
from filmjacket.index import open_database, workitem_search
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.index.workitem_values import start_of
from filmjacket.web.matching import matches_all
from filmjacket.web.workitem_grammar import parse_workitem_search
from tests.workitems import code, element, request, workitem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filmjacket.dicom.attributes import Attributes
    from tests.engines.backends import Backend

NAMES = ["Müller^Anna", "muller^anna", "Smith^Bob", "Smithson^Bob", "O'Brien^Ed", "%", "_a^b", ""]
CODES = ["A", "AB", "B", "a", "%", "_"]
SCHEMES = ["X", "XY", "x"]
STARTS = ["20261122", "20261122103000", "20261122103000+0100", "202611", "20261123000000.5-0500", "2027"]
STATES = ["SCHEDULED", "IN PROGRESS", "COMPLETED"]


def some(chance: random.Random) -> dict[str, object]:
    name = chance.choice(NAMES)
    codes = [code(chance.choice(CODES), chance.choice(SCHEMES)) for _ in range(chance.randrange(3))]
    changes: dict[str, object] = {
        "t00100010": element("PN", {"Alphabetic": name}) if name else element("PN"),
        "t00100020": element("LO", chance.choice(CODES)),
        "t00100030": element("DA", chance.choice(["19700101", "19800101"])),
        "t00404005": element("DT", chance.choice(STARTS)),
        "t00404011": element("DT", chance.choice(STARTS)) if chance.random() < 0.5 else None,
        "t00404025": element("SQ", *codes),
        "t0040A370": element("SQ", *(request(chance.choice(CODES)) for _ in range(chance.randrange(3)))),
        "t00741000": element("CS", chance.choice(STATES)),
    }
    if chance.random() < 0.2:
        changes["t00080201"] = element("SH", "-0500")
    return workitem(**changes)


def a_query(chance: random.Random) -> str:
    pick = chance.choice
    wild = lambda: pick(["A", "a*", "*B", "?", "A?", "%25", "_", "*"])  # noqa: E731 - a word for the table
    starts = [text.replace("+", "%2B") for text in STARTS]
    keys = {
        "PatientName": lambda: pick(["muller*", "smith^bob", "smith*", "*n^*", "%25", "_*", "O'Brien^ED", "=x"]),
        "PatientID": wild,
        "PatientBirthDate": lambda: pick(["19700101", "19700101-19750101", "19750101-", "-19700101"]),
        "00404005": lambda: pick([pick(starts), f"{pick(starts)}-", f"-{pick(starts)}", "20261122-20261123"]),
        "00404011": lambda: pick([pick(starts), "20261122-20261123", "2026-"]),
        "00404025.00080100": wild,
        "00404025.00080102": lambda: pick(["X", "x", "X*"]),
        "0040A370.00080050": wild,
        "0040A370.00401001": lambda: pick(["RP1", "RP*", "no"]),
        "00741000": lambda: pick([*(state.replace(" ", "%20") for state in STATES), "*ED"]),
        "00741202": lambda: pick(["AI", "ai"]),
        "0020000D": lambda: pick(["1.2.3", "1.2.3,1.2.4", "1.2"]),
    }
    chosen = chance.sample(sorted(keys), chance.randrange(1, 4))
    extra = pick(["", "", "&TimezoneOffsetFromUTC=%2B0200", "&fuzzymatching=true", "&emptyvaluematching=true"])
    return "&".join(f"{name}={keys[name]()}" for name in chosen) + extra


@pytest.fixture(scope="module")
def worklist(
    tmp_path_factory: pytest.TempPathFactory, backend: Backend
) -> Iterator[tuple[SqlWorkitems, dict[str, Attributes]]]:
    path: Path = tmp_path_factory.mktemp("worklist") / "index.db"
    database = open_database(backend.fresh_settings().get("database", f"sqlite:///{path}"))
    index = SqlWorkitems(database)
    chance = random.Random(4)
    items: dict[str, Attributes] = {}
    for number in range(80):
        uid = f"1.{number}"
        attributes = some(chance) | {"00080018": element("UI", uid)}
        items[uid] = attributes
        state = attributes["00741000"]["Value"][0]
        index.create(Workitem(uid, state, attributes, created_at=number), ())
    yield index, items
    database.close()


@pytest.mark.parametrize("few", [0, 2000])
@pytest.mark.parametrize("seed", range(80))
def test_sql_finds_what_matches(
    worklist: tuple[SqlWorkitems, dict[str, Attributes]], monkeypatch: pytest.MonkeyPatch, seed: int, few: int
) -> None:
    """Both ways: few rows that are looked up and sorted, and rows in order until the page is full."""
    index, items = worklist
    monkeypatch.setattr(workitem_search, "_FEW", few)
    query = parse_workitem_search(a_query(random.Random(seed)))
    expected = sorted(
        (uid for uid, attributes in items.items() if matches_all(attributes, query.keys)),
        key=lambda uid: (start_of(items[uid]), uid),
    )
    page = index.search(query, 1000)
    assert [one["00080018"]["Value"][0] for one in page.matches] == expected
    assert page.total == len(expected)
    part = index.search(replace(query, limit=2, offset=1), 1000)
    assert [one["00080018"]["Value"][0] for one in part.matches] == expected[1:3]
    assert part.remaining == max(0, len(expected) - 3)
