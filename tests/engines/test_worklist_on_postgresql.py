"""The worklist where transactions run side by side (PS3.4 CC.2.3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep
from typing import TYPE_CHECKING

import pytest

from filmjacket.archive.worklist_records import Standing, State, WorklistRules, WorklistSubscription
from filmjacket.clock import now
from filmjacket.index import open_database
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.services.worklist.change_state import moved
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.desk import Desk
from tests.workitems import element, events_of, workitem

if TYPE_CHECKING:
    from filmjacket.archive.worklist_records import Workitem, WorkitemChange

pytestmark = pytest.mark.slow


def test_a_new_subscriber_hears_of_a_change_or_sees_it_made(postgres_url: str) -> None:
    """Somebody subscribes while a claim is under way: it is either reported to him or in his initial report."""
    database = open_database(postgres_url)
    worker, other = SqlWorkitems(database), SqlWorkitems(database)
    worker.prepare()
    create(Desk(worker, WorklistRules(), now), workitem(), "1.2.3")
    inside, go_on = Event(), Event()

    def claim(before: Workitem) -> WorkitemChange:
        inside.set()
        assert go_on.wait(20)
        return moved(before, State.IN_PROGRESS, at=now(), lock="2.25.1", performer="AE")

    with ThreadPoolExecutor(2) as pool:
        claiming = pool.submit(worker.change, "1.2.3", claim, at=now())
        assert inside.wait(20)
        wanted = WorklistSubscription("LATE", Standing.LOCKED)
        subscribing = pool.submit(other.subscribe_worklist, wanted, at=now())
        sleep(0.5)
        assert not subscribing.done()
        go_on.set()
        assert claiming.result(20) is None
        subscribing.result(20)
    reported = [
        attributes["00741000"] for _, _, attributes, subscribers in events_of(database) if "LATE" in subscribers
    ]
    assert reported == [element("CS", "IN PROGRESS")]
    database.close()
