"""`SqlCommitments`: the port `filmjacket.archive.commitment_port.Commitments` over SQLAlchemy Core."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from filmjacket.archive.commitment_records import Commitment, CommitmentState, Whereabouts
from filmjacket.archive.deletions import Hold
from filmjacket.archive.records import BlobRef
from filmjacket.index import holding
from filmjacket.index.decisions import find_present
from filmjacket.index.locks import lock_studies
from filmjacket.index.rows import pack_document, unpack_document
from filmjacket.index.schema import instances
from filmjacket.index.schema.commitment import commitments
from filmjacket.index.schema.non_patient import non_patient_instances
from filmjacket.index.unit import one_of, portions, run, select_keys
from filmjacket.web.commitment_module import CommitmentRequest, FailureReason, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.commitment_records import Conclusion
    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record

_OWN = commitments.c
_PENDING = str(CommitmentState.PENDING)
_DONE = str(CommitmentState.DONE)
_EXPIRED = str(CommitmentState.EXPIRED)

_ONE = select(*_OWN).where(_OWN.transaction_uid == bindparam("wanted"))
_TAKEN = select(_OWN.transaction_uid).where(_OWN.transaction_uid == bindparam("wanted"))
_WAITING = select(_OWN.transaction_uid).where(_OWN.state == _PENDING).order_by(_OWN.requested_at, _OWN.transaction_uid)
_IS_OVER = (_OWN.state == _DONE, _OWN.expires_at <= bindparam("now"))
_OVER = select(_OWN.transaction_uid).where(*_IS_OVER).limit(1)
_EXPIRE = update(commitments).where(*_IS_OVER).values(state=_EXPIRED, request=b"", reasons=b"")
# Only what is pending changes: two workers that both believe to have the lease come to the same end once.
_OF_PENDING = update(commitments).where(_OWN.transaction_uid == bindparam("wanted"), _OWN.state == _PENDING)
_CLASSES = select(instances.c.sop_uid, instances.c.sop_class_uid).where(
    one_of(instances.c.study_uid, "studies"), one_of(instances.c.sop_uid)
)
_NON_PATIENT = select(
    non_patient_instances.c.sop_uid,
    non_patient_instances.c.sop_class_uid,
    non_patient_instances.c.blob_key,
    non_patient_instances.c.blob_size,
    non_patient_instances.c.blob_sha256,
    non_patient_instances.c.stored_at,
).where(one_of(non_patient_instances.c.sop_uid))
_HOLD_NON_PATIENT = update(non_patient_instances).where(one_of(non_patient_instances.c.sop_uid)).values(held=1)


class SqlCommitments:
    """The storage commitments of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, transaction_uid: str, request: CommitmentRequest, *, at: int) -> bool:
        """Begin a transaction; False if its UID was ever used."""
        row = {
            "transaction_uid": transaction_uid,
            "state": _PENDING,
            "requested_at": at,
            "finished_at": 0,
            "expires_at": 0,
            "retry_after": 0,
            "request": pack_document(_encode(request)),
            "reasons": b"",
        }

        def unit(connection: Connection) -> bool:
            if run(connection, _TAKEN, {"wanted": transaction_uid}):
                return False
            connection.execute(insert(commitments), row)
            return True

        try:
            return self._database.write(unit)
        except IntegrityError:  # the same UID came twice in the same moment: the key has decided
            return False

    def find(self, transaction_uid: str) -> Commitment | None:
        """Return one transaction."""
        with self._database.reading() as connection:
            rows = run(connection, _ONE, {"wanted": transaction_uid})
        return _commitment(rows[0]) if rows else None

    def whereabouts(self, references: Sequence[Reference]) -> dict[str, Whereabouts]:
        """Return the stored instances among those that are referred to, by SOP Instance UID."""
        with self._database.reading() as connection:
            return _whereabouts(connection, {reference.sop_uid for reference in references})

    def note_progress(self, transaction_uid: str, reasons: Sequence[int], *, retry_after: int) -> None:
        """Remember how far verification has come."""
        values = {"reasons": _packed(reasons), "retry_after": retry_after}
        self._database.write(
            lambda connection: connection.execute(_OF_PENDING.values(values), {"wanted": transaction_uid}),
            repeatable=True,
        )

    def finish(self, commitment: Commitment, conclusion: Conclusion) -> tuple[int, ...]:
        """End a transaction, unless something committed is not what was verified."""

        def unit(connection: Connection) -> tuple[int, ...]:
            committed = [
                (number, reference)
                for number, (reference, reason) in enumerate(
                    zip(commitment.request.references, conclusion.reasons, strict=True)
                )
                if reason == FailureReason.COMMITTED
            ]
            known = _whereabouts(connection, {reference.sop_uid for _, reference in committed}, lock=True)
            stale = tuple(
                number
                for number, reference in committed
                if not _is_the_same(reference, known.get(reference.sop_uid), conclusion)
            )
            if not stale:
                if conclusion.hold:
                    _put_on_hold(connection, known, conclusion)
                self._end(connection, commitment.transaction_uid, conclusion)
            return stale

        return self._database.write(unit, repeatable=True)

    def pending(self) -> list[str]:
        """Return the UIDs of the transactions that are not verified yet, oldest first."""
        with self._database.reading() as connection:
            return [row.transaction_uid for row in run(connection, _WAITING, {})]

    def expire(self, now: int) -> int:
        """Forget results whose time is over; the UIDs stay taken."""
        with self._database.reading() as connection:
            if not run(connection, _OVER, {"now": now}):
                return 0
        return self._database.write(
            lambda connection: connection.execute(_EXPIRE, {"now": now}).rowcount, repeatable=True
        )

    @staticmethod
    def _end(connection: Connection, transaction_uid: str, conclusion: Conclusion) -> None:
        values = {
            "state": _DONE,
            "finished_at": conclusion.finished_at,
            "expires_at": conclusion.expires_at,
            "retry_after": 0,
            "reasons": _packed(conclusion.reasons),
        }
        connection.execute(_OF_PENDING.values(values), {"wanted": transaction_uid})


