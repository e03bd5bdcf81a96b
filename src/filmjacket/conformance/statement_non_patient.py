"""Non-patient instances and storage commitment in the statement, beyond the register (PS3.2 N.5.3.4, N.5.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.conformance.commitment import FAILURES
from filmjacket.conformance.document import Bullets, Paragraph, Table
from filmjacket.conformance.statement_texts import BEHAVIOUR
from filmjacket.dicom import dictionary
from filmjacket.dicom.sop_classes import NON_PATIENT_CATEGORIES, storage_name
from filmjacket.web.non_patient_tables import EXTENSION_CATEGORIES, TABLES, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.conformance.document import Block
    from filmjacket.settings import Settings


def _non_patient() -> tuple[Block, ...]:
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
    name = ".".join(dictionary.keyword_of(tag) or tag for tag in row.path)
    return name, ".".join(f"({tag[:4]},{tag[4:]})" for tag in row.path), row.matching, row.returned


def _commitment() -> tuple[Block, ...]:
    reasons = tuple((f"{code:04X}H", str(int(code)), text) for code, text in FAILURES.items())
    table = Table(
        "Table 5-13F: Failure reasons of storage commitment",
        ("Code", "Decimal", "Condition"),
        reasons,
        (0.15, 0.15, 0.7),
    )
    return Bullets(BEHAVIOUR["commitment"]), table


EXTRA_BLOCKS: Final[Mapping[str, Callable[[], tuple[Block, ...]]]] = {"12": _non_patient, "13": _commitment}
"""By chapter of PS3.18."""


def configured(chapter: str, settings: Settings) -> tuple[Block, ...] | None:
    """Section N.6.3 of a service (N.6.3.4, N.6.3.5); None if there is nothing to say."""
    if chapter == "12":
        text = "Base URI, port, limits, `duplicates` and `search.` are those of the Studies Service, see 6.3.2."
        return (Paragraph(text),)
    if chapter == "13":
        rule = settings.commitment
        rows = (
            ("Result Availability Duration", "SERVICE", "7 days", f"{rule.result_days} days", "Then 410."),
            ("Longest wait for an answer", "SERVICE", "5.0 s", f"{rule.immediate_seconds} s", "Then 202."),
        )
        head = ("Parameter", "Configurable", "Default Value", "Value here", "Comments")
        return (Table("Table 6-13: Storage commitment", head, rows, (0.3, 0.13, 0.17, 0.2, 0.2)),)
    return None
