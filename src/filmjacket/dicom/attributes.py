"""The data set in memory: plain dictionaries in the shape of the DICOM JSON Model (PS3.18 F.2).

A key is a tag of eight upper-case hexadecimal digits, a value an attribute object: `vr` and at most one of
`Value`, `InlineBinary` and `BulkDataURI` (PS3.18 F.2.2).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Element: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, Element]
ElementPath: TypeAlias = tuple[str | int, ...]

_PN_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def get_values(attributes: Attributes, tag: str) -> list[Any]:
    """Return the members of `Value`, empty ones as None; [] when the attribute is absent or holds none."""
    element = attributes.get(tag)
    return element.get("Value", []) if element else []


def get_texts(attributes: Attributes, tag: str) -> list[str]:
    """Return every non-empty value as text; of a person name the first group that is there."""
    return [text for text in map(_text_of, get_values(attributes, tag)) if text]


def get_text(attributes: Attributes, tag: str) -> str | None:
    """Return the first value as text, or None when the attribute is absent or that value is empty."""
    values = get_values(attributes, tag)
    return (_text_of(values[0]) or None) if values else None


def get_integer(attributes: Attributes, tag: str) -> int | None:
    """Return the first value as an integer; `"12 "` and `12.0` are 12, what is no integer is None."""
    values = get_values(attributes, tag)
    value = values[0] if values else None
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def get_bytes(attributes: Attributes, tag: str, bulk: Callable[[str], bytes]) -> bytes | None:
    """A binary value, inline (PS3.18 F.2.7) or behind a reference: `bulk` gives the value at an attribute path.

    None if there is no value, or none that can be read.
    """
    element = attributes.get(tag, {})
    if "InlineBinary" in element:
        try:
            return base64.b64decode(str(element["InlineBinary"]))
        except (binascii.Error, ValueError):
            return None
    uri = element.get("BulkDataURI")
    # The last segment of the server's own bulk data URLs is the path of the attribute.
    return bulk(str(uri).rstrip("/").rsplit("/", 1)[-1]) if uri else None


def get_items(attributes: Attributes, tag: str) -> list[Attributes]:
    """Return the items of a sequence; [] when it is absent or empty."""
    return [cast("Attributes", item) for item in get_values(attributes, tag) if isinstance(item, dict)]


def get_path(attributes: Attributes, path: tuple[str, ...]) -> list[Element]:
    """Return every attribute object at a path of tags, through all items of the sequences on the way."""
    *parents, last = path
    level = [attributes]
    for tag in parents:
        level = [item for dataset in level for item in get_items(dataset, tag)]
    return [dataset[last] for dataset in level if last in dataset]


def walk(attributes: Attributes) -> Iterator[tuple[ElementPath, Element]]:
    """Yield each attribute of every level with its path of tags and 0-based item numbers, parents first."""
    stack: list[Iterator[tuple[ElementPath, Element]]] = [_level(attributes, ())]
    while stack:
        for path, element in stack[-1]:
            yield path, element
            if element.get("vr") == "SQ" and "Value" in element:
                # Explicit stack: nesting is bounded by the readers, never by the interpreter.
                stack.append(_items(element["Value"], path))
                break
        else:
            stack.pop()


def _level(attributes: Attributes, parent: ElementPath) -> Iterator[tuple[ElementPath, Element]]:
    for tag, element in attributes.items():
        yield (*parent, tag), element


def _items(items: list[Attributes], parent: ElementPath) -> Iterator[tuple[ElementPath, Element]]:
    for number, item in enumerate(items):
        yield from _level(item, (*parent, number))


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        groups = cast("dict[str, str]", value)
        return next((groups[name] for name in _PN_GROUPS if groups.get(name)), "")
    return "" if value is None else str(value)
