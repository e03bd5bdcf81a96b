"""Reading stored instances: records, frame spans, prebuilt metadata, blob references."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, select, tuple_

from filmjacket.archive.records import BlobRef, InstanceMetadata, StoredInstance
from filmjacket.dicom.header import Layout
from filmjacket.errors import NotFound
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import FRAMES_PER_CHUNK, SPAN_BYTES, frame_chunks, instances, series
from filmjacket.index.unit import one_of, portions, run, select_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Select

    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record
    from filmjacket.web.refs import ResourceRef

_SPAN = Struct("<QQ")

_RECORD = (
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.sop_uid,
    instances.c.sop_class_uid,
    instances.c.transfer_syntax,
    instances.c.blob_key,
    instances.c.blob_size,
    instances.c.blob_sha256,
    instances.c.layout,
)
_DOCUMENT = (instances.c.study_uid, instances.c.series_uid, instances.c.sop_uid, instances.c.metadata)
_DOCUMENTS = select(*_DOCUMENT).where(one_of(instances.c.study_uid, "studies"), one_of(instances.c.sop_uid))
_CHUNKS = select(frame_chunks.c.chunk, frame_chunks.c.spans).where(
    frame_chunks.c.study_uid == bindparam("study_uid"),
    frame_chunks.c.sop_uid == bindparam("sop_uid"),
    one_of(frame_chunks.c.chunk),
)
_BLOBS = (
    select(
        instances.c.study_uid,
        instances.c.sop_uid,
        instances.c.blob_key,
        instances.c.blob_size,
        instances.c.blob_sha256,
    )
    .where(
        tuple_(instances.c.study_uid, instances.c.sop_uid)
        > tuple_(bindparam("after_study", ""), bindparam("after_sop", ""))
    )
    .order_by(instances.c.study_uid, instances.c.sop_uid)
    .limit(bindparam("batch"))
)
_KEYS = select(instances.c.blob_key).where(one_of(instances.c.blob_key))
_SOURCES = select(instances.c.blob_sha256).where(one_of(instances.c.blob_sha256))


def find_instances(connection: Connection, ref: ResourceRef) -> list[StoredInstance]:
    """Return every instance below a reference in retrieval order."""
    statement = _below("record", given=_given(ref))
    return [_stored(row) for row in run(connection, statement, _parameters(ref))]


def find_frame_spans(connection: Connection, instance: StoredInstance, frames: Sequence[int]) -> list[tuple[int, int]]:
    """Return offset and length of each 1-based frame; raises `NotFound` for one that is not there."""
    wanted = sorted({(number - 1) // FRAMES_PER_CHUNK for number in frames if number >= 1})
    chunks: dict[int, bytes] = {}
    for some in portions(wanted):
        parameters = {"study_uid": instance.study_uid, "sop_uid": instance.sop_uid, "keys": some}
        chunks.update((row.chunk, row.spans) for row in run(connection, _CHUNKS, parameters))
    spans: list[tuple[int, int]] = []
    for number in frames:
        chunk, place = divmod(number - 1, FRAMES_PER_CHUNK)
        known = chunks.get(chunk, b"")
        if number < 1 or (place + 1) * SPAN_BYTES > len(known):
            raise NotFound(
                f"Frame {number} is not one of the instance's frames.",
                section="PS3.18 10.4.1.1.3",
                offender=str(number),
            )
        spans.append(_SPAN.unpack_from(known, place * SPAN_BYTES))
    return spans


def fingerprint(connection: Connection, ref: ResourceRef) -> str | None:
    """Return a digest of which instances, with which bytes, are below a reference; None if none are.

    Digests of the files are enough: an instance's UIDs stand in its file.
    """
    rows = run(connection, _below("content", given=_given(ref)), _parameters(ref))
    if not rows:
        return None
    return hashlib.sha256(b"".join([row.blob_sha256 for row in rows])).hexdigest()


def metadata_batches(database: Database, ref: ResourceRef, batch: int) -> Iterator[list[InstanceMetadata]]:
    """Yield prebuilt metadata in retrieval order; no connection is held between batches."""
    if ref.instance is not None:
        with database.reading() as connection:
            statement = _below("document", given=_given(ref))
            found = [_document(row) for row in run(connection, statement, _parameters(ref))]
        if found:
            yield found
        return
    with database.reading() as connection:
        ordered = [
            (row.study_uid, row.sop_uid) for row in run(connection, _below("key", given=_given(ref)), _parameters(ref))
        ]
    for start in range(0, len(ordered), batch):
        some = ordered[start : start + batch]
        with database.reading() as connection:
            by_uid = {row.sop_uid: row for row in _documents(connection, some)}
        yield [_document(by_uid[uid]) for _, uid in some if uid in by_uid]


def documents_of(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[str, bytes]:
    """Return the metadata documents of instances named by study and own UID, by the latter."""
    return {row.sop_uid: unpack_document(row.metadata) for row in _documents(connection, keys)}


def blob_batches(database: Database, batch: int) -> Iterator[list[tuple[str, BlobRef]]]:
    """Yield every blob reference; no connection is held between batches."""
    after = ("", "")
    while True:
        parameters = {"after_study": after[0], "after_sop": after[1], "batch": batch}
        with database.reading() as connection:
            found = run(connection, _BLOBS, parameters)
        if not found:
            return
        yield [(row.sop_uid, _blob(row)) for row in found]
        after = (found[-1].study_uid, found[-1].sop_uid)


def unknown_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Return the blob keys that no instance has."""
    asked = set(keys)
    return asked - {row.blob_key for row in select_keys(connection, _KEYS, sorted(asked))}


