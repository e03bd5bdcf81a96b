"""Ports: what the services need to read the change log and to remember how far somebody got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filmjacket.archive.changes import ChangeFilter, Log, LogExtent, LoggedChange, LoggedEvent
    from filmjacket.archive.ups_events import UpsEvent
    from filmjacket.archive.webhooks import DeadLetter, Webhook
    from filmjacket.web.query import SearchQuery


class ChangeLog(Protocol):
    """The change log and the log of events, both numbered without gaps from 1."""

    def extent(self, log: Log) -> LogExtent:
        """What a log holds, everything numbered that has been written until now."""
        ...

    def changes(self, after: int, upto: int, limit: int, wanted: ChangeFilter) -> list[LoggedChange]:
        """Changes with a number above `after` and not above `upto` that pass all of the filter but its query."""
        ...

    def events(self, after: int, limit: int) -> list[LoggedEvent]:
        """Events with a number above `after`."""
        ...

    def number_before(self, at: int) -> int:
        """The last number given before a moment, 0 if there is none."""
        ...

    def matching(self, changes: Sequence[LoggedChange], query: SearchQuery) -> list[LoggedChange]:
        """Those of the changes whose resource, live or deleted, has the attributes that a query wants."""
        ...

    def tell(self, events: Sequence[UpsEvent], at: int, *, once: str = "") -> bool:
        """Write events; with `once` only if nobody did before under that name. Returns whether it was done."""
        ...

    def unsettled(self, *, at: int, seconds: int) -> bool:
        """Whether `settle` would have something to read or to say."""
        ...

    def settle(self, *, at: int, seconds: int, afresh: bool = False) -> int:
        """Say of studies to which no instance came for `seconds` that they are stable; returns of how many.

        `afresh`: the clock has jumped; the seconds are counted from now for all studies.
        """
        ...

    def forget(self, changes_before: int, events_before: int, *, batch: int = 5000) -> int:
        """Drop a batch of entries of each log written before a moment, never the last one; returns how many."""
        ...

    def sent(self, subscriber: str) -> int | None:
        """The number of the last event that was sent to a subscriber, None if there was none."""
        ...

    def note_sent(self, numbers: Mapping[str, int], at: int) -> None:
        """Remember the last events sent; a smaller number than before changes nothing."""
        ...

    def missed(self, subscriber: str, after: int, keep: int) -> tuple[int, int]:
        """(Number after which the newest `keep` events to a subscriber are, how many older ones it will not get)."""
        ...


class WebhookStore(Protocol):
    """Who is told by HTTP, and how far each has been told."""

    def webhooks(self) -> list[Webhook]:
        """Every webhook, by name."""
        ...

    def add(self, webhook: Webhook) -> bool:
        """Register one; False if the name is taken."""
        ...

    def remove(self, name: str) -> bool:
        """Forget one and its dead letters; False if there is none."""
        ...

    def note(self, webhook: Webhook) -> None:
        """Remember how far deliveries got: number, attempts, next try, failure, enabled."""
        ...

    def bury(self, webhook: Webhook, letter: DeadLetter) -> None:
        """Keep a delivery that was given up, and note that the webhook has moved on, in one."""
        ...

    def dead_letters(self, name: str = "", *, again: bool = False) -> list[DeadLetter]:
        """Deliveries that were given up, of one webhook or all; with `again` those that shall be tried once more."""
        ...

    def revive(self, name: str, number: int | None = None) -> int:
        """Ask for dead letters of a webhook to be tried once more; returns how many that are."""
        ...

    def lay_down(self, letter: DeadLetter, *, delivered: bool) -> None:
        """Forget a dead letter that was delivered at last, or note that it failed again."""
        ...
