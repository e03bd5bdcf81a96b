"""How a change is written: as an object of the feed, and in a CloudEvents 1.0 envelope (structured mode)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

if TYPE_CHECKING:
    from filmjacket.archive.changes import Change, LoggedChange

CLOUD_EVENT: Final = "application/cloudevents+json"
_TYPE_PREFIX: Final = "org.filmjacket."
_UID_NAMES: Final = {
    "workitem": "workitemUID",
    "scheduled-step": "scheduledProcedureStepID",
    "performed-step": "performedProcedureStepUID",
}
# Of a non-patient instance only its category would say where it is.
_PATHS: Final = {
    "workitem": "workitems/{uid}",
    "scheduled-step": "schedule/{study}/{uid}",
    "performed-step": "modality-performed-procedure-steps/{uid}",
    "non-patient": "",
}


def change_object(one: LoggedChange, base_url: str) -> dict[str, Any]:
    """A change for readers of the feed; absent members do not apply to its level."""
    change = one.change
    entry: dict[str, Any] = {
        "number": one.number,
        "at": moment(one.at),
        "level": change.level,
        "action": change.action,
    }
    if change.study_uid:
        entry["studyInstanceUID"] = change.study_uid
    if change.series_uid:
        entry["seriesInstanceUID"] = change.series_uid
    if change.uid:
        entry[_UID_NAMES.get(change.level, "sopInstanceUID")] = change.uid
    if change.detail:
        entry["detail"] = orjson.loads(change.detail)
    path = resource_path(change)
    if path:
        entry["url"] = f"{base_url}/{path}"
    return entry


def cloud_event(entry: dict[str, Any], source: str) -> dict[str, Any]:
    """The envelope (CloudEvents 1.0): source and id together are the same whenever a change is sent again.

    `sequence` sorts as text, as that extension of CloudEvents wants it.
    """
    return {
        "specversion": "1.0",
        "id": str(entry["number"]),
        "source": source,
        "type": f"{_TYPE_PREFIX}{entry['level']}.{entry['action']}",
        "subject": str(entry.get("url", "")).removeprefix(f"{source}/") or entry["level"],
        "time": entry["at"],
        "datacontenttype": "application/json",
        "sequence": f"{entry['number']:019d}",
        "data": entry,
    }


def resource_path(change: Change) -> str:
    """The resource below the base URL, "" where that is not known."""
    if change.level in _PATHS:
        return _PATHS[change.level].format(study=change.study_uid, uid=quote(change.uid, safe=""))
    path = f"studies/{change.study_uid}"
    if change.series_uid:
        path += f"/series/{change.series_uid}"
    return f"{path}/instances/{change.uid}" if change.uid else path


def moment(at: int) -> str:
    """A moment to the microsecond, as RFC 3339 writes it."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
