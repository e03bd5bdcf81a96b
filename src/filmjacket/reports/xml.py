"""Writes a report's content tree as XML: one element for each content item, named by its value type.

PS3.18 Table 8.7.4-1 names `text/xml` without a schema. The Native DICOM Model is what `/metadata` gives; this is the
tree that people and style sheets want: labels, values, units, codes and links, in reading order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from filmjacket.reports.codes import Code
from filmjacket.reports.content_values import Grid, Instants, Numeric, Reference, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.reports.blocks import FactGroup
    from filmjacket.reports.content_tree import ContentItem
    from filmjacket.reports.links import Links

# What XML 1.0 cannot hold, lone surrogates among it.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS: Final = {
    "CONTAINER": "container",
    "TEXT": "text",
    "CODE": "code",
    "NUM": "num",
    "DATE": "date",
    "TIME": "time",
    "DATETIME": "datetime",
    "UIDREF": "uidref",
    "PNAME": "pname",
    "COMPOSITE": "composite",
    "IMAGE": "image",
    "WAVEFORM": "waveform",
    "SCOORD": "scoord",
    "SCOORD3D": "scoord3d",
    "TCOORD": "tcoord",
    "TABLE": "table",
}


def as_xml(root: ContentItem | None, kind: str, groups: Iterable[FactGroup], links: Links) -> Iterator[str]:
    """The document in pieces; without a root only what stands above it."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<report kind={_quoted(kind)}>\n'
    for group in groups:
        yield f"<heading name={_quoted(group.heading)}>\n"
        for name, value in group.facts:
            yield f"<fact name={_quoted(name)}>{_escaped(value)}</fact>\n"
        yield "</heading>\n"
    if root is not None:
        yield from _tree(root, links)
    yield "</report>\n"


def _tree(root: ContentItem, links: Links) -> Iterator[str]:
    """Explicit stack: closing tags wait on it as texts."""
    stack: list[ContentItem | str] = [root]
    while stack:
        entry = stack.pop()
        if isinstance(entry, str):
            yield entry
            continue
        name = _ELEMENTS.get(entry.value_type, "item")
        yield f"<{name}{_attributes(entry)}>"
        yield from _concept(entry)
        yield from _value(entry, links)
        if entry.cut:
            yield "<not-shown/>"
        stack.append(f"</{name}>\n")
        stack.extend(reversed(entry.children))


def _attributes(item: ContentItem) -> str:
    pairs = [("number", ".".join(map(str, item.number))), ("relationship", item.relationship)]
    if item.value_type not in _ELEMENTS:
        pairs.append(("value-type", item.value_type))
    if item.by_reference:
        pairs.append(("refers-to", ".".join(map(str, item.by_reference))))
    if item.continuous:
        pairs.append(("continuity", "CONTINUOUS"))
    pairs += [("template", item.template), ("observed", item.observed), ("observation-uid", item.observation_uid)]
    return "".join(f" {name}={_quoted(value)}" for name, value in pairs if value)


def _concept(item: ContentItem) -> Iterator[str]:
    if item.name:
        yield _coded("concept", item.name)


def _coded(element: str, code: Code) -> str:
    return (
        f"<{element} code={_quoted(code.value)} scheme={_quoted(code.scheme)}>"
        f"{_escaped(code.meaning or code.value)}</{element}>"
    )


def _value(item: ContentItem, links: Links) -> Iterator[str]:
    value = item.value
    if isinstance(value, str):
        yield f"<value>{_escaped(value)}</value>"
    elif isinstance(value, Code):
        yield _coded("value", value)
    elif isinstance(value, Numeric):
        yield f"<value>{_escaped(value.number)}</value>" if value.number else ""
        yield _coded("unit", value.units) if value.units else ""
        yield _coded("qualifier", value.qualifier) if value.qualifier else ""
    elif isinstance(value, Reference):
        yield _reference("reference", value, links)
    elif isinstance(value, Region):
        points = " ".join(",".join(f"{number:.9g}" for number in point) for point in value.points)
        frame = f" frame-of-reference={_quoted(value.frame_of_reference)}" if value.frame_of_reference else ""
        yield f"<value graphic-type={_quoted(value.graphic)}{frame}>{points}</value>"
    elif isinstance(value, Instants):
        yield f"<value range-type={_quoted(value.kind)} unit={_quoted(value.unit)}>"
        yield f"{_escaped(' '.join(value.places))}</value>"
    elif isinstance(value, Grid):
        yield from _grid(value)


def _reference(element: str, value: Reference, links: Links) -> str:
    parts = f"<{element} sop-class={_quoted(value.sop_class)} instance={_quoted(value.instance)}"
    for name, numbers in (("frames", value.frames), ("segments", value.segments)):
        parts += f' {name}="{" ".join(map(str, numbers))}"' if numbers else ""
    if value.channels:
        parts += f' channels="{" ".join(f"{group}/{channel}" for group, channel in value.channels)}"'
    url = links.rendered(value)
    parts += f" href={_quoted(url)}" if url else ""
    return f"{parts}/>" + (_reference("presentation", value.presentation, links) if value.presentation else "")


def _grid(grid: Grid) -> Iterator[str]:
    for name, headings in (("column", grid.columns), ("row", grid.rows)):
        for number, heading in enumerate(headings, 1):
            yield f'<{name} number="{number}">{_escaped(heading)}</{name}>'
    for (row, column), text in sorted(grid.cells.items()):
        yield f'<cell row="{row}" column="{column}">{_escaped(text)}</cell>'


def _escaped(text: str) -> str:
    clean = _FORBIDDEN.sub("\ufffd", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", text))
