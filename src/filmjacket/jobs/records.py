"""What jobs are, as values: how far one is, what a step of it did, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cursor: TypeAlias = "dict[str, str | int | bool]"
"""Where a job is: small, JSON, without patient data."""

Arguments: TypeAlias = "dict[str, str | int | bool | list[str]]"
"""What a job was asked to do, checked by its kind, as JSON."""

FINDINGS_KEPT = 100
"""Findings that a job tells one by one; the others are counted."""


class JobState(StrEnum):
    """What becomes of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Step:
    """What a short piece of work did: `cursor` is where to go on, None at the end.

    `total` is how much there is to do in all, if that became known; `counts` and `findings` are added to the job's.
    """

    cursor: Cursor | None
    done: int = 0
    size: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    findings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, everything from its beginning on."""

    done: int = 0
    total: int = 0
    size: int = 0
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    findings: tuple[str, ...] = ()

    def after(self, step: Step, seconds: float) -> Progress:
        """The same with one more step."""
        counts = dict(self.counts)
        for name, number in step.counts.items():
            counts[name] = counts.get(name, 0) + number
        return Progress(
            self.done + step.done,
            self.total if step.total is None else step.total,
            self.size + step.size,
            self.seconds + seconds,
            counts,
            (*self.findings, *step.findings)[:FINDINGS_KEPT],
        )

    @property
    def rate(self) -> float:
        """Items a second of work."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it can be told; moments are microseconds since 1970, 0 for those that have not come."""

    job_id: str
    kind: str
    state: JobState
    arguments: Arguments
    progress: Progress
    submitted_at: int
    finished_at: int = 0
    message: str = ""


class Jobs(Protocol):
    """The queue of jobs, as those see it who submit and watch them."""

    def submit(self, kind: str, arguments: Mapping[str, object], *, job_id: str | None = None) -> str:
        """Queue a job, durably; one that has this ID already stays what it is. Returns the ID."""
        ...

    def find(self, job_id: str) -> Job | None:
        """The job with an ID, or with the one ID that begins so."""
        ...

    def list(self, *, limit: int = 50, unfinished_only: bool = False) -> Sequence[Job]:
        """Jobs, newest first."""
        ...

    def cancel(self, job_id: str) -> bool:
        """Let a job end after the step that it is in; False if it is over already."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class Run(Protocol):
    """One job at work in one process."""

    def step(self, cursor: Cursor) -> Step:
        """Do about a second of work from a place on, {} for the beginning; doing it twice must do no harm."""
        ...
