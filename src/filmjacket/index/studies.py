"""Taking instances in: one unit of work for a group of store requests.

Instances are written first, then the series and studies they belong to; ModalitiesInStudy and all counters follow
from the rows of the same transaction, which has its studies to itself.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.index import rows
from filmjacket.index.change_log import record_changes
from filmjacket.index.decisions import Plan, decide, find_present
from filmjacket.index.entities import Entity, is_explained, load_series, load_studies, modalities_of, rebuild
from filmjacket.index.entity_changes import changes_of
from filmjacket.index.holding import Protection, held_among
from filmjacket.index.kept import keep_arrived, keep_stored
from filmjacket.index.locks import lock_studies
from filmjacket.index.schema import (
    frame_chunks,
    instances,
    odd_studies,
    request_attributes,
    series,
    sop_instances,
    studies,
)
from filmjacket.index.search_rows import SearchRows
from filmjacket.index.unit import (
    delete_keys,
    insert_rows,
    key_conditions,
    key_parameters,
    one_of,
    select_keys,
    update_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from filmjacket.archive.records import StoreOutcome
    from filmjacket.index.decisions import Present, StoreRequest
    from filmjacket.index.rows import Row

_COUNT_SERIES = (
    update(series)
    .where(*key_conditions(series, "study_uid", "series_uid"))
    .values(instance_count=bindparam("instance_count"), source_sop_uid=bindparam("source_sop_uid"))
)
_COUNT_STUDY = (
    update(studies)
    .where(*key_conditions(studies, "study_uid"))
    .values(
        instance_count=bindparam("instance_count"),
        series_count=bindparam("series_count"),
        source_sop_uid=bindparam("source_sop_uid"),
        modalities=bindparam("modalities"),
    )
)
_ODD_BY_STUDY = select(odd_studies.c.study_uid).where(one_of(odd_studies.c.study_uid))


def store(connection: Connection, requests: Sequence[StoreRequest]) -> list[list[StoreOutcome]]:
    """Take in the candidates of several requests, in order; one list of outcomes for each request."""
    sop_uids = {item.candidate.sop_uid for one in requests for item in one.prepared}
    study_uids = {item.candidate.study_uid for one in requests for item in one.prepared}
    lock_studies(connection, study_uids)
    present = find_present(connection, sop_uids)
    elsewhere = {one.study_uid for one in present.values()} - study_uids
    if elsewhere:
        lock_studies(connection, elsewhere)
        present = find_present(connection, sop_uids)
    stored_before = dict(present)
    at = max((request.at for request in requests), default=0)
    plan = Plan(at=at, keep_until=at, protection=_protection(connection, requests, present))
    outcomes = [
        [decide(item, request.duplicates, present, stored_before, plan) for item in request.prepared]
        for request in requests
    ]
    if plan.arrivals:
        write_plan(connection, plan)
    return outcomes


def write_plan(connection: Connection, plan: Plan) -> None:
    """Insert and remove instances, and make everything above them follow."""
    _Unit(connection, plan).write()


def _protection(connection: Connection, requests: Sequence[StoreRequest], present: dict[str, Present]) -> Protection:
    """Look up what replacing must not destroy, if anything may be replaced at all."""
    replacing = [request for request in requests if request.duplicates is DuplicatePolicy.REPLACE]
    if not replacing:
        return Protection()
    study_uids = {item.candidate.study_uid for one in replacing for item in one.prepared}
    study_uids.update(one.study_uid for one in present.values())
    retained_since = min((one.retained_since for one in replacing if one.retained_since is not None), default=None)
    return Protection(held_among(connection, study_uids), retained_since)


class _Unit:
    """Writes a plan: instances first, then the series and studies they belong to."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._search_rows = SearchRows(connection)
        self._odd = {item.candidate.study_uid for item in plan.arrivals.values() if item.odd}
        study_uids = {item.candidate.study_uid for item in plan.arrivals.values()}
        study_uids.update(gone.study_uid for gone in plan.departures.values())
        series_keys = {(item.candidate.study_uid, item.candidate.series_uid) for item in plan.arrivals.values()}
        series_keys.update((gone.study_uid, gone.series_uid) for gone in plan.departures.values())
        self._studies = load_studies(connection, study_uids)
        self._series = load_series(connection, series_keys)
        for uid in study_uids:
            self._studies.setdefault(uid, Entity({}, "", 0, is_new=True, changed=True))
        for key in series_keys:
            self._series.setdefault(key, Entity({}, "", 0, is_new=True, changed=True))

    def write(self) -> None:
        """Write everything."""
        self._remove_departures()
        self._find_orphans()
        self._insert_arrivals()
        self._rebuild_orphaned()
        changed_studies = self._write_series()
        self._write_studies(changed_studies)
        self._search_rows.write()
        self._odd |= self._search_rows.odd
        self._note_odd()
        record_changes(self._connection, changes_of(self._plan, self._studies, self._series), at=self._plan.at)

    def _remove_departures(self) -> None:
        for sop_uid, gone in self._plan.departures.items():
            arrival = self._plan.arrivals.get(sop_uid)
            study, one = self._studies[gone.study_uid], self._series[gone.study_uid, gone.series_uid]
            study.instance_count -= 1
            one.instance_count -= 1
            self._search_rows.gone(gone.study_uid, gone.series_uid, sop_uid)
            left_study = arrival is None or arrival.candidate.study_uid != gone.study_uid
            if left_study:
                study.lost = True
                study.orphaned = study.orphaned or study.source_sop_uid == sop_uid
            if left_study or (arrival is not None and arrival.candidate.series_uid != gone.series_uid):
                one.lost = True
                one.orphaned = one.orphaned or one.source_sop_uid == sop_uid
        keys = [{"study_uid": gone.study_uid, "sop_uid": uid} for uid, gone in self._plan.departures.items()]
        self._keep([key for key in keys if key["sop_uid"] in self._plan.kept])
        delete_keys(self._connection, frame_chunks, keys)
        delete_keys(self._connection, instances, keys)
        delete_keys(self._connection, sop_instances, [{"sop_uid": uid} for uid in self._plan.departures])

    def _keep(self, keys: list[dict[str, str]]) -> None:
        plan = self._plan
        keep_stored(self._connection, keys, at=plan.at, keep_until=plan.keep_until, cause=plan.cause)
        keep_arrived(self._connection, plan.superseded, at=plan.at, cause=plan.cause)

    def _find_orphans(self) -> None:
        """An instance that left may have filled in what the first one lacks; restored ones came before others."""
        for study_uid, entity in self._studies.items():
            self._find_orphan(entity, study_uid, rows.STUDY_TAGS)
        for (study_uid, _), entity in self._series.items():
            self._find_orphan(entity, study_uid, rows.SERIES_LEVEL_TAGS)

    def _find_orphan(self, entity: Entity, study_uid: str, tags: frozenset[str]) -> None:
        if entity.orphaned or entity.is_new or not entity.instance_count:
            return
        lost = entity.lost and not is_explained(self._connection, entity, study_uid, tags)
        entity.orphaned = lost or self._plan.rebuild

    def _insert_arrivals(self) -> None:
        arrivals = list(self._plan.arrivals.values())
        for item in arrivals:
            candidate = item.candidate
            uids = (candidate.study_uid, candidate.series_uid, candidate.sop_uid)
            self._search_rows.instance(uids, candidate.attributes)
            replaces = candidate.sop_uid in self._plan.departures
            for entity, attributes in (
                (self._studies[candidate.study_uid], item.study),
                (self._series[candidate.study_uid, candidate.series_uid], item.series),
            ):
                entity.instance_count += 1
                entity.take(candidate.sop_uid, attributes, replaces=replaces)
        moments = self._plan.stored_at
        # A microsecond apart keeps the order in which instances came.
        stored = [
            {
                "sop_uid": uid,
                "study_uid": item.candidate.study_uid,
                "stored_at": moments.get(uid, self._plan.at + number),
            }
            for number, (uid, item) in enumerate(self._plan.arrivals.items())
        ]
        # In the same order as every other unit, for it waits there for another one that stores the same instance.
        insert_rows(self._connection, sop_instances, sorted(stored, key=itemgetter("sop_uid")))
        insert_rows(self._connection, instances, [item.instance for item in arrivals])
        insert_rows(self._connection, frame_chunks, [chunk for item in arrivals for chunk in item.chunks])

    def _rebuild_orphaned(self) -> None:
        for study_uid, entity in self._studies.items():
            if entity.orphaned and entity.instance_count:
                rebuild(self._connection, entity, (study_uid,), rows.STUDY_TAGS)
        for (study_uid, series_uid), entity in self._series.items():
            if entity.orphaned and entity.instance_count:
                rebuild(self._connection, entity, (study_uid, series_uid), rows.SERIES_LEVEL_TAGS)

    def _write_series(self) -> set[str]:
        """Write series; returns the studies whose ModalitiesInStudy may have changed."""
        affected: set[str] = set()
        counted: list[Row] = []
        rewritten: list[Row] = []
        requests: list[Row] = []
        gone: list[dict[str, str]] = []
        for (study_uid, series_uid), entity in self._series.items():
            key = {"study_uid": study_uid, "series_uid": series_uid}
            self._studies[study_uid].series_count += entity.row_change
            row: Row = {"instance_count": entity.instance_count, "source_sop_uid": entity.source_sop_uid}
            if entity.row_change:
                affected.add(study_uid)
            if not entity.is_new and (entity.changed or not entity.instance_count):
                gone.append(key)
                self._search_rows.gone(study_uid, series_uid)
            if not entity.instance_count:
                continue
            if not entity.changed:
                counted.append(key_parameters(key) | row)
                continue
            self._search_rows.series(study_uid, series_uid, entity.attributes)
            columns, odd = rows.series_columns(entity.attributes)
            own_requests, odd_requests = rows.request_rows(entity.attributes)
            if odd or odd_requests:
                self._odd.add(study_uid)
            if columns["modality"] != entity.modality:
                affected.add(study_uid)
            rewritten.append(key | row | columns)
            requests.extend(key | request for request in own_requests)
        delete_keys(self._connection, series, gone)
        delete_keys(self._connection, request_attributes, gone)
        insert_rows(self._connection, series, rewritten)
        insert_rows(self._connection, request_attributes, requests)
        update_rows(self._connection, _COUNT_SERIES, counted)
        return affected

    def _write_studies(self, affected: set[str]) -> None:
        modalities = modalities_of(self._connection, affected)
        counted: list[Row] = []
        rewritten: list[Row] = []
        gone: list[dict[str, str]] = []
        for study_uid, entity in self._studies.items():
            key = {"study_uid": study_uid}
            if not entity.is_new and (entity.changed or not entity.instance_count):
                gone.append(key)
                self._search_rows.gone(study_uid)
            if not entity.instance_count:
                continue
            row: Row = {
                "instance_count": entity.instance_count,
                "series_count": entity.series_count,
                "source_sop_uid": entity.source_sop_uid,
                "modalities": modalities.get(study_uid, entity.modalities),
            }
            if not entity.changed:
                counted.append(key_parameters(key) | row)
                continue
            columns, odd = rows.study_columns(entity.attributes)
            if odd:
                self._odd.add(study_uid)
            self._search_rows.study(study_uid, columns, entity.attributes)
            rewritten.append(key | row | columns)
        delete_keys(self._connection, studies, gone)
        insert_rows(self._connection, studies, rewritten)
        update_rows(self._connection, _COUNT_STUDY, counted)

    def _note_odd(self) -> None:
        """List studies whose columns are not faithful, and forget those that are gone."""
        gone = [{"study_uid": uid} for uid, entity in self._studies.items() if not entity.instance_count]
        delete_keys(self._connection, odd_studies, gone)
        if not self._odd:
            return
        odd = sorted(uid for uid in self._odd if self._studies[uid].instance_count)
        known = {row.study_uid for row in select_keys(self._connection, _ODD_BY_STUDY, odd)}
        insert_rows(self._connection, odd_studies, [{"study_uid": uid} for uid in odd if uid not in known])
