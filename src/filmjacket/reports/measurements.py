"""Measurements that stand together as a table: TID 300 inside TID 1411, 1500, dose and ultrasound reports (PS3.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.reports.blocks import Row, Run, Table, Text, as_string, plain
from filmjacket.reports.codes import Code
from filmjacket.reports.content_text import NO_VALUE, code_text, label_text, unit_of
from filmjacket.reports.content_values import Numeric

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.reports.content_tree import ContentItem

MAX_COLUMNS: Final = 4
"""Kinds of modifiers that have a column of their own; more would leave no room for the values."""


def measurement_table(
    items: list[ContentItem], details: Callable[[ContentItem], tuple[Row, ...]], anchor: Callable[[ContentItem], str]
) -> Table:
    """NUM items as rows; modifiers that they share as columns, everything else below them as notes."""
    columns = _columns(items)
    noted = any(_notes(item, columns, details) for item in items)
    head = (
        plain("Measurement"),
        plain("Value"),
        plain("Unit"),
        *columns.values(),
        *((plain("Notes"),) if noted else ()),
    )
    rows = tuple(
        (
            label_text(item) or plain("(unnamed)"),
            _number(item),
            unit_of(item.value) if isinstance(item.value, Numeric) else (),
            *(_modifier(item, key) for key in columns),
            *((_notes(item, columns, details),) if noted else ()),
        )
        for item in items
    )
    return Table(head, rows, tuple(map(anchor, items)), frozenset({1}))


def _columns(items: list[ContentItem]) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for item in items:
        for child in item.of("HAS CONCEPT MOD"):
            if child.name and isinstance(child.value, Code) and not child.children:
                found.setdefault(_key(child), code_text(child.name))
    return found if len(found) <= MAX_COLUMNS else {}


def _key(item: ContentItem) -> str:
    return f"{item.name.value}\\{item.name.scheme}\\{item.name.meaning}" if item.name else ""


def _number(item: ContentItem) -> Text:
    value = item.value
    if not isinstance(value, Numeric):
        return plain(NO_VALUE)
    if value.qualifier is None:
        return plain(value.number) or plain(NO_VALUE)
    note = value.qualifier
    return (*plain(value.number), Run(f" ({note.text})" if value.number else note.text, note.note))


def _modifier(item: ContentItem, key: str) -> Text:
    runs: list[Run] = []
    for child in item.of("HAS CONCEPT MOD"):
        if _key(child) == key and isinstance(child.value, Code):
            runs.extend(([Run(", ")] if runs else []) + list(code_text(child.value)))
    return tuple(runs)


def _notes(item: ContentItem, columns: dict[str, Text], details: Callable[[ContentItem], tuple[Row, ...]]) -> Text:
    """Everything below an item that has no column, on one line."""
    taken = {as_string(name) for name in columns.values()}
    runs: list[Run] = []
    for row in details(item):
        if as_string(row.label) in taken and not row.details:
            continue
        if runs:
            runs.append(Run("; "))
        runs.extend(_flat(row))
    return tuple(runs)


def _flat(row: Row) -> list[Run]:
    runs = [*row.label, *([Run(": ")] if row.label and row.value else []), *row.value]
    for number, detail in enumerate(row.details):
        runs.extend([Run(" (" if number == 0 else "; "), *_flat(detail)])
    return [*runs, Run(")")] if row.details else runs
