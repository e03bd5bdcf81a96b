"""Writes a report as plain text in UTF-8 that reads well in a fixed-width font; links are written out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, assert_never

from filmjacket.reports.blocks import Bullets, Embedded, Gallery, Prose, Rows, Section, Table, as_string

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if isinstance(block, Section):
        heading = _clean(as_string(block.heading))
        yield f"\n{' ' * indent}{heading}\n{' ' * indent}{'-' * min(len(heading), WIDTH)}\n"
        for inner in block.blocks:
            yield from _block(inner, indent + STEP)
    elif isinstance(block, Rows):
        for row in block.rows:
            yield from _row(row, indent)
    elif isinstance(block, Prose):
        if block.label:
            yield from _wrapped(f"{as_string(block.label)}:", indent)
        for line in as_string(block.text).splitlines() or [""]:
            yield from _wrapped(line, indent + (STEP if block.label else 0))
        for row in block.details:
            yield from _row(row, indent + 2 * STEP)
    elif isinstance(block, Table):
        yield from _table(block, indent)
    elif isinstance(block, Gallery):
        for picture in block.pictures:
            yield from _wrapped(f"* {as_string(picture.caption)}", indent)
            if picture.href:
                yield f"{' ' * (indent + STEP)}{picture.href}\n"
            for row in picture.details:
                yield from _row(row, indent + 2 * STEP)
    elif isinstance(block, Bullets):
        yield from _bullets(block, indent)
    elif isinstance(block, Embedded):
        yield f"\n{' ' * indent}{block.label}:\n{' ' * indent}{block.href}\n"
    else:
        assert_never(block)


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
