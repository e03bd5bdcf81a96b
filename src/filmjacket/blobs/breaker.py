"""A circuit breaker: a store that does not answer is not asked for a while, so that nobody waits for it in vain."""

from __future__ import annotations

import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from filmjacket.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAILURES: Final = 3
"""Failures in a row, each of them after the retries of the client, that open the circuit."""

OPEN_SECONDS: Final = 5.0
"""How long nobody is let through; then one call tries."""


class State(StrEnum):
    """Whether calls are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Event(StrEnum):
    """What happened to a call, or that time passed."""

    ANSWERED = "answered"
    FAILED = "failed"
    FAILED_AGAIN = "failed again"
    WAITED = "waited"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.CLOSED, Event.ANSWERED): State.CLOSED,
    (State.CLOSED, Event.FAILED): State.CLOSED,
    (State.CLOSED, Event.FAILED_AGAIN): State.OPEN,
    (State.CLOSED, Event.WAITED): State.CLOSED,
    # A call that was let through before the circuit opened: the store is there after all.
    (State.OPEN, Event.ANSWERED): State.CLOSED,
    (State.OPEN, Event.FAILED): State.OPEN,
    (State.OPEN, Event.FAILED_AGAIN): State.OPEN,
    (State.OPEN, Event.WAITED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.ANSWERED): State.CLOSED,
    (State.HALF_OPEN, Event.FAILED): State.OPEN,
    (State.HALF_OPEN, Event.FAILED_AGAIN): State.OPEN,
    # The call that tried has not come back: another one may.
    (State.HALF_OPEN, Event.WAITED): State.HALF_OPEN,
}
"""`FAILED_AGAIN` is the last of `FAILURES` failures in a row, `WAITED` that `OPEN_SECONDS` have passed."""


class CircuitBreaker:
    """One for each store and process. `on_change` is told every new state."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] = lambda _state: None,
    ) -> None:
        self._failures = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._in_a_row = 0
        self._since = 0.0

    @property
    def state(self) -> State:
        """The state now; it changes to half-open only when somebody calls."""
        return self._state

    def admit(self) -> None:
        """Let a call through, or raise `Unavailable` at once."""
        with self._lock:
            if self._state is State.CLOSED:
                return
            if self._clock() - self._since >= self._open_seconds:
                self._move(Event.WAITED)
                self._since = self._clock()
                return
        raise Unavailable(
            "The blob store does not answer; it is asked again in a few seconds.", section="RFC 9110 15.6.4"
        )

    def answered(self) -> None:
        """The store answered a call, if only to refuse it."""
        if self._state is State.CLOSED and not self._in_a_row:
            return
        with self._lock:
            self._in_a_row = 0
            self._move(Event.ANSWERED)

    def failed(self) -> None:
        """A call got no answer, or that the store is broken."""
        with self._lock:
            self._in_a_row += 1
            self._move(Event.FAILED if self._in_a_row < self._failures else Event.FAILED_AGAIN)

    def _move(self, event: Event) -> None:
        state = TRANSITIONS[self._state, event]
        if state is State.OPEN and event is not Event.WAITED and self._state is not State.OPEN:
            self._since = self._clock()
        if state is not self._state:
            self._state = state
            self._on_change(state)
