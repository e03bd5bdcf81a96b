"""What becomes of each candidate: new, the same again, or other bytes under a stored SOP Instance UID."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Place, StoreOutcome, StoreResult
from filmjacket.index.schema import instances, sop_instances
from filmjacket.index.unit import one_of, portions, run, select_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.rows import Prepared

_STUDY_BY_SOP = select(sop_instances.c.sop_uid, sop_instances.c.study_uid).where(one_of(sop_instances.c.sop_uid))
_PRESENT_BY_SOP = select(
    instances.c.sop_uid,
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.blob_key,
    instances.c.blob_size,
    instances.c.blob_sha256,
).where(one_of(instances.c.study_uid, "studies"), one_of(instances.c.sop_uid))


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One call of `store`: candidates in order and the policy that holds for them."""

    prepared: tuple[Prepared, ...]
    duplicates: DuplicatePolicy


@dataclass(frozen=True, slots=True)
class Present:
    """An instance that is stored, or will be by this unit."""

    study_uid: str
    series_uid: str
    blob: BlobRef


@dataclass(slots=True)
class Plan:
    """What the unit will write: instances to insert, and stored ones that they take the place of."""

    arrivals: dict[str, Prepared] = field(default_factory=dict)
    departures: dict[str, Present] = field(default_factory=dict)


def find_present(connection: Connection, sop_uids: set[str]) -> dict[str, Present]:
    """Return the stored instances with one of the SOP Instance UIDs, wherever they are."""
    study_of = {row.sop_uid: row.study_uid for row in select_keys(connection, _STUDY_BY_SOP, sorted(sop_uids))}
    present: dict[str, Present] = {}
    for some in portions(sorted(study_of)):
        parameters = {"keys": some, "studies": sorted({study_of[uid] for uid in some})}
        for row in run(connection, _PRESENT_BY_SOP, parameters):
            blob = BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
            present[row.sop_uid] = Present(row.study_uid, row.series_uid, blob)
    return present


def decide(
    item: Prepared,
    duplicates: DuplicatePolicy,
    present: dict[str, Present],
    stored_before: dict[str, Present],
    plan: Plan,
) -> StoreOutcome:
    """Decide about one candidate; `present` and `plan` are brought up to date for the next."""
    candidate = item.candidate
    before = present.get(candidate.sop_uid)
    if before is not None:
        own = None if before.blob.key == candidate.blob.key else candidate.blob
        if before.blob.sha256 == candidate.blob.sha256:
            return StoreOutcome(StoreResult.IDENTICAL, own)
        if duplicates is DuplicatePolicy.KEEP:
            return StoreOutcome(StoreResult.KEPT, own, Place(before.study_uid, before.series_uid))
        if duplicates is DuplicatePolicy.REJECT:
            return StoreOutcome(StoreResult.DUPLICATE, own)
        if candidate.sop_uid in stored_before:
            plan.departures[candidate.sop_uid] = stored_before[candidate.sop_uid]
    present[candidate.sop_uid] = Present(candidate.study_uid, candidate.series_uid, candidate.blob)
    plan.arrivals[candidate.sop_uid] = item
    if before is None:
        return StoreOutcome(StoreResult.STORED)
    return StoreOutcome(StoreResult.REPLACED, None if before.blob.key == candidate.blob.key else before.blob)
