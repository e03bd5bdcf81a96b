"""What a reader of the change log asks for: the grammar of its parameters, the same for every way to read it.

Attributes are matched as in searches (PS3.18 8.3.4), and unknown parameters are ignored as there (8.3). Not so in the
filter of a webhook, which nobody looks at any more: who misspells `level` shall not be told of everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import unquote_to_bytes

from filmjacket.archive.changes import ACTIONS, LEVELS, ChangeFilter
from filmjacket.dicom.levels import Level as QueryLevel
from filmjacket.errors import BadRequest
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.web.query import SearchQuery

EXTENSION: Final = "extension of PS3.18: change feed"
LATEST: Final = "latest"
MOST_CHANGES: Final = 1000
"""Changes on one page."""
MOST_WAIT_SECONDS: Final = 60

_FILTER_NAMES: Final = ("level", "action")
"""What says which changes are wanted, and nothing of when and how they are sent."""
_LIVE_NAMES: Final = ("since", "limit", "wait", "level", "action", "accept", "charset")
_NAMES: Final = (*_LIVE_NAMES, "from", "to")
_STUDY_UIDS: Final = frozenset({"StudyInstanceUID", "0020000D"})
_FLAGS: Final = frozenset({"fuzzymatching", "emptyvaluematching", "multiplevaluematching"})
_ATTRIBUTE: Final = re.compile(r"[A-Z]\w*(\..+)?|[0-9A-Fa-f]{8}(\..+)?", re.ASCII)

_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """A request to the change log; moments are microseconds since 1970, `since` is None when it was not given.

    A `limit` of 0 is none; `wait` is how many seconds without a change are waited for, None for as long as it takes.
    """

    since: int | None = None
    latest: bool = False
    limit: int = 100
    begin: int | None = None
    end: int | None = None
    wait: int | None = None
    wanted: ChangeFilter = field(default_factory=ChangeFilter)


def parse_change_query(raw_query: bytes, *, live: bool = False, strict: bool = False) -> ChangeQuery:
    """Parse the query of any projection of the change log. Raises `BadRequest`.

    The `live` ones begin, unless they are told where, with what happens from now on, and have no end.
    """
    names = _FILTER_NAMES if strict else _LIVE_NAMES if live else _NAMES
    own: dict[str, str] = {}
    attributes: list[bytes] = []
    studies: frozenset[str] = frozenset()
    for parameter in filter(None, raw_query.split(b"&")):
        raw_name, _, raw_value = parameter.partition(b"=")
        name, value = _decode(raw_name), _decode(raw_value)
        if name in _STUDY_UIDS:
            studies = frozenset(parse_uid(uid, name) for uid in value.split(","))
        elif _ATTRIBUTE.fullmatch(name) or name in _FLAGS:
            attributes.append(parameter)
        elif name in own or (name not in names and (strict or name in _NAMES)):
            raise _refusal(name, "occurs twice." if name in own else "is no parameter of this resource.", *names)
        elif name in names:
            own[name] = value
    levels = _names(own, "level", LEVELS)
    query = _search(b"&".join(attributes), levels) if attributes else None
    since = own.get("since")
    return ChangeQuery(
        since=None if since in {None, LATEST} else _number(own, "since", 0, 2**62),
        latest=since == LATEST or (live and since is None),
        limit=_number(own, "limit", 0 if live else 100, MOST_CHANGES, least=1),
        begin=_moment(own, "from"),
        end=_moment(own, "to"),
        wait=None if live and "wait" not in own else _number(own, "wait", 0, MOST_WAIT_SECONDS),
        wanted=ChangeFilter(
            frozenset(levels) if query is None else frozenset({str(query.level)}),  # pyright: ignore[reportArgumentType] - the levels of searches are levels
            frozenset(_names(own, "action", ACTIONS)),
            studies,
            query,
        ),
    )


def _search(raw: bytes, levels: Sequence[str]) -> SearchQuery:
    """The filter by attributes; the attributes of a resource are those of its level, hence one level alone."""
    chosen = levels or ("study",)
    if len(chosen) != 1 or chosen[0] not in set(QueryLevel):
        raise _refusal(
            "level",
            "must be one of the Studies service when attributes are matched; of steps only StudyInstanceUID is.",
            *map(str, QueryLevel),
        )
    return parse_search(QueryLevel(chosen[0]), ResourceRef(), raw)


def _names(own: dict[str, str], name: str, known: tuple[_Name, ...]) -> tuple[_Name, ...]:
    if name not in own:
        return ()
    given = own[name].split(",")
    if not set(given) <= set(known):
        raise _refusal(name, "has an unknown value.", *known)
    return tuple(one for one in known if one in given)


def _number(own: dict[str, str], name: str, default: int, most: int, *, least: int = 0) -> int:
    text = own.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise _refusal(name, "is no such number.", f"{least} to {most}", *((LATEST,) if name == "since" else ()))
    return int(text)


def _moment(own: dict[str, str], name: str) -> int | None:
    text = own.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _refusal(name, "is no date-time of RFC 3339.", "2026-11-22T16:45:00Z", "2026-11-22") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _decode(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest(
            "The query is not percent-encoded UTF-8.", section=EXTENSION, offender="query", accepted=("UTF-8",)
        ) from None


def _refusal(name: str, problem: str, *accepted: str) -> BadRequest:
    return BadRequest(
        f"{name[:64]} {problem}", section=EXTENSION, offender=name[:64], accepted=tuple(dict.fromkeys(accepted))
    )
