"""What the conformance statement says of procedure steps besides the register: keys, attributes, sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.conformance.document import Bullets, Table
from filmjacket.conformance.procedures import BEHAVIOUR
from filmjacket.conformance.search_attributes import keyword_path
from filmjacket.dicom import dictionary
from filmjacket.services.procedures.mpps_table import MPPS_TABLE, AttributeRow
from filmjacket.web.scheduled_step_tables import KEY_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.document import Block


def scheduled_blocks() -> tuple[Block, ...]:
    """N.5.3.7: how the worklist behaves, and the attributes of Table K.6-1."""
    rows = tuple(
        (
            keyword_path(row.path),
            " ".join(f"({tag[:4]},{tag[4:]})" for tag in row.path),
            "-" if row.path[-1] == "00080005" else row.matching or "O",
            row.returned,
        )
        for row in KEY_TABLE
    )
    head = ("Attribute Name", "Tag", "Matching Key", "Return Key")
    caption = "Table 5-14.0: Attributes of the search (R required, O optional; return types of PS3.4 Table K.6-1)"
    sentences = Bullets((*BEHAVIOUR["scheduled"], *BEHAVIOUR["schedule"]))
    return sentences, Table(caption, head, rows, (0.5, 0.26, 0.12, 0.12))


def performed_blocks() -> tuple[Block, ...]:
    """N.5.3.8: how performed steps behave, and the attributes of Table F.7.2-1."""
    head = ("Attribute Name", "Tag", "Create", "Set", "Final State")
    caption = "Table 5-15.0: Attributes of performed procedure steps (types for the user agent; NA not allowed)"
    rows = tuple(_rows(MPPS_TABLE, ""))
    return Bullets(BEHAVIOUR["performed"]), Table(caption, head, rows, (0.48, 0.16, 0.12, 0.1, 0.14))


def _rows(rows: tuple[AttributeRow, ...], indent: str) -> Iterator[tuple[str, ...]]:
    for row in rows:
        name = indent + (dictionary.keyword_of(row.tag) or row.tag)
        yield name, f"({row.tag[:4]},{row.tag[4:]})", row.create, row.set, "1" if row.final else ""
        yield from _rows(row.items, f"{indent}> ")
