"""The grammar of searches (PS3.18 8.3.4; also called QIDO-RS): raw query string to `SearchQuery` or `BadRequest`.

Choices where the standard leaves one:

* a parameter whose name has the shape of an attribute is a filter and is never ignored: an unknown keyword, or an
  attribute of a lower level than the resource's, is refused, for the answer would hold other patients' data.
  `Modality` on `/studies` means ModalitiesInStudy. Any other unknown parameter is ignored (8.3.1);
* attributes of a higher level than the resource's are matched on every resource;
* a private attribute is allowed at every level, with its creator in the same query;
* a `+` is a plus sign, in names as good as a space, and percent-encoding must be well-formed UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from filmjacket.dicom import dictionary, tags
from filmjacket.dicom.date_time import Span, parse_offset
from filmjacket.dicom.levels import Level, level_of
from filmjacket.errors import BadRequest, UriTooLong
from filmjacket.web.key_values import Manner, parse_key_value, refusal
from filmjacket.web.matching import MatchKey, MatchKind
from filmjacket.web.moment_matching import partner_of
from filmjacket.web.search_tables import (
    INSTANCE_AVAILABILITY,
    MODALITIES_IN_STUDY,
    MODALITY,
    RETURNED_AT_EVERY_LEVEL,
    SPECIFIC_CHARACTER_SET,
    TIMEZONE_OFFSET_FROM_UTC,
    UNSUPPORTED_KEYS,
    default_return,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.web.refs import ResourceRef

_SECTION = "PS3.18 8.3.4"

# Well above a list of 1,000 UIDs and far below what would cost noticeable time or memory.
MAXIMUM_QUERY_LENGTH = 256 * 1024
MAXIMUM_PARAMETERS = 512
MAXIMUM_INCLUDED_FIELDS = 2048
# Larger numbers are legal and mean the same: more than can be stored.
_LARGEST_COUNT = 2**31 - 1

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ATTRIBUTE_NAME = re.compile(r"([A-Z]\w*|[0-9A-Fa-f]{8})(\.([A-Z]\w*|[0-9A-Fa-f]{8}))*", re.ASCII)
_RANK = {Level.STUDY: 0, Level.SERIES: 1, Level.INSTANCE: 2}

# The first two are never matched, they say how to read the request (8.3.4.1); availability every level has.
_KEYS_AT_EVERY_LEVEL = frozenset({SPECIFIC_CHARACTER_SET, TIMEZONE_OFFSET_FROM_UTC, INSTANCE_AVAILABILITY})


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search of the Studies service: where (`level`, `ref`), what (`keys`), what to return, which page.

    `include` holds paths of tags from `includefield`; `creators` maps private creator elements such as
    `00230010` to the creators the request gives them; `count`
    asks for the number of all matches, whatever the page.
    """

    level: Level
    ref: ResourceRef
    keys: tuple[MatchKey, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    creators: tuple[tuple[str, str], ...] = ()
    count: bool = False


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """A search of a service whose resources have no levels; the members mean the same as in `SearchQuery`."""

    keys: tuple[MatchKey, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    creators: tuple[tuple[str, str], ...] = ()
    count: bool = False


@dataclass(slots=True)
class _Draft:
    """What has been read of a query; `attributes` maps paths to (name as sent, decoded values)."""

    attributes: dict[tuple[str, ...], tuple[str, list[str]]] = field(default_factory=dict)
    include: dict[tuple[str, ...], None] = field(default_factory=dict)
    include_all: bool = False
    limit: int | None = None
    offset: int | None = None
    flags: dict[str, bool] = field(default_factory=dict)


def parse_search(level: Level, ref: ResourceRef, raw_query: bytes | str) -> SearchQuery:
    """Parse the query string of a search on the resource that `level` and `ref` name."""
    draft = _read(raw_query, level, MappingProxyType({}))
    creators = _creators(draft)
    return SearchQuery(
        level,
        ref,
        keys=_keys(draft.attributes, (), creators, _manner(draft)),
        include=_include(level, draft.include, creators),
        include_all=draft.include_all,
        limit=draft.limit,
        offset=draft.offset or 0,
        creators=_named(creators),
    )


def parse_entity_search(
    raw_query: bytes | str, aliases: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> EntityQuery:
    """Parse the query string of a search where attributes have no levels.

    `aliases` say where attributes are that a key may name without the sequence which holds them.
    """
    draft = _read(raw_query, None, aliases)
    creators = _creators(draft)
    include = {aliases.get(path[0], path[:1]) + path[1:]: None for path in draft.include}
    return EntityQuery(
        keys=_keys(draft.attributes, (), creators, _manner(draft)),
        include=_include(None, include, creators),
        include_all=draft.include_all,
        limit=draft.limit,
        offset=draft.offset or 0,
        creators=_named(creators),
    )


def _read(raw_query: bytes | str, level: Level | None, aliases: Mapping[str, tuple[str, ...]]) -> _Draft:
    raw = raw_query.encode() if isinstance(raw_query, str) else raw_query
    if len(raw) > MAXIMUM_QUERY_LENGTH:
        raise UriTooLong(f"The query is longer than {MAXIMUM_QUERY_LENGTH} bytes.", section=_SECTION)
    parameters = [parameter for parameter in raw.split(b"&", MAXIMUM_PARAMETERS + 1) if parameter]
    if len(parameters) > MAXIMUM_PARAMETERS:
        raise BadRequest(f"The query has more than {MAXIMUM_PARAMETERS} parameters.", section=_SECTION)
    draft = _Draft()
    for parameter in parameters:
        raw_name, equals, value = parameter.partition(b"=")
        name = _decode(raw_name, "a parameter name")
        if name in _CONTROLS:
            _CONTROLS[name](draft, name, value if equals else b"")
        elif _ATTRIBUTE_NAME.fullmatch(name):
            path = tags.parse_path(name)
            path = aliases.get(path[0], path[:1]) + path[1:]
            _add_attribute(draft, level, (name, path), [_decode(part, name) for part in value.split(b",")])
    if draft.include_all and draft.include:
        raise refusal("includefield", "`all` stands alone.", "all")
    return draft


def _manner(draft: _Draft) -> Manner:
    return Manner(
        fuzzy=draft.flags.get("fuzzymatching", False),
        empty=draft.flags.get("emptyvaluematching", False),
        multiple=draft.flags.get("multiplevaluematching", False),
        zone=_timezone(draft),
    )


def _creators(draft: _Draft) -> dict[tuple[str, ...], str]:
    return {
        path: choices[0]
        for path, (_, choices) in draft.attributes.items()
        if tags.is_private_creator(path[-1]) and choices[0]
    }


def _named(creators: dict[tuple[str, ...], str]) -> tuple[tuple[str, str], ...]:
    return tuple((path[0], creator) for path, creator in creators.items() if len(path) == 1)


def _decode(raw: bytes, name: str) -> str:
    if _BAD_ESCAPE.search(raw):
        raise BadRequest(
            f"{name}: `%` is followed by two hexadecimal digits.", section="RFC 3986 2.1", offender=name[:80]
        )
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name}: not UTF-8.", section="PS3.18 8.3", offender=name[:80]) from None
    if _CONTROL.search(text):
        raise BadRequest(f"{name}: control characters are not allowed.", section="PS3.18 8.3", offender=name[:80])
    return text


def _count(draft: _Draft, name: str, raw: bytes) -> None:
    text = _decode(raw, name)
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(
            f"{name} takes a number, 0 or greater.",
            section="PS3.18 8.3.4.4",
            offender=name,
            accepted=("0", "50"),
        )
    if getattr(draft, name) is not None:
        raise BadRequest(f"{name} occurs twice.", section=_SECTION, offender=name)
    # Comparing lengths first keeps the conversion of absurdly long digits out.
    setattr(draft, name, min(int(text), _LARGEST_COUNT) if len(text) <= 10 else _LARGEST_COUNT)


def _flag(draft: _Draft, name: str, raw: bytes) -> None:
    if raw not in {b"true", b"false"}:
        raise BadRequest(f"{name} is true or false.", section=_SECTION, offender=name, accepted=("true", "false"))
    if name in draft.flags:
        raise BadRequest(f"{name} occurs twice.", section=_SECTION, offender=name)
    draft.flags[name] = raw == b"true"


def _includefield(draft: _Draft, name: str, raw: bytes) -> None:
    for text in _decode(raw, name).split(","):
        if text == "all":
            draft.include_all = True
        elif _ATTRIBUTE_NAME.fullmatch(text):
            try:
                draft.include[tags.parse_path(text)] = None
            except BadRequest:
                # 8.3.4.3: what is not supported is not returned; an unknown attribute is no error.
                continue
    if len(draft.include) > MAXIMUM_INCLUDED_FIELDS:
        raise BadRequest(
            f"includefield names more than {MAXIMUM_INCLUDED_FIELDS} attributes.",
            section=_SECTION,
            offender=name,
        )


_CONTROLS: dict[str, Callable[[_Draft, str, bytes], None]] = {
    "limit": _count,
    "offset": _count,
    "includefield": _includefield,
    "fuzzymatching": _flag,
    "emptyvaluematching": _flag,
    "multiplevaluematching": _flag,
}


def _add_attribute(draft: _Draft, level: Level | None, named: tuple[str, tuple[str, ...]], choices: list[str]) -> None:
    name, path = named
    if path == (MODALITY,) and level is Level.STUDY:
        path = (MODALITIES_IN_STUDY,)
    if path in draft.attributes:
        raise refusal(name, "occurs twice; only includefield may be repeated.")
    if level is not None and _is_of_lower_level(path[0], level):
        raise BadRequest(
            f"{name} is an attribute of the {level_of(path[0])} level and cannot narrow a search for "
            f"{'studies' if level is Level.STUDY else level}.",
            section="PS3.18 10.6.1.2.1",
            offender=name,
            accepted=tuple(f"/{lower}" for lower in ("series", "instances")[_RANK[level] :]),
        )
    if (path[0] in UNSUPPORTED_KEYS or path[0][:4] in {"0000", "0002"}) and any(choices):
        raise refusal(name, "this server has no matching for this attribute.")
    draft.attributes[path] = (name, choices)


def _is_of_lower_level(tag: str, level: Level) -> bool:
    return not tags.is_private(tag) and _RANK[level_of(tag)] > _RANK[level] and tag not in _KEYS_AT_EVERY_LEVEL


def _timezone(draft: _Draft) -> int | None:
    draft.attributes.pop((SPECIFIC_CHARACTER_SET,), None)
    name, choices = draft.attributes.pop((TIMEZONE_OFFSET_FROM_UTC,), ("", [""]))
    if not choices[0]:
        return None
    offset = parse_offset(choices[0])
    if offset is None:
        raise refusal(name, "is an offset of hours and minutes.", "+0100", "-0500")
    return offset


def _keys(
    attributes: dict[tuple[str, ...], tuple[str, list[str]]],
    parent: tuple[str, ...],
    creators: dict[tuple[str, ...], str],
    manner: Manner,
) -> tuple[MatchKey, ...]:
    """Return the keys of one level of nesting; those in items of one sequence become one key."""
    keys: dict[str, MatchKey] = {}
    nested: dict[str, dict[tuple[str, ...], tuple[str, list[str]]]] = {}
    depth = len(parent)
    for path, (name, choices) in attributes.items():
        if len(path) > depth + 1:
            nested.setdefault(path[depth], {})[path] = (name, choices)
            continue
        creator = _creator_of(name, path, creators)
        tag = path[-1]
        if tags.is_private_creator(tag) and choices[0]:
            keys[tag] = MatchKey(tag, "LO", MatchKind.CREATOR, (choices[0],))
            continue
        vr = (dictionary.private_vr(creator, tag) if creator else dictionary.vr_of(tag)) or ""
        key = parse_key_value(name, tag, vr, choices, manner)
        items = tuple(replace(item, creator=creator) for item in key.items)
        keys[tag] = replace(key, creator=creator, items=items)
    keys = _combined(keys)
    for tag, members in nested.items():
        path = (*parent, tag)
        name = next(iter(members.values()))[0]
        creator = _creator_of(name, path, creators)
        if not creator and dictionary.vr_of(tag) not in {"SQ", None}:
            raise refusal(name, "only a sequence holds other attributes.")
        if tag in keys and keys[tag].kind is MatchKind.EMPTY:
            raise refusal(name, "an empty sequence holds no attributes.")
        items = _keys(members, path, creators, manner)
        universal = all(key.kind is MatchKind.UNIVERSAL for key in items)
        kind = MatchKind.UNIVERSAL if universal else MatchKind.SEQUENCE
        keys[tag] = MatchKey(tag, "SQ", kind, items=items, creator=creator)
    return tuple(keys.values())


def _creator_of(name: str, path: tuple[str, ...], creators: dict[tuple[str, ...], str]) -> str:
    creator_tag = tags.creator_tag_of(path[-1])
    if creator_tag is None:
        return ""
    creator = creators.get((*path[:-1], creator_tag))
    if creator is None:
        raise BadRequest(
            f"{name} is private: the query must also say who owns its block.",
            section="PS3.18 8.3.4.1",
            offender=name,
            accepted=(f"{creator_tag}={{private creator}}",),
        )
    return creator


def _combined(keys: dict[str, MatchKey]) -> dict[str, MatchKey]:
    """Join ranges of a date and a time attribute into one of date-times (8.3.4.1.1)."""
    result = dict(keys)
    for tag, key in keys.items():
        if key.vr != "DA" or key.span is None:
            continue
        partner = partner_of(tag)
        time = keys.get(partner or "")
        if time is None or time.span is None or not _same_form(key.span, time.span):
            continue
        if key.span.first == key.span.last and _reversed(time.span):
            raise refusal(dictionary.keyword_of(time.tag) or time.tag, "the range ends before it begins.")
        result[tag] = replace(key, kind=MatchKind.COMBINED, paired=time.tag, paired_span=time.span)
        del result[time.tag]
    for key in result.values():
        if key.vr == "TM" and key.span is not None and _reversed(key.span):
            # PS3.4 C.2.2.2.5: a range of times does not cross midnight.
            raise refusal(dictionary.keyword_of(key.tag) or key.tag, "the range ends before it begins.")
    return result


def _same_form(date: Span, time: Span) -> bool:
    return (date.first is None, date.last is None) == (time.first is None, time.last is None)


def _reversed(span: Span) -> bool:
    return span.first is not None and span.last is not None and span.first > span.last


def _include(
    level: Level | None, paths: dict[tuple[str, ...], None], creators: dict[tuple[str, ...], str]
) -> tuple[tuple[str, ...], ...]:
    """Return what `includefield` may bring; a private attribute needs its creator like a private key (8.3.4.1)."""
    for path in paths:
        for depth in range(len(path)):
            _creator_of(".".join(path), path[: depth + 1], creators)
    return tuple(path for path in paths if level is None or _may_return(level, path[0]))


def _may_return(level: Level, tag: str) -> bool:
    """8.3.4.3: attributes of a lower level than the resource's are not returned."""
    return tags.is_private(tag) or tag in RETURNED_AT_EVERY_LEVEL or _RANK[level_of(tag)] <= _RANK[level]


__all__ = [
    "EntityQuery",
    "Level",
    "MatchKey",
    "MatchKind",
    "SearchQuery",
    "default_return",
    "parse_entity_search",
    "parse_search",
]
