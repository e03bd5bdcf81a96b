"""Writes a document as PDF with ReportLab: cover, table of contents, page numbers, tables that break over pages.

The standard fonts are used, which every reader has: texts are those of Windows-1252, anything else becomes a `?`.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Line, Polygon, Rect, String
from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    KeepTogether,
    ListFlowable,
    LongTable,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Paragraph as Text
from reportlab.platypus.tableofcontents import TableOfContents

from filmjacket.conformance.document import Bullets, Contents, Figure, Paragraph, Table, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Flowable

    from filmjacket.conformance.document import Arrow, Block, Box, Document, Section

MARGIN: Final = 20 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
INK: Final = colors.HexColor("#1b2733")
SOFT: Final = colors.HexColor("#5a6978")
LINE: Final = colors.HexColor("#c9d2db")
BAND: Final = colors.HexColor("#f4f6f9")
ACCENT: Final = colors.HexColor("#0b5cad")
HEAD: Final = colors.HexColor("#e2e9f1")

_plain = partial(ParagraphStyle, fontName="Helvetica", textColor=INK, alignment=TA_LEFT)
BODY: Final = _plain("body", fontSize=9.5, leading=13.5, spaceAfter=6)
CELL: Final = _plain("cell", fontSize=7.6, leading=9.8, wordWrap="LTR", splitLongWords=1)
CELL_HEAD: Final = _plain("cell head", parent=CELL, fontSize=7.6, leading=9.8, fontName="Helvetica-Bold")
CAPTION: Final = _plain("caption", fontSize=8.5, leading=11, fontName="Helvetica-Bold", spaceBefore=6, spaceAfter=3)
TITLE: Final = _plain("title", fontSize=28, leading=34, fontName="Helvetica-Bold")
SUBTITLE: Final = _plain("subtitle", fontSize=15, leading=20, textColor=SOFT, spaceAfter=26)
HEADINGS: Final = tuple(
    _plain(f"h{depth}", fontSize=size, leading=size * 1.25, fontName="Helvetica-Bold", spaceBefore=before,
           spaceAfter=5, keepWithNext=1, textColor=ACCENT if depth == 1 else INK)
    for depth, size, before in ((1, 17, 4), (2, 13, 14), (3, 11, 11), (4, 10, 9))
)  # fmt: skip
ENTRIES: Final = tuple(
    _plain(f"toc{depth}", fontSize=size, leading=lead, leftIndent=12 * (depth - 1), fontName=font,
           spaceBefore=4 if depth == 1 else 0)
    for depth, size, lead, font in ((1, 9.5, 13, "Helvetica-Bold"), (2, 9, 12, "Helvetica"), (3, 8.5, 11, "Helvetica"))
)  # fmt: skip


def as_pdf(document: Document) -> bytes:
    """The whole file; the same document always gives the same bytes."""
    out = BytesIO()
    template = _Template(out, document)
    template.multiBuild(list(_story(document)))
    return out.getvalue()


class _Template(BaseDocTemplate):
    """Page layouts, and headings that find their way into contents and bookmarks."""

    def __init__(self, out: BytesIO, document: Document) -> None:
        title = f"{document.title} - {document.subtitle}"
        # ReportLab's own types leave the keywords open.
        cast("Any", super()).__init__(out, pagesize=A4, title=title, author="Filmjacket", invariant=1)
        self._running = document.subtitle + " - " + document.title
        frame = Frame(MARGIN, 20 * mm, WIDTH, A4[1] - 42 * mm, 0, 0, 0, 0, id="text")
        cover = Frame(MARGIN, 30 * mm, WIDTH, A4[1] - 100 * mm, 0, 0, 0, 0, id="cover")
        self.addPageTemplates(
            [
                PageTemplate("cover", [cover], onPage=self._cover),
                PageTemplate("text", [frame], onPage=self._page),
            ]
        )

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - ReportLab calls it
        """Note a heading for the table of contents and as a bookmark."""
        section = cast("Section | None", getattr(flowable, "section", None))
        if section is None:
            return
        canvas = cast("Any", self).canv
        canvas.bookmarkPage(section.anchor)
        canvas.addOutlineEntry(_fit(section.heading), section.anchor, min(section.depth, 3) - 1, closed=True)
        if section.depth <= len(ENTRIES):
            self.notify("TOCEntry", (section.depth - 1, escape(_fit(section.heading)), self.page, section.anchor))

    def _cover(self, canvas: Canvas, _template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFillColor(ACCENT)
        canvas.rect(0, A4[1] - 12 * mm, A4[0], 12 * mm, stroke=0, fill=1)
        canvas.restoreState()

    def _page(self, canvas: Canvas, _template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN, A4[1] - 13 * mm, _fit(self._running))
        canvas.drawRightString(A4[0] - MARGIN, 11 * mm, f"Page {canvas.getPageNumber()}")
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, A4[1] - 15 * mm, A4[0] - MARGIN, A4[1] - 15 * mm)
        canvas.restoreState()


def _story(document: Document) -> Iterator[Flowable]:
    yield Text(_fit(document.title), TITLE)
    yield Text(_fit(document.subtitle), SUBTITLE)
    rows = [[Text(_fit(name), CELL_HEAD), Text(_markup(value), CELL)] for name, value in document.facts]
    yield LongTable(rows, colWidths=[WIDTH * 0.3, WIDTH * 0.7], style=_facts_style(), hAlign="LEFT")
    yield NextPageTemplate("text")
    for section in document.walk():
        if section.depth == 1:
            yield PageBreak() if section.number[0] not in "BCDE" else Spacer(1, 10)
        heading = Text(escape(_fit(section.heading)), HEADINGS[min(section.depth, len(HEADINGS)) - 1])
        cast("Any", heading).section = section
        yield CondPageBreak(45 * mm)
        yield heading
        for block in section.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[Flowable]:
    if isinstance(block, Paragraph):
        yield Text(_markup(block.text), BODY)
    elif isinstance(block, Bullets):
        items = [Text(_markup(item), BODY) for item in block.items]
        yield ListFlowable(items, bulletType="bullet", bulletFontSize=6, leftIndent=12, bulletOffsetY=-2, start="•")
    elif isinstance(block, Contents):
        contents = TableOfContents()
        contents.levelStyles = list(ENTRIES)
        contents.dotsMinLevel = 0
        yield contents
    elif isinstance(block, Table):
        yield from _table(block)
    else:
        yield KeepTogether([Spacer(1, 8), _figure(block), Text(_fit(block.caption), CAPTION), Spacer(1, 8)])


def _table(table: Table) -> Iterator[Flowable]:
    caption = Text(escape(_fit(table.caption)), CAPTION)
    yield CondPageBreak(35 * mm)
    yield caption
    rows = [[Text(_markup(cell), CELL_HEAD) for cell in table.head]]
    rows += [[Text(_markup(cell), CELL) for cell in row] for row in table.rows]
    shares = table.widths or (1 / len(table.head),) * len(table.head)
    widths = [WIDTH * share / sum(shares) for share in shares]
    yield LongTable(rows, colWidths=widths, repeatRows=1, style=_table_style(len(rows)), hAlign="LEFT")
    yield Spacer(1, 8)


def _table_style(rows: int) -> TableStyle:
    bands = [("BACKGROUND", (0, row), (-1, row), BAND) for row in range(2, rows, 2)]
    return TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.4, LINE),
            ("BACKGROUND", (0, 0), (-1, 0), HEAD),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            *bands,
        ]
    )


def _facts_style() -> TableStyle:
    return TableStyle(
        [
            ("LINEABOVE", (0, 0), (-1, -1), 0.5, LINE),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, LINE),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
        ]
    )


def _fit(text: str) -> str:
    """What the standard fonts can show."""
    return text.encode("cp1252", "replace").decode("cp1252")


def _markup(text: str) -> str:
    """A text as ReportLab's markup; long code may break behind slashes and dots."""
    runs: list[str] = []
    for piece, code in pieces(text):
        run = escape(_fit(piece))
        runs.append(f'<font name="Courier" size="-0.4">{run}</font>' if code else run)
    return "".join(runs)


