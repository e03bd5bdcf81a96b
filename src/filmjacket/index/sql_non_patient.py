"""`SqlNonPatientInstances`: the port `filmjacket.archive.non_patient_port` over SQLAlchemy Core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, insert, select, update

from filmjacket.archive.changes import Change
from filmjacket.archive.non_patient_records import NonPatientInstance
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.records import StoredInstance, StoreOutcome, StoreResult
from filmjacket.dicom.header import Layout
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.sop_classes import non_patient_category
from filmjacket.index import non_patient_search
from filmjacket.index.change_log import record_changes
from filmjacket.index.non_patient_blobs import blob_of
from filmjacket.index.rows import pack_document, unpack_document
from filmjacket.index.schema.non_patient import non_patient_instances, replaced_non_patient_instances
from filmjacket.index.unit import run
from filmjacket.web.non_patient_tables import label_of, summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.non_patient_records import NonPatientPage
    from filmjacket.archive.records import BlobRef, Candidate
    from filmjacket.index.engine import Database
    from filmjacket.index.rows import Row
    from filmjacket.index.unit import Record
    from filmjacket.web.query import EntityQuery

_OWN = non_patient_instances.c
_LONGEST_LABEL = 256

_BEFORE = (
    select(_OWN.category, _OWN.blob_key, _OWN.blob_size, _OWN.blob_sha256, _OWN.stored_at, _OWN.held)
    .where(_OWN.sop_uid == bindparam("wanted"))
    .with_for_update()
)
_REPLACE = update(non_patient_instances).where(_OWN.sop_uid == bindparam("wanted"))
_ONE = select(*(column for column in _OWN if column.name not in {"summary", "label", "held", "stored_at"})).where(
    _OWN.category == bindparam("category"), _OWN.sop_uid == bindparam("wanted")
)


@dataclass(frozen=True, slots=True)
class _Before:
    """The version of an instance that is stored."""

    row: Record
    blob: BlobRef

    def is_kept(self, retained_since: int | None) -> bool:
        """Whether its bytes must outlast it."""
        return bool(self.row.held) or (retained_since is not None and self.row.stored_at > retained_since)


class SqlNonPatientInstances:
    """The non-patient instances of one archive."""

    def __init__(self, database: Database, *, maximum_results: int = 1000) -> None:
        self._database = database
        self._maximum_results = maximum_results

    def store(
        self,
        candidates: Sequence[Candidate],
        duplicates: DuplicatePolicy,
        *,
        at: int = 0,
        retained_since: int | None = None,
    ) -> list[StoreOutcome]:
        """Take in candidates in one durable transaction."""
        prepared = [(candidate, _row_of(candidate)) for candidate in candidates]

        def unit(connection: Connection) -> list[StoreOutcome]:
            changes: list[Change] = []
            writer = _Writer(connection, duplicates, at, retained_since, changes)
            outcomes = [writer.take(candidate, row) for candidate, row in prepared]
            record_changes(connection, changes, at=at)
            return outcomes

        # What is stored twice under the same blob key is stored once.
        return self._database.write(unit, repeatable=True)

    def find(self, category: str, sop_uid: str) -> NonPatientInstance | None:
        """Return one instance of a category."""
        with self._database.reading() as connection:
            rows = run(connection, _ONE, {"category": category, "wanted": sop_uid})
        return _instance(rows[0]) if rows else None

    def search(self, category: str, query: EntityQuery) -> NonPatientPage:
        """Return one page of matches."""
        with self._database.reading() as connection:
            return non_patient_search.search(connection, category, query, self._maximum_results)


class _Writer:
    """Takes in candidates one after the other: a later one meets those before it as stored."""

    def __init__(
        self,
        connection: Connection,
        duplicates: DuplicatePolicy,
        at: int,
        retained_since: int | None,
        changes: list[Change],
    ) -> None:
        self._connection = connection
        self._duplicates = duplicates
        self._at = at
        self._retained_since = retained_since
        self._changes = changes

    def take(self, candidate: Candidate, row: Row) -> StoreOutcome:
        """Decide about one candidate and write what follows."""
        found = run(self._connection, _BEFORE, {"wanted": candidate.sop_uid})
        if not found:
            self._connection.execute(insert(non_patient_instances), row | {"stored_at": self._at, "held": 0})
            self._note(candidate, row, created=True)
            return StoreOutcome(StoreResult.STORED)
        before = _Before(found[0], blob_of(found[0]))
        refusal = self._refusal(candidate, row, before)
        if refusal is not None:
            return StoreOutcome(refusal, None if before.blob.key == candidate.blob.key else candidate.blob)
        kept = before.is_kept(self._retained_since)
        if kept:
            self._keep(candidate.sop_uid, before)
        values = row | {"stored_at": self._at, "held": 0}
        self._connection.execute(_REPLACE.values(values), {"wanted": candidate.sop_uid})
        self._note(candidate, row, created=False)
        return StoreOutcome(StoreResult.REPLACED, None if kept else before.blob)

    def _refusal(self, candidate: Candidate, row: Row, before: _Before) -> StoreResult | None:
        """Why the stored version stays; None if it is replaced."""
        if before.blob.sha256 == candidate.blob.sha256:
            return StoreResult.IDENTICAL
        if before.row.category != row["category"] or self._duplicates is DuplicatePolicy.REJECT:
            return StoreResult.DUPLICATE  # a UID names one thing: no palette takes the place of a protocol
        return StoreResult.KEPT if self._duplicates is DuplicatePolicy.KEEP else None

    def _keep(self, sop_uid: str, before: _Before) -> None:
        row = {
            "blob_key": before.blob.key,
            "sop_uid": sop_uid,
            "blob_size": before.blob.size,
            "blob_sha256": bytes.fromhex(before.blob.sha256),
            "stored_at": before.row.stored_at,
            "held": before.row.held,
            "replaced_at": self._at,
        }
        self._connection.execute(insert(replaced_non_patient_instances), row)

    def _note(self, candidate: Candidate, row: Row, *, created: bool) -> None:
        detail = orjson.dumps({"category": row["category"]})
        action = "created" if created else "updated"
        self._changes.append(Change("non-patient", action, uid=candidate.sop_uid, detail=detail))


def _row_of(candidate: Candidate) -> dict[str, Any]:
    category = non_patient_category(candidate.sop_class_uid)
    if category is None:
        raise ValueError("a candidate of a patient")  # whoever judges it lets none through
    attributes = candidate.attributes
    return {
        "sop_uid": candidate.sop_uid,
        "category": category,
        "sop_class_uid": candidate.sop_class_uid,
        "label": label_of(attributes, candidate.sop_class_uid)[:_LONGEST_LABEL].replace("\0", ""),
        "transfer_syntax": candidate.transfer_syntax,
        "blob_key": candidate.blob.key,
        "blob_size": candidate.blob.size,
        "blob_sha256": bytes.fromhex(candidate.blob.sha256),
        "layout": candidate.layout.encode(),
        "summary": pack_document(encode_attributes(summary_of(attributes, category))),
        "metadata": pack_document(encode_attributes(attributes)),
    }


def _instance(row: Record) -> NonPatientInstance:
    stored = StoredInstance(
        study_uid="",
        series_uid="",
        sop_uid=row.sop_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax=row.transfer_syntax,
        blob=blob_of(row),
        layout=Layout.decode(row.layout),
    )
    return NonPatientInstance(row.category, stored, unpack_document(bytes(row.metadata)))
