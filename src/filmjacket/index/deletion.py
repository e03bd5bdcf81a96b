"""Deleting and restoring: one unit of work each.

What is deleted moves, whole, from `instances` to `deleted_instances`, so that no statement that finds live
instances has to know of it; counters and attributes of study and series follow as they do when an instance is
replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import bindparam, func, insert, select

from filmjacket.archive.deletions import Cause, DeleteOutcome, Obstacle, RestoreOutcome
from filmjacket.archive.records import BlobRef, Candidate
from filmjacket.clock import now
from filmjacket.dicom.header import Layout
from filmjacket.index.decisions import Plan, Present
from filmjacket.index.holding import held_among
from filmjacket.index.locks import lock_studies
from filmjacket.index.rows import prepare, unpack_document
from filmjacket.index.schema import (
    deleted_frame_chunks,
    deleted_instances,
    frame_chunks,
    instances,
    sop_instances,
)
from filmjacket.index.studies import write_plan
from filmjacket.index.unit import delete_keys, key_conditions, key_parameters, one_of, run, run_many, select_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from filmjacket.index.rows import Prepared
    from filmjacket.index.unit import Record
    from filmjacket.web.refs import ResourceRef

_KEY = ("study_uid", "sop_uid", "blob_key")
_STORED = (
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.sop_uid,
    instances.c.blob_key,
    instances.c.blob_size,
    instances.c.blob_sha256,
    sop_instances.c.stored_at,
)
_DELETED = (
    *(deleted_instances.c[name] for name in _KEY),
    deleted_instances.c.stored_at,
    deleted_instances.c.deleted_at,
)
_LAST_DELETED = select(func.max(deleted_instances.c.deleted_at).label("at")).where(
    deleted_instances.c.study_uid == bindparam("study_uid")
)
_WHOLE = select(*deleted_instances.c).where(*key_conditions(deleted_instances, *_KEY))
_NEWEST = (
    select(func.max(sop_instances.c.stored_at).label("stored_at"))
    .join(instances, instances.c.sop_uid == sop_instances.c.sop_uid)
    .where(instances.c.study_uid == bindparam("study_uid"))
)
_LIVE = select(sop_instances.c.sop_uid).where(one_of(sop_instances.c.sop_uid))
_RESTORE_CHUNKS = insert(frame_chunks).from_select(
    ["study_uid", "sop_uid", "chunk", "spans"],
    select(
        deleted_frame_chunks.c.study_uid,
        deleted_frame_chunks.c.sop_uid,
        deleted_frame_chunks.c.chunk,
        deleted_frame_chunks.c.spans,
    ).where(*key_conditions(deleted_frame_chunks, *_KEY)),
)
# A restored resource comes back if it was deleted by its own name or with what holds it.
_CAUSES = {
    Cause.STUDY: [str(Cause.STUDY)],
    Cause.SERIES: [str(Cause.STUDY), str(Cause.SERIES)],
    Cause.INSTANCE: [str(Cause.STUDY), str(Cause.SERIES), str(Cause.INSTANCE)],
}


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """What to delete, when, and on which conditions.

    `digests`: SHA-256 that the one instance must have (`If-Match`); `None` for any.
    """

    ref: ResourceRef
    at: int
    keep_until: int
    retained_since: int | None
    digests: frozenset[str] | None = None


def delete(connection: Connection, request: DeleteRequest) -> DeleteOutcome:
    """Take everything below a reference out of sight, all of it or nothing."""
    ref = request.ref
    lock_studies(connection, [ref.study or ""])
    found = run(connection, _below(instances, ref), _parameters(ref))
    if not found:
        return DeleteOutcome(Obstacle.ABSENT)
    if request.digests is not None and not {bytes(row.blob_sha256).hex() for row in found} <= request.digests:
        return DeleteOutcome(Obstacle.CHANGED)
    if held_among(connection, {row.study_uid for row in found}):
        return DeleteOutcome(Obstacle.HELD)
    last_stored_at = max(row.stored_at for row in found)
    if request.retained_since is not None and last_stored_at > request.retained_since:
        return DeleteOutcome(Obstacle.RETAINED, last_stored_at=last_stored_at)
    (last,) = run(connection, _LAST_DELETED, {"study_uid": ref.study})
    # Of several versions the one that was deleted last is restored, also when the clock went back in between.
    at = max(request.at, (last.at or 0) + 1)
    plan = Plan(at=at, keep_until=request.keep_until, cause=cause_of(ref))
    for row in found:
        blob = BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
        plan.departures[row.sop_uid] = Present(row.study_uid, row.series_uid, blob, row.stored_at)
    plan.kept.update(plan.departures)
    write_plan(connection, plan)
    return DeleteOutcome(
        instances=len(found), series=len({row.series_uid for row in found}), last_stored_at=last_stored_at
    )


def restorable(connection: Connection, ref: ResourceRef) -> list[Record]:
    """Return keys of what a deletion of the resource, or of what holds it, took out of sight, in order of arrival.

    Of several versions of an instance the one that was deleted last.
    """
    newest: dict[str, Record] = {}
    parameters = _parameters(ref) | {"causes": _CAUSES[cause_of(ref)]}
    for row in run(connection, _below(deleted_instances, ref), parameters):
        if row.sop_uid not in newest or newest[row.sop_uid].deleted_at < row.deleted_at:
            newest[row.sop_uid] = row
    return sorted(newest.values(), key=lambda row: (row.stored_at, row.sop_uid))


def restore(connection: Connection, some: Sequence[Record]) -> RestoreOutcome:
    """Bring back instances of one study that `restorable` found, unless their UIDs were stored again."""
    lock_studies(connection, {row.study_uid for row in some})
    live = {row.sop_uid for row in select_keys(connection, _LIVE, sorted(row.sop_uid for row in some))}
    (newest,) = run(connection, _NEWEST, {"study_uid": some[0].study_uid})
    # What comes back in order, to nothing that came later, makes studies and series as it did the first time.
    plan = Plan(at=now(), rebuild=newest.stored_at is not None and newest.stored_at >= some[0].stored_at)
    keys: list[dict[str, str]] = []
    for one in some:
        key = {name: getattr(one, name) for name in _KEY}
        # Somebody else may have restored or purged it meanwhile.
        for row in run(connection, _WHOLE, key_parameters(key)) if one.sop_uid not in live else ():
            plan.arrivals[row.sop_uid] = _prepared(row)
            plan.stored_at[row.sop_uid] = row.stored_at
            keys.append(key)
    if keys:
        write_plan(connection, plan)
        run_many(connection, _RESTORE_CHUNKS, [key_parameters(key) for key in keys])
        delete_keys(connection, deleted_frame_chunks, keys)
        delete_keys(connection, deleted_instances, keys)
    return RestoreOutcome(len(keys), len(live))


def cause_of(ref: ResourceRef) -> Cause:
    """Return what a deletion of the resource is called."""
    if ref.instance is not None:
        return Cause.INSTANCE
    return Cause.STUDY if ref.series is None else Cause.SERIES


def _prepared(row: Record) -> Prepared:
    """Build again what the instance says about its study and series; its own rows come back as they were."""
    candidate = Candidate(
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        sop_uid=row.sop_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax=row.transfer_syntax,
        blob=BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex()),
        attributes=orjson.loads(unpack_document(row.metadata)),
        layout=Layout.decode(row.layout),
    )
    instance = {name: getattr(row, name) for name in instances.c.keys()}  # noqa: SIM118 - no mapping
    return replace(prepare(candidate), instance=instance, chunks=())


def _parameters(ref: ResourceRef) -> dict[str, Any]:
    return {"study_uid": ref.study, "series_uid": ref.series, "sop_uid": ref.instance}


def _below(table: Table, ref: ResourceRef) -> Select[*tuple[Any, ...]]:
    return _statement(table.name, by_series=ref.series is not None, by_instance=ref.instance is not None)


@lru_cache(maxsize=8)
def _statement(name: str, *, by_series: bool, by_instance: bool) -> Select[*tuple[Any, ...]]:
    """Return the statement for all live or deleted instances below a reference."""
    table = instances if name == instances.name else deleted_instances
    given = ("study_uid", *(("series_uid",) if by_series else ()), *(("sop_uid",) if by_instance else ()))
    conditions: list[ColumnElement[bool]] = [table.c[column] == bindparam(column) for column in given]
    if table is deleted_instances:
        return select(*_DELETED).where(*conditions, one_of(table.c.cause, "causes"))
    same = sop_instances.c.sop_uid == instances.c.sop_uid
    return cast("Select[*tuple[Any, ...]]", select(*_STORED).join(sop_instances, same).where(*conditions))
