"""Writes a report as plain text in UTF-8 that reads well in a fixed-width font; links are written out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from filmjacket.reports.blocks import Bullets, Embedded, Gallery, Prose, Rows, Section, Table, as_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.reports.blocks import Block, Report, Row

WIDTH: Final = 88
STEP: Final = 2


def as_plain_text(report: Report) -> Iterator[str]:
    """The text in lines, each with its line feed."""
    title = _clean(as_string(report.title))
    yield f"{title}\n{'=' * min(len(title), WIDTH)}\n{_clean(report.kind)}\n"
    for group in report.groups:
        yield f"\n{group.heading}\n"
        for name, value in group.facts:
            yield from _wrapped(f"{name}: {value}", STEP)
    for warning in report.banner:
        yield f"\n*** {_clean(warning)} ***\n"
    for block in report.blocks:
        yield from _block(block, 0)


def _block(block: Block, indent: int) -> Iterator[str]:
    return _WRITERS[type(block)](block, indent)


def _section(section: Section, indent: int) -> Iterator[str]:
    heading = _clean(as_string(section.heading))
    margin = " " * min(indent, WIDTH // 2)
    yield f"\n{margin}{heading}\n{margin}{'-' * min(len(heading), WIDTH)}\n"
    for block in section.blocks:
        yield from _block(block, indent + STEP)


def _rows(rows: Rows, indent: int) -> Iterator[str]:
    for row in rows.rows:
        yield from _row(row, indent)


def _prose(prose: Prose, indent: int) -> Iterator[str]:
    if prose.label:
        yield from _wrapped(f"{as_string(prose.label)}:", indent)
    for line in as_string(prose.text).splitlines() or [""]:
        yield from _wrapped(line, indent + (STEP if prose.label else 0))
    for row in prose.details:
        yield from _row(row, indent + 2 * STEP)


def _gallery(gallery: Gallery, indent: int) -> Iterator[str]:
    for picture in gallery.pictures:
        yield from _wrapped(f"* {as_string(picture.caption)}", indent)
        if picture.href:
            yield from _wrapped(picture.href, indent + STEP)
        for row in picture.details:
            yield from _row(row, indent + 2 * STEP)


def _embedded(embedded: Embedded, indent: int) -> Iterator[str]:
    yield "\n"
    yield from _wrapped(f"{embedded.label}:", indent)
    yield from _wrapped(embedded.href, indent)


def _row(row: Row, indent: int) -> Iterator[str]:
    label, value = as_string(row.label), as_string(row.value)
    yield from _wrapped(f"{label}: {value}" if label else value, indent)
    for detail in row.details:
        yield from _row(detail, indent + 2 * STEP)


def _table(table: Table, indent: int) -> Iterator[str]:
    """One line for each row, `head: cell`, so that no column is too narrow for its text."""
    if table.caption:
        yield from _wrapped(f"{as_string(table.caption)}:", indent)
    heads = [as_string(head) for head in table.head]
    measured = heads[:3] == ["Measurement", "Value", "Unit"]
    for row in table.rows:
        cells = [as_string(cell) for cell in row]
        start = 0
        line = ""
        if measured:
            line, start = f"{cells[0]}: {' '.join(filter(None, cells[1:3]))}", 3
        rest = [
            f"{head}: {cell}" if head and head != "Notes" else cell
            for head, cell in zip(heads[start:], cells[start:], strict=False)
            if cell
        ]
        extra = "; ".join(rest)
        if line and extra:
            line = f"{line} ({extra})"
        yield from _wrapped(line or extra, indent)


def _bullets(bullets: Bullets, indent: int) -> Iterator[str]:
    for number, item in enumerate(bullets.items, 1):
        mark = f"{number}. " if bullets.ordered else "- "
        first = True
        for block in item:
            for line in _block(block, indent + STEP):
                if first and line.strip():
                    yield f"{' ' * indent}{mark}{line.lstrip()}"
                    first = False
                else:
                    yield line


def _wrapped(text: str, indent: int) -> Iterator[str]:
    margin = " " * min(indent, WIDTH // 2)
    lines = textwrap.wrap(_clean(text), WIDTH, initial_indent=margin, subsequent_indent=margin + "  ",
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    for line in lines or [""]:
        yield f"{line}\n"


def _clean(text: str) -> str:
    """Without the control characters that a terminal would obey."""
    return "".join(character for character in text if character >= " " or character == "\t").replace("\x7f", "")


_WRITERS: Final[dict[type[Block], Callable[[Any, int], Iterator[str]]]] = {
    Section: _section,
    Rows: _rows,
    Prose: _prose,
    Table: _table,
    Gallery: _gallery,
    Bullets: _bullets,
    Embedded: _embedded,
}
