"""What stands above a plot: whose it is, and what the device or a reader said of it (PS3.3 C.10.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from filmjacket.dicom.attributes import get_items, get_text, get_texts, get_values

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

MAX_LINES: Final = 18
MAX_TEXT: Final = 60
_POSITIONS: Final = ("0040A130", "0040A132", "0040A138", "0040A13A")


def identity_lines(attributes: Attributes) -> list[str]:
    """Patient, and when and where it was recorded."""
    patient = [_name(attributes), *get_texts(attributes, "00100020")]
    born, sex = get_text(attributes, "00100030"), get_text(attributes, "00100040")
    patient += [f"born {_date(born)}" if born else "", sex or "", get_text(attributes, "00101010") or ""]
    moment = get_text(attributes, "0008002A") or ""
    recorded = [
        f"{_date(moment[:8])} {moment[8:10]}:{moment[10:12]}:{moment[12:14]}" if len(moment) >= 14 else _date(moment),
        get_text(attributes, "00080080") or "",
        " ".join(get_texts(attributes, "00080070") + get_texts(attributes, "00081090")),
    ]
    lines = ("   ".join(filter(None, (part.strip() for part in parts))) for parts in (patient, recorded))
    return [line for line in lines if line]


def annotation_lines(attributes: Attributes) -> list[str]:
    """Annotations of the whole record: texts first, then measurements; those of a moment would need to stand there."""
    texts: list[str] = []
    numbers: list[str] = []
    for item in get_items(attributes, "0040B020"):
        if any(tag in item for tag in _POSITIONS) or not _of_whole_group(item):
            continue
        text, name = get_text(item, "00700006"), _meaning(item, "0040A043")
        number, coded = ", ".join(get_texts(item, "0040A30A")), _meaning(item, "0040A168")
        if text:
            texts.append(" ".join(text.split()))
        elif name and number:
            numbers.append(f"{name}: {number} {_unit(item)}".strip())
        elif coded:
            texts.append(f"{name}: {coded}" if name else coded)
    return [line[:MAX_TEXT] for line in dict.fromkeys(texts + numbers)][:MAX_LINES]


def _of_whole_group(item: Attributes) -> bool:
    # Pairs of multiplex group and channel; channel 0 is all of the group (C.10.10.1.1).
    return all(not channel for channel in get_values(item, "0040A0B0")[1::2])


def _name(attributes: Attributes) -> str:
    values = get_values(attributes, "00100010")
    first = values[0] if values else None
    groups = list(cast("dict[str, str]", first).values()) if isinstance(first, dict) else []
    return " / ".join(", ".join(part for part in str(group).split("^") if part) for group in groups if group)


def _meaning(item: Attributes, tag: str) -> str:
    codes = get_items(item, tag)
    return (get_text(codes[0], "00080104") or get_text(codes[0], "00080100") or "") if codes else ""


def _unit(item: Attributes) -> str:
    codes = get_items(item, "004008EA")
    return (get_text(codes[0], "00080100") or "") if codes else ""


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else text
