"""What becomes of each candidate: new, the same again, or other bytes under a stored SOP Instance UID."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from filmjacket.archive.deletions import Cause
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import BlobRef, Place, StoreOutcome, StoreResult
from filmjacket.index.holding import Protection
from filmjacket.index.schema import instances, sop_instances
from filmjacket.index.unit import one_of, portions, run, select_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.rows import Prepared

_STUDY_BY_SOP = select(sop_instances.c.sop_uid, sop_instances.c.study_uid, sop_instances.c.stored_at).where(
    one_of(sop_instances.c.sop_uid)
)
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
    """One call of `store`: candidates in order, the policy that holds for them, and when it is."""

    prepared: tuple[Prepared, ...]
    duplicates: DuplicatePolicy
    at: int = 0
    retained_since: int | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """An instance that is stored, or will be by this unit."""

    study_uid: str
    series_uid: str
    blob: BlobRef
    stored_at: int


@dataclass(slots=True)
class Plan:
    """What the unit will write: instances to insert, and stored ones that they take the place of or that just go.

    Departures in `kept`, and the versions in `superseded` that the same unit takes in and replaces, go out of
    sight but stay until `keep_until`. Arrivals were stored `at` the same time unless `stored_at` says otherwise;
    with `rebuild`, studies and series get the attributes that they would have had if nothing had ever happened.
    """

    arrivals: dict[str, Prepared] = field(default_factory=dict)
    departures: dict[str, Present] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    superseded: list[Prepared] = field(default_factory=list)
    stored_at: dict[str, int] = field(default_factory=dict)
    at: int = 0
    keep_until: int = 0
    cause: Cause = Cause.REPLACED
    protection: Protection = field(default_factory=Protection)
    rebuild: bool = False

    def keeps(self, before: Present) -> bool:
        """Whether a version that is replaced must not be destroyed."""
        return self.protection.covers(before.study_uid, before.stored_at)


def find_present(connection: Connection, sop_uids: set[str]) -> dict[str, Present]:
    """Return the stored instances with one of the SOP Instance UIDs, wherever they are."""
    known = {row.sop_uid: row for row in select_keys(connection, _STUDY_BY_SOP, sorted(sop_uids))}
    present: dict[str, Present] = {}
    for some in portions(sorted(known)):
        parameters = {"keys": some, "studies": sorted({known[uid].study_uid for uid in some})}
        for row in run(connection, _PRESENT_BY_SOP, parameters):
            blob = BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
            present[row.sop_uid] = Present(row.study_uid, row.series_uid, blob, known[row.sop_uid].stored_at)
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
        _give_way(candidate.sop_uid, before, stored_before, plan)
    present[candidate.sop_uid] = Present(candidate.study_uid, candidate.series_uid, candidate.blob, plan.at)
    plan.arrivals[candidate.sop_uid] = item
    if before is None:
        return StoreOutcome(StoreResult.STORED)
    is_needed = before.blob.key == candidate.blob.key or plan.keeps(before)
    return StoreOutcome(StoreResult.REPLACED, None if is_needed else before.blob)


def _give_way(sop_uid: str, before: Present, stored_before: dict[str, Present], plan: Plan) -> None:
    """Note that what is there, stored or about to be, is replaced."""
    if sop_uid in stored_before:
        plan.departures[sop_uid] = stored_before[sop_uid]
    if not plan.keeps(before):
        return
    if sop_uid in plan.arrivals:
        plan.superseded.append(plan.arrivals[sop_uid])
    else:
        plan.kept.add(sop_uid)
