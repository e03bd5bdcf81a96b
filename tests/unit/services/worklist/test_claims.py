"""Claims are atomic: of those who want one workitem, one gets it, whichever process they asked (PS3.18 11.7)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from tests.workitems import element, performed, workitem

from filmjacket.archive.worklist_records import State, Workitem
from filmjacket.index import open_database
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.services.worklist.change_state import change_state
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.desk import Desk
from filmjacket.services.worklist.statuses import Dimse, Refused
from filmjacket.services.worklist.update import update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.services.worklist.conftest import Office

CLAIMANTS = 50


def request(state: State, lock: str) -> dict[str, object]:
    return {"00741000": element("CS", str(state)), "00081195": element("UI", lock)}


@pytest.fixture
def desks(office: Office, index_url: str) -> Iterator[tuple[Desk, Desk]]:
    """Two workers: each has its own connections to the one database."""
    other = open_database(index_url)
    yield office.desk, Desk(SqlWorkitems(other), office.desk.rules, office.clock)
    other.close()


def race(work: Callable[[int], str]) -> list[str]:
    """What each of many gets who begin at once: its answer, or the code of the refusal."""
    together = Barrier(CLAIMANTS)

    def one(number: int) -> str:
        together.wait()
        try:
            return work(number)
        except Refused as error:
            return error.dimse.name

    with ThreadPoolExecutor(CLAIMANTS) as pool:
        return list(pool.map(one, range(CLAIMANTS)))


def test_item_1_and_mistake_3_one_of_fifty_claimants_wins(desks: tuple[Desk, Desk]) -> None:
    create(desks[0], workitem(), "1.2.3")

    def claim(number: int) -> str:
        change_state(desks[number % 2], "1.2.3", request(State.IN_PROGRESS, f"2.25.{number + 1}"), f"AE{number}")
        return f"2.25.{number + 1}"

    answers = race(claim)
    (winner,) = {answer for answer in answers if answer.startswith("2.25.")}
    assert answers.count(Dimse.WRONG_LOCK.name) == CLAIMANTS - 1
    found = desks[1].index.find("1.2.3")
    assert isinstance(found, Workitem)
    assert (found.transaction_uid, found.version) == (winner, 2)
    assert found.performer == f"AE{int(winner.removeprefix('2.25.')) - 1}"


def test_a_workitem_is_created_once(desks: tuple[Desk, Desk]) -> None:
    answers = race(lambda number: create(desks[number % 2], workitem(), "1.2.3").uid)
    assert sorted(set(answers)) == ["1.2.3", Dimse.DUPLICATE.name]
    assert answers.count("1.2.3") == 1


def test_one_final_state(desks: tuple[Desk, Desk]) -> None:
    """The owner completes and cancels at once: one of both is done, and stays."""
    create(desks[0], workitem(), "1.2.3")
    change_state(desks[0], "1.2.3", request(State.IN_PROGRESS, "2.25.1"), "AE")
    update(desks[0], "1.2.3", performed(), "2.25.1")
    states = (State.COMPLETED, State.CANCELED)

    def finish(number: int) -> str:
        return change_state(desks[number % 2], "1.2.3", request(states[number // 2 % 2], "2.25.1"), "AE") or "done"

    answers = race(finish)
    assert answers.count("done") == 1
    found = desks[0].index.find("1.2.3")
    assert isinstance(found, Workitem)
    assert found.state == states[answers.index("done") // 2 % 2]
    assert found.version == 4


def test_no_update_is_lost(desks: tuple[Desk, Desk]) -> None:
    create(desks[0], workitem(), "1.2.3")

    def write(number: int) -> str:
        tag = f"0011{0x1000 + number:04X}"
        update(desks[number % 2], "1.2.3", {"00110010": element("LO", "TEST"), tag: element("LO", str(number))}, None)
        return tag

    tags = race(write)
    found = desks[1].index.find("1.2.3")
    assert isinstance(found, Workitem)
    assert set(tags) <= set(found.attributes)
    assert found.version == CLAIMANTS + 1
