"""Burned-in text of `annotation`: patient and technique (PS3.18 8.3.5.1.1).

The patient is in the upper, the technique in the lower third, so that the middle of the image stays free: text gets
smaller, then lines are cut short, then left out. White on a darkened ground can be read
anywhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from PIL import Image, ImageDraw

from filmjacket.dicom.attributes import get_text, get_texts, get_values
from filmjacket.pixels.fonts import font_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

SMALLEST: Final = 9
"""Pixels of the smallest text that can be read."""
LARGEST: Final = 64
_SHARE: Final = 30
"""Lines of the preferred size that would fill the shorter side."""
_DARKER: Final = [value * 2 // 5 for value in range(256)]
_ELLIPSIS: Final = "…"
_MAX_LETTERS: Final = 200

_TECHNIQUE: Final = (
    ("00180060", "{} kV"),  # KVP
    ("00181151", "{} mA"),  # X-Ray Tube Current
    ("00181152", "{} mAs"),  # Exposure
    ("00180080", "TR {} ms"),
    ("00180081", "TE {} ms"),
    ("00180082", "TI {} ms"),
    ("00181314", "FA {}°"),
    ("00180050", "{} mm"),  # Slice Thickness
    ("00201041", "L {}"),  # Slice Location
    ("00185010", "{}"),  # Transducer Data
)
"""What is said of an acquisition, as far as it is known."""


def annotate(array: NDArray[np.uint8], attributes: Attributes, keywords: Sequence[str]) -> NDArray[np.uint8]:
    """The picture with the text of the keywords burned in."""
    image = Image.fromarray(np.ascontiguousarray(array))
    for keyword in keywords:
        lines, top = _TEXTS[keyword]
        _draw(image, [line for line in lines(attributes) if line], top=top)
    return np.asarray(image)


def patient_lines(attributes: Attributes) -> list[str]:
    """Name, ID, birth date, sex and age."""
    facts = (
        _date(get_text(attributes, "00100030")),
        get_text(attributes, "00100040") or "",
        get_text(attributes, "00101010") or "",
    )
    return [_name(attributes), get_text(attributes, "00100020") or "", "  ".join(fact for fact in facts if fact)]


def technique_lines(attributes: Attributes) -> list[str]:
    """Modality, body part and side; what was scanned, when, how."""
    what = (
        get_text(attributes, "00080060"),
        get_text(attributes, "00180015"),
        get_text(attributes, "00200062") or get_text(attributes, "00200060"),
        get_text(attributes, "00185101"),  # View Position
    )
    description = get_text(attributes, "0008103E") or get_text(attributes, "00181030")
    how = [form.format(_short(texts[0])) for tag, form in _TECHNIQUE if (texts := get_texts(attributes, tag))]
    when = _date(
        get_text(attributes, "00080022") or get_text(attributes, "00080023") or get_text(attributes, "00080020")
    )
    return [
        "  ".join(text for text in what if text),
        "  ".join(text for text in (description, when) if text),
        "  ".join(how),
    ]


_TEXTS: Final[dict[str, tuple[Callable[[Attributes], list[str]], bool]]] = {
    "patient": (patient_lines, True),
    "technique": (technique_lines, False),
}
"""Lines of each keyword, and whether they are at the top."""


def _draw(image: Image.Image, lines: list[str], *, top: bool) -> None:
    columns, rows = size = image.size
    drawing = ImageDraw.Draw(image)
    margin = max(2, min(size) // 64)
    room = columns - 2 * margin
    height = _fitting(lines, room, max(SMALLEST, min(LARGEST, min(size) // _SHARE)))
    step = round(height * 1.25)
    count = min(len(lines), (rows // 3 - margin) // step)
    if count <= 0 or room < SMALLEST:
        return
    white: Any = 255 if drawing.mode == "L" else (255, 255, 255)
    black: Any = 0 if drawing.mode == "L" else (0, 0, 0)
    first = margin if top else rows - margin - count * step
    shown = [_cut(line, height, room) for line in lines[:count]]
    width = round(max(_width(line, height) for line in shown))
    _darken(image, (margin, first, margin + width, first + count * step))
    for place, line in enumerate(shown):
        font, text = font_for(line, height)
        drawing.text(
            (margin, first + place * step),
            text,
            fill=white,
            font=font,
            stroke_width=max(1, height // 12),
            stroke_fill=black,
            anchor="la",
        )


def _darken(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """The ground of the text at two fifths of its brightness."""
    image.paste(image.crop(box).point(_DARKER * len(image.getbands())), box[:2])


def _fitting(lines: list[str], room: int, height: int) -> int:
    """The largest size up to `height` in which every line fits, the smallest if none is small enough."""
    while height > SMALLEST and any(_width(line, height) > room for line in lines):
        height -= max(1, height // 10)
    return max(height, SMALLEST)


def _cut(line: str, height: int, room: int) -> str:
    line = line[:_MAX_LETTERS]
    if _width(line, height) <= room:
        return line
    while line and _width(line + _ELLIPSIS, height) > room:
        line = line[:-1]
    return line.rstrip() + _ELLIPSIS


def _width(line: str, height: int) -> float:
    return _relative_width(line[:_MAX_LETTERS]) * height + 2 * max(1, height // 12)


@lru_cache(maxsize=256)
def _relative_width(line: str) -> float:
    """Of a line in a font of height 1; hinting makes it a little wider in small sizes."""
    font, text = font_for(line, 32)
    return font.getlength(text) / 32 * 1.03


def _name(attributes: Attributes) -> str:
    """`Family, Given Middle`, in the characters of the patient as well if those are known."""
    values = get_values(attributes, "00100010")
    if not values:
        return ""
    groups = cast("dict[str, str]", values[0]) if isinstance(values[0], dict) else {"Alphabetic": str(values[0])}
    written = [_components(groups[name]) for name in ("Alphabetic", "Ideographic") if groups.get(name)]
    return "  ".join(text for text in written if text) or _components(groups.get("Phonetic", ""))


def _components(name: str) -> str:
    family, given, middle, prefix, suffix = (*name.split("^"), "", "", "", "", "")[:5]
    rest = " ".join(part.strip() for part in (prefix, given, middle, suffix) if part.strip())
    return ", ".join(part for part in (family.strip(), rest) if part)


def _date(text: str | None) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text and len(text) == 8 and text.isdigit() else ""


def _short(text: str) -> str:
    """A decimal without digits that nobody wants to read."""
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text
