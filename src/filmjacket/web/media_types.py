"""Media types as values: parse, format, parameters (PS3.18 8.7.1, 8.7.9; RFC 9110 8.3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from filmjacket.errors import BadRequest

MULTIPART_RELATED: Final = "multipart/related"
DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"
DICOM_XML: Final = "application/dicom+xml"
JSON: Final = "application/json"
OCTET_STREAM: Final = "application/octet-stream"
ZIP: Final = "application/zip"
HTML: Final = "text/html"
PLAIN_TEXT: Final = "text/plain"
TEXT_XML: Final = "text/xml"
PDF: Final = "application/pdf"
SVG: Final = "image/svg+xml"

MAX_MEDIA_TYPE: Final = 8192
"""Longest media type that is parsed: a hundred times what any client sends, small enough for any input."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ESSENCE = re.compile(rf"\s*({_NAME})/({_NAME})\s*(?=;|$)")
# An unquoted value runs to the next semicolon: RFC 9110 wants a token, but `type=application/dicom` and
# boundaries with colons or equals signs occur, and PS3.18 8.7.1 tells us to expect them.
_PARAMETER = re.compile(rf';\s*+(?:({_NAME})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+)))?+\s*+(?=;|$)')
_IS_PLAIN = re.compile(_NAME)
# A quotation mark that is never closed quotes all of the rest; trying again behind it would take quadratic time.
_LIST_ELEMENT = re.compile(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range with its parameters; type, subtype and parameter names are in lower case."""

    type: str
    subtype: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """`type/subtype` without parameters."""
        return f"{self.type}/{self.subtype}"

    def get(self, name: str) -> str | None:
        """Value of the parameter of that (lower-case) name, or None."""
        for key, value in self.parameters:
            if key == name:
                return value
        return None

    def __str__(self) -> str:
        return self.essence + "".join(f"; {name}={quoted(value)}" for name, value in self.parameters)


def quoted(value: str) -> str:
    """A parameter value as it is written in a header: a token as it is, anything else as a quoted string."""
    if _IS_PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_media_type(text: str) -> MediaType:
    """Parse one media type or range; quoted and unquoted parameter values are equivalent (PS3.18 8.7.1)."""
    essence = _ESSENCE.match(text) if len(text) <= MAX_MEDIA_TYPE else None
    if essence is None:
        raise _malformed("it does not begin with type/subtype")
    parameters: dict[str, str] = {}
    position = essence.end()
    while position < len(text):
        found = _PARAMETER.match(text, position)
        if found is None:
            raise _malformed("a parameter is not of the form name=value")
        position = found.end()
        if found[1] is None:
            continue
        name = found[1].lower()
        value = found[3].strip() if found[2] is None else _ESCAPED.sub(r"\1", found[2])
        if parameters.setdefault(name, value) != value:
            raise _malformed("a parameter occurs twice with different values")
    return MediaType(essence[1].lower(), essence[2].lower(), tuple(parameters.items()))


def split_list(text: str) -> list[str]:
    """Elements of a comma list (RFC 9110 5.6.1); commas inside quoted strings do not separate."""
    return [element.strip() for element in _LIST_ELEMENT.findall(text) if element.strip()]


def item_type(media_type: MediaType) -> MediaType | None:
    """Media type of the items of `multipart/related`: its `type` parameter (RFC 2387), None if there is none.

    Some clients put the parameters of the item inside the quotes, `type="image/jpeg; transfer-syntax=..."`;
    they are parameters of the result.
    """
    value = media_type.get("type")
    return None if value is None else parse_media_type(value.strip("'\" "))


def written(media_type: str, *, multipart: bool = False, transfer_syntax: str | None = None) -> str:
    """A media type as this server writes it: the item type of a multipart is quoted (PS3.18 8.7.1)."""
    text = f'{MULTIPART_RELATED}; type="{media_type}"' if multipart else media_type
    return text if transfer_syntax is None else f"{text}; transfer-syntax={transfer_syntax}"


def _malformed(why: str) -> BadRequest:
    return BadRequest(
        f"The media type cannot be read: {why}.",
        section="8.7.1",
        offender="media type",
        accepted=(written(DICOM), written(DICOM, multipart=True)),
    )
