"""Which font shows a character in a PDF: what the machine has, what ReportLab brings, what PDF readers know.

Nothing is shown wrongly in silence: a character without a glyph becomes a white square, and so does every script that
is written from right to left or joined, which ReportLab alone cannot set; the writer counts them and says so.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast

import reportlab
from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

MISSING: Final = "□"

# Regular and bold face, the widest range first. DejaVu: Debian, Fedora, Arch; then macOS and Windows.
_CANDIDATES: Final = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/TTF/DejaVuSans.ttf", "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf"),
    ("/Library/Fonts/Arial Unicode.ttf", "/Library/Fonts/Arial Unicode.ttf"),
    ("/System/Library/Fonts/Supplemental/Arial Unicode.ttf", "/System/Library/Fonts/Supplemental/Arial Bold.ttf"),
    ("C:/Windows/Fonts/segoeui.ttf", "C:/Windows/Fonts/segoeuib.ttf"),
    ("C:/Windows/Fonts/arial.ttf", "C:/Windows/Fonts/arialbd.ttf"),
)

# East Asian fonts that every PDF reader has or fetches (Adobe's standard CID fonts).
_JAPANESE: Final = "HeiseiKakuGo-W5"
_KOREAN: Final = "HYGothic-Medium"
_CHINESE: Final = "STSong-Light"

# Right-to-left scripts, and those whose letters join or stack: setting them takes a shaping engine.
_UNSETTABLE: Final = (
    (0x0590, 0x08FF),  # Hebrew, Arabic, Syriac, Thaana, N'Ko
    (0x0900, 0x0DFF),  # Indic scripts
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x200F, 0x200F),
    (0x202A, 0x202E),  # overrides of direction
    (0x2066, 0x2069),
    (0xFB1D, 0xFDFF),
    (0xFE70, 0xFEFE),
)


@dataclass(frozen=True, slots=True)
class Fonts:
    """A family of faces; `glyphs` are the code points of the regular one."""

    regular: str
    bold: str
    glyphs: frozenset[int]
    han: str

    def runs(self, text: str, *, bold: bool = False) -> list[tuple[str, str]]:
        """The text as (font, characters), characters that cannot be shown replaced."""
        face = self.bold if bold else self.regular
        shown = [(self._font_of(ord(character), face), character) for character in text]
        return [
            (font or face, "".join(character if font else MISSING for _, character in group))
            for font, group in groupby(shown, key=lambda pair: pair[0])
        ]

    def missing(self, text: str) -> int:
        """How many characters of a text cannot be shown."""
        return sum(self._font_of(ord(character), self.regular) is None for character in text)

    def _font_of(self, code: int, face: str) -> str | None:
        if code in {0x0A, 0x0D, 0x09, 0x20, 0xA0}:
            return face
        if any(first <= code <= last for first, last in _UNSETTABLE):
            return None
        if _is_east_asian(code):
            return _KOREAN if 0xAC00 <= code <= 0xD7A3 else _JAPANESE if 0x3040 <= code <= 0x30FF else self.han
        return face if code in self.glyphs else None


def fonts_for(sample: str) -> Fonts:
    """The fonts for a document; `sample` is all of its text, which tells whether Han characters are Japanese."""
    regular, bold, glyphs = _family()
    kana = any("\u3040" <= character <= "\u30ff" for character in sample)
    hangul = any("\uac00" <= character <= "\ud7a3" for character in sample)
    return Fonts(regular, bold, glyphs, _JAPANESE if kana else _KOREAN if hangul else _CHINESE)


@cache
def _family() -> tuple[str, str, frozenset[int]]:
    for name in (_JAPANESE, _KOREAN, _CHINESE):
        _register(UnicodeCIDFont(name))
    for regular, bold in _CANDIDATES:
        if Path(regular).is_file() and Path(bold).is_file():
            try:
                return _registered(regular, bold)
            except (TTFError, OSError):
                continue
    # ReportLab's own: Latin-1 and little more.
    folder = next(Path(path) for path in _search_path() if (Path(path) / "Vera.ttf").is_file())
    return _registered(str(folder / "Vera.ttf"), str(folder / "VeraBd.ttf"))


def _registered(regular: str, bold: str) -> tuple[str, str, frozenset[int]]:
    face = TTFont("report", regular)
    _register(face)
    _register(TTFont("report-bold", bold))
    # ReportLab has no types for what it read from the file.
    glyphs = cast("Any", face).face.charToGlyph
    return "report", "report-bold", frozenset(glyphs)


def _register(font: UnicodeCIDFont | TTFont) -> None:
    # ReportLab has no type for it.
    cast("Any", pdfmetrics).registerFont(font)


def _search_path() -> list[str]:
    return [*cast("Any", rl_config).TTFSearchPath, str(Path(reportlab.__file__).parent / "fonts")]


def _is_east_asian(code: int) -> bool:
    return code >= 0x2E80 and unicodedata.east_asian_width(chr(code)) in {"W", "F"} and code < 0x10000
