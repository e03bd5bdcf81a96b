"""Values of content items by value type (PS3.3 Table C.17.3-1, C.18)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from filmjacket.dicom.attributes import get_bytes, get_integer, get_items, get_text, get_texts, get_values
from filmjacket.reports.codes import Code, get_code, unit_text
from filmjacket.reports.readable import date_text, date_time_text, get_name, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes

MAX_CELLS: Final = 20_000
"""Cells of one table content item."""

_GRAPHIC_DATA: Final = "00700022"


@dataclass(frozen=True, slots=True)
class Numeric:
    """NUM (C.18.1): the number as written; `qualifier` says why there is none, or what is special about it."""

    number: str
    units: Code | None
    qualifier: Code | None


@dataclass(frozen=True, slots=True)
class Reference:
    """COMPOSITE, IMAGE, WAVEFORM (C.18.3 to C.18.5): an instance, of it frames, segments or channels."""

    sop_class: str
    instance: str
    frames: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    channels: tuple[tuple[int, int], ...] = ()
    presentation: Reference | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """SCOORD, SCOORD3D (C.18.6, C.18.9): points of two or three coordinates."""

    graphic: str
    points: tuple[tuple[float, ...], ...]
    frame_of_reference: str = ""


@dataclass(frozen=True, slots=True)
class Instants:
    """TCOORD (C.18.7): places in time."""

    kind: str
    unit: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """TABLE (C.18.10): headings of columns and rows, cells by (row, column) from 1 on."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: dict[tuple[int, int], str]


Value: TypeAlias = str | Code | Numeric | Reference | Region | Instants | Grid | None


def read_value(attributes: Attributes, value_type: str, bulk: Callable[[str], bytes]) -> Value:
    """The value of a content item; None where there is none, for a container too."""
    reader = _READERS.get(value_type)
    if reader is not None:
        return reader(attributes)
    if value_type in {"SCOORD", "SCOORD3D"}:
        return _region(attributes, 3 if value_type == "SCOORD3D" else 2, bulk)
    if value_type == "CONTAINER":
        return None
    # Text also for value types that nobody knows yet: better shown than lost.
    return _text(attributes, bulk)


