"""`SqlUpkeep`: the port `filmjacket.archive.upkeep_port.UpkeepIndex` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select, tuple_

from filmjacket.archive.records import BlobRef, StoredInstance
from filmjacket.archive.upkeep_port import BlobPlace, Shelf
from filmjacket.clock import now
from filmjacket.dicom.header import Layout
from filmjacket.index.decisions import Plan, find_present
from filmjacket.index.holding import held_among
from filmjacket.index.locks import lock_studies
from filmjacket.index.rows import prepare
from filmjacket.index.schema import deleted_instances, instances, studies
from filmjacket.index.schema.non_patient import non_patient_instances, replaced_non_patient_instances
from filmjacket.index.studies import write_plan
from filmjacket.index.unit import one_of, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Select, Table

    from filmjacket.archive.records import Candidate
    from filmjacket.archive.upkeep_port import Selection
    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record

_STORED = (
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


def _behind(columns: Sequence[Column[Any]], statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Return those of a statement's rows that are behind a place, in order."""
    place = tuple_(*(bindparam(f"after_{number}", "", Text()) for number in range(len(columns))))
    return statement.where(tuple_(*columns) > place).order_by(*columns).limit(bindparam("batch"))


def _blobs_of(table: Table, *names: str) -> Select[*tuple[Any, ...]]:
    """Return the blobs of a table by its key, whose columns are labelled as places."""
    columns = [table.c[name] for name in names]
    places = [column.label(f"place_{number}") for number, column in enumerate(columns)]
    whole = [table.c[name] for name in ("sop_uid", "blob_key", "blob_size", "blob_sha256")]
    return _behind(columns, select(*places, *whole))


_SHELVES = {
    Shelf.LIVE: (_blobs_of(instances, "study_uid", "sop_uid"), 2),
    Shelf.OUT_OF_SIGHT: (_blobs_of(deleted_instances, "study_uid", "sop_uid", "blob_key"), 3),
    Shelf.NON_PATIENT: (_blobs_of(non_patient_instances, "sop_uid"), 1),
    Shelf.REPLACED_NON_PATIENT: (_blobs_of(replaced_non_patient_instances, "blob_key"), 1),
}
_IN_SYNTAXES = one_of(instances.c.transfer_syntax)
_OF_STUDY = instances.c.study_uid == bindparam("study_uid")
_SELECTED = _behind((instances.c.study_uid, instances.c.sop_uid), select(*_STORED).where(_IN_SYNTAXES))
_SELECTED_OF_STUDY = _SELECTED.where(_OF_STUDY)
_COUNT = select(func.count()).select_from(instances).where(_IN_SYNTAXES)
_COUNT_OF_STUDY = _COUNT.where(_OF_STUDY)
# Studies know how many instances they have: much less to read than these are.
_COUNTS = (
    select(func.coalesce(func.sum(studies.c.instance_count), 0)),
    *(
        select(func.count()).select_from(table)
        for table in (deleted_instances, non_patient_instances, replaced_non_patient_instances)
    ),
)


class SqlUpkeep:
    """What jobs read of an archive's index, and the one thing that they change in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_blobs(self) -> int:
        """Return how many blobs the index refers to."""
        with self._database.reading() as connection:
            return sum(int(run(connection, statement, {})[0][0]) for statement in _COUNTS)

    def blobs_after(self, shelf: Shelf, place: Sequence[str], *, batch: int) -> list[BlobPlace]:
        """Return blobs of a shelf behind a place."""
        statement, length = _SHELVES[shelf]
        with self._database.reading() as connection:
            found = run(connection, statement, {**_after(place, length), "batch": batch})
        return [
            BlobPlace(tuple(getattr(row, f"place_{number}") for number in range(length)), row.sop_uid, _blob(row))
            for row in found
        ]

    def count_instances(self, selection: Selection) -> int:
        """Return how many live instances are selected."""
        with self._database.reading() as connection:
            statement = _COUNT_OF_STUDY if selection.study_uid else _COUNT
            return int(run(connection, statement, _parameters(selection))[0][0])

    def instances_after(self, selection: Selection, place: Sequence[str], *, batch: int) -> list[StoredInstance]:
        """Return selected live instances behind a place."""
        with self._database.reading() as connection:
            statement = _SELECTED_OF_STUDY if selection.study_uid else _SELECTED
            found = run(connection, statement, {**_parameters(selection), **_after(place, 2), "batch": batch})
        return [
            StoredInstance(
                study_uid=row.study_uid,
                series_uid=row.series_uid,
                sop_uid=row.sop_uid,
                sop_class_uid=row.sop_class_uid,
                transfer_syntax=row.transfer_syntax,
                blob=_blob(row),
                layout=Layout.decode(row.layout),
            )
            for row in found
        ]

    def is_held(self, study_uid: str) -> bool:
        """Whether a study is on legal hold."""
        with self._database.reading() as connection:
            return bool(held_among(connection, (study_uid,)))

    def replace_coding(self, before: StoredInstance, candidate: Candidate) -> bool:
        """Let other bytes of the same image take the place of an instance, if it is there as it was."""
        prepared = prepare(candidate)

        def unit(connection: Connection) -> bool:
            lock_studies(connection, (before.study_uid,))
            present = find_present(connection, {before.sop_uid}).get(before.sop_uid)
            is_same = present is not None and present.blob.key == before.blob.key
            if present is None or not is_same or held_among(connection, (before.study_uid,)):
                return False
            moment = now()
            plan = Plan(at=moment, keep_until=moment, stored_at={before.sop_uid: present.stored_at})
            plan.departures[before.sop_uid] = present
            plan.arrivals[before.sop_uid] = prepared
            write_plan(connection, plan)
            return True

        return self._database.write(unit)


def _after(place: Sequence[str], length: int) -> dict[str, str]:
    padded = (*place, *("",) * length)[:length]
    return {f"after_{number}": value for number, value in enumerate(padded)}


def _parameters(selection: Selection) -> dict[str, Any]:
    given = {"study_uid": selection.study_uid} if selection.study_uid else {}
    return {"keys": list(selection.transfer_syntaxes), **given}


def _blob(row: Record) -> BlobRef:
    return BlobRef(row.blob_key, row.blob_size, bytes(row.blob_sha256).hex())
