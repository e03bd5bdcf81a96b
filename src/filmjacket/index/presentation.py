"""What a search returns for each match (PS3.18 10.6.3.3, Tables 10.6.3-3 to 10.6.3-5; 8.3.4.3).

The Retrieve URL (0008,1190) is the caller's to add: only it knows the base URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from filmjacket.archive.records import SearchMatch
from filmjacket.dicom import tags
from filmjacket.dicom.json_model import filter_attributes
from filmjacket.dicom.levels import Level, level_of
from filmjacket.index.documents import (
    Documents,
    every_transfer_syntax,
    instance_document,
    series_document,
    study_document,
)
from filmjacket.index.rows import has_value
from filmjacket.web.matching import MatchKey, MatchKind, matches_all, resolve_tag
from filmjacket.web.search_tables import (
    AVAILABLE_TRANSFER_SYNTAX_UID,
    KNOWN_RETURN,
    REQUEST_ATTRIBUTES_SEQUENCE,
    REQUEST_ITEM_RETURN,
    REQUIRED_RETURN,
    RETURNED_AT_EVERY_LEVEL,
    SERIES_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
    returned_levels,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.index.unit import Record
    from filmjacket.web.query import SearchQuery

UTF_8: Element = {"vr": "CS", "Value": ["ISO_IR 192"]}
"""JSON is UTF-8, whatever the instance was stored in."""
_SUMMARY = frozenset({*REQUIRED_RETURN[Level.INSTANCE], *KNOWN_RETURN[Level.INSTANCE], "00020010"})


class Presentation:
    """Turns the rows of one page into matches."""

    def __init__(self, query: SearchQuery, documents: Documents) -> None:
        self._query = query
        self._documents = documents
        self._levels = returned_levels(query.level, query.ref)
        paths = {*query.include, *(path for key in query.keys for path in key_paths(key))}
        self._private = sorted(path[0] for path in paths if tags.is_private(path[0]))
        self._paths = sorted(path for path in paths if not tags.is_private(path[0]))
        self._private_keys = tuple(key for key in query.keys if is_private_key(key))
        self._creators = dict(query.creators)
        self._parents: tuple[tuple[str, str], Attributes] = (("", ""), {})
        asked = {path[0] for path in self._paths} - RETURNED_AT_EVERY_LEVEL
        self._needs_study = Level.STUDY in self._levels or any(level_of(tag) is Level.STUDY for tag in asked)
        self._needs_series = Level.SERIES in self._levels or any(level_of(tag) is Level.SERIES for tag in asked)
        self._wants_syntaxes = (AVAILABLE_TRANSFER_SYNTAX_UID,) in query.include
        self._needs_metadata = (
            query.include_all
            or bool(self._private)
            or any(level_of(tag) is Level.INSTANCE and tag not in _SUMMARY for tag in asked)
            # What else pixels can be had in depends on what they are.
            or self._wants_syntaxes
        )

    def present(self, rows: Sequence[Record]) -> tuple[SearchMatch, ...]:
        """Return the matches of a page in its order."""
        if not rows:
            return ()
        if self._query.level is Level.STUDY:
            return tuple(self._study(row) for row in rows)
        if self._needs_study or self._needs_series:
            keys = [(row.study_uid, row.series_uid) for row in rows]
            wants_series = self._needs_series and self._query.level is Level.INSTANCE
            self._documents.load_parents(keys, with_series=wants_series)
        if self._query.level is Level.SERIES:
            return tuple(self._series(row) for row in rows)
        stored: dict[str, bytes] = {}
        if self._needs_metadata:
            stored = self._documents.metadata([(row.study_uid, row.sop_uid) for row in rows])
        return tuple(self._instance(row, stored.get(row.sop_uid) or row.summary) for row in rows)

    def _study(self, row: Record) -> SearchMatch:
        document = study_document(row)
        attributes = {SPECIFIC_CHARACTER_SET: UTF_8, **default_attributes(Level.STUDY, document)}
        self._add_extras(attributes, document, document)
        self._add_computed(attributes, row.study_uid, None)
        return SearchMatch(row.study_uid, None, None, attributes)

    def _series(self, row: Record) -> SearchMatch:
        own = series_document(row)
        study = self._documents.study(row.study_uid) if self._needs_study else {}
        attributes = {**self._from_parents(row.study_uid, row.series_uid), **default_attributes(Level.SERIES, own)}
        self._add_extras(attributes, {**own, **study}, own)
        self._add_computed(attributes, row.study_uid, row.series_uid)
        return SearchMatch(row.study_uid, row.series_uid, None, attributes)

    def _instance(self, row: Record, stored: bytes) -> SearchMatch:
        own = instance_document(row, stored)
        if self._wants_syntaxes:
            own[AVAILABLE_TRANSFER_SYNTAX_UID] = every_transfer_syntax(row.transfer_syntax, own)
        attributes = {**self._from_parents(row.study_uid, row.series_uid), **default_attributes(Level.INSTANCE, own)}
        if self._paths or self._query.include_all:
            study = self._documents.study(row.study_uid) if self._needs_study else {}
            one = self._documents.series(row.study_uid, row.series_uid) if self._needs_series else {}
            self._add_extras(attributes, merged(own, one, study), own)
        if self._private:
            attributes |= private_attributes(own, self._private, self._creators)
        return SearchMatch(row.study_uid, row.series_uid, row.sop_uid, attributes)

    def _from_parents(self, study_uid: str, series_uid: str) -> Attributes:
        """Return what all instances of a series have alike: the unique keys of the levels above, and their tables."""
        if self._parents[0] != (study_uid, series_uid):
            attributes: Attributes = {
                SPECIFIC_CHARACTER_SET: UTF_8,
                STUDY_INSTANCE_UID: {"vr": "UI", "Value": [study_uid]},
                SERIES_INSTANCE_UID: {"vr": "UI", "Value": [series_uid]},
            }
            if Level.STUDY in self._levels:
                attributes |= default_attributes(Level.STUDY, self._documents.study(study_uid))
            if Level.SERIES in self._levels and self._query.level is Level.INSTANCE:
                attributes |= default_attributes(Level.SERIES, self._documents.series(study_uid, series_uid))
            self._parents = ((study_uid, series_uid), attributes)
        return self._parents[1]

    def _add_extras(self, attributes: Attributes, document: Attributes, own: Attributes) -> None:
        """Add what was asked for: matched attributes and `includefield`; `all` is of the entity's own level."""
        if self._query.include_all:
            for tag, element in own.items():
                if level_of(tag) is self._query.level and is_search_attribute(tag, element):
                    attributes.setdefault(tag, element)
        if self._paths:
            for tag, element in filter_attributes(document, self._paths).items():
                if tag != SPECIFIC_CHARACTER_SET:
                    attributes[tag] = self._richer(attributes.get(tag), element, tag)

    def _richer(self, present: Any, asked: Any, tag: str) -> Any:  # noqa: ANN401 - attribute objects of JSON
        """A path into a sequence must not take away the items' default attributes."""
        if tag != REQUEST_ATTRIBUTES_SEQUENCE or present is None or "Value" not in asked:
            return asked
        items = zip(present.get("Value", []), asked["Value"], strict=True)
        return {"vr": "SQ", "Value": [{**default, **more} for default, more in items]}

    def _add_computed(self, attributes: Attributes, study_uid: str, series_uid: str | None) -> None:
        """Add what only the instances below a study or series know."""
        if (AVAILABLE_TRANSFER_SYNTAX_UID,) in self._paths:
            syntaxes = self._documents.transfer_syntaxes(study_uid, series_uid)
            attributes[AVAILABLE_TRANSFER_SYNTAX_UID] = syntaxes
        if not self._private:
            return
        for member in self._documents.members(study_uid, series_uid):
            if matches_all(member, self._private_keys):
                attributes |= private_attributes(member, self._private, self._creators)
                return


