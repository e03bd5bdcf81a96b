"""Deciding about candidates on their stored attributes, where columns cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level, level_of
from filmjacket.index.documents import Documents, instance_document, series_document, study_document
from filmjacket.index.presentation import is_private_key, merged
from filmjacket.index.rows import unpack_document
from filmjacket.web.matching import MatchKind, matches, matches_all
from filmjacket.web.search_tables import INSTANCE_AVAILABILITY, RETURNED_AT_EVERY_LEVEL

if TYPE_CHECKING:
    from filmjacket.index.unit import Record
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.query import SearchQuery

# Computed, or in columns: not to be looked for in the stored document.
_NOT_IN_DOCUMENT = frozenset({*RETURNED_AT_EVERY_LEVEL, INSTANCE_AVAILABILITY, "00080016", "00080018"})
_GLANCED_AT = frozenset({MatchKind.SINGLE, MatchKind.WILDCARD, MatchKind.ANY_OF, MatchKind.RANGE, MatchKind.FUZZY})
# A longer attribute object is cut, cannot be decoded, and so lets the document through.
_LONGEST_GLANCE = 4096
_decode = json.JSONDecoder().raw_decode


class Verification:
    """Decides about candidates; with `exact`, SQL's word is enough where its columns are faithful."""

    def __init__(self, query: SearchQuery, documents: Documents, *, exact: bool) -> None:
        self._level = query.level
        self._documents = documents
        self._exact = exact
        below = query.level is not Level.INSTANCE
        # Above the instance a private attribute is found when some one instance has all of them.
        self._private = tuple(key for key in query.keys if below and is_private_key(key))
        self._keys = tuple(key for key in query.keys if key not in self._private)
        self._glances = tuple((f'"{key.tag}":'.encode(), key) for key in self._keys if _shows_at_a_glance(key))

    def holds(self, row: Record) -> bool:
        """Tell whether a candidate matches."""
        if self._exact and not row.is_odd:
            return True
        return self._public(row) and self._owned(row)

    def _public(self, row: Record) -> bool:
        if not self._keys:
            return True
        if self._level is Level.STUDY:
            return matches_all(study_document(row), self._keys)
        if self._level is Level.SERIES:
            study = self._documents.study(row.study_uid)
            return matches_all({**study, **series_document(row)}, self._keys)
        stored = unpack_document(row.metadata)
        if not all(_may_match(stored, name, key) for name, key in self._glances):
            return False
        study = self._documents.study(row.study_uid)
        one = self._documents.series(row.study_uid, row.series_uid)
        own = instance_document(row, stored)
        return matches_all(merged(own, one, study), self._keys)

    def _owned(self, row: Record) -> bool:
        if not self._private:
            return True
        series_uid = row.series_uid if self._level is Level.SERIES else None
        members = self._documents.members(row.study_uid, series_uid)
        return any(matches_all(member, self._private) for member in members)


def _shows_at_a_glance(key: MatchKey) -> bool:
    return (
        key.kind in _GLANCED_AT
        and not key.creator
        and key.vr not in {"DA", "DT", "TM"}
        and level_of(key.tag) is Level.INSTANCE
        and key.tag not in _NOT_IN_DOCUMENT
    )


def _may_match(stored: bytes, name: bytes, key: MatchKey) -> bool:
    """Tell whether the attribute, wherever it is in the document, matches; decoding all costs thirty times as much.

    The same attribute inside sequences only lets a document through that is then decoded and decided about.
    """
    place = stored.find(name)
    while place >= 0:
        start = place + len(name)
        try:
            element, _ = _decode(stored[start : start + _LONGEST_GLANCE].decode(errors="replace"))
        except ValueError:
            return True
        if matches({key.tag: element}, key):
            return True
        place = stored.find(name, start)
    return False
