"""Attributes of the Search transaction with their roles (PS3.18 Tables 10.6.1-5 and 10.6.3-3 to 10.6.3-5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import dictionary
from filmjacket.dicom.levels import Level
from filmjacket.web.search_tables import KNOWN_RETURN, REQUEST_ITEM_RETURN, REQUIRED_RETURN, RETRIEVE_URL

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIRED_KEYS: Final = {
    Level.STUDY: (
        "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName", "PatientName",
        "PatientID", "StudyInstanceUID", "StudyID",
    ),
    Level.SERIES: (
        "Modality", "SeriesInstanceUID", "SeriesNumber", "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime", "RequestAttributesSequence.ScheduledProcedureStepID",
        "RequestAttributesSequence.RequestedProcedureID",
    ),
    Level.INSTANCE: ("SOPClassUID", "SOPInstanceUID", "InstanceNumber"),
}  # fmt: skip
"""Keys that a search must match, by the level that they belong to (Table 10.6.1-5)."""

UNIQUE_KEYS: Final = {"0020000D", "0020000E", "00080018"}
RANK: Final = {Level.STUDY: 0, Level.SERIES: 1, Level.INSTANCE: 2}


@dataclass(frozen=True, slots=True)
class SearchAttribute:
    """A row of the conformance statement: matching key and return key each say U, R, C or O, or nothing."""

    keyword: str
    tag: str
    vr: str
    matching: str
    returned: str


def keyword_path(path: Iterable[str]) -> str:
    """The keywords of a path of tags with dots; a tag without one stands for itself."""
    return ".".join(dictionary.keyword_of(tag) or tag for tag in path)


def tag_path(name: str) -> str:
    """The tags of a keyword path with dots."""
    return ".".join(dictionary.tag_of(part) or part for part in name.split("."))


def attributes_of(level: Level) -> tuple[SearchAttribute, ...]:
    """Attributes of a level in the order of their tags."""
    keys = {tag_path(name) for name in REQUIRED_KEYS[level]}
    required, known = REQUIRED_RETURN[level], KNOWN_RETURN[level]
    nested = {path for path in keys if "." in path}
    nested |= {f"00400275.{tag}" for tag in REQUEST_ITEM_RETURN} if level is Level.SERIES else set()
    rows: list[SearchAttribute] = []
    for path in sorted(keys | set(required) | set(known) | nested | {RETRIEVE_URL}):
        tags = path.split(".")
        keyword = keyword_path(tags)
        matching = "U" if path in UNIQUE_KEYS else "R" if path in keys else "" if path == RETRIEVE_URL else "O"
        rows.append(SearchAttribute(keyword, path, dictionary.vr_of(tags[-1]) or "", matching, _returned(path, level)))
    return tuple(rows)


def _returned(path: str, level: Level) -> str:
    if path in UNIQUE_KEYS:
        return "U"
    if path in REQUIRED_RETURN[level]:
        return "R"
    return "R" if "." in path else "C"


def keys_on(level: Level) -> tuple[str, ...]:
    """Required keys that a resource of a level matches: its own, and those of the levels above."""
    return tuple(name for above, names in REQUIRED_KEYS.items() if RANK[above] <= RANK[level] for name in names)
