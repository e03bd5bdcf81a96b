"""Changes: what the change log says happened to a resource, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from filmjacket.web.query import SearchQuery

Level: TypeAlias = Literal["study", "series", "instance", "workitem", "scheduled-step", "performed-step", "non-patient"]
"""What kind of resource changed."""

Action: TypeAlias = Literal["created", "updated", "deleted", "stable"]
"""What happened to it; `stable` is said of a study to which no instance came for a while."""

LEVELS: Final[tuple[Level, ...]] = (
    "study", "series", "instance", "workitem", "scheduled-step", "performed-step", "non-patient",
)  # fmt: skip
ACTIONS: Final[tuple[Action, ...]] = ("created", "updated", "deleted", "stable")


class Log(StrEnum):
    """The two numbered logs: changes of resources, and event reports to subscribers of the worklist."""

    CHANGES = "changes"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as the transaction that makes it tells.

    `uid` is the SOP Instance UID, the UID of a workitem or performed step, or the Scheduled Procedure Step ID;
    `detail` is a small JSON object without patient data.
    """

    level: Level
    action: Action
    study_uid: str = ""
    series_uid: str = ""
    uid: str = ""
    detail: bytes = b""


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A change with its number, from 1 without gaps, and the time when it was written (microseconds since 1970)."""

    number: int
    at: int
    change: Change


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event report with its number in the log of events, and the subscribers that get it.

    `data_set` is the text of a DICOM JSON object without group 0000.
    """

    number: int
    at: int
    event_type: int
    workitem_uid: str
    data_set: bytes
    subscribers: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes somebody wants: empty sets are every one.

    `query` is matched on the attributes of what changed; then all `levels` are its own.
    """

    levels: frozenset[Level] = frozenset()
    actions: frozenset[Action] = frozenset()
    study_uids: frozenset[str] = frozenset()
    query: SearchQuery | None = None

    def admits(self, change: Change) -> bool:
        """Whether a change passes everything but the query."""
        return (
            (not self.levels or change.level in self.levels)
            and (not self.actions or change.action in self.actions)
            and (not self.study_uids or change.study_uid in self.study_uids)
        )


@dataclass(frozen=True, slots=True)
class LogExtent:
    """What a log holds: the first number that is still there and the last that was given.

    An empty log has `first` one above `last`.
    """

    first: int
    last: int
