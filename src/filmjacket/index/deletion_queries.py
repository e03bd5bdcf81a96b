"""What is known about deleted resources, and which resources have a UID."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, func, literal, select, union

from filmjacket.archive.deletions import Cause, DeletedResource, Deletion
from filmjacket.index.holding import held_among
from filmjacket.index.schema import deleted_instances, instances, series, sop_instances, studies, tombstones
from filmjacket.index.unit import run
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

_GONE = deleted_instances.c
_OF_A_STUDY = _GONE.cause == str(Cause.STUDY)
_OF_A_SERIES = _GONE.cause == str(Cause.SERIES)
_TARGETS = select(
    _GONE.study_uid,
    case((_OF_A_STUDY, literal("")), else_=_GONE.series_uid).label("series"),
    case((_OF_A_STUDY | _OF_A_SERIES, literal("")), else_=_GONE.sop_uid).label("instance"),
    _GONE.cause,
    _GONE.deleted_at,
    _GONE.keep_until,
    _GONE.blob_size,
).subquery("targets")
_TARGET = (
    _TARGETS.c.deleted_at,
    _TARGETS.c.study_uid,
    _TARGETS.c.series,
    _TARGETS.c.instance,
    _TARGETS.c.cause,
)
_DELETED = (
    select(
        *_TARGET,
        func.max(_TARGETS.c.keep_until).label("keep_until"),
        func.count().label("instances"),
        func.sum(_TARGETS.c.blob_size).label("bytes"),
    )
    .group_by(*_TARGET)
    .order_by(*_TARGET)
)
_LIVE_BY_UID = union(
    select(studies.c.study_uid, literal("").label("series"), literal("").label("instance")).where(
        studies.c.study_uid == bindparam("uid")
    ),
    select(series.c.study_uid, series.c.series_uid, literal("")).where(series.c.series_uid == bindparam("uid")),
    select(instances.c.study_uid, instances.c.series_uid, instances.c.sop_uid)
    .join(
        sop_instances,
        (sop_instances.c.study_uid == instances.c.study_uid) & (sop_instances.c.sop_uid == instances.c.sop_uid),
    )
    .where(sop_instances.c.sop_uid == bindparam("uid")),
)
_WAS_DELETED = _GONE.cause != str(Cause.REPLACED)
_DELETED_BY_UID = union(
    select(_GONE.study_uid, literal("").label("series"), literal("").label("instance")).where(
        _GONE.study_uid == bindparam("uid"), _WAS_DELETED
    ),
    select(_GONE.study_uid, _GONE.series_uid, literal("")).where(_GONE.series_uid == bindparam("uid"), _WAS_DELETED),
    select(_GONE.study_uid, _GONE.series_uid, _GONE.sop_uid).where(_GONE.sop_uid == bindparam("uid"), _WAS_DELETED),
)


def deletion_of(connection: Connection, ref: ResourceRef) -> Deletion | None:
    """Return the latest deletion of a resource or of anything below it, as far as it is remembered."""
    parameters = {"study_uid": ref.study, "series_uid": ref.series, "sop_uid": ref.instance}
    by_series, by_instance = ref.series is not None, ref.instance is not None
    for table in (deleted_instances, tombstones):
        (row,) = run(connection, _latest(table.name, by_series=by_series, by_instance=by_instance), parameters)
        if row.deleted_at is not None:
            return Deletion(row.deleted_at, row.keep_until)
    return None


def deleted_resources(connection: Connection) -> list[DeletedResource]:
    """Return what is in the undo window, oldest deletion first, and replaced versions that are kept."""
    found = run(connection, _DELETED, {})
    held = held_among(connection, {row.study_uid for row in found})
    return [
        DeletedResource(
            _ref(row.study_uid, row.series, row.instance),
            Cause(row.cause),
            row.deleted_at,
            row.keep_until,
            row.instances,
            int(row.bytes),
            row.study_uid in held,
        )
        for row in found
    ]


def locate(connection: Connection, uid: str, *, deleted: bool) -> list[ResourceRef]:
    """Return the studies, series and instances that have a UID: live ones, or deleted ones."""
    statement = _DELETED_BY_UID if deleted else _LIVE_BY_UID
    found = sorted((row.study_uid, row.series, row.instance) for row in run(connection, statement, {"uid": uid}))
    return [_ref(*uids) for uids in found]


def _ref(study: str, series: str, instance: str) -> ResourceRef:
    return ResourceRef(study, series or None, instance or None)


@lru_cache(maxsize=8)
def _latest(name: str, *, by_series: bool, by_instance: bool) -> Select[*tuple[Any, ...]]:
    table: Table = tombstones if name == tombstones.name else deleted_instances
    given = ("study_uid", *(("series_uid",) if by_series else ()), *(("sop_uid",) if by_instance else ()))
    conditions = [table.c[column] == bindparam(column) for column in given]
    if table is tombstones:
        return select(func.max(table.c.deleted_at).label("deleted_at"), literal(None).label("keep_until")).where(
            *conditions
        )
    return select(
        func.max(table.c.deleted_at).label("deleted_at"), func.max(table.c.keep_until).label("keep_until")
    ).where(*conditions, _WAS_DELETED)
