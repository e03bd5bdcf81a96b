"""Writes a report as PDF with ReportLab: running head with the patient's name, page numbers, tables over pages."""

from __future__ import annotations

import re
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast
from xml.sax.saxutils import escape, quoteattr

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, Frame, LongTable, PageTemplate, Paragraph, Spacer, TableStyle
from reportlab.platypus.doctemplate import LayoutError

from filmjacket.errors import NotAcceptable
from filmjacket.reports.blocks import Bullets, Embedded, Gallery, Prose, Row, Rows, Run, Section, Table, as_string
from filmjacket.reports.pdf_fonts import fonts_for
from filmjacket.reports.plain_text import as_plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Flowable

    from filmjacket.reports.blocks import Block, Report, Text
    from filmjacket.reports.pdf_fonts import Fonts

MAX_CHARACTERS: Final = 250_000
"""Text of a document that is set as PDF: some 100 pages, ten to twenty seconds."""

MARGIN: Final = 18 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
INK: Final = colors.HexColor("#16202b")
SOFT: Final = colors.HexColor("#55636f")
LINE: Final = colors.HexColor("#d3dbe3")
BAND: Final = colors.HexColor("#f4f6f9")
HEAD: Final = colors.HexColor("#e9eef4")
ACCENT: Final = "#0b5cad"
WARN: Final = colors.HexColor("#fff4d6")
# Longest piece of text that is one flowable: a longer one would not fit on a page of its own.
_PIECE: Final = 2500
_DEEPEST: Final = 6


def as_pdf(report: Report, *, elsewhere: str = "") -> bytes:
    """The whole file. `elsewhere` is where the same report can be read as HTML, for what PDF cannot show.

    Raises `NotAcceptable` for a document that would take too long to set.
    """
    text: list[str] = []
    size = 0
    for line in as_plain_text(report):
        text.append(line)
        size += len(line)
        if size > MAX_CHARACTERS:
            raise _unsettable(f"it has over {MAX_CHARACTERS} characters")
    return _Writer(report, "".join(text), elsewhere).write()


