"""Ending the undo window: rows go first, the caller then removes the blobs that nothing refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import bindparam, delete, func, select

from filmjacket.archive.deletions import Cause, PurgedBatch
from filmjacket.index import non_patient_blobs
from filmjacket.index.instances import unknown_keys
from filmjacket.index.kept import kept_keys
from filmjacket.index.locks import lock_studies
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import UNKNOWN_NUMBER, deleted_frame_chunks, deleted_instances, holds, tombstones
from filmjacket.index.search_rows import forget_names
from filmjacket.index.unit import delete_keys, insert_rows, run, run_many

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.unit import Record

_GONE = deleted_instances.c
_ON_HOLD = select(holds.c.study_uid)
_IS_EXPIRED = (
    _GONE.keep_until <= bindparam("at"),
    _GONE.stored_at <= bindparam("retained_since"),
    _GONE.study_uid.not_in(_ON_HOLD),
)
_EXPIRED = (
    select(
        _GONE.study_uid,
        _GONE.series_uid,
        _GONE.sop_uid,
        _GONE.blob_key,
        _GONE.blob_size,
        _GONE.deleted_at,
        _GONE.cause,
        _GONE.metadata,
    )
    .where(*_IS_EXPIRED)
    .order_by(_GONE.keep_until)
    .limit(bindparam("batch"))
)
_COUNT_EXPIRED = select(
    func.count().label("instances"), func.coalesce(func.sum(_GONE.blob_size), 0).label("bytes")
).where(*_IS_EXPIRED)
_FORGET = delete(tombstones).where(tombstones.c.deleted_at < bindparam("before"))


def count_expired(connection: Connection, *, at: int, retained_since: int | None) -> PurgedBatch:
    """Return what a purge would take now, without the keys."""
    moments = _moments(at, retained_since)
    (row,) = run(connection, _COUNT_EXPIRED, moments)
    others = non_patient_blobs.count_expired(connection, moments["retained_since"])
    return PurgedBatch(row.instances + others.instances, int(row.bytes) + others.bytes, ())


def purge(connection: Connection, *, at: int, retained_since: int | None, batch: int) -> PurgedBatch:
    """Take up to `batch` instances out of the index for good, leaving tombstones."""
    moments = _moments(at, retained_since)
    expired = _locked(connection, moments | {"batch": batch})
    if not expired:
        return non_patient_blobs.purge(connection, moments["retained_since"], batch)
    graves = {
        (row.study_uid, row.series_uid, row.sop_uid): row.deleted_at
        for row in sorted(expired, key=lambda row: row.deleted_at)
        if row.cause != Cause.REPLACED
    }
    marks = [{"study_uid": study, "series_uid": one, "sop_uid": sop} for study, one, sop in graves]
    delete_keys(connection, tombstones, marks)
    insert_rows(connection, tombstones, [mark | {"deleted_at": graves[tuple(mark.values())]} for mark in marks])
    keys = [{"study_uid": row.study_uid, "sop_uid": row.sop_uid, "blob_key": row.blob_key} for row in expired]
    delete_keys(connection, deleted_frame_chunks, keys)
    delete_keys(connection, deleted_instances, keys)
    forget_names(connection, (orjson.loads(unpack_document(row.metadata)) for row in expired))
    blob_keys = unknown_keys(connection, [row.blob_key for row in expired])
    blob_keys -= kept_keys(connection, blob_keys)
    blob_keys -= non_patient_blobs.known_keys(connection, blob_keys)
    return PurgedBatch(len(expired), sum(row.blob_size for row in expired), tuple(sorted(blob_keys)))


def _locked(connection: Connection, parameters: dict[str, int]) -> list[Record]:
    """Return what is expired; nobody else can hold, restore or purge it before this unit of work ends."""
    locked = {row.study_uid for row in run(connection, _EXPIRED, parameters)}
    lock_studies(connection, locked)
    return [row for row in run(connection, _EXPIRED, parameters) if row.study_uid in locked]


def _moments(at: int, retained_since: int | None) -> dict[str, int]:
    return {"at": at, "retained_since": UNKNOWN_NUMBER if retained_since is None else retained_since}


def forget(connection: Connection, before: int) -> None:
    """Forget purged deletions that are older than a moment: 410 becomes 404."""
    run_many(connection, _FORGET, [{"before": before}])
