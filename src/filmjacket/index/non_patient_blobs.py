"""Bytes that non-patient instances refer to: for checking, sweeping and purging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select

from filmjacket.archive.deletions import PurgedBatch
from filmjacket.archive.records import BlobRef
from filmjacket.index.schema.non_patient import non_patient_instances, replaced_non_patient_instances
from filmjacket.index.unit import one_of, run, select_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record

_OWN = non_patient_instances.c
_REPLACED = replaced_non_patient_instances.c

_BLOBS = (
    select(_OWN.sop_uid, _OWN.blob_key, _OWN.blob_size, _OWN.blob_sha256)
    .where(_OWN.sop_uid > bindparam("after"))
    .order_by(_OWN.sop_uid)
    .limit(bindparam("batch"))
)
_REPLACED_BLOBS = (
    select(_REPLACED.sop_uid, _REPLACED.blob_key, _REPLACED.blob_size, _REPLACED.blob_sha256)
    .where(_REPLACED.blob_key > bindparam("after"))
    .order_by(_REPLACED.blob_key)
    .limit(bindparam("batch"))
)
_KEYS = select(_OWN.blob_key).where(one_of(_OWN.blob_key))
_REPLACED_KEYS = select(_REPLACED.blob_key).where(one_of(_REPLACED.blob_key))
_IS_EXPIRED = (_REPLACED.held == 0, _REPLACED.stored_at <= bindparam("retained_since"))
_EXPIRED = select(_REPLACED.blob_key, _REPLACED.blob_size).where(*_IS_EXPIRED).limit(bindparam("batch"))
_COUNT_EXPIRED = select(
    func.count().label("instances"), func.coalesce(func.sum(_REPLACED.blob_size), 0).label("bytes")
).where(*_IS_EXPIRED)
_FORGET = delete(replaced_non_patient_instances).where(one_of(_REPLACED.blob_key))


def blob_batches(database: Database, batch: int) -> Iterator[list[tuple[str, BlobRef]]]:
    """Yield every blob reference, those of replaced versions last; no connection is held between batches."""
    for statement, name in ((_BLOBS, "sop_uid"), (_REPLACED_BLOBS, "blob_key")):
        after = ""
        while True:
            with database.reading() as connection:
                found = run(connection, statement, {"after": after, "batch": batch})
            if not found:
                break
            yield [(row.sop_uid, blob_of(row)) for row in found]
            after = getattr(found[-1], name)


def known_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Return those of the blob keys that a non-patient instance has, or had and must keep."""
    asked = sorted(set(keys))
    statements = (_KEYS, _REPLACED_KEYS)
    return {row.blob_key for statement in statements for row in select_keys(connection, statement, asked)}


def count_expired(connection: Connection, retained_since: int) -> PurgedBatch:
    """Return what `purge` would take, without the keys."""
    (row,) = run(connection, _COUNT_EXPIRED, {"retained_since": retained_since})
    return PurgedBatch(row.instances, int(row.bytes), ())


def purge(connection: Connection, retained_since: int, batch: int) -> PurgedBatch:
    """Forget up to `batch` replaced versions whose retention is over."""
    rows = run(connection, _EXPIRED, {"retained_since": retained_since, "batch": batch})
    keys = tuple(row.blob_key for row in rows)
    if keys:
        connection.execute(_FORGET, {"keys": list(keys)})
    return PurgedBatch(len(rows), sum(row.blob_size for row in rows), keys)


def blob_of(row: Record) -> BlobRef:
    """Return the blob reference of a row."""
    return BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
