"""Studies and series while a unit of work changes them.

The first stored instance gives a study (or series) its attributes; later ones fill in what is missing or empty.
When an instance replaces that first one, its values replace those it gave; when that first instance moves
elsewhere, the attributes are built anew from the instances that stay.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import bindparam, select

from filmjacket.index import rows
from filmjacket.index.schema import instances, series, sop_instances, studies
from filmjacket.index.unit import one_of, portions, run, select_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from filmjacket.dicom.attributes import Attributes, Element

_STUDIES_BY_UID = select(
    studies.c.study_uid,
    studies.c.source_sop_uid,
    studies.c.instance_count,
    studies.c.series_count,
    studies.c.modalities,
    studies.c.attributes,
).where(one_of(studies.c.study_uid))
_SERIES_BY_UID = select(
    series.c.study_uid,
    series.c.series_uid,
    series.c.source_sop_uid,
    series.c.instance_count,
    series.c.modality,
    series.c.attributes,
).where(one_of(series.c.study_uid, "studies"), one_of(series.c.series_uid))
_DOCUMENTS = select(instances.c.sop_uid, instances.c.metadata).where(
    instances.c.study_uid == bindparam("study_uid"), one_of(instances.c.sop_uid)
)
# Instances read at a time while a study is built anew.
_AT_ONCE = 64

_MODALITIES_BY_STUDY = select(series.c.study_uid, series.c.modality).where(one_of(series.c.study_uid))


@dataclass(slots=True)
class Entity:
    """A study or series while the unit works on it.

    `changed`: its attributes differ from the row. `lost`: some instance went elsewhere; `orphaned`: one that its
    attributes came from.
    """

    attributes: Attributes
    source_sop_uid: str
    instance_count: int
    is_new: bool
    changed: bool
    orphaned: bool = False
    lost: bool = False
    series_count: int = 0
    modalities: str = ""
    modality: str = ""

    @property
    def row_change(self) -> int:
        """Return 1 when the unit adds the row, -1 when it removes it, else 0."""
        return int(self.instance_count > 0) - int(not self.is_new)

    def take(self, sop_uid: str, attributes: Attributes, *, replaces: bool) -> None:
        """Take over what an instance says: all of it from the first, then only what is missing."""
        if not self.source_sop_uid:
            self.attributes, self.source_sop_uid, self.changed = dict(attributes), sop_uid, True
            return
        overriding = replaces and sop_uid == self.source_sop_uid
        known = self.attributes
        for tag, element in attributes.items():
            if overriding and rows.has_value(element):
                self.changed = self.changed or known.get(tag) != element
                known[tag] = element
            elif tag not in known or (not rows.has_value(known[tag]) and rows.has_value(element)):
                known[tag] = element
                self.changed = True


def load_studies(connection: Connection, study_uids: set[str]) -> dict[str, Entity]:
    """Return the studies that are stored."""
    return {
        row.study_uid: Entity(
            cast("Attributes", orjson.loads(row.attributes)),
            row.source_sop_uid,
            row.instance_count,
            is_new=False,
            changed=False,
            series_count=row.series_count,
            modalities=row.modalities,
        )
        for row in select_keys(connection, _STUDIES_BY_UID, sorted(study_uids))
    }


def load_series(connection: Connection, keys: set[tuple[str, str]]) -> dict[tuple[str, str], Entity]:
    """Return the series that are stored, by their study and own UID."""
    found: dict[tuple[str, str], Entity] = {}
    for some in portions(sorted(keys)):
        parameters = {"keys": [uid for _, uid in some], "studies": sorted({study for study, _ in some})}
        for row in run(connection, _SERIES_BY_UID, parameters):
            # The lists cross: a Series Instance UID that two studies share is filtered here.
            if (row.study_uid, row.series_uid) in keys:
                found[row.study_uid, row.series_uid] = Entity(
                    cast("Attributes", orjson.loads(row.attributes)),
                    row.source_sop_uid,
                    row.instance_count,
                    is_new=False,
                    changed=False,
                    modality=row.modality,
                )
    return found


def rebuild(connection: Connection, entity: Entity, place: tuple[str, ...], tags: frozenset[str]) -> None:
    """Build the attributes of a study or series from the instances it has, in the order in which they came.

    What the entity says so far holds for more instances than there are: when that is matched, no later one adds
    to it. So one document is read as a rule.
    """
    most = entity.attributes
    entity.source_sop_uid = ""
    columns = ("study_uid", "series_uid")[: len(place)]
    parameters: dict[str, str] = dict(zip(columns, place, strict=True))
    ordered = [row.sop_uid for row in run(connection, _arrived(columns), parameters)]
    at_once = 1
    while ordered:
        some, ordered = ordered[:at_once], ordered[at_once:]
        keys = {"study_uid": place[0], "keys": some}
        found = {row.sop_uid: row.metadata for row in run(connection, _DOCUMENTS, keys)}
        for sop_uid in some:
            entity.take(sop_uid, _said(found[sop_uid], tags), replaces=False)
        if all(tag in entity.attributes and _is_filled(entity.attributes[tag], most[tag]) for tag in most):
            return
        at_once = _AT_ONCE


def _is_filled(element: Element, most: Element) -> bool:
    return rows.has_value(element) or not rows.has_value(most)


def is_explained(connection: Connection, entity: Entity, study_uid: str, tags: frozenset[str]) -> bool:
    """Tell whether the instance that gave the entity its attributes gave it all of them."""
    parameters = {"study_uid": study_uid, "keys": [entity.source_sop_uid]}
    found = run(connection, _DOCUMENTS, parameters)
    return bool(found) and _said(found[0].metadata, tags) == entity.attributes


def _said(metadata: bytes, tags: frozenset[str]) -> Attributes:
    return rows.select(cast("Attributes", orjson.loads(rows.unpack_document(metadata))), tags)


@lru_cache(maxsize=2)
def _arrived(columns: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    """Return the statement for the instances of a study or series in the order in which they came."""
    return (
        select(instances.c.sop_uid)
        .join(sop_instances, sop_instances.c.sop_uid == instances.c.sop_uid)
        .where(*(instances.c[name] == bindparam(name) for name in columns))
        .order_by(sop_instances.c.stored_at, instances.c.sop_uid)
    )


def modalities_of(connection: Connection, study_uids: set[str]) -> dict[str, str]:
    """Return ModalitiesInStudy of studies: distinct, sorted, joined by backslashes, "" when there is none."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in select_keys(connection, _MODALITIES_BY_STUDY, sorted(study_uids)):
        found[row.study_uid].add(row.modality)
    return {uid: "\\".join(sorted(found[uid] - {""})) for uid in study_uids}
