"""Writes a document as Markdown (GitHub flavour)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.conformance.document import Bullets, Contents, Figure, Paragraph, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.document import Block, Document, Section


def as_markdown(document: Document) -> str:
    """The document; the writer makes the headings' links itself."""
    return "\n".join(_lines(document)).rstrip("\n") + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"# {document.title}\n"
    yield f"**{document.subtitle}**\n"
    yield from _table("", ("", ""), document.facts)
    for section in document.walk():
        yield f"{'#' * min(section.depth + 1, 6)} {section.heading}\n"
        for block in section.blocks:
            yield from _block(block, document)


def _block(block: Block, document: Document) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield block.text + "\n"
    elif isinstance(block, Bullets):
        yield "\n".join(f"- {item}" for item in block.items) + "\n"
    elif isinstance(block, Table):
        yield from _table(block.caption, block.head, block.rows)
    elif isinstance(block, Contents):
        yield from _contents(document)
    else:
        yield from _figure(block)


def _table(caption: str, head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    if caption:
        yield f"**{caption}**\n"
    lines = [head, ("---",) * len(head), *rows]
    yield "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _contents(document: Document) -> Iterator[str]:
    sections = [section for section in document.walk() if section.depth <= 2]
    yield "\n".join(f"{'  ' * (section.depth - 1)}- {_link(section)}" for section in sections) + "\n"


def _link(section: Section) -> str:
    plain = "".join(letter for letter in section.heading.lower() if letter.isalnum() or letter in " -_")
    return f"[{section.heading}](#{plain.replace(' ', '-')})"


def _figure(figure: Figure) -> Iterator[str]:
    """A drawing in words: who talks to whom."""
    yield f"**{figure.caption}**\n"
    boxes = figure.boxes

    def at(x: float, y: float) -> str:
        near = min(boxes, key=lambda box: abs(box.x + box.width / 2 - x) + abs(box.y + box.height / 2 - y))
        return " ".join(near.lines)

    lines = [
        f"- {at(row.x1, row.y1)} {'⇄' if row.both else '→'} {at(row.x2, row.y2)}"
        + (f": {row.label}" if row.label else "")
        for row in figure.arrows
    ]
    yield "\n".join(lines) + "\n"