def _whereabouts(connection: Connection, sop_uids: set[str], *, lock: bool = False) -> dict[str, Whereabouts]:
    """Return instances by their UIDs; with `lock` their studies stay as they are until the transaction ends."""
    present = find_present(connection, sop_uids)
    if lock:
        lock_studies(connection, {one.study_uid for one in present.values()})
        present = find_present(connection, sop_uids)
    classes: dict[str, str] = {}
    for some in portions(sorted(present)):
        parameters = {"keys": some, "studies": sorted({present[uid].study_uid for uid in some})}
        classes.update((row.sop_uid, row.sop_class_uid) for row in run(connection, _CLASSES, parameters))
    found = {
        uid: Whereabouts(one.study_uid, one.series_uid, classes[uid], one.blob, one.stored_at)
        for uid, one in present.items()
    }
    for row in select_keys(connection, _NON_PATIENT, sorted(sop_uids - set(found))):
        blob = BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
        found[row.sop_uid] = Whereabouts("", "", row.sop_class_uid, blob, row.stored_at)
    return found


def _is_the_same(reference: Reference, where: Whereabouts | None, conclusion: Conclusion) -> bool:
    if where is None or where.sop_class_uid != reference.sop_class_uid:
        return False
    read = conclusion.read.get(reference.sop_uid)
    # Keys are never used twice; moments are by a clock that may have jumped.
    return where.stored_at <= conclusion.judged_since if read is None else where.blob.key == read


def _put_on_hold(connection: Connection, known: dict[str, Whereabouts], conclusion: Conclusion) -> None:
    for study_uid in sorted({one.study_uid for one in known.values()} - {""}):
        holding.hold(connection, Hold(study_uid, conclusion.hold, conclusion.finished_at))
    for some in portions(sorted(uid for uid, one in known.items() if not one.study_uid)):
        connection.execute(_HOLD_NON_PATIENT, {"keys": some})


def _commitment(row: Record) -> Commitment:
    return Commitment(
        row.transaction_uid,
        CommitmentState(row.state),
        _decode(bytes(row.request)),
        tuple(number for (number,) in struct.iter_unpack(">H", bytes(row.reasons))),
        row.requested_at,
        row.expires_at,
        row.retry_after,
    )


def _packed(reasons: Sequence[int]) -> bytes:
    return struct.pack(f">{len(reasons)}H", *reasons)


def _encode(request: CommitmentRequest) -> bytes:
    references = [(one.sop_class_uid, one.sop_uid, one.study_uid, one.series_uid) for one in request.references]
    return orjson.dumps({"hierarchical": request.hierarchical, "references": references})


def _decode(stored: bytes) -> CommitmentRequest:
    if not stored:
        return CommitmentRequest(())
    document: dict[str, Any] = orjson.loads(unpack_document(stored))
    return CommitmentRequest(
        tuple(Reference(*members) for members in document["references"]), bool(document["hierarchical"])
    )