def _text(attributes: Attributes, bulk: Callable[[str], bytes]) -> str | None:
    raw = get_bytes(attributes, "0040A160", bulk)
    if raw is None:
        return get_text(attributes, "0040A160")
    # Stored bytes are in the character set of the file, which the metadata, always in UTF-8, no longer tell.
    raw = raw.rstrip(b" \0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("iso-8859-1") + "\n[The character set of this text is not known: accents may be wrong.]"


def _formatted(tag: str, form: Callable[[str], str]) -> Callable[[Attributes], Value]:
    def read(attributes: Attributes) -> Value:
        text = get_text(attributes, tag)
        return form(text) if text else None

    return read


def _name(attributes: Attributes) -> Value:
    return get_name(attributes, "0040A123") or None


def _numeric(attributes: Attributes) -> Value:
    measured = get_items(attributes, "0040A300")
    qualifier = get_code(attributes, "0040A301")
    if not measured:
        return Numeric("", None, qualifier)
    item = measured[0]
    number = ", ".join(get_texts(item, "0040A30A"))
    if not number:
        number = ", ".join(get_texts(item, "0040A161")) or _rational(item)
    return Numeric(number, get_code(item, "004008EA"), qualifier)


def _rational(item: Attributes) -> str:
    over, under = get_text(item, "0040A162"), get_text(item, "0040A163")
    return f"{over}/{under}" if over and under else ""


def _reference(attributes: Attributes) -> Value:
    items = get_items(attributes, "00081199")
    return _referenced(items[0]) if items else None


def _referenced(item: Attributes) -> Reference:
    channels = _integers(item, "0040A0B0")
    presentations = get_items(item, "00081199")
    state = presentations[0] if presentations else None
    return Reference(
        sop_class=get_text(item, "00081150") or "",
        instance=get_text(item, "00081155") or "",
        frames=_integers(item, "00081160"),
        segments=_integers(item, "0062000B"),
        channels=tuple(zip(channels[::2], channels[1::2], strict=False)),
        presentation=Reference(get_text(state, "00081150") or "", get_text(state, "00081155") or "") if state else None,
    )


def _region(attributes: Attributes, dimensions: int, bulk: Callable[[str], bytes]) -> Value:
    raw = get_bytes(attributes, _GRAPHIC_DATA, bulk)
    if raw is None:
        numbers = _floats(attributes, _GRAPHIC_DATA)
    else:
        numbers = struct.unpack(f"<{len(raw) // 4}f", raw[: len(raw) // 4 * 4])
    coordinates = [numbers[start::dimensions] for start in range(dimensions)]
    points = tuple(zip(*coordinates, strict=False))
    return Region(get_text(attributes, "00700023") or "", points, get_text(attributes, "30060024") or "")


def _instants(attributes: Attributes) -> Value:
    kind = get_text(attributes, "0040A130") or ""
    for tag, unit in (("0040A138", "s"), ("0040A132", "sample")):
        places = get_texts(attributes, tag)
        if places:
            return Instants(kind, unit, tuple(places))
    return Instants(kind, "", tuple(map(date_time_text, get_texts(attributes, "0040A13A"))))


def _grid(attributes: Attributes) -> Value:
    tables = get_items(attributes, "0040A801")
    if not tables:
        return None
    table = tables[0]
    cells: dict[tuple[int, int], str] = {}
    for cell in get_items(table, "0040A808")[:MAX_CELLS]:
        row, column = get_integer(cell, "0040A804"), get_integer(cell, "0040A805")
        if row is not None and column is not None:
            cells[row, column] = _cell_text(cell)
    return Grid(_headings(table, "0040A807", "0040A805"), _headings(table, "0040A806", "0040A804"), cells)


def _headings(table: Attributes, definitions: str, number: str) -> tuple[str, ...]:
    """Headings in the order of their numbers, which count from 1 on without gaps."""
    items = get_items(table, definitions)[:MAX_CELLS]
    items.sort(key=lambda item: get_integer(item, number) or 0)
    texts: list[str] = []
    for item in items:
        name, unit = get_code(item, "0040A043"), unit_text(get_code(item, "004008EA"))
        texts.append(" ".join(part for part in (name.text if name else "", f"[{unit}]" if unit else "") if part))
    return tuple(texts)


def _cell_text(cell: Attributes) -> str:
    """The value of a cell, which may be in an attribute of any VR."""
    texts: list[str] = []
    for tag, element in sorted(cell.items()):
        if tag in {"0040A804", "0040A805", "0040A040"}:
            continue
        if element.get("vr") == "SQ":
            code = get_code(cell, tag)
            texts.append(code.text if code else "")
        elif element.get("vr") == "PN":
            texts.append(get_name(cell, tag))
        else:
            texts.extend(get_texts(cell, tag))
    return ", ".join(filter(None, texts))


def _integers(attributes: Attributes, tag: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for value in get_values(attributes, tag):
        number = _number(value)
        if number is not None and number.is_integer():
            numbers.append(int(number))
    return tuple(numbers)


def _floats(attributes: Attributes, tag: str) -> tuple[float, ...]:
    return tuple(number for number in map(_number, get_values(attributes, tag)) if number is not None)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


_READERS: Final[dict[str, Callable[[Attributes], Value]]] = {
    "CODE": lambda attributes: get_code(attributes, "0040A168"),
    "NUM": _numeric,
    "DATE": _formatted("0040A121", date_text),
    "TIME": _formatted("0040A122", time_text),
    "DATETIME": _formatted("0040A120", date_time_text),
    "UIDREF": _formatted("0040A124", str),
    "PNAME": _name,
    "COMPOSITE": _reference,
    "IMAGE": _reference,
    "WAVEFORM": _reference,
    "TCOORD": _instants,
    "TABLE": _grid,
}
