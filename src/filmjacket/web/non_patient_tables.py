"""The tables of the Non-Patient Instance service as data (PS3.18 chapter 12; PS3.4 U, X, BB, HH, II, JJ).

PS3.18 has five resource categories and seven search tables: `implant-templates` has three, one for each SOP class.
`protocol-approvals` is an extension, which CP-2551 wants to make the sixth category.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import dictionary
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.json_model import filter_attributes
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.dicom.attributes import Attributes

EXTENSION_CATEGORIES: Final = frozenset({"protocol-approvals"})
"""Categories that PS3.18 does not have (yet)."""

SPECIFIC_CHARACTER_SET: Final = "00080005"
SOP_CLASS_UID: Final = "00080016"
SOP_INSTANCE_UID: Final = "00080018"
_TIMEZONE_OFFSET_FROM_UTC: Final = "00080201"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: path of tags, matching key (R required, U unique, O optional, "" none), return key type."""

    path: tuple[str, ...]
    matching: str
    returned: str


@dataclass(frozen=True, slots=True)
class Table:
    """One search table: where it stands, SOP classes it is about, the attribute that is their name, its rows."""

    section: str
    title: str
    sop_classes: tuple[str, ...]
    label: str
    rows: tuple[Row, ...]


def _rows(text: str) -> tuple[Row, ...]:
    found = [Row((SOP_CLASS_UID,), "R", "1"), Row((SOP_INSTANCE_UID,), "U", "1")]
    for line in text.split():
        path, matching, returned = line.split("/")
        found.append(Row(tuple(path.split(".")), matching, returned))
    return tuple(found)


_REFERENCE = "00081150", "00081155"


def _references(tag: str, returned: str) -> str:
    """A sequence of references to SOP instances, each of which can be asked for."""
    return " ".join((f"{tag}/R/{returned}", *(f"{tag}.{member}/R/1" for member in _REFERENCE)))


COLOR_PALETTE: Final = Table(
    "PS3.4 X.6-1",
    "Color palettes",
    NON_PATIENT_CATEGORIES["color-palettes"],
    "00700080",
    _rows("00700080/R/1 00700081//2 00700084//2 00700087//3"),
)
HANGING_PROTOCOL: Final = Table(
    "PS3.4 U.6-1",
    "Hanging protocols",
    NON_PATIENT_CATEGORIES["hanging-protocols"],
    "00720002",
    _rows(
        """00720002/R/1 00720004//1 00720006/R/1 00720008//1 0072000A//1 0072000C/R/1 0072000C.00080060/R/2
        0072000C.00082218/R/2 0072000C.00200060/R/2 0072000C.00081032/R/2 0072000C.0040100A/R/2 00720014/R/1
        0072000E/R/2 00720010/R/3 00720100/R/2 00720102//2 00720102.00720104//1 00720102.00720106//1
        00720102.00720108//1 00720102.0072010A//1C 00720102.0072010C//1C 00720102.0072010E//3"""
    ),
)
DEFINED_PROCEDURE_PROTOCOL: Final = Table(
    "PS3.4 HH.6-1",
    "Defined procedure protocols",
    NON_PATIENT_CATEGORIES["defined-procedure-protocols"],
    "00181030",
    _rows(
        f"""00080012/R/1 00080013/R/1 0040A07C/R/2 0040A07C.00080080/R/2 0040A07C.00080082/R/2 00080220/R/2
        00181030/R/1 00189906/R/1 00189907/R/1 00189908//2 00189909/R/2 0018990A//2 {_references("0018990E", "2")}
        00700084/R/1 00120010/R/1 00120020/R/1 00080221/R/1 00189912/R/2 00189912.00080070/R/1
        00189912.00080222/R/2 00189912.00081090/R/1 00189912.00181020/R/2 00189912.00181000//2 00082218/R/2
        00082228/R/2"""
    ),
)
GENERIC_IMPLANT_TEMPLATE: Final = Table(
    "PS3.4 BB.6-1",
    "Generic implant templates",
    NON_PATIENT_CATEGORIES["implant-templates"][:1],
    "00221095",
    _rows(
        f"""00080070/R/1 00221095/R/1 00686210/R/2 00221097/R/1 {_references("00686222", "2")}
        {_references("00686224", "2")} {_references("00686225", "2")} 00686226/R/1 00686230/R/2 006862A0/R/2
        006863A0/R/1 006863A4/R/1"""
    ),
)
IMPLANT_ASSEMBLY_TEMPLATE: Final = Table(
    "PS3.4 BB.6-2",
    "Implant assembly templates",
    NON_PATIENT_CATEGORIES["implant-templates"][1:2],
    "00760001",
    _rows(
        f"""00760001/R/1 00080070/R/1 00760020/R/1 {_references("00760008", "1")} {_references("0076000C", "1")}
        {_references("0076000E", "1")} 00760030/R/2"""
    ),
)
IMPLANT_TEMPLATE_GROUP: Final = Table(
    "PS3.4 BB.6-3",
    "Implant template groups",
    NON_PATIENT_CATEGORIES["implant-templates"][2:],
    "00780001",
    _rows(f"00780001/R/1 00780010//2 00780020/R/1 00686226/R/1 {_references('00780026', '2')}"),
)
INVENTORY: Final = Table(
    "PS3.4 JJ.2-1",
    "Inventories",
    NON_PATIENT_CATEGORIES["inventories"],
    "00080401",
    _rows(
        """00081195/R/1C 00080023/R/1 00080033/O/1 00080400//2 00080401/O/1 00080402/O/2 00080403/O/1 00080426/O/1
        00080428/O/1 00080054//3 0008041A//3"""
    ),
)
PROTOCOL_APPROVAL: Final = Table(
    "PS3.4 II.6",
    "Protocol approvals",
    NON_PATIENT_CATEGORIES["protocol-approvals"],
    "",
    _rows(
        f"""00080012/R/1 00080013/R/1 {_references("00440109", "1")} 00440100/R/1 00440100.00440101/R/1
        00440100.00440103/R/1 00440100.00440103.0040A123/R/1 00440100.00440103.00401101/R/1
        00440100.00440103.0044010A/R/2 00440100.00440103.00080080/R/1 00440100.00440104/R/1 00440100.00440105/R/2"""
    ),
)
TABLES: Final = (
    COLOR_PALETTE,
    DEFINED_PROCEDURE_PROTOCOL,
    HANGING_PROTOCOL,
    GENERIC_IMPLANT_TEMPLATE,
    IMPLANT_ASSEMBLY_TEMPLATE,
    IMPLANT_TEMPLATE_GROUP,
    INVENTORY,
    PROTOCOL_APPROVAL,
)
_TABLE_OF: Final[Mapping[str, Table]] = MappingProxyType({uid: table for table in TABLES for uid in table.sop_classes})


