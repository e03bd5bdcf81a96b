"""Non-patient instances and storage commitment in the statement, beyond the register (PS3.2 N.5.3.4, N.5.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.conformance.commitment import FAILURES
from filmjacket.conformance.document import Bullets, Table
from filmjacket.conformance.search_attributes import keyword_path
from filmjacket.conformance.statement_texts import BEHAVIOUR
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES, storage_name
from filmjacket.web.non_patient_tables import EXTENSION_CATEGORIES, TABLES, Row

if TYPE_CHECKING:
    from filmjacket.conformance.document import Block


def non_patient_blocks() -> tuple[Block, ...]:
    """N.5.3.4: the SOP classes, how they are kept, and what can be searched for."""
    rows = tuple(
        (storage_name(uid) or uid, uid, "N", "Y", f"`/{category}`" + _extension(category))
        for category, uids in NON_PATIENT_CATEGORIES.items()
        for uid in uids
    )
    head = ("SOP Class Name", "SOP Class UID", "UA", "OS", "Comments")
    classes = Table("Table 5-12A: Non-patient SOP classes", head, rows, (0.32, 0.28, 0.06, 0.06, 0.28))
    searches = tuple(
        Table(
            f"Table 5-12S{number}: Search attributes, {table.title.lower()} ({table.section})",
            ("Attribute Name", "Tag", "Matching Key", "Return Key"),
            tuple(_attribute(row) for row in table.rows),
            (0.52, 0.22, 0.13, 0.13),
        )
        for number, table in enumerate(TABLES, 1)
    )
    return classes, Bullets(BEHAVIOUR["non-patient"]), *searches


def _extension(category: str) -> str:
    return " (extension of this server)" if category in EXTENSION_CATEGORIES else ""


def _attribute(row: Row) -> tuple[str, ...]:
    name = keyword_path(row.path)
    return name, ".".join(f"({tag[:4]},{tag[4:]})" for tag in row.path), row.matching, row.returned


def commitment_blocks() -> tuple[Block, ...]:
    """N.5.3.6: what is promised, and the failure reasons."""
    reasons = tuple((f"{code:04X}H", str(int(code)), text) for code, text in FAILURES.items())
    table = Table(
        "Table 5-13F: Failure reasons of storage commitment",
        ("Code", "Decimal", "Condition"),
        reasons,
        (0.15, 0.15, 0.7),
    )
    return Bullets(BEHAVIOUR["commitment"]), table
