"""A report as its writers see it: heading facts, then blocks in reading order. Says what, never how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text; `note` is what stands behind it (a code), `href` where it leads: a URL or `#anchor`."""

    text: str
    note: str = ""
    href: str = ""
    strong: bool = False


Text: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its value on one line, with what qualifies it below."""

    label: Text
    value: Text
    details: tuple[Row, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels and values."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """Free text with its line breaks, under a small heading if it has one."""

    label: Text
    text: Text
    details: tuple[Row, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a head; numeric columns are set flush right."""

    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    anchors: tuple[str, ...] = ()
    numeric: frozenset[int] = frozenset()
    caption: Text = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A reference to something that can be looked at; without `href` nobody knows where it is."""

    caption: Text
    href: str
    thumbnail: str
    details: tuple[Row, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures side by side."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of texts; each item may hold further blocks."""

    items: tuple[tuple[Block, ...], ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """A document of another type inside the page, and the link to it."""

    href: str
    media_type: str
    label: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    heading: Text
    blocks: tuple[Block, ...]
    anchor: str = ""


Block: TypeAlias = Rows | Prose | Table | Gallery | Bullets | Embedded | Section


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts of the heading that belong together: patient, study, document. One that is `wide` may be long."""

    heading: str
    facts: tuple[tuple[str, str], ...]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All of a document. `banner` warns before anything is read; `language` is an RFC 5646 tag or empty."""

    title: Text
    kind: str
    groups: tuple[FactGroup, ...]
    blocks: tuple[Block, ...]
    banner: tuple[str, ...] = ()
    language: str = ""


def plain(text: str, note: str = "", href: str = "") -> Text:
    """A text of one run; () for an empty one."""
    return (Run(text, note, href),) if text else ()


def as_string(text: Text) -> str:
    """The bare characters of a text."""
    return "".join(run.text for run in text)
