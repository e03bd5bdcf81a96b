"""Writes a report as one HTML page: no scripts, nothing loaded but pictures of this server, fit to be printed.

Every text of the document passes `escape`; addresses are made by `links`, never taken from the document.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from filmjacket.reports.blocks import (
    Bullets,
    Embedded,
    Gallery,
    Prose,
    Rows,
    Section,
    Table,
    as_string,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.reports.blocks import Block, Picture, Report, Row, Text

STYLE: Final = """
:root{color-scheme:light;--ink:#16202b;--soft:#55636f;--line:#d3dbe3;--band:#f4f6f9;--accent:#0b5cad;--warn:#fff4d6}
*{box-sizing:border-box}body{margin:0;background:#fff;color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.5rem 4rem}
header{border-bottom:3px solid var(--accent);padding-bottom:1rem;margin-bottom:1.5rem}
h1{font-size:1.7rem;line-height:1.25;margin:0}.kind{color:var(--soft);margin:.1rem 0 1rem}
.groups{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem 1.6rem}
.groups .wide{grid-column:1/-1}.groups .wide dl{grid-template-columns:repeat(2,fit-content(24%) minmax(0,1fr))}
.groups h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.05em;color:var(--soft);margin:0 0 .25rem;border:0}
dl{display:grid;grid-template-columns:fit-content(42%) minmax(0,1fr);gap:.15rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;min-width:0}dt,dd,td,th,p{overflow-wrap:anywhere}
dd p.prose{margin:0}dd.whole{grid-column:1/-1}
.rows{margin:.5rem 0 1rem}.rows>dt{font-weight:600;color:var(--ink)}
dl.details{font-size:.9em;margin:.15rem 0 .35rem;padding-inline-start:.8rem;border-inline-start:2px solid var(--line)}
dl.details dt{font-weight:400;color:var(--soft)}
.banner{background:var(--warn);border-left:4px solid #c98a00;padding:.5rem .9rem;margin:0 0 1rem;font-weight:600}
h2,h3,h4,h5,h6{line-height:1.3;margin:1.8rem 0 .5rem}h2{font-size:1.25rem;border-bottom:1px solid var(--line);
padding-bottom:.2rem}h3{font-size:1.08rem}h4,h5,h6{font-size:1rem}section section{padding-left:.9rem}
h3+*,h2+*{margin-top:.3rem}.lead{font-weight:600;margin:.9rem 0 .1rem}.prose{white-space:pre-wrap;
unicode-bidi:plaintext;text-align:start;margin:.2rem 0 .9rem}
table{border-collapse:collapse;margin:.5rem 0 1.1rem;font-size:.93em;max-width:100%}
caption{text-align:left;font-weight:600;padding:.3rem 0}th,td{text-align:start;vertical-align:top;
padding:.3rem .6rem;border:1px solid var(--line)}th{background:#e9eef4;font-weight:600}
tbody tr:nth-child(even){background:var(--band)}td.number{text-align:end;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}.gallery{display:flex;flex-wrap:wrap;gap:.8rem;margin:.6rem 0 1.2rem}
figure{margin:0;width:11rem;font-size:.86em}figure>a{display:block}
figure img{width:11rem;height:11rem;object-fit:contain;background:#10161c;color:#9fb0c0;border-radius:3px}
figure.none{border:1px dashed var(--line);border-radius:3px;padding:.5rem}
figcaption{padding-top:.25rem}a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
[title]{text-decoration-skip-ink:none}[title]:not(a):hover{text-decoration:underline dotted var(--soft)}
:target{outline:2px solid var(--accent);outline-offset:3px}object{width:100%;height:85vh;border:1px solid var(--line)}
ul,ol{margin:.3rem 0 1rem;padding-inline-start:1.4rem}footer{margin-top:3rem;color:var(--soft);font-size:.8rem}
@media print{main{max-width:none;padding:0}body{font-size:10pt}.scroll{overflow:visible}
h2,h3,h4,.lead{break-after:avoid}
tr,figure{break-inside:avoid}thead{display:table-header-group}a{color:inherit}object{display:none}}
"""
# No script can run even if one got in; pictures and documents come from where the page comes from, or its archive.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src http: https:; object-src http: https:; "
    "frame-src http: https:; base-uri 'none'; form-action 'none'"
)


def as_html(report: Report) -> Iterator[str]:
    """The page in pieces."""
    title = escape(as_string(report.title))
    language = f' lang="{escape(report.language)}"' if report.language else ""
    yield f'<!doctype html>\n<html{language}><head><meta charset="utf-8"><title>{title}</title>\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<style>{STYLE}</style></head>\n<body><main>\n<header><h1 dir="auto">{_text(report.title)}</h1>'
    yield f'<p class="kind">{escape(report.kind)}</p><div class="groups">\n'
    for group in report.groups:
        wide = ' class="wide"' if group.wide else ""
        yield f"<section{wide}><h2>{escape(group.heading)}</h2><dl>"
        for name, value in group.facts:
            yield f'<dt>{escape(name)}</dt><dd dir="auto">{escape(value)}</dd>'
        yield "</dl></section>\n"
    yield "</div></header>\n"
    for warning in report.banner:
        yield f'<p class="banner" role="note">{escape(warning)}</p>\n'
    for block in report.blocks:
        yield from _block(block, 2)
    yield "</main></body></html>\n"


def _block(block: Block, level: int) -> Iterator[str]:
    return _WRITERS[type(block)](block, level)


def _section(section: Section, level: int) -> Iterator[str]:
    heading = min(level, 6)
    yield f'<section{_id(section.anchor)}><h{heading} dir="auto">{_text(section.heading)}</h{heading}>\n'
    for block in section.blocks:
        yield from _block(block, level + 1)
    yield "</section>\n"


def _rows(rows: Rows, _level: int) -> Iterator[str]:
    yield '<dl class="rows" dir="auto">'
    for row in rows.rows:
        yield from _row(row)
    yield "</dl>\n"


def _prose(prose: Prose, _level: int) -> Iterator[str]:
    label = f'<p class="lead" dir="auto">{_text(prose.label)}</p>' if prose.label else ""
    yield f'<div{_id(prose.anchor)}>{label}<p class="prose" dir="auto">{_text(prose.text)}</p>'
    yield from _details(prose.details)
    yield "</div>\n"


def _gallery(gallery: Gallery, _level: int) -> Iterator[str]:
    yield '<div class="gallery">'
    for picture in gallery.pictures:
        yield from _picture(picture)
    yield "</div>\n"


def _embedded(embedded: Embedded, _level: int) -> Iterator[str]:
    href, label = escape(embedded.href), escape(embedded.label)
    yield f'<p><a href="{href}">{label}</a></p>'
    yield f'<object data="{href}" type="{escape(embedded.media_type)}" aria-label="{label}"></object>\n'


def _row(row: Row) -> Iterator[str]:
    whole = "" if row.label else ' class="whole"'
    if row.label:
        yield f"<dt{_id(row.anchor)}>{_text(row.label)}</dt>"
    yield f"<dd{whole}><bdi>{_text(row.value)}</bdi>"
    yield from _details(row.details)
    yield "</dd>"


def _details(rows: tuple[Row, ...]) -> Iterator[str]:
    if rows:
        yield '<dl class="details">'
        for row in rows:
            yield from _row(row)
        yield "</dl>"


def _table(table: Table, _level: int) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    if table.caption:
        yield f'<caption dir="auto">{_text(table.caption)}</caption>'
    if any(table.head):
        yield "<thead><tr>" + "".join(f'<th scope="col" dir="auto">{_text(cell)}</th>' for cell in table.head)
        yield "</tr></thead>"
    yield "<tbody>\n"
    for number, row in enumerate(table.rows):
        yield f"<tr{_id(table.anchors[number] if number < len(table.anchors) else '')}>"
        for column, cell in enumerate(row):
            look = ' class="number"' if column in table.numeric else ' dir="auto"'
            yield f"<td{look}>{_text(cell)}</td>"
        yield "</tr>\n"
    yield "</tbody></table></div>\n"


def _picture(picture: Picture) -> Iterator[str]:
    label = escape(as_string(picture.caption))
    look = "" if picture.href else ' class="none"'
    yield f"<figure{look}{_id(picture.anchor)}>"
    if picture.href:
        image = f'<img src="{escape(picture.thumbnail)}" alt="{label}" loading="lazy">'
        yield f'<a href="{escape(picture.href)}">{image}</a>'
    yield f'<figcaption dir="auto">{_text(picture.caption)}'
    yield from _details(picture.details)
    yield "</figcaption></figure>"


def _bullets(bullets: Bullets, level: int) -> Iterator[str]:
    tag = "ol" if bullets.ordered else "ul"
    yield f"<{tag}>"
    for item in bullets.items:
        yield "<li>"
        for block in item:
            yield from _block(block, level)
        yield "</li>"
    yield f"</{tag}>\n"


def _text(text: Text) -> str:
    return "".join(_run(run.text, run.note, run.href, strong=run.strong) for run in text)


def _run(text: str, note: str, href: str, *, strong: bool) -> str:
    shown = escape(text)
    title = f' title="{escape(note)}"' if note else ""
    if href:
        shown = f'<a href="{escape(href)}"{title}>{shown}</a>'
    elif title:
        shown = f"<span{title}>{shown}</span>"
    return f"<strong>{shown}</strong>" if strong else shown


def _id(anchor: str) -> str:
    return f' id="{escape(anchor)}"' if anchor else ""


_WRITERS: Final[dict[type[Block], Callable[[Any, int], Iterator[str]]]] = {
    Section: _section,
    Rows: _rows,
    Prose: _prose,
    Table: _table,
    Gallery: _gallery,
    Bullets: _bullets,
    Embedded: _embedded,
}
