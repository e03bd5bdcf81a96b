"""Port: what the Worklist service needs from an index (PS3.18 chapter 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.worklist_records import (
        Missing,
        PurgedWorkitems,
        Report,
        Standing,
        Workitem,
        WorkitemChange,
        WorkitemPage,
        WorklistSubscription,
    )
    from filmjacket.web.query import EntityQuery


class WorklistIndex(Protocol):
    """Workitems and subscriptions; a call returns when what it did is durable.

    Events and change log entries are written in the transaction of what they are about.
    """

    def prepare(self) -> None:
        """Get ready before the first request."""
        ...

    def create(self, workitem: Workitem, reports: tuple[Report, ...]) -> bool:
        """Take in a new workitem; False when there is or was one with its UID."""
        ...

    def find(self, uid: str) -> Workitem | Missing:
        """Return a workitem."""
        ...

    def change(self, uid: str, decide: Callable[[Workitem], WorkitemChange], *, at: int) -> Missing | None:
        """Change a workitem as `decide` says, or not at all if that raises.

        Nobody else changes it in between. `decide` may be called several times, and must do nothing but decide.
        """
        ...

    def search(self, query: EntityQuery, maximum_results: int, *, other_patient_ids: bool = False) -> WorkitemPage:
        """Answer a search with whole workitems.

        With `other_patient_ids` a key for Patient ID also finds it in the Other Patient IDs Sequence.
        """
        ...

    def subscribe(self, uid: str, subscriber: str, standing: Standing, *, at: int) -> Missing | None:
        """Subscribe to one workitem, and report its state to the subscriber."""
        ...

    def subscribe_worklist(self, subscription: WorklistSubscription, *, at: int) -> None:
        """Subscribe to all workitems or to those that satisfy a filter, present and future ones.

        With a deletion lock the state of each newly subscribed workitem is reported to the subscriber.
        """
        ...

    def unsubscribe(self, uid: str, subscriber: str) -> bool:
        """End the subscription to one workitem; False if there was none."""
        ...

    def unsubscribe_worklist(self, subscriber: str) -> bool:
        """End every subscription of a subscriber; False if there was none."""
        ...

    def suspend_worklist(self, subscriber: str, *, at: int) -> bool:
        """No longer subscribe to future workitems, present ones stay; False if there was no such subscription."""
        ...

    def subscribers_of(self, uid: str) -> dict[str, Standing]:
        """Return who is subscribed to a workitem."""
        ...

    def worklist_subscribers(self) -> tuple[str, ...]:
        """Return who has any subscription: to all, to some or to single workitems."""
        ...

    def purge(self, *, final_before: int, at: int, batch: int = 500) -> PurgedWorkitems:
        """Remove workitems that have been final since before a moment and that no deletion lock keeps."""
        ...

    def forget_deletions(self, before: int) -> None:
        """Forget removed workitems older than a moment: 404 then, not 410."""
        ...