def _figure(figure: Figure) -> Drawing:
    drawing = Drawing(figure.width, figure.height + 16)
    flip = figure.height + 16
    if figure.boundary:
        x = figure.boundary
        drawing.add(Line(x, flip, x, 16, strokeColor=SOFT, strokeWidth=0.8, strokeDashArray=[4, 3]))
        drawing.add(_string(x, 4, figure.boundary_label, 7.5, SOFT))
    for arrow in figure.arrows:
        for shape in _arrow(arrow, flip):
            drawing.add(shape)
    for box in figure.boxes:
        for shape in _box(box, flip):
            drawing.add(shape)
    return drawing


def _arrow(arrow: Arrow, flip: float) -> Iterator[Line | Polygon | String]:
    start, end = (arrow.x1, flip - arrow.y1), (arrow.x2, flip - arrow.y2)
    yield Line(*start, *end, strokeColor=SOFT, strokeWidth=0.8)
    yield _head(start, end)
    if arrow.both:
        yield _head(end, start)
    if arrow.label:
        yield _string((start[0] + end[0]) / 2 + 10, (start[1] + end[1]) / 2 + 5, arrow.label, 7.5, SOFT)


def _head(start: tuple[float, float], end: tuple[float, float]) -> Polygon:
    """A small triangle whose point is the end."""
    along = (end[0] - start[0], end[1] - start[1])
    length = (along[0] ** 2 + along[1] ** 2) ** 0.5 or 1.0
    unit = (along[0] / length * 6, along[1] / length * 6)
    foot = (end[0] - unit[0], end[1] - unit[1])
    across = (-unit[1] * 0.4, unit[0] * 0.4)
    points = [*end, foot[0] + across[0], foot[1] + across[1], foot[0] - across[0], foot[1] - across[1]]
    return Polygon(points, fillColor=SOFT, strokeColor=SOFT, strokeWidth=0.2)


def _box(box: Box, flip: float) -> Iterator[Rect | String]:
    entity = box.kind == "entity"
    look: dict[str, Any] = {
        "fillColor": HEAD if entity else BAND,
        "strokeColor": ACCENT if entity else SOFT,
        "strokeWidth": 1.4 if entity else 0.7,
    }
    yield Rect(box.x, flip - box.y - box.height, box.width, box.height, rx=4, ry=4, **look)
    top = flip - box.y - box.height / 2 - 3 + 5.5 * (len(box.lines) - 1)
    for number, line in enumerate(box.lines):
        yield _string(box.x + box.width / 2, top - 11 * number, line, 9 if number == 0 else 8.5, INK)


def _string(x: float, y: float, text: str, size: float, color: colors.Color) -> String:
    return String(x, y, _fit(text), fontName="Helvetica", fontSize=size, fillColor=color, textAnchor="middle")
