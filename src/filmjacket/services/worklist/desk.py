"""What every transaction of the Worklist service works with: the index, the rules of the site, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filmjacket.archive.worklist_records import Missing, Workitem
from filmjacket.errors import Gone, NotFound
from filmjacket.services.preconditions import NO_PRECONDITIONS, Preconditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.worklist_port import WorklistIndex
    from filmjacket.archive.worklist_records import WorkitemChange, WorklistRules
    from filmjacket.services.worklist.statuses import Transaction


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a transaction needs."""

    index: WorklistIndex
    rules: WorklistRules
    now: Callable[[], int]
    preconditions: Preconditions = NO_PRECONDITIONS

    def workitem(self, uid: str, transaction: Transaction) -> Workitem:
        """Return a workitem. Raises `NotFound`, or `Gone` for one that was removed."""
        found = self.index.find(uid)
        return found if isinstance(found, Workitem) else refuse_missing(found, transaction)

    def change(
        self, uid: str, decide: Callable[[Workitem], WorkitemChange], transaction: Transaction, *, at: int
    ) -> None:
        """Make of a workitem what `decide` says, or nothing at all if that raises.

        Raises `NotFound`, `Gone`, `PreconditionFailed`.
        """

        def decide_under_conditions(workitem: Workitem) -> WorkitemChange:
            change = decide(workitem)
            self.preconditions.check(revision_of(workitem), "workitem")
            return change

        missing = self.index.change(uid, decide_under_conditions, at=at)
        if missing is not None:
            refuse_missing(missing, transaction)


def revision_of(workitem: Workitem) -> str:
    """What the entity tags of a workitem begin with; a removed UID never comes back."""
    return f"{workitem.uid}.{workitem.version}"


def refuse_missing(missing: Missing | None, transaction: Transaction) -> Workitem:
    """Raise what a workitem that is not there is answered with (PS3.4: C307)."""
    if missing is Missing.DELETED:
        raise Gone("This workitem was removed after its retention.", section=transaction.section, offender="workitem")
    raise NotFound("There is no such workitem.", section=transaction.section, offender="workitem")


def date_time(moment: int) -> str:
    """A moment as a value of VR DT, in UTC (PS3.5 6.2)."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime("%Y%m%d%H%M%S.%f+0000")
