"""The tables of the Search transaction (PS3.18 10.6, also called QIDO-RS) as data."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from filmjacket.dicom.levels import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.web.refs import ResourceRef

SPECIFIC_CHARACTER_SET = "00080005"
INSTANCE_AVAILABILITY = "00080056"
MODALITY = "00080060"
MODALITIES_IN_STUDY = "00080061"
TIMEZONE_OFFSET_FROM_UTC = "00080201"
RETRIEVE_URL = "00081190"
TRANSFER_SYNTAX_UID = "00020010"
AVAILABLE_TRANSFER_SYNTAX_UID = "00083002"
STUDY_INSTANCE_UID = "0020000D"
SERIES_INSTANCE_UID = "0020000E"
SOP_INSTANCE_UID = "00080018"
REQUEST_ATTRIBUTES_SEQUENCE = "00400275"
NUMBER_OF_STUDY_RELATED_SERIES = "00201206"
NUMBER_OF_STUDY_RELATED_INSTANCES = "00201208"
NUMBER_OF_SERIES_RELATED_INSTANCES = "00201209"

# Type R of Tables 10.6.3-3 to 10.6.3-5: returned with their VR alone when there is no value. One exception is
# ModalitiesInStudy: widespread viewers fail on the empty attribute, so a study without any modality leaves it out.
REQUIRED_RETURN: Mapping[Level, Mapping[str, str]] = MappingProxyType(
    {
        Level.STUDY: MappingProxyType(
            {
                "00080020": "DA",
                "00080030": "TM",
                "00080050": "SH",
                "00080090": "PN",
                "00100010": "PN",
                "00100020": "LO",
                "00100030": "DA",
                "00100040": "CS",
                STUDY_INSTANCE_UID: "UI",
                "00200010": "SH",
                NUMBER_OF_STUDY_RELATED_SERIES: "IS",
                NUMBER_OF_STUDY_RELATED_INSTANCES: "IS",
            }
        ),
        Level.SERIES: MappingProxyType(
            {
                MODALITY: "CS",
                SERIES_INSTANCE_UID: "UI",
                "00200011": "IS",
                NUMBER_OF_SERIES_RELATED_INSTANCES: "IS",
            }
        ),
        Level.INSTANCE: MappingProxyType(
            {
                "00080016": "UI",
                SOP_INSTANCE_UID: "UI",
                "00200013": "IS",
            }
        ),
    }
)

# Type C "if known" of the same tables, and AvailableTransferSyntaxUID, which is optional.
KNOWN_RETURN: Mapping[Level, frozenset[str]] = MappingProxyType(
    {
        Level.STUDY: frozenset({INSTANCE_AVAILABILITY, MODALITIES_IN_STUDY, TIMEZONE_OFFSET_FROM_UTC}),
        Level.SERIES: frozenset(
            {TIMEZONE_OFFSET_FROM_UTC, "0008103E", "00400244", "00400245", REQUEST_ATTRIBUTES_SEQUENCE}
        ),
        Level.INSTANCE: frozenset(
            {
                INSTANCE_AVAILABILITY,
                TIMEZONE_OFFSET_FROM_UTC,
                AVAILABLE_TRANSFER_SYNTAX_UID,
                "00280008",
                "00280010",
                "00280011",
                "00280100",
            }
        ),
    }
)

# The two attributes of each Request Attributes item in Table 10.6.3-4.
REQUEST_ITEM_RETURN = ("00400009", "00401001")

# Owned by the instance, yet known of every level: the archive computes them for what is below.
RETURNED_AT_EVERY_LEVEL = frozenset(
    {
        SPECIFIC_CHARACTER_SET,
        INSTANCE_AVAILABILITY,
        TIMEZONE_OFFSET_FROM_UTC,
        RETRIEVE_URL,
        AVAILABLE_TRANSFER_SYNTAX_UID,
    }
)

# Computed by an archive, and not by this one: a filter on them would silently find nothing.
UNSUPPORTED_KEYS = frozenset(
    {
        "00020010",
        "00080062",
        "00080063",
        "00201200",
        "00201202",
        "00201204",
        "00081190",
    }
)

# Keys whose CS values can hold neither comma nor backslash: viewers send several, meaning any of them.
ANY_OF_CODES = frozenset({MODALITY, MODALITIES_IN_STUDY})


def returned_levels(level: Level, ref: ResourceRef) -> tuple[Level, ...]:
    """Return the levels whose attributes a search returns by default (PS3.18 10.6.3.3).

    A relational search (`/series`, `/instances`, a study's `/instances`) adds those of the parents that the
    target URI does not name.
    """
    if level is Level.STUDY:
        return (Level.STUDY,)
    parents = () if ref.study is not None else (Level.STUDY,)
    if level is Level.SERIES:
        return (*parents, Level.SERIES)
    return (*parents, *(() if ref.series is not None else (Level.SERIES,)), Level.INSTANCE)


def default_return(level: Level, ref: ResourceRef) -> frozenset[str]:
    """Return the tags of Tables 10.6.3-3 to 10.6.3-5 for a resource, with the unique keys of the parents."""
    tags = {SPECIFIC_CHARACTER_SET, RETRIEVE_URL, STUDY_INSTANCE_UID}
    if level is not Level.STUDY:
        tags.add(SERIES_INSTANCE_UID)
    for returned in returned_levels(level, ref):
        tags.update(REQUIRED_RETURN[returned])
        tags.update(KNOWN_RETURN[returned])
    return frozenset(tags)