def known_sources(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Return the digests that some instance has."""
    asked = sorted({bytes.fromhex(digest) for digest in digests})
    return {bytes(row.blob_sha256).hex() for row in select_keys(connection, _SOURCES, asked)}


def _given(ref: ResourceRef) -> tuple[bool, bool, bool]:
    return (ref.study is not None, ref.series is not None, ref.instance is not None)


def _parameters(ref: ResourceRef) -> dict[str, str | None]:
    return {"study_uid": ref.study, "series_uid": ref.series, "sop_uid": ref.instance}


@lru_cache(maxsize=32)
def _below(what: str, *, given: tuple[bool, bool, bool]) -> Select[*tuple[Any, ...]]:
    """Return the statement for all below a reference; built once, so that its compiled form is found again."""
    columns = {
        "record": _RECORD,
        "document": _DOCUMENT,
        "content": (instances.c.blob_sha256,),
        "key": (instances.c.study_uid, instances.c.sop_uid),
    }
    statement = select(*columns[what])
    names = ("study_uid", "series_uid", "sop_uid")
    statement = statement.where(
        *(instances.c[name] == bindparam(name) for name, is_given in zip(names, given, strict=True) if is_given)
    )
    by_study, by_series, by_instance = given
    if by_study and by_instance:
        return statement
    if by_study and by_series:
        return statement.order_by(instances.c.instance_number, instances.c.sop_uid)
    same = and_(series.c.study_uid == instances.c.study_uid, series.c.series_uid == instances.c.series_uid)
    return statement.join(series, same).order_by(
        instances.c.study_uid,
        series.c.series_number,
        series.c.series_uid,
        instances.c.instance_number,
        instances.c.sop_uid,
    )


def _documents(connection: Connection, keys: Sequence[tuple[str, str]]) -> Iterator[Record]:
    for some in portions(keys):
        parameters = {"studies": sorted({study for study, _ in some}), "keys": [uid for _, uid in some]}
        yield from run(connection, _DOCUMENTS, parameters)


def _stored(row: Record) -> StoredInstance:
    return StoredInstance(
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        sop_uid=row.sop_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax=row.transfer_syntax,
        blob=_blob(row),
        layout=Layout.decode(row.layout),
    )


def _document(row: Record) -> InstanceMetadata:
    return InstanceMetadata(row.study_uid, row.series_uid, row.sop_uid, unpack_document(row.metadata))


def _blob(row: Record) -> BlobRef:
    return BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