def merged(own: Attributes, series: Attributes, study: Attributes) -> Attributes:
    """Return an instance with what its series and study say; what all levels have is the instance's."""
    document = {**own, **series, **study}
    for tag in RETURNED_AT_EVERY_LEVEL:
        if tag in own:
            document[tag] = own[tag]
        else:
            document.pop(tag, None)
    return document


def default_attributes(level: Level, document: Attributes) -> Attributes:
    """Return the attributes of one of the tables: type R even when empty, the others when known."""
    attributes: Attributes = {}
    for tag, vr in REQUIRED_RETURN[level].items():
        element = document.get(tag)
        attributes[tag] = {"vr": vr} if element is None else element
    for tag in KNOWN_RETURN[level]:
        element = document.get(tag)
        if element is not None and has_value(element):
            attributes[tag] = _request_items(element) if tag == REQUEST_ATTRIBUTES_SEQUENCE else element
    return attributes


def private_attributes(document: Attributes, wanted: Sequence[str], creators: dict[str, str]) -> Attributes:
    """Return private attributes and their creators, in the blocks that this data set gives them."""
    found: Attributes = {}
    for tag in wanted:
        creator_tag = tags.creator_tag_of(tag) or tag
        creator = creators.get(creator_tag, "")
        for one in (creator_tag, tag):
            resolved = resolve_tag(document, one, creator) if creator else None
            if resolved is not None:
                found[resolved] = document[resolved]
    return found


def is_private_key(key: MatchKey) -> bool:
    """Tell whether a key is about a private attribute, which only instances hold."""
    return bool(key.creator) or key.kind is MatchKind.CREATOR


def key_paths(key: MatchKey) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the attributes a key is about."""
    if not key.items or key.kind is MatchKind.ALL_OF:
        yield (key.tag,)
        return
    for item in key.items:
        for path in key_paths(item):
            yield (key.tag, *path)
    if key.paired:
        yield (key.paired,)


def _request_items(element: dict[str, Any]) -> dict[str, Any]:
    items: list[Attributes] = element.get("Value", [])
    return {
        "vr": "SQ",
        "Value": [{tag: item.get(tag, {"vr": "SH"}) for tag in REQUEST_ITEM_RETURN} for item in items],
    }


def is_search_attribute(tag: str, element: dict[str, Any]) -> bool:
    """`all` means keys that PS3.4 C.6.1.1 lists, not the file: no meta, private, bulk or binary values."""
    if tags.is_private(tag) or tag.startswith("0002"):
        return False
    return not ("BulkDataURI" in element or "InlineBinary" in element)
