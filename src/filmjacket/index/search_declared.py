"""Search keys as SQL conditions on the values of declared attributes (`filmjacket.index.schema.search_values`)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level
from filmjacket.index.search_sql import (
    Condition,
    Term,
    all_of,
    compare,
    fuzzy_term,
    moment_term,
    pattern_term,
    within,
)
from filmjacket.web.matching import NUMBERS, MatchKey, MatchKind
from filmjacket.web.person_names import key_words
from filmjacket.web.search_attributes import indexed_number, private_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.index.search_catalog import Catalog
    from filmjacket.web.query import SearchQuery

_TABLES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
_COLUMNS = {
    Level.STUDY: ("study_uid",),
    Level.SERIES: ("study_uid", "series_uid"),
    Level.INSTANCE: ("study_uid", "series_uid", "sop_uid"),
}
_RANK = list(_COLUMNS)
_VALUE = "search_values.value"


def declared_conditions(
    query: SearchQuery, conditions: Sequence[Condition | None], catalog: Catalog
) -> list[Condition | None]:
    """Fill in conditions for keys that no column is about, from declared attributes that are complete."""
    if None not in conditions or not catalog.attributes:
        return list(conditions)
    # Above the instance, several private keys must be found in one and the same instance.
    private = [key for key in query.keys if key.creator]
    together = len(private) > 1 and query.level is not Level.INSTANCE
    found: list[Condition | None] = []
    for key, condition in zip(query.keys, conditions, strict=True):
        made = condition or _condition(key, query.level, catalog)
        if made is not None and key.creator and together:
            made = replace(made, term=replace(made.term, exact=False))
        found.append(made)
    answered = {(key.tag[:4], key.creator) for key, made in zip(query.keys, found, strict=True) if key.creator and made}
    return [
        # What owns a block is said by any attribute found in it.
        Condition(all_of(), query.level)
        if made is None and key.kind is MatchKind.CREATOR and (key.tag[:4], key.values[0]) in answered
        else made
        for key, made in zip(query.keys, found, strict=True)
    ]


def _condition(key: MatchKey, level: Level, catalog: Catalog) -> Condition | None:
    if key.kind is MatchKind.SEQUENCE and not key.creator:
        return _nested(key, level, catalog)
    name = private_name(key.tag, key.creator) if key.creator else key.tag
    term = _lookup(key, name, level, catalog)
    return None if term is None else Condition(term, level)


def _nested(key: MatchKey, level: Level, catalog: Catalog) -> Condition | None:
    """Each attribute of an item narrows; only one that stands alone needs no look at the items."""
    leaves = list(_leaves(key, key.tag))
    found = [term for path, leaf in leaves if (term := _lookup(leaf, path, level, catalog)) is not None]
    if not found:
        return None
    term = all_of(*found)
    return Condition(replace(term, exact=term.exact and len(leaves) == 1), level)


def _leaves(key: MatchKey, path: str) -> Iterator[tuple[str, MatchKey]]:
    for item in key.items:
        below = f"{path}.{item.tag}"
        if item.kind is MatchKind.SEQUENCE:
            yield from _leaves(item, below)
        elif item.kind is not MatchKind.UNIVERSAL:
            yield below, item


def _lookup(key: MatchKey, name: str, level: Level, catalog: Catalog) -> Term | None:
    if key.kind is MatchKind.ALL_OF:
        terms = [_lookup(item, name, level, catalog) for item in key.items]
        return None if None in terms else all_of(*(term for term in terms if term is not None))
    number = catalog.number_of(name)
    if number is None:
        return None
    attribute = catalog.attributes[name][1]
    value = _value(key, catalog)
    if value is None or attribute.vr != key.vr:
        return None
    columns = _COLUMNS[min(attribute.level, level, key=_RANK.index)]
    found = all_of(compare("=", "search_values.attribute", number), value)
    return within("some-value", found, _TABLES[level], columns)


def _value(key: MatchKey, catalog: Catalog) -> Term | None:
    """Return what the indexed value of an attribute must be, None when that cannot be said."""
    if key.kind is MatchKind.COMBINED:
        return replace(moment_term(replace(key, kind=MatchKind.RANGE), (_VALUE,)), exact=False)
    if key.kind is MatchKind.ANY_OF:
        return compare("in", _VALUE, list(key.values))
    if key.kind is MatchKind.RANGE or (key.kind is MatchKind.SINGLE and key.vr in {"DA", "TM"}):
        return moment_term(key, (_VALUE,))
    if key.kind is MatchKind.FUZZY:
        return _fuzzy(key) if catalog.has_name_words else None
    if key.kind not in {MatchKind.SINGLE, MatchKind.WILDCARD} or not any(key.values):
        return None
    if key.vr in NUMBERS:
        return compare("=", _VALUE, indexed_number(key.vr, Decimal(key.values[0])))
    first = next(value for value in key.values if value)
    term = pattern_term(_VALUE, first)
    # A row is one group of a name, and does not say which.
    return replace(term, exact=term.exact and len(key.values) == 1)


def _fuzzy(key: MatchKey) -> Term:
    """Words may be found in different groups of one name, which are different rows."""
    words = [word for value in key.values for word in key_words(value)]
    term = fuzzy_term(replace(key, values=(words[0],)), (_VALUE,))
    return replace(term, exact=term.exact and len(words) == len(key.values) == 1)
