"""Filters of the change log in search syntax: what changed is matched on its stored attributes, live or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson
from sqlalchemy import bindparam, literal, select

from filmjacket.index.documents import INSTANCE_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS, Documents
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import deleted_instances, instances, series, studies
from filmjacket.index.search_verification import Verification
from filmjacket.index.unit import one_of, portions, run, select_keys
from filmjacket.web.matching import matches_all
from filmjacket.web.search_tables import MODALITIES_IN_STUDY, MODALITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.changes import Change, LoggedChange
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.unit import Record
    from filmjacket.web.query import SearchQuery

_IS_ODD = literal(1).label("is_odd")
_STUDIES = select(*STUDY_COLUMNS, _IS_ODD).where(one_of(studies.c.study_uid))
_SERIES = select(*SERIES_COLUMNS, _IS_ODD).where(one_of(series.c.study_uid, "studies"), one_of(series.c.series_uid))
_INSTANCES = select(*INSTANCE_COLUMNS, instances.c.metadata, _IS_ODD).where(
    one_of(instances.c.study_uid, "studies"), one_of(instances.c.sop_uid)
)
_DELETED = (
    select(deleted_instances.c.metadata)
    .where(deleted_instances.c.study_uid == bindparam("study_uid"))
    .order_by(deleted_instances.c.deleted_at.desc())
    .limit(1)
)
_DELETED_BY_LEVEL = {
    "study": _DELETED,
    "series": _DELETED.where(deleted_instances.c.series_uid == bindparam("series_uid")),
    "instance": _DELETED.where(deleted_instances.c.sop_uid == bindparam("uid")),
}


def matching(connection: Connection, changes: Sequence[LoggedChange], query: SearchQuery) -> list[LoggedChange]:
    """Return those of the changes, all of the query's level, whose resource matches.

    What is deleted is matched on what is kept of it; once that is purged, nothing matches it any more.
    """
    level = str(query.level)
    wanted = [one for one in changes if one.change.level == level]
    verification = Verification(query, Documents(connection), exact=False)
    held = {_key(row, level): verification.holds(row) for row in _live(connection, level, wanted)}
    answers: dict[tuple[str, ...], bool] = {}
    for one in wanted:
        key = _key_of(one.change)
        if key not in answers:
            live = held.get(key)
            answers[key] = _deleted_matches(connection, one.change, query) if live is None else live
    return [one for one in wanted if answers[_key_of(one.change)]]


def _key_of(change: Change) -> tuple[str, ...]:
    members = {"study": (), "series": (change.series_uid,), "instance": (change.series_uid, change.uid)}
    return (change.study_uid, *members[change.level])


def _key(row: Record, level: str) -> tuple[str, ...]:
    members = {"study": ("study_uid",), "series": ("study_uid", "series_uid")}
    names = members.get(level, ("study_uid", "series_uid", "sop_uid"))
    return tuple(getattr(row, name) for name in names)


def _live(connection: Connection, level: str, wanted: Sequence[LoggedChange]) -> Iterator[Record]:
    changes = [one.change for one in wanted]
    if level == "study":
        yield from select_keys(connection, _STUDIES, sorted({change.study_uid for change in changes}))
        return
    statement = _SERIES if level == "series" else _INSTANCES
    uids = {(change.study_uid, change.series_uid if level == "series" else change.uid) for change in changes}
    for some in portions(sorted(uids)):
        parameters = {"studies": sorted({study for study, _ in some}), "keys": [uid for _, uid in some]}
        yield from run(connection, statement, parameters)


def _deleted_matches(connection: Connection, change: Change, query: SearchQuery) -> bool:
    parameters = {"study_uid": change.study_uid, "series_uid": change.series_uid, "uid": change.uid}
    for row in run(connection, _DELETED_BY_LEVEL[change.level], parameters):
        document = cast("Attributes", orjson.loads(unpack_document(row.metadata)))
        if MODALITY in document:
            document[MODALITIES_IN_STUDY] = document[MODALITY]
        return matches_all(document, query.keys)
    return False
