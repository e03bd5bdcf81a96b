"""A document as values: what the writers for Markdown, HTML and PDF all read.

Texts are plain, with one exception: what stands between two backticks is code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `widths` are shares of the page's width, one for each column."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """A box of a figure, lines of text centred in it. Lengths are in points, y grows downwards."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow with a label above its middle; both ends have heads when `both`."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""
    both: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing of boxes and arrows; `boundary` is the x of a dashed line with its label."""

    caption: str
    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    boundary: float = 0.0
    boundary_label: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The place of the table of contents."""


Block = Paragraph | Bullets | Table | Figure | Contents


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section; annexes have letters."""

    number: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def heading(self) -> str:
        """Number and title."""
        return f"{'Annex ' if self.number.isalpha() else ''}{self.number} {self.title}"

    @property
    def depth(self) -> int:
        """1 for chapters and annexes."""
        return self.number.count(".") + 1

    @property
    def anchor(self) -> str:
        """Identifier for links."""
        return "s" + self.number.replace(".", "-")

    def walk(self) -> Iterator[Section]:
        """This section and all below it, in the order of reading."""
        yield self
        for section in self.sections:
            yield from section.walk()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document; `facts` stand on its cover."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def walk(self) -> Iterator[Section]:
        """Every section in the order of reading."""
        for section in self.sections:
            yield from section.walk()


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text as runs with whether each is code."""
    for number, piece in enumerate(CODE.split(text)):
        if piece:
            yield piece, number % 2 == 1
