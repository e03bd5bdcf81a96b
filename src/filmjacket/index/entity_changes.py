"""What the change log says about a unit of work on instances: who came, who went, and what that made of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from filmjacket.archive.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filmjacket.archive.changes import Action, Level
    from filmjacket.archive.records import Candidate
    from filmjacket.index.decisions import Plan
    from filmjacket.index.entities import Entity


def changes_of(plan: Plan, studies: Mapping[str, Entity], series: Mapping[tuple[str, str], Entity]) -> list[Change]:
    """Return the changes of a unit that has run: what holds something comes before it, and goes after it."""
    of_series = [
        (action, Change("series", action, study, uid))
        for (study, uid), entity in series.items()
        if (action := _action(entity))
    ]
    of_studies = [
        (action, Change("study", action, uid)) for uid, entity in studies.items() if (action := _action(entity))
    ]
    return [
        *(change for action, change in (*of_studies, *of_series) if action != "deleted"),
        *_of_instances(plan),
        *(change for action, change in (*of_series, *of_studies) if action == "deleted"),
    ]


def _action(entity: Entity) -> Action | None:
    if entity.row_change:
        return "created" if entity.row_change > 0 else "deleted"
    # Counters follow from the instances, which are in the log themselves.
    return "updated" if entity.changed and entity.instance_count else None


def _of_instances(plan: Plan) -> Iterator[Change]:
    instance: Level = "instance"
    for uid, gone in plan.departures.items():
        arrival = plan.arrivals.get(uid)
        if arrival is None or not _stays(arrival.candidate, gone.study_uid, gone.series_uid):
            yield Change(instance, "deleted", gone.study_uid, gone.series_uid, uid)
    for uid, item in plan.arrivals.items():
        candidate = item.candidate
        gone = plan.departures.get(uid)
        stays = gone is not None and _stays(candidate, gone.study_uid, gone.series_uid)
        detail = {"sopClassUID": candidate.sop_class_uid}
        if uid in plan.stored_at:
            detail["cause"] = "restored"
        yield Change(
            instance,
            "updated" if stays else "created",
            candidate.study_uid,
            candidate.series_uid,
            uid,
            orjson.dumps(detail),
        )


def _stays(candidate: Candidate, study_uid: str, series_uid: str) -> bool:
    return (candidate.study_uid, candidate.series_uid) == (study_uid, series_uid)