def table_of(sop_class_uid: str) -> Table:
    """The search table of a non-patient SOP class."""
    return _TABLE_OF[sop_class_uid]


def tables_of(category: str) -> tuple[Table, ...]:
    """The search tables of a category: one, of implant templates three."""
    return tuple(dict.fromkeys(_TABLE_OF[uid] for uid in NON_PATIENT_CATEGORIES[category]))


def label_of(attributes: Attributes, sop_class_uid: str) -> str:
    """The name by which people know an instance; "" if it has none."""
    tag = table_of(sop_class_uid).label
    return (get_text(attributes, tag) or "").strip(" ") if tag else ""


@cache
def summary_tags(category: str) -> frozenset[str]:
    """Attributes that the search tables of a category name, and what says how to read them."""
    tags = {row.path[0] for table in tables_of(category) for row in table.rows}
    return frozenset(tags | {SPECIFIC_CHARACTER_SET, _TIMEZONE_OFFSET_FROM_UTC})


def summary_of(attributes: Attributes, category: str) -> Attributes:
    """The attributes with `summary_tags`: about these a summary says what the whole data set says."""
    return {tag: attributes[tag] for tag in summary_tags(category) if tag in attributes}


def default_attributes(summary: Attributes, sop_class_uid: str) -> Attributes:
    """What a search returns of an instance: types 1 and 2 even when empty, others when known (PS3.4 C.2.2.1.2)."""
    paths, required = _returned(sop_class_uid)
    found: Attributes = {tag: {"vr": vr} for tag, vr in required.items()}
    return found | filter_attributes(summary, paths)


@cache
def _returned(sop_class_uid: str) -> tuple[tuple[tuple[str, ...], ...], dict[str, str]]:
    """Paths to return, sequences only by the attributes that are named in their items; required tags with their VR."""
    rows = table_of(sop_class_uid).rows
    parents = {row.path[:-1] for row in rows}
    paths = tuple(row.path for row in rows if row.path not in parents)
    required = {
        row.path[0]: dictionary.vr_of(row.path[0]) or "UN"
        for row in rows
        if len(row.path) == 1 and row.returned in {"1", "2"}
    }
    return paths, required
