"""Search for Workitems (PS3.18 11.9; PS3.4 CC.2.8); IHE calls it RAD-81, and RAD-130 for encounters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.json_model import filter_attributes
from filmjacket.services.worklist.attribute_table import rows
from filmjacket.services.worklist.representation import charset_of, represent
from filmjacket.web import negotiate, status

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.studies.download import Download
    from filmjacket.services.worklist.desk import Desk
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes
    from filmjacket.web.query import EntityQuery

SPECIFIC_CHARACTER_SET: Final = "00080005"
_UTF_8: Final = {"vr": "CS", "Value": ["ISO_IR 192"]}
# Return types whose attributes are there without being asked for; the conditional ones if they have a value.
_RETURNED: Final = frozenset({"1", "2"})
_RETURNED_IF_KNOWN: Final = frozenset({"1C", "2C"})


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The matches as a payload, and how many there are, on this page and on all."""

    download: Download
    matches: int
    total: int


@cache
def default_return() -> tuple[frozenset[str], dict[str, str]]:
    """Return the tags that are returned by default, and the VRs of those that are so without a value too."""
    kinds = _RETURNED | _RETURNED_IF_KNOWN
    return (
        frozenset(row.tag for row in rows() if row.returned in kinds),
        {row.tag: row.vr for row in rows() if row.returned in _RETURNED},
    )


def search(
    desk: Desk,
    query: EntityQuery,
    maximum_results: int,
    preferences: Preferences,
    charsets: CharsetWishes,
    base_url: str,
) -> SearchAnswer:
    """Answer a search. Raises `NotAcceptable` before any work on the index."""
    representation = negotiate.choose_search(preferences)
    charset = charset_of(representation, preferences, charsets)
    page = desk.index.search(query, maximum_results, other_patient_ids=desk.rules.other_patient_ids)
    results = [_result(attributes, query) for attributes in page.matches]
    warnings = ()
    if results and page.remaining:
        warnings = (status.warning(base_url, status.additional_results(page.remaining)),)
    download = represent(results, representation, charset, base_url)
    return SearchAnswer(replace(download, warnings=warnings), len(results), page.total)


def _result(attributes: Attributes, query: EntityQuery) -> Attributes:
    """Return what a match returns: the defaults of the table, what was matched, and what was asked for (11.9.3.3)."""
    always, empty = default_return()
    if query.include_all:
        kept = dict(attributes)
    else:
        whole = always | {key.tag for key in query.keys} | {key.paired for key in query.keys if key.paired}
        nested = tuple(path for path in query.include if path[0] not in whole)
        kept = {tag: element for tag, element in attributes.items() if tag in whole}
        kept |= filter_attributes(attributes, nested)
    for tag, vr in empty.items():
        kept.setdefault(tag, {"vr": vr})
    kept[SPECIFIC_CHARACTER_SET] = _UTF_8
    return kept
