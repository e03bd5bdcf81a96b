"""The Native DICOM Model (PS3.19 A.1): data sets as XML; the way back is in `xml_reader`.

Choices: trailing `^` of a person name are dropped, except where the name has nothing else; characters that
XML 1.0 cannot hold become U+FFFD; a carriage return is written as a reference, since parsers turn it into a
line feed. Private elements are named by their creator; the number of their block is not kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.shape import PERSON_NAME_GROUPS
from filmjacket.dicom.tags import creator_tag_of, is_group_length, is_private_creator, keyword_of
from filmjacket.dicom.xml_reader import NAME_COMPONENTS, NAMESPACE, decode_native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.attributes import Attributes, Element

__all__ = ["NAMESPACE", "decode_native", "encode_native"]

_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
_TAIL = "</NativeDicomModel>"

_TO_ESCAPE = re.compile("[&<>\r]|[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def encode_native(attributes: Attributes) -> bytes:
    """Return one data set as an XML document in UTF-8.

    `BulkDataURI`s are written as they are: `<BulkData uri="/...` can be made absolute afterwards, because a
    literal `<` never stands in a text.
    """
    parts = [_HEAD]
    # Explicit stack: what is still to come of each level, and what closes the level.
    stack: list[tuple[Iterator[str | tuple[Attributes, str]], str]] = [(_dataset(attributes), _TAIL)]
    while stack:
        content, closing = stack[-1]
        for part in content:
            if isinstance(part, str):
                parts.append(part)
                continue
            item, item_closing = part
            stack.append((_dataset(item), item_closing))
            break
        else:
            parts.append(closing)
            stack.pop()
    return "".join(parts).encode("utf-8")


def _dataset(attributes: Attributes) -> Iterator[str | tuple[Attributes, str]]:
    """Yield the text of a data set in pieces, and each item that the caller has to write in between."""
    for tag in sorted(attributes):
        if is_group_length(tag) or is_private_creator(tag):
            continue
        element = attributes[tag]
        yield _opening(attributes, tag, element)
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", []), 1):
                yield f'<Item number="{number}">'
                yield item, "</Item>"
        else:
            yield _content(element)
        yield "</DicomAttribute>"


def _opening(attributes: Attributes, tag: str, element: Element) -> str:
    head = f'<DicomAttribute tag="{tag}" vr="{element["vr"]}"'
    creator_tag = creator_tag_of(tag)
    if creator_tag:
        creator = get_text(attributes, creator_tag)
        if creator is None:
            # Nobody reserved the block: the tag is all there is to tell.
            return head + ">"
        return f'<DicomAttribute tag="{tag[:4]}00{tag[6:]}" vr="{element["vr"]}" privateCreator={_quote(creator)}>'
    keyword = keyword_of(tag)
    return f'{head} keyword="{keyword}">' if keyword else head + ">"


def _content(element: Element) -> str:
    if "InlineBinary" in element:
        return f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    if "BulkDataURI" in element:
        return f"<BulkData uri={_quote(element['BulkDataURI'])}/>"
    encode = _person_name if element["vr"] == "PN" else _value
    return "".join(encode(number, value) for number, value in enumerate(element.get("Value", []), 1))


def _value(number: int, value: object) -> str:
    return f'<Value number="{number}">{"" if value is None else _escape(str(value))}</Value>'


def _person_name(number: int, value: dict[str, str] | None) -> str:
    groups = (f"<{name}>{_components(value[name])}</{name}>" for name in PERSON_NAME_GROUPS if value and name in value)
    return f'<PersonName number="{number}">{"".join(groups)}</PersonName>'


def _components(group: str) -> str:
    texts = group.split("^", len(NAME_COMPONENTS) - 1)
    if not any(texts):
        # Only carets: the last component, present and empty, keeps their number.
        return f"<{NAME_COMPONENTS[len(texts) - 1]}/>"
    named = zip(NAME_COMPONENTS, texts, strict=False)
    return "".join(f"<{name}>{_escape(text)}</{name}>" for name, text in named if text)


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: _ESCAPED.get(match[0], "\ufffd"), text)


def _quote(text: str) -> str:
    return quoteattr(_TO_ESCAPE.sub(lambda match: match[0] if match[0] in _ESCAPED else "\ufffd", text))
