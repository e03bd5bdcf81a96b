"""Port: what upkeep in small steps needs from an index: everything stored, piece by piece from any place on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.archive.records import BlobRef, Candidate, StoredInstance


class Shelf(StrEnum):
    """Where instances are kept, in the order of upkeep."""

    LIVE = "live"
    OUT_OF_SIGHT = "out of sight"
    NON_PATIENT = "non-patient"
    REPLACED_NON_PATIENT = "replaced non-patient"


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """A blob of an instance, and the key of its row: the place to go on behind."""

    place: tuple[str, ...]
    sop_uid: str
    blob: BlobRef


@dataclass(frozen=True, slots=True)
class Selection:
    """Instances in one of some transfer syntaxes, of one study or of all."""

    transfer_syntaxes: tuple[str, ...]
    study_uid: str = ""


class UpkeepIndex(Protocol):
    """Reading by key, so that a job can go on after any place, whatever was stored or deleted meanwhile."""

    def count_blobs(self) -> int:
        """How many blobs the index refers to."""
        ...

    def blobs_after(self, shelf: Shelf, place: Sequence[str], *, batch: int) -> list[BlobPlace]:
        """Blobs of a shelf behind a place, () for the first ones; [] at the end."""
        ...

    def count_instances(self, selection: Selection) -> int:
        """How many live instances are selected."""
        ...

    def instances_after(self, selection: Selection, place: Sequence[str], *, batch: int) -> list[StoredInstance]:
        """Selected live instances behind (study, SOP Instance UID), () for the first ones; [] at the end."""
        ...

    def is_held(self, study_uid: str) -> bool:
        """Whether a study is on legal hold."""
        ...

    def replace_coding(self, before: StoredInstance, candidate: Candidate) -> bool:
        """Let other bytes of the same image take the place of `before`, in one durable transaction.

        Its study keeps its order and its retention; no version of it is kept. False, and nothing is changed, if the
        instance is not there any more with these bytes or its study is on legal hold.
        """
        ...
