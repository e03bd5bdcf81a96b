"""Taking in many scheduled procedure steps: JSON, XML and CSV, each with what is at fault in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from filmjacket.archive.procedure_records import StepOutcome
from filmjacket.errors import FilmjacketError
from filmjacket.services.procedures.scheduled_data_set import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.archive.procedure_records import ScheduledStep, StepKey
    from filmjacket.archive.procedures_port import ScheduledSteps
    from filmjacket.dicom.attributes import Attributes

STEPS_AT_ONCE: Final = 500
"""Steps in one transaction where they need not all be in the same."""


class OnFault(StrEnum):
    """What becomes of the other steps when one has a fault."""

    REFUSE = "refuse"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one step: the line or the number of the data set, the attribute, and why; no values."""

    place: int
    attribute: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One data set on its way in: where it stands, and what it is, or why it cannot be read."""

    place: int
    attributes: Attributes | None = None
    fault: Fault | None = None


@dataclass(slots=True)
class IntakeReport:
    """What became of the steps; `taken` are the keys of those that are in the schedule now."""

    outcomes: dict[StepOutcome, int] = field(default_factory=dict[StepOutcome, int])
    faults: list[Fault] = field(default_factory=list[Fault])
    taken: list[StepKey] = field(default_factory=list["StepKey"])

    @property
    def refused(self) -> bool:
        """Nothing was taken in, because of the faults."""
        return bool(self.faults) and not self.taken

    def document(self, place: str) -> dict[str, Any]:
        """The report as JSON; `place` is the name for where a step stands."""
        counts = {str(one): self.outcomes.get(one, 0) for one in _COUNTED}
        return counts | {
            "faults": [
                {place: fault.place, "attribute": fault.attribute, "message": fault.message} for fault in self.faults
            ]
        }


_COUNTED: Final = (StepOutcome.CREATED, StepOutcome.UPDATED, StepOutcome.UNCHANGED)


def take_in(
    steps: ScheduledSteps, entries: Iterable[Entry], on_fault: OnFault, *, at: int, together: bool = True
) -> IntakeReport:
    """Put every step of the entries into the schedule, or none if one has a fault and the others are refused too.

    `together`: all in one transaction.
    """
    report = IntakeReport()
    wanted = _judged(entries, report)
    if report.faults and on_fault is OnFault.REFUSE:
        return report
    size = len(wanted) if together and wanted else STEPS_AT_ONCE
    for first in range(0, len(wanted), size):
        some = wanted[first : first + size]
        for step, outcome in zip(some, steps.put(some, at=at), strict=True):
            report.outcomes[outcome] = report.outcomes.get(outcome, 0) + 1
            report.taken.append(step.key)
    return report


def entries_of(data_sets: Iterable[Attributes]) -> list[Entry]:
    """Return data sets as entries, numbered from 1."""
    return [Entry(number, attributes) for number, attributes in enumerate(data_sets, 1)]


def _judged(entries: Iterable[Entry], report: IntakeReport) -> list[ScheduledStep]:
    known: dict[StepKey, int] = {}
    wanted: list[ScheduledStep] = []
    for entry in entries:
        if entry.fault is not None or entry.attributes is None:
            report.faults += [entry.fault] if entry.fault else []
            continue
        try:
            found = steps_of(entry.attributes)
        except FilmjacketError as error:
            report.faults.append(Fault(entry.place, error.offender, error.message))
            continue
        twice = [step for step in found if known.setdefault(step.key, entry.place) != entry.place]
        if twice or len({step.key for step in found}) < len(found):
            message = "The step with this Study Instance UID and Scheduled Procedure Step ID is there twice."
            report.faults.append(Fault(entry.place, "ScheduledProcedureStepID", message))
            continue
        wanted += found
    return wanted
