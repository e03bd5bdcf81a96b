"""The state machine, cell by cell (PS3.4 Table CC.1.1-2)."""

from __future__ import annotations

import pytest

from filmjacket.archive.worklist_records import State
from filmjacket.services.worklist.states import TRANSITIONS, Action, Event, event_of
from filmjacket.services.worklist.statuses import ANSWERS, Dimse, Transaction, answer_of

# The table as PS3.4 prints it, with the status codes of its cells; words where something is done.
PRINTED = """
create                 create  0111    0111    0111  0111
to IN PROGRESS, right  C307    claim   C302    C300  C300
to IN PROGRESS, wrong  C307    C301    C301    C301  C301
to SCHEDULED           C307    C303    C303    C303  C303
to COMPLETED, right    C307    C310    finish  B306  C300
to COMPLETED, wrong    C307    C301    C301    C301  C301
request cancel         C307    both    ask     C311  B304
to CANCELED, right     C307    C310    finish  C300  B304
to CANCELED, wrong     C307    C301    C301    C301  C301
"""
EVENTS = (
    Event.CREATE,
    Event.CLAIM,
    Event.CLAIM_WRONGLY,
    Event.SCHEDULE,
    Event.COMPLETE,
    Event.COMPLETE_WRONGLY,
    Event.REQUEST_CANCEL,
    Event.CANCEL,
    Event.CANCEL_WRONGLY,
)
STATES = (None, State.SCHEDULED, State.IN_PROGRESS, State.COMPLETED, State.CANCELED)
WORDS = {
    "create": Action.CREATE,
    "claim": Action.CLAIM,
    "finish": Action.FINISH,
    "both": Action.WITHDRAW,
    "ask": Action.ASK_PERFORMER,
}
CELLS = [
    (event, state, cell)
    for event, line in zip(EVENTS, PRINTED.strip().splitlines(), strict=True)
    for state, cell in zip(STATES, line[23:].split(), strict=True)
]


@pytest.mark.parametrize(("event", "state", "cell"), CELLS)
def test_every_cell_is_that_of_the_table(event: Event, state: State | None, cell: str) -> None:
    assert TRANSITIONS[event, state] == (WORDS[cell] if cell in WORDS else Dimse(int(cell, 16)))


def test_there_are_no_other_cells() -> None:
    assert len(TRANSITIONS) == len(CELLS) == len(Event) * 5


@pytest.mark.parametrize("transaction", [Transaction.CHANGE_STATE, Transaction.REQUEST_CANCELLATION])
def test_every_status_of_the_table_has_an_answer(transaction: Transaction) -> None:
    for cell in TRANSITIONS.values():
        if isinstance(cell, Dimse) and cell is not Dimse.UNKNOWN:
            ours = {Dimse.ALREADY_COMPLETED} if transaction is Transaction.REQUEST_CANCELLATION else set()
            assert cell in ours or answer_of(cell, transaction).status in {200, 202, 400, 409}


@pytest.mark.parametrize(
    ("wanted", "now", "lock", "offered", "event"),
    [
        (State.IN_PROGRESS, State.SCHEDULED, "", "1.2", Event.CLAIM),
        (State.IN_PROGRESS, State.SCHEDULED, "", "", Event.CLAIM_WRONGLY),
        (State.IN_PROGRESS, State.IN_PROGRESS, "1.2", "1.2", Event.CLAIM),
        (State.IN_PROGRESS, State.IN_PROGRESS, "1.2", "1.3", Event.CLAIM_WRONGLY),
        (State.COMPLETED, State.SCHEDULED, "", "1.2", Event.COMPLETE),
        (State.COMPLETED, State.COMPLETED, "1.2", "1.3", Event.COMPLETE_WRONGLY),
        (State.CANCELED, State.IN_PROGRESS, "1.2", "1.2", Event.CANCEL),
        (State.CANCELED, State.CANCELED, "1.2", "", Event.CANCEL_WRONGLY),
        (State.SCHEDULED, State.IN_PROGRESS, "1.2", "1.3", Event.SCHEDULE),
    ],
)
def test_the_lock_makes_the_event(wanted: State, now: State, lock: str, offered: str, event: Event) -> None:
    assert event_of(wanted, now=now, lock=lock, offered=offered) is event


def test_only_what_editions_differ_about_differs() -> None:
    switched = {key for key, answer in ANSWERS.items() if answer.status_of("2024") != answer.status_of("2026")}
    assert switched == {(Dimse.WRONG_LOCK, None), (Dimse.FINAL, Transaction.UPDATE)}
