"""Structured reports and key objects as a `Report`: the content tree laid out in the way people read (PS3.3 C.17.3)."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

from filmjacket.reports.blocks import (
    Block,
    FactGroup,
    Gallery,
    Picture,
    Prose,
    Report,
    Row,
    Rows,
    Run,
    Section,
    Table,
    Text,
    as_string,
    plain,
)
from filmjacket.reports.content_text import anchor_of, code_text, label_text, value_text
from filmjacket.reports.content_tree import read_content_tree
from filmjacket.reports.content_values import Grid, Reference, Region
from filmjacket.reports.heading import document_facts, heading_groups, status_warnings
from filmjacket.reports.links import class_text
from filmjacket.reports.measurements import measurement_table
from filmjacket.reports.readable import date_time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.reports.content_tree import ContentItem
    from filmjacket.reports.links import Links

SHORT: Final = 90
"""Characters up to which a text stands beside its label rather than below it."""

_CONTEXT: Final = ("HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT")
_LANGUAGES: Final = frozenset({("121049", "DCM"), ("121045", "DCM"), ("121046", "DCM")})
_CUT: Final = "Further content is not shown: the document is larger or more deeply nested than this server goes."


def structured_report(attributes: Attributes, links: Links, bulk: Callable[[str], bytes]) -> Report:
    """The report that the attributes of an SR document or key object selection make."""
    root = read_content_tree(attributes, bulk)
    kind = class_text(next(iter(_texts(attributes)), ""))
    layout = _Layout(root, links)
    context = layout.facts(root.of(*_CONTEXT))
    groups = heading_groups(attributes, document_facts(attributes))
    if context:
        groups = (*groups, FactGroup("Context", context, wide=True))
    return Report(
        title=code_text(root.name) or plain(kind),
        kind=kind,
        groups=groups,
        blocks=layout.body(root, skip=_CONTEXT),
        banner=(*status_warnings(attributes), *((_CUT,) if layout.cut else ())),
        language=_language(root),
    )


def _texts(attributes: Attributes) -> list[str]:
    return [str(value) for value in attributes.get("00080016", {}).get("Value", []) if value]


def _language(root: ContentItem) -> str:
    """The language of the document as its first modifier says (TID 1204)."""
    for item in root.of("HAS CONCEPT MOD"):
        value = getattr(item.value, "value", "")
        if item.name and item.name.is_one_of(_LANGUAGES) and isinstance(value, str):
            return value if value.replace("-", "").isalnum() and value.isascii() else ""
    return ""


class _Layout:
    """Lays items out; knows the whole tree, since items refer to each other."""

    def __init__(self, root: ContentItem, links: Links) -> None:
        self._links = links
        self._labels: dict[tuple[int, ...], Text] = {}
        self._wanted: set[tuple[int, ...]] = set()
        self.cut = False
        for item in root.walk():
            self.cut = self.cut or item.cut
            if item.by_reference:
                self._wanted.add(item.by_reference)
        if self._wanted:
            self._labels = {
                item.number: label_text(item) or value_text(item, links)
                for item in root.walk()
                if item.number in self._wanted
            }

    def facts(self, items: Iterable[ContentItem]) -> tuple[tuple[str, str], ...]:
        """Items and what is below them as plain facts."""
        found: list[tuple[str, str]] = []
        for item in items:
            for node in item.walk():
                text = as_string(value_text(node, self._links))
                if text:
                    found.append((as_string(label_text(node)), text))
        return tuple(found)

    def body(self, container: ContentItem, skip: tuple[str, ...] = ()) -> tuple[Block, ...]:
        """The content of a container in its order: like items side by side, context first."""
        items = [item for item in container.children if item.relationship not in skip]
        context = [item for item in items if item.relationship in _CONTEXT and item.value_type != "CONTAINER"]
        blocks: list[Block] = []
        if context:
            blocks.append(Rows(_gathered(list(map(self._row, context)))))
        rest = [item for item in items if item not in context] if context else items
        if container.continuous and all(self._flows(item) for item in rest):
            return (*blocks, *self._flowing(rest))
        same = Counter(item.label for item in rest if item.value_type == "CONTAINER")
        seen: Counter[str] = Counter()
        for kind, group in groupby(rest, key=self._kind):
            members = list(group)
            if kind == "section":
                for item in members:
                    seen[item.label] += 1
                    blocks.append(self._section(item, seen[item.label], same[item.label]))
            else:
                blocks.extend(self._run_of(kind, members))
        return _joined(blocks)

    def _kind(self, item: ContentItem) -> str:
        if item.by_reference:
            return "row"
        if item.value_type == "CONTAINER":
            return "section"
        if item.value_type == "NUM":
            return "number"
        if isinstance(item.value, Reference) and item.value_type != "COMPOSITE":
            return "picture"
        if isinstance(item.value, Grid):
            return "table"
        if isinstance(item.value, str) and (len(item.value) > SHORT or "\n" in item.value.strip()):
            return "prose"
        return "row"

    def _run_of(self, kind: str, items: list[ContentItem]) -> list[Block]:
        """Neighbours of one kind as blocks."""
        if kind == "picture":
            return [Gallery(tuple(map(self._picture, items)))]
        if kind == "prose":
            return [
                Prose(label_text(item), value_text(item, self._links), self._details(item), self._anchor(item))
                for item in items
            ]
        if kind == "table":
            return [block for item in items for block in self._grid(item)]
        if kind == "number" and len(items) > 1:
            return [measurement_table(items, self._details, self._anchor)]
        return [Rows(tuple(map(self._row, items)))]

    def _section(self, item: ContentItem, ordinal: int, of: int) -> Section:
        heading = label_text(item) or plain("Section")
        if of > 1:
            heading = (*heading, Run(f" ({ordinal} of {of})"))
        return Section(heading, self.body(item), self._anchor(item))

    def _row(self, item: ContentItem) -> Row:
        if item.by_reference:
            return Row(label_text(item), self._elsewhere(item), anchor=self._anchor(item))
        return Row(label_text(item), value_text(item, self._links), self._details(item), self._anchor(item))

    def _details(self, item: ContentItem) -> tuple[Row, ...]:
        """What is below a value: modifiers, properties, evidence."""
        rows = [self._row(child) for child in item.children]
        if item.observed:
            rows.append(Row(plain("Observed"), plain(date_time_text(item.observed))))
        close_up = self._close_up(item)
        if close_up:
            rows.append(Row((), close_up))
        return tuple(rows)

    def _elsewhere(self, item: ContentItem) -> Text:
        number = ".".join(map(str, item.by_reference))
        label = self._labels.get(item.by_reference)
        if label is None:
            return plain(f"refers to item {number}, which the document does not have")
        return (Run("see "), Run(as_string(label) or number, f"item {number}", f"#{anchor_of(item.by_reference)}"))

    def _anchor(self, item: ContentItem) -> str:
        return anchor_of(item.number) if item.number in self._wanted else ""

    def _picture(self, item: ContentItem) -> Picture:
        reference = item.value
        assert isinstance(reference, Reference)  # noqa: S101 - by `_kind`
        label = label_text(item) if item.name else ()
        caption = value_text(item, self._links)
        if not self._links.instance(reference.instance):
            caption = (*caption, Run(f", not in the evidence of this document: {reference.instance}"))
        return Picture(
            caption=(*label, Run(": "), *caption) if label else caption,
            href=self._links.rendered(reference),
            thumbnail=self._links.thumbnail(reference),
            details=self._details(item),
            anchor=self._anchor(item),
        )

    def _close_up(self, item: ContentItem) -> Text:
        """A link to the part of the image where the shape is (PS3.18 8.3.5.1.3)."""
        region = item.value
        if not isinstance(region, Region) or region.frame_of_reference or not region.points:
            return ()
        image = next((child.value for child in item.of("SELECTED FROM") if isinstance(child.value, Reference)), None)
        url = self._links.rendered(image) if image and len(image.frames) <= 1 else ""
        viewport = _viewport(region.points)
        return (Run("close-up", "", f"{url}?viewport={viewport}"),) if url and viewport else ()

    def _grid(self, item: ContentItem) -> list[Block]:
        grid = item.value
        assert isinstance(grid, Grid)  # noqa: S101 - by `_kind`
        width = max([len(grid.columns), *(column for _, column in grid.cells)], default=0)
        height = max([len(grid.rows), *(row for row, _ in grid.cells)], default=0)
        # Numbers of rows and columns are the document's: no table is larger than what it really holds.
        width, height = min(width, len(grid.columns) + len(grid.cells)), min(height, len(grid.rows) + len(grid.cells))
        columns = range(1, width + 1)
        head = tuple(plain(grid.columns[column - 1]) if column <= len(grid.columns) else () for column in columns)
        rows = tuple(
            (
                *((plain(grid.rows[row - 1]) if row <= len(grid.rows) else (),) if grid.rows else ()),
                *(plain(grid.cells.get((row, column), "")) for column in columns),
            )
            for row in range(1, height + 1)
        )
        table = Table(((), *head) if grid.rows else head, rows, (self._anchor(item),), caption=label_text(item))
        details = self._details(item)
        return [table, Rows(details)] if details else [table]

    def _flows(self, item: ContentItem) -> bool:
        return not item.children and item.value_type not in {"CONTAINER", "TABLE", "IMAGE", "WAVEFORM"}

    def _flowing(self, items: list[ContentItem]) -> tuple[Block, ...]:
        """A container whose content is continuous text (C.17.3.2.1: Continuity of Content)."""
        runs: list[Run] = []
        for item in items:
            text = self._elsewhere(item) if item.by_reference else value_text(item, self._links)
            if runs and text:
                runs.append(Run(" "))
            runs.extend(text)
        return (Prose((), tuple(runs)),) if runs else ()


def _gathered(rows: list[Row]) -> tuple[Row, ...]:
    """Neighbouring rows that say the same of several things as one row."""
    gathered: list[Row] = []
    for row in rows:
        last = gathered[-1] if gathered else None
        if last is None or last.label != row.label or last.details or row.details or last.anchor or row.anchor:
            gathered.append(row)
        else:
            gathered[-1] = Row(last.label, (*last.value, Run(", "), *row.value))
    return tuple(gathered)


def _joined(blocks: list[Block]) -> tuple[Block, ...]:
    """Neighbouring rows as one list, so that their values stand below each other."""
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if isinstance(block, Rows) and isinstance(last, Rows):
            joined[-1] = Rows(last.rows + block.rows)
        else:
            joined.append(block)
    return tuple(joined)


def _viewport(points: tuple[tuple[float, ...], ...]) -> str:
    """A square around points with as much again at each side, inside the image on its upper and left edge."""
    x, y = [point[0] for point in points], [point[1] for point in points]
    middle_x, middle_y = (min(x) + max(x)) / 2, (min(y) + max(y)) / 2
    side = max(max(x) - min(x), max(y) - min(y), 16.0) * 2
    left, top = max(middle_x - side / 2, 0.0), max(middle_y - side / 2, 0.0)
    # False for NaN and infinities too.
    if not (0 <= left < 1e6 and 0 <= top < 1e6 and side < 1e6):
        return ""
    return f"400,400,{left:.0f},{top:.0f},{side:.0f},{side:.0f}"
