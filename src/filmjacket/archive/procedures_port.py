"""Port: what the modality procedure step services need from an index (PS3.18 chapters 14 and 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.procedure_records import (
        PerformedStep,
        ScheduledStep,
        StepKey,
        StepOutcome,
        StepPage,
        StoredRequest,
    )
    from filmjacket.web.query import EntityQuery

Decision: TypeAlias = "Callable[[ScheduledStep | None], ScheduledStep | None]"
"""What becomes of a scheduled step: the same, another one, or none. May be asked several times."""


class ScheduledSteps(Protocol):
    """The schedule; a call returns when what it did is durable."""

    def change(self, key: StepKey, decide: Decision, *, at: int) -> StepOutcome:
        """Make of a step what `decide` says, or nothing at all if that raises; nobody changes it in between."""
        ...

    def put(self, steps: Sequence[ScheduledStep], *, at: int) -> list[StepOutcome]:
        """Take in steps, all or none; one that is there is replaced, but keeps its status unless one is given."""
        ...

    def find(self, key: StepKey) -> ScheduledStep | None:
        """Return one step."""
        ...

    def search(self, query: EntityQuery, maximum_results: int, *, hidden: frozenset[str]) -> StepPage:
        """Answer a search with whole data sets in the order of start date and time, then of the key.

        Steps with a `hidden` status are found only by a key for the status.
        """
        ...

    def mark_started(self, requests: Sequence[StoredRequest], *, at: int) -> int:
        """Note that instances came for steps; returns how many steps were still waiting."""
        ...


class PerformedSteps(Protocol):
    """Performed procedure steps; scheduled steps they are about follow in the same transaction."""

    def create(self, step: PerformedStep) -> bool:
        """Take in a new step; False when there is one with its UID."""
        ...

    def find(self, uid: str) -> PerformedStep | None:
        """Return one step."""
        ...

    def change(self, uid: str, decide: Callable[[PerformedStep], PerformedStep]) -> PerformedStep | None:
        """Change a step as `decide` says, or not at all if that raises; None when there is no such step."""
        ...
