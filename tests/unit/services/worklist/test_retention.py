"""Final workitems are kept for their time, and longer while somebody has locked them (PS3.4 CC.2.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.workitems import changes_of, element, workitem

from filmjacket.archive.deletions import DAY
from filmjacket.archive.worklist_records import Missing, Standing, State, Workitem, WorklistSubscription
from filmjacket.errors import Gone
from filmjacket.services.worklist.cancel import request_cancellation
from filmjacket.services.worklist.change_state import change_state
from filmjacket.services.worklist.create import create
from filmjacket.services.worklist.retention import purge
from filmjacket.services.worklist.statuses import Dimse, Refused, Transaction

if TYPE_CHECKING:
    from tests.unit.services.worklist.conftest import Office


def final(office: Office, *uids: str) -> None:
    for uid in uids:
        create(office.desk, workitem(), uid)
        request_cancellation(office.desk, uid, {}, "RIS")


def left(office: Office) -> set[str]:
    with office.database.reading() as connection:
        return set(connection.execute(text("SELECT uid FROM workitems")).scalars())


def test_what_is_final_for_long_is_removed(office: Office) -> None:
    final(office, "1.1")
    create(office.desk, workitem(), "1.2")
    office.clock.moment += 29 * DAY
    final(office, "1.3")
    assert purge(office.desk) == 0
    office.clock.moment += 2 * DAY
    assert purge(office.desk) == 1
    assert left(office) == {"1.2", "1.3"}
    assert office.desk.index.find("1.1") is Missing.DELETED
    with office.database.reading() as connection:
        for table in ("workitem_values", "workitem_subscriptions"):
            assert connection.execute(text(f"SELECT count(*) FROM {table} WHERE uid = '1.1'")).scalar_one() == 0
    assert [uid for action, uid in changes_of(office.database) if action == "deleted"] == ["1.1"]


def test_item_7_and_mistake_12_a_locked_one_survives_until_it_is_unsubscribed(office: Office) -> None:
    final(office, "1.1", "1.2")
    index = office.desk.index
    index.subscribe("1.1", "RIS", Standing.LOCKED, at=office.clock())
    index.subscribe("1.2", "RIS", Standing.SUBSCRIBED, at=office.clock())
    office.clock.moment += 31 * DAY
    assert purge(office.desk) == 1
    assert left(office) == {"1.1"}
    index.unsubscribe("1.1", "RIS")
    assert purge(office.desk) == 1
    assert left(office) == set()


@pytest.mark.parametrize("filter_text", ["", "00741200=MEDIUM"])
def test_item_7_a_lock_on_the_worklist_holds_each(office: Office, filter_text: str) -> None:
    index = office.desk.index
    create(office.desk, workitem(), "1.1")
    index.subscribe_worklist(WorklistSubscription("RIS", Standing.LOCKED, filter_text), at=office.clock())
    final(office, "1.2")
    request_cancellation(office.desk, "1.1", {}, "RIS")
    index.suspend_worklist("RIS", at=office.clock())
    final(office, "1.3")
    office.clock.moment += 31 * DAY
    assert purge(office.desk) == 1
    assert left(office) == {"1.1", "1.2"}
    index.subscribe("1.1", "RIS", Standing.SUBSCRIBED, at=office.clock())
    assert purge(office.desk) == 1
    index.unsubscribe_worklist("RIS")
    assert purge(office.desk) == 1


def test_locked_ones_do_not_stand_in_the_way_of_others(office: Office) -> None:
    index = office.desk.index
    index.subscribe_worklist(WorklistSubscription("RIS", Standing.LOCKED), at=office.clock())
    final(office, *(f"1.{number}" for number in range(1, 13)))
    index.suspend_worklist("RIS", at=office.clock())
    final(office, "2.1", "2.2")
    office.clock.moment += 31 * DAY
    removed = index.purge(final_before=office.clock() - 30 * DAY, at=office.clock(), batch=3)
    assert removed.removed == 2
    assert len(left(office)) == 12


def test_removed_uids_are_gone_and_stay_taken(office: Office) -> None:
    final(office, "1.1")
    office.clock.moment += 31 * DAY
    purge(office.desk)
    with pytest.raises(Gone):
        office.desk.workitem("1.1", Transaction.RETRIEVE)
    lock = {"00741000": element("CS", str(State.IN_PROGRESS)), "00081195": element("UI", "2.25.1")}
    with pytest.raises(Gone):
        change_state(office.desk, "1.1", lock, "AE")
    with pytest.raises(Refused) as refused:
        create(office.desk, workitem(), "1.1")
    assert refused.value.dimse is Dimse.DUPLICATE
    office.clock.moment += 10 * DAY
    purge(office.desk, tombstone_days=9)
    assert office.desk.index.find("1.1") is Missing.UNKNOWN
    create(office.desk, workitem(), "1.1")
    assert isinstance(office.desk.index.find("1.1"), Workitem)
