"""Rows out of sight: instances that were deleted or replaced and are kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, insert, select, tuple_

from filmjacket.archive.records import BlobRef
from filmjacket.index.schema import deleted_frame_chunks, deleted_instances, frame_chunks, instances, sop_instances
from filmjacket.index.unit import insert_rows, key_conditions, key_parameters, one_of, run, run_many, select_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.deletions import Cause
    from filmjacket.index.engine import Database
    from filmjacket.index.rows import Prepared

_NOTES = ("deleted_at", "keep_until", "cause")

_KEEP_INSTANCE = insert(deleted_instances).from_select(
    [*instances.c.keys(), "stored_at", *_NOTES],
    select(
        *instances.c,
        sop_instances.c.stored_at,
        bindparam("deleted_at", type_=BigInteger),
        bindparam("keep_until", type_=BigInteger),
        bindparam("cause", type_=Text),
    )
    .join(sop_instances, sop_instances.c.sop_uid == instances.c.sop_uid)
    .where(*key_conditions(instances, "study_uid", "sop_uid")),
)
_KEEP_CHUNKS = insert(deleted_frame_chunks).from_select(
    ["study_uid", "sop_uid", "blob_key", "chunk", "spans"],
    select(
        frame_chunks.c.study_uid,
        frame_chunks.c.sop_uid,
        instances.c.blob_key,
        frame_chunks.c.chunk,
        frame_chunks.c.spans,
    )
    .join(
        instances,
        (instances.c.study_uid == frame_chunks.c.study_uid) & (instances.c.sop_uid == frame_chunks.c.sop_uid),
    )
    .where(*key_conditions(frame_chunks, "study_uid", "sop_uid")),
)
_KEYS = select(deleted_instances.c.blob_key).where(one_of(deleted_instances.c.blob_key))
_PLACE = (deleted_instances.c.study_uid, deleted_instances.c.sop_uid, deleted_instances.c.blob_key)
_BLOBS = (
    select(*_PLACE, deleted_instances.c.blob_size, deleted_instances.c.blob_sha256)
    .where(
        tuple_(*_PLACE) > tuple_(bindparam("after_study", ""), bindparam("after_sop", ""), bindparam("after_key", ""))
    )
    .order_by(*_PLACE)
    .limit(bindparam("batch"))
)


def keep_stored(
    connection: Connection, keys: Sequence[dict[str, str]], *, at: int, keep_until: int, cause: Cause
) -> None:
    """Copy live instances to where they are out of sight; the caller removes the live rows."""
    notes = {"deleted_at": at, "keep_until": keep_until, "cause": str(cause)}
    parameters = [key_parameters(key) | notes for key in keys]
    run_many(connection, _KEEP_INSTANCE, parameters)
    run_many(connection, _KEEP_CHUNKS, [key_parameters(key) for key in keys])


def keep_arrived(connection: Connection, items: Iterable[Prepared], *, at: int, cause: Cause) -> None:
    """Take in versions that are replaced by the very transaction that stores them."""
    notes = {"stored_at": at, "deleted_at": at, "keep_until": at, "cause": str(cause)}
    for item in items:
        insert_rows(connection, deleted_instances, [item.instance | notes])
        key = {"blob_key": item.candidate.blob.key}
        insert_rows(connection, deleted_frame_chunks, [chunk | key for chunk in item.chunks])


def kept_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Return those of the blob keys that are needed to restore something."""
    return {row.blob_key for row in select_keys(connection, _KEYS, sorted(set(keys)))}


def kept_blob_batches(database: Database, batch: int) -> Iterator[list[tuple[str, BlobRef]]]:
    """Yield the blob references of instances out of sight; no connection is held between batches."""
    after: dict[str, Any] = {"after_study": "", "after_sop": "", "after_key": ""}
    while True:
        with database.reading() as connection:
            found = run(connection, _BLOBS, {**after, "batch": batch})
        if not found:
            return
        yield [(row.sop_uid, BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())) for row in found]
        last = found[-1]
        after = {"after_study": last.study_uid, "after_sop": last.sop_uid, "after_key": last.blob_key}
