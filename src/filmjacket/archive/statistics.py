"""Figures of an archive: how much of what is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Instances of one kind, and their bytes."""

    name: str
    instances: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is in an archive; `deleted` can be restored, `held` studies cannot be deleted."""

    studies: int
    series: int
    instances: int
    bytes: int
    deleted: int
    deleted_bytes: int
    held: int
    sop_classes: tuple[Share, ...]
    transfer_syntaxes: tuple[Share, ...]
    modalities: tuple[Share, ...]
    """Instances by the modality of their series; their bytes are not counted by it, hence 0."""

    others: tuple[tuple[str, int], ...]
    """Rows of the other services by their names: workitems, non-patient instances, ..."""
