"""Writes a document as one HTML page that loads nothing from elsewhere and prints well."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from filmjacket.conformance.document import Bullets, Contents, Figure, Paragraph, Table, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.document import Block, Box, Document, Section

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b2733;--paper:#fff;--soft:#5a6978;--line:#d5dde5;--band:#f2f5f8;--accent:#0b5cad;
--head:#e4ebf2}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ed;--paper:#12171d;--soft:#95a3b2;--line:#2f3a46;--band:#181f27;
--accent:#7db7f0;--head:#202a35}}
*{box-sizing:border-box}html{scroll-behavior:smooth}
body{margin:0;font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:68rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
header.cover{border-bottom:3px solid var(--accent);padding-bottom:1.2rem;margin-bottom:2rem}
header.cover h1{font-size:2.1rem;margin:0;letter-spacing:-.01em}header.cover p{font-size:1.15rem;
color:var(--soft);margin:.2rem 0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.4rem;margin:0}dt{color:var(--soft)}dd{margin:0}
h2,h3,h4,h5,h6{line-height:1.25;margin:2.2rem 0 .6rem}h2{font-size:1.5rem;border-bottom:1px solid var(--line);
padding-bottom:.3rem;margin-top:3.2rem}h3{font-size:1.2rem}h4{font-size:1.05rem}h5,h6{font-size:1rem}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
code{font:.88em/1.4 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:.6rem 0 1.6rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}caption{text-align:left;font-weight:600;padding:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border:1px solid var(--line);overflow-wrap:anywhere}
th{background:var(--head);font-weight:600}tbody tr:nth-child(even){background:var(--band)}
nav ul{list-style:none;padding-left:1.2rem;margin:.1rem 0}nav>ul{padding:0;columns:2;column-gap:3rem}
nav li{break-inside:avoid}
nav>ul>li{margin-bottom:.5rem}nav>ul>li>a{font-weight:600}
figure{margin:1rem 0 2rem}figcaption{font-weight:600;margin-top:.5rem}svg{max-width:100%;height:auto;color:var(--ink)}
svg text{font:12px system-ui,sans-serif;fill:currentColor}svg .small{font-size:10.5px;fill:var(--soft)}
svg rect{fill:var(--band);stroke:var(--soft)}svg rect.entity{fill:var(--head);stroke:var(--accent);stroke-width:2}
svg line{stroke:var(--soft)}svg marker path{fill:var(--soft)}
@media print{main{max-width:none;padding:0}.scroll{overflow:visible}h2,h3,h4{break-after:avoid}tr{break-inside:avoid}
thead{display:table-header-group}body{font-size:10pt}:root{color-scheme:light}}
@media(max-width:40rem){nav>ul{columns:1}}
"""


def as_html(document: Document) -> str:
    """The whole page."""
    return "".join(_page(document))


def _page(document: Document) -> Iterator[str]:
    title = escape(f"{document.title} - {document.subtitle}")
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<style>{STYLE}</style></head>\n<body><main>\n<header class="cover"><h1>{escape(document.title)}</h1>'
    yield f"<p>{escape(document.subtitle)}</p><dl>"
    for name, value in document.facts:
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl></header>\n"
    for section in document.walk():
        level = min(section.depth + 1, 6)
        yield f'<h{level} id="{section.anchor}">{escape(section.heading)}</h{level}>\n'
        for block in section.blocks:
            yield from _block(block, document)
    yield "</main></body></html>\n"


def _block(block: Block, document: Document) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{_text(block.text)}</p>\n"
    elif isinstance(block, Bullets):
        yield "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ul>\n"
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Contents):
        yield "<nav>" + _contents(document.sections) + "</nav>\n"
    else:
        yield from _figure(block)


def _text(text: str) -> str:
    return "".join(f"<code>{escape(piece)}</code>" if code else escape(piece) for piece, code in pieces(text))


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="scroll"><table><caption>{escape(table.caption)}</caption><colgroup>'
    for width in table.widths:
        yield f'<col style="width:{width * 100:.4g}%">'
    yield "</colgroup><thead><tr>" + "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.head)
    yield "</tr></thead><tbody>\n"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>\n"
    yield "</tbody></table></div>\n"


def _contents(sections: tuple[Section, ...]) -> str:
    items = "".join(
        f'<li><a href="#{section.anchor}">{escape(section.heading)}</a>'
        f"{_contents(section.sections) if section.sections and section.depth < 2 else ''}</li>"
        for section in sections
    )
    return f"<ul>{items}</ul>"


def _figure(figure: Figure) -> Iterator[str]:
    width, height = figure.width, figure.height
    label = escape(figure.caption, quote=True)
    marker = "head-" + "".join(letter for letter in figure.caption.partition(":")[0] if letter.isalnum())
    yield f'<figure><svg viewBox="-4 -4 {width + 8:g} {height + 24:g}" width="{width * 1.5:g}" role="img" '
    yield f'aria-label="{label}"><defs><marker id="{marker}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
    yield 'markerHeight="7" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>'
    if figure.boundary:
        x = figure.boundary
        yield f'<line x1="{x:g}" y1="0" x2="{x:g}" y2="{height:g}" stroke-dasharray="5 4"/>'
        yield _small(x, height + 14, figure.boundary_label)
    for arrow in figure.arrows:
        start = f' marker-start="url(#{marker})"' if arrow.both else ""
        ends = f'x1="{arrow.x1:g}" y1="{arrow.y1:g}" x2="{arrow.x2:g}" y2="{arrow.y2:g}"'
        yield f'<line {ends} marker-end="url(#{marker})"{start}/>'
        if arrow.label:
            yield _small((arrow.x1 + arrow.x2) / 2 + 12, (arrow.y1 + arrow.y2) / 2 - 5, arrow.label)
    for box in figure.boxes:
        yield from _box(box)
    yield f"</svg><figcaption>{escape(figure.caption)}</figcaption></figure>\n"


def _small(x: float, y: float, text: str) -> str:
    return f'<text class="small" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'


def _box(box: Box) -> Iterator[str]:
    yield f'<rect class="{box.kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"/>'
    top = box.y + box.height / 2 + 4 - 7 * (len(box.lines) - 1)
    for number, line in enumerate(box.lines):
        x, y = box.x + box.width / 2, top + 14 * number
        small = ' class="small"' if number and box.kind == "entity" else ""
        yield f'<text{small} x="{x:g}" y="{y:g}" text-anchor="middle">{escape(line)}</text>'
