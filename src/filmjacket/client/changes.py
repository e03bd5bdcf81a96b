"""Calls of the change feed, an extension of Filmjacket: what happened in the archive, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from filmjacket.client.calls import Call
from filmjacket.web.media_types import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.client.calls import Answer

_UID_NAMES: Final = ("sopInstanceUID", "workitemUID", "performedProcedureStepUID", "scheduledProcedureStepID")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry: what happened (`action`) to what (`level` and UIDs) and when, as RFC 3339 writes it.

    Of a scheduled step, which has no UID, `uid` is the Scheduled Procedure Step ID, unique in its study.
    """

    number: int
    at: str
    level: str
    action: str
    study_uid: str = ""
    series_uid: str = ""
    uid: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in order; the next page begins after `through`. `done` says that there is no more at the moment."""

    changes: tuple[Change, ...]
    through: int
    done: bool
    latest: int


def read(
    since: int | None = None,
    wanted: Mapping[str, str] | None = None,
    *,
    limit: int | None = None,
    wait: int | None = None,
) -> Call[ChangePage]:
    """A page of changes after number `since`, or from the first that is kept.

    With `wait` the server answers when there is something, at the latest after so many seconds. `wanted` are `level`,
    `action`, or attributes as in a search: `read(wanted={"level": "study", "ModalitiesInStudy": "CT"})`.
    """
    numbers = {"since": since, "limit": limit, "wait": wait}
    query = [(name, str(number)) for name, number in numbers.items() if number is not None]
    return Call("GET", "/changes", _page, (*query, *(wanted or {}).items()), accept=JSON)


def latest() -> Call[int]:
    """The number of the last change."""
    return Call("GET", "/changes", lambda answer: _page(answer).latest, (("since", "latest"),), accept=JSON)


def parse_change(entry: dict[str, Any]) -> Change:
    """An entry of the feed, of the event stream or of a WebSocket."""
    return Change(
        number=int(entry["number"]),
        at=str(entry["at"]),
        level=str(entry["level"]),
        action=str(entry["action"]),
        study_uid=str(entry.get("studyInstanceUID", "")),
        series_uid=str(entry.get("seriesInstanceUID", "")),
        uid=next((str(entry[name]) for name in _UID_NAMES if name in entry), ""),
        url=str(entry.get("url", "")),
    )


def _page(answer: Answer) -> ChangePage:
    found = cast("dict[str, Any]", orjson.loads(answer.content))
    entries = cast("list[dict[str, Any]]", found["changes"])
    return ChangePage(
        tuple(map(parse_change, entries)), int(found["through"]), bool(found["done"]), int(found["latest"])
    )
