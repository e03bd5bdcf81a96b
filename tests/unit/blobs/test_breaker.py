from __future__ import annotations

import itertools

import pytest

from filmjacket.blobs.breaker import TRANSITIONS, CircuitBreaker, Event, State
from filmjacket.errors import Unavailable


def breaker_in(state: State, now: list[float]) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, open_seconds=5.0, clock=lambda: now[0])
    if state is not State.CLOSED:
        for _ in range(3):
            breaker.failed()
    if state is State.HALF_OPEN:
        now[0] += 5.0
        breaker.admit()
    assert breaker.state is state
    return breaker


def test_the_table_says_what_happens_in_every_state():
    assert set(TRANSITIONS) == set(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), TRANSITIONS)
def test_a_breaker_does_what_the_table_says(state: State, event: Event):
    now = [100.0]
    breaker = breaker_in(state, now)
    if event is Event.ANSWERED:
        breaker.answered()
    elif event is Event.WAITED:
        now[0] += 5.0
        breaker.admit()
    else:
        # Failures are counted in every state: how many make it FAILED_AGAIN depends on those before.
        if event is Event.FAILED and state is not State.CLOSED:
            breaker._in_a_row = 0
        for _ in range(3 if event is Event.FAILED_AGAIN else 1):
            breaker.failed()
    assert breaker.state is TRANSITIONS[state, event]


def test_an_open_circuit_refuses_and_lets_one_try_at_a_time():
    now = [0.0]
    breaker = breaker_in(State.OPEN, now)
    with pytest.raises(Unavailable):
        breaker.admit()
    now[0] += 5.0
    breaker.admit()
    with pytest.raises(Unavailable):
        breaker.admit()
    breaker.failed()
    now[0] += 4.9
    with pytest.raises(Unavailable):
        breaker.admit()
    now[0] += 0.1
    breaker.admit()
    breaker.answered()
    breaker.admit()
    breaker.admit()


def test_answers_in_between_start_the_count_again():
    breaker = CircuitBreaker(failures=3)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.answered()
    assert breaker.state is State.CLOSED


def test_changes_are_told():
    told: list[State] = []
    breaker = CircuitBreaker(failures=1, on_change=told.append)
    breaker.failed()
    breaker.failed()
    breaker.answered()
    assert told == [State.OPEN, State.CLOSED]
