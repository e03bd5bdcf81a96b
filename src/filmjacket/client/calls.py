"""Calls as values: what is sent, and what is made of the answer. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import orjson

from filmjacket.errors import FilmjacketError
from filmjacket.web.media_types import DICOM_JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.dicom.attributes import Attributes

_T = TypeVar("_T")
_Item = TypeVar("_Item")

Query = tuple[tuple[str, str], ...]

_REMAINING: Final = re.compile(r"There are (\d+) additional results")


class RemoteError(FilmjacketError):
    """The server refused: its status, the texts of its Warning fields, and the problem document that explains."""

    reason_code = "remote-error"

    def __init__(self, answer: Answer, call: Call[Any]) -> None:
        self.problem: dict[str, Any] = answer.problem()
        self.warnings = answer.warnings
        explained = self.problem.get("detail") or self.problem.get("message") or "; ".join(answer.warnings)
        super().__init__(
            f"{call.method} {call.path} was answered with {answer.status}: {explained or 'no explanation'}",
            section=str(self.problem.get("section", "")),
        )
        self.status_code = answer.status


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as far as calls look at it; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of Warning fields."""
        joined = self.headers.get("warning", "")
        return tuple(part.strip() for part in re.split(r",\s*(?=\w{3,4} )", joined) if part.strip())

    def data_sets(self) -> list[Attributes]:
        """The payload in DICOM JSON, one or several data sets; none when there is no payload."""
        if not self.content.strip():
            return []
        found: Any = orjson.loads(self.content)
        return cast("list[Attributes]", found if isinstance(found, list) else [found])

    def problem(self) -> dict[str, Any]:
        """The members of a problem document, {} of any other payload."""
        if "json" not in self.headers.get("content-type", ""):
            return {}
        try:
            found: Any = orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Call(Generic[_T]):
    """One request and how its answer is read; statuses that are not in `good` are refusals."""

    method: str
    path: str
    read: Callable[[Answer], _T]
    query: Query = ()
    content: bytes | None = None
    content_type: str = DICOM_JSON
    accept: str = DICOM_JSON
    good: frozenset[int] = field(default=frozenset({200, 201, 202, 204}))

    def result(self, answer: Answer) -> _T:
        """What the answer means. Raises `RemoteError` for a refusal."""
        if answer.status not in self.good:
            raise RemoteError(answer, self)
        return self.read(answer)

    def at(self, offset: int) -> Call[_T]:
        """The same search, further on."""
        rest = tuple(pair for pair in self.query if pair[0] != "offset")
        return replace(self, query=(*rest, ("offset", str(offset))))


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """Some results of a search; `remaining` is how many more the server said there are."""

    items: tuple[_Item, ...]
    remaining: int


def encoded(data_set: Attributes) -> bytes:
    """A data set as the payload of a request: an array of one, which is what PS3.18 8.7.3.2 says."""
    return orjson.dumps([data_set])


def read_one(answer: Answer) -> Attributes:
    """The only data set of an answer; {} if there is none."""
    found = answer.data_sets()
    return found[0] if found else {}


def read_page(answer: Answer) -> Page[Attributes]:
    """The data sets of a page."""
    remaining = next((int(found[1]) for text in answer.warnings if (found := _REMAINING.search(text))), 0)
    return Page(tuple(answer.data_sets()), remaining)


def read_warnings(answer: Answer) -> tuple[str, ...]:
    """Nothing but the warnings."""
    return answer.warnings


def search_query(
    keys: Mapping[str, str], *, limit: int | None, offset: int | None, include: tuple[str, ...], fuzzy: bool
) -> Query:
    """The query of a search (PS3.18 8.3.4)."""
    query: list[tuple[str, str]] = list(keys.items())
    query += [("includefield", name) for name in include]
    if fuzzy:
        query.append(("fuzzymatching", "true"))
    if limit is not None:
        query.append(("limit", str(limit)))
    if offset:
        query.append(("offset", str(offset)))
    return tuple(query)


def search_call(path: str, keys: Mapping[str, str], options: SearchOptions) -> Call[Page[Attributes]]:
    """A search of any service."""
    query = search_query(
        {name.replace("__", "."): value for name, value in keys.items()},
        limit=options.limit,
        offset=options.offset,
        include=options.include,
        fuzzy=options.fuzzy,
    )
    return Call("GET", path, read_page, query)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search may say besides its keys."""

    limit: int | None = None
    offset: int | None = None
    include: tuple[str, ...] = ()
    fuzzy: bool = False


EVERYTHING: Final = SearchOptions()