class _Writer:
    def __init__(self, report: Report, text: str, elsewhere: str) -> None:
        self._report = report
        self._elsewhere = elsewhere
        self._fonts: Fonts = fonts_for(text)
        self._missing = self._fonts.missing(text)
        style = partial(ParagraphStyle, fontName=self._fonts.regular, textColor=INK, splitLongWords=1)
        self._writers: dict[type[Block], Callable[[Any, int], Iterator[Flowable]]] = {
            Section: self._section,
            Rows: self._row_list,
            Prose: self._prose,
            Table: self._table,
            Gallery: self._gallery,
            Bullets: self._bullets,
            Embedded: self._embedded,
        }
        self._body = style("body", fontSize=9.5, leading=13.5, spaceAfter=4)
        self._cell = style("cell", fontSize=8.5, leading=11)
        self._small = style("small", fontSize=8, leading=10.5, textColor=SOFT)
        self._group = style("group", parent=self._small, fontSize=8.5, leading=11, spaceBefore=6)
        self._title = style("title", fontSize=17, leading=21, fontName=self._fonts.bold)
        self._warn = style(
            "warn", fontSize=9.5, leading=13, backColor=WARN, borderPadding=5, spaceBefore=8, spaceAfter=8
        )
        self._headings = [
            style(f"h{n}", fontSize=size, leading=size * 1.3, fontName=self._fonts.bold, spaceBefore=before,
                  spaceAfter=3, keepWithNext=1)
            for n, size, before in ((2, 13, 12), (3, 11, 9), (4, 10, 7))
        ]  # fmt: skip

    def write(self) -> bytes:
        out = BytesIO()
        # ReportLab's own types leave the keywords open.
        make = cast("Any", BaseDocTemplate)
        template = make(
            out, pagesize=A4, title=as_string(self._report.title), author="", producer="Filmjacket", invariant=1
        )
        frame = Frame(MARGIN, 18 * mm, WIDTH, A4[1] - 38 * mm, 0, 0, 0, 0)
        template.addPageTemplates([PageTemplate("page", [frame], onPage=self._page)])
        try:
            template.build(list(self._story()))
        except LayoutError:
            raise _unsettable("it has something that does not fit on a page") from None
        return out.getvalue()

    def _page(self, canvas: Canvas, _template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFillColor(SOFT)
        self._draw(canvas, MARGIN, A4[1] - 12 * mm, self._running())
        canvas.setFont(self._fonts.regular, 8)
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {canvas.getPageNumber()}")
        canvas.setStrokeColor(LINE)
        canvas.line(MARGIN, A4[1] - 14 * mm, A4[0] - MARGIN, A4[1] - 14 * mm)
        canvas.restoreState()

    def _running(self) -> str:
        """Each page says whose it is."""
        facts = {
            name: value for group in self._report.groups if group.heading == "Patient" for name, value in group.facts
        }
        parts = (facts.get("Name"), facts.get("ID"), facts.get("Birth date"), as_string(self._report.title))
        return "  ·  ".join(part for part in parts if part)[:140]

    def _draw(self, canvas: Canvas, x: float, y: float, text: str) -> None:
        for font, run in self._fonts.runs(text):
            canvas.setFont(font, 8)
            canvas.drawString(x, y, run)
            x += canvas.stringWidth(run, font, 8)

    def _story(self) -> Iterator[Flowable]:
        yield self._paragraph(self._report.title, self._title)
        yield self._paragraph((Run(self._report.kind),), self._small)
        for group in self._report.groups:
            yield self._paragraph((Run(group.heading, strong=True),), self._group)
            rows = tuple(Row((Run(name),), (Run(value),)) for name, value in group.facts)
            yield from self._rows(rows, 0)
        if self._missing:
            where = f" The page at {self._elsewhere} shows them." if self._elsewhere else ""
            note = (
                f"{self._missing} characters of this report cannot be shown in this PDF and are white squares.{where}"
            )
            yield self._paragraph((Run(note, strong=True),), self._warn)
        for warning in self._report.banner:
            yield self._paragraph((Run(warning, strong=True),), self._warn)
        for block in self._report.blocks:
            yield from self._block(block, 0)

    def _block(self, block: Block, level: int) -> Iterator[Flowable]:
        return self._writers[type(block)](block, level)

    def _section(self, section: Section, level: int) -> Iterator[Flowable]:
        style = self._headings[min(level, len(self._headings) - 1)]
        yield self._paragraph(section.heading, style, section.anchor)
        for block in section.blocks:
            yield from self._block(block, level + 1)

    def _row_list(self, rows: Rows, _level: int) -> Iterator[Flowable]:
        yield from self._rows(rows.rows, 0)

    def _gallery(self, gallery: Gallery, _level: int) -> Iterator[Flowable]:
        for picture in gallery.pictures:
            caption = tuple(Run(run.text, run.note, picture.href, run.strong) for run in picture.caption)
            yield self._paragraph((Run("• "), *caption), self._body, picture.anchor)
            yield from self._rows(picture.details, 1)

    def _bullets(self, bullets: Bullets, level: int) -> Iterator[Flowable]:
        for number, item in enumerate(bullets.items, 1):
            yield self._paragraph((Run(f"{number}." if bullets.ordered else "•"),), self._small)
            for block in item:
                yield from self._block(block, level)

    def _embedded(self, embedded: Embedded, _level: int) -> Iterator[Flowable]:
        yield self._paragraph((Run(embedded.label, href=embedded.href),), self._body)

    def _prose(self, block: Prose, _level: int) -> Iterator[Flowable]:
        if block.label:
            label = tuple(Run(run.text, run.note, run.href, strong=True) for run in block.label)
            yield self._paragraph(label, self._body, block.anchor)
        for paragraph in _lines(block.text):
            yield self._paragraph(paragraph, self._body) if paragraph else Spacer(1, 6)
        yield from self._rows(block.details, 1)

    def _rows(self, rows: tuple[Row, ...], level: int) -> Iterator[Flowable]:
        """Label and value side by side, details below, each in a table of its own so that pages can end anywhere."""
        indent = min(level, _DEEPEST) * 5 * mm
        for row in rows:
            label = self._paragraph(row.label, self._small, row.anchor)
            lines = [self._paragraph(piece, self._cell) for piece in _lines(row.value) if piece]
            cells = [["", label, lines[0] if lines else ""], *(["", "", line] for line in lines[1:])]
            widths = [indent, WIDTH * 0.3, WIDTH * 0.7 - indent]
            yield _long_table(cells, colWidths=widths, style=_ROW, hAlign="LEFT", spaceBefore=0, spaceAfter=0)
            yield from self._rows(row.details, level + 1)

    def _table(self, table: Table, _level: int) -> Iterator[Flowable]:
        if table.caption:
            yield self._paragraph(table.caption, self._body)
        rows = [[self._paragraph(cell, self._cell) for cell in row] for row in table.rows]
        columns = max((len(row) for row in table.rows), default=len(table.head))
        if not columns or not (rows or any(table.head)):
            return
        head = [[self._paragraph(cell, self._cell) for cell in table.head]] if any(table.head) else []
        cells = [row + [""] * (columns - len(row)) for row in [*head, *rows]]
        look = [("BACKGROUND", (0, 0), (-1, 0), HEAD)] if head else []
        style = TableStyle([*_GRID, *look])
        yield _long_table(cells, colWidths=_widths(table, columns), repeatRows=len(head), style=style, hAlign="LEFT")
        yield Spacer(1, 8)

    def _paragraph(self, text: Text, style: ParagraphStyle, anchor: str = "") -> Paragraph:
        bold = style.fontName == self._fonts.bold
        target = f"<a name={quoteattr(anchor)}/>" if anchor else ""
        return Paragraph(target + "".join(self._markup(run, bold=bold) for run in text)[: 40 * _PIECE], style)

    def _markup(self, run: Run, *, bold: bool) -> str:
        parts = "".join(
            f'<font name="{font}">{escape(characters)}</font>'
            for font, characters in self._fonts.runs(_printable(run.text), bold=bold or run.strong)
        )
        # Links inside the page would need every target to be there; only addresses become links.
        return f'<a href={quoteattr(run.href)} color="{ACCENT}">{parts}</a>' if run.href.startswith("http") else parts


def _unsettable(why: str) -> NotAcceptable:
    return NotAcceptable(
        f"This report cannot be set as PDF here: {why}.",
        section="8.7.4",
        offender="application/pdf",
        accepted=("text/html", "text/plain", "text/xml"),
    )


def _long_table(cells: list[list[Any]], **how: Any) -> LongTable:  # noqa: ANN401 - ReportLab's own keywords
    """A table whose rows may go on on the next page."""
    return cast("Any", LongTable)(cells, splitInRow=1, **how)


def _lines(text: Text) -> Iterator[Text]:
    """Lines of a text, none longer than what surely fits on a page."""
    line: list[Run] = []
    room = _PIECE
    for run in text:
        for number, piece in enumerate(run.text.splitlines() or [""]):
            if number:
                yield tuple(line)
                line, room = [], _PIECE
            rest = piece
            while len(rest) > room:
                yield (*line, Run(rest[:room], run.note, run.href, run.strong))
                rest, line, room = rest[room:], [], _PIECE
            if rest:
                line.append(Run(rest, run.note, run.href, run.strong))
                room -= len(rest)
    yield tuple(line)


def _printable(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+", " ", text)


def _widths(table: Table, columns: int) -> list[float]:
    """Shares of the width by the longest text of each column, within reason."""
    sizes = [12] * columns
    for row in (table.head, *table.rows[:200]):
        for column, cell in enumerate(row[:columns]):
            sizes[column] = max(sizes[column], min(len(as_string(cell)), 40))
    return [WIDTH * size / sum(sizes) for size in sizes]


_ROW: Final = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ]
)
_GRID: Final = [
    ("GRID", (0, 0), (-1, -1), 0.4, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
]
