"""Fonts for burned-in text: whatever the system has, so that names in many scripts can be read."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import ImageFont

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_DIRECTORIES: Final = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
# In this order; the ones of CJK have Latin, Greek and Cyrillic letters as well.
_NAMES: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "FreeSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "NotoSerifCJK-Regular.ttc",
    "NotoSerifCJK-Bold.ttc",
    "wqy-zenhei.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
    "malgun.ttf",
    "msgothic.ttc",
    "msyh.ttc",
)
_UNKNOWN: Final = "\uffff"
"""No character: what a font draws for it, it draws for whatever it does not have."""
REPLACEMENT: Final = "?"


def font_for(text: str, size: int) -> tuple[FreeTypeFont, str]:
    """The first font that has all characters of a text, else the one that has most, and the text that it can draw."""
    # Pillow's own font, which has no name, is always there.
    name = min((*_files(), ""), key=lambda name: sum(not _has(name, letter) for letter in text))
    return _font(name, size), "".join(letter if _has(name, letter) else REPLACEMENT for letter in text)


@cache
def _files() -> tuple[str, ...]:
    """Paths of the fonts that are there, in the order of `_NAMES`."""
    found: dict[str, str] = {}
    for directory in _DIRECTORIES:
        for folder, _, names in os.walk(Path(directory).expanduser()):
            for name in set(names) & set(_NAMES):
                found.setdefault(name, str(Path(folder) / name))
    return tuple(found[name] for name in _NAMES if name in found)


@cache
def _font(path: str, size: int) -> FreeTypeFont:
    if path:
        return ImageFont.truetype(path, size)
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


@cache
def _has(path: str, letter: str) -> bool:
    if letter.isspace():
        return True
    font = _font(path, 16)
    return _drawn(font, letter) != _drawn(font, _UNKNOWN)


def _drawn(font: FreeTypeFont, letter: str) -> bytes:
    mask: Any = font.getmask(letter)
    return bytes(mask)
