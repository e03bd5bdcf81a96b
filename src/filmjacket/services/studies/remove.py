"""Delete transaction of the Studies service: an extension, for PS3.18 has none.

Deleting takes everything below a resource out of sight at once and for good after the undo window; until then
`Remover.restore` brings it back. Nothing is deleted that a legal hold or the minimum retention protects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.archive.deletions import DAY, Obstacle
from filmjacket.clock import moment_text
from filmjacket.errors import Held, NotFound, PreconditionFailed, Retained
from filmjacket.services.studies.missing import missing_resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.deletions import DeletionRules, RestoreOutcome
    from filmjacket.archive.ports import Index
    from filmjacket.errors import FilmjacketError
    from filmjacket.web.refs import ResourceRef

EXTENSION: Final = "8.5"
"""PS3.18 knows no deletion; its status codes hold for extensions too (8.5), 409 and 410 among them."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deletion took out of sight, and until when it can surely be restored."""

    instances: int
    series: int
    deleted_at: int
    restorable_until: int


class Remover:
    """Deletes and restores by the rules of one archive."""

    def __init__(self, index: Index, rules: DeletionRules, clock: Callable[[], int]) -> None:
        self._index = index
        self._rules = rules
        self._clock = clock

    def delete(self, ref: ResourceRef, digests: frozenset[str] | None = None) -> Removed:
        """Take everything below a study, series or instance out of sight, all of it or nothing.

        `digests`: SHA-256 that the instance must have (`If-Match`). Raises `NotFound` for what never was there,
        `Gone` for what is deleted already, `PreconditionFailed`, `Held` and `Retained`.
        """
        at = self._clock()
        outcome = self._index.delete(
            ref,
            at=at,
            keep_until=self._rules.keep_until(at),
            retained_since=self._rules.retained_since(at),
            digests=digests,
        )
        if outcome.obstacle is not None:
            raise self._refusal(outcome.obstacle, ref, outcome.last_stored_at)
        return Removed(outcome.instances, outcome.series, at, self._rules.keep_until(at))

    def restore(self, ref: ResourceRef) -> RestoreOutcome:
        """Bring back what was deleted as this resource or with what holds it.

        Raises `NotFound` if there is nothing to bring back.
        """
        outcome = self._index.restore(ref)
        if not outcome.restored + outcome.stored_again:
            raise NotFound(
                "Nothing in the undo window was deleted under this UID; parts that were deleted on their own are "
                "restored by their own UIDs.",
                offender="UID",
                accepted=("a UID that `filmjacket deleted` lists",),
            )
        return outcome

    def _refusal(self, obstacle: Obstacle, ref: ResourceRef, last_stored_at: int) -> FilmjacketError:
        if obstacle is Obstacle.HELD:
            return Held(
                "The study is on legal hold: nothing of it can be deleted until the hold is removed.",
                section=EXTENSION,
                offender="target URI",
                accepted=("`filmjacket hold remove` for the study",),
            )
        if obstacle is Obstacle.RETAINED:
            free = moment_text(last_stored_at + self._rules.minimum_retention_days * DAY)
            return Retained(
                f"Instances are kept for at least {self._rules.minimum_retention_days} days after they were stored "
                "(setting deletion.minimum_retention_days).",
                section=EXTENSION,
                offender="target URI",
                accepted=(f"the same request after {free}",),
            )
        if obstacle is Obstacle.CHANGED:
            return PreconditionFailed(
                "The stored instance is not the one that If-Match names.",
                section="RFC 9110 13.1.1",
                offender="If-Match",
                accepted=("*", "an ETag of the instance as it is stored now"),
            )
        return missing_resource(self._index, ref)
