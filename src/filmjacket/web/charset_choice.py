"""Which character set a text answer is in (PS3.18 8.8): the table of names, and the order of the wishes.

DICOM JSON is UTF-8 by definition. XML can be had in any set of the table without loss: a character that the set does
not have is written as a reference, `&#22823;`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.web.quality_list import parse_quality_list

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Charset:
    """One row of the table: IANA preferred MIME name, codec, and the other names it may be asked for by."""

    name: str
    codec: str
    aliases: tuple[str, ...] = ()


UTF_8: Final = Charset("UTF-8", "utf-8", ("utf8", "iso_ir 192"))

CHARSETS: Final = (
    UTF_8,
    Charset("ISO-8859-1", "iso8859_1", ("iso_ir 100",)),
    Charset("ISO-8859-2", "iso8859_2", ("iso_ir 101",)),
    Charset("ISO-8859-3", "iso8859_3", ("iso_ir 109",)),
    Charset("ISO-8859-4", "iso8859_4", ("iso_ir 110",)),
    Charset("ISO-8859-5", "iso8859_5", ("iso_ir 144",)),
    Charset("ISO-8859-6", "iso8859_6", ("iso_ir 127",)),
    Charset("ISO-8859-7", "iso8859_7", ("iso_ir 126",)),
    Charset("ISO-8859-8", "iso8859_8", ("iso_ir 138",)),
    Charset("ISO-8859-9", "iso8859_9", ("iso_ir 148",)),
    Charset("ISO-8859-15", "iso8859_15", ("iso_ir 203",)),
    Charset("TIS-620", "tis_620", ("iso_ir 166",)),
    Charset("ISO-2022-JP", "iso2022_jp", (r"iso 2022 ir 13\iso 2022 ir 87",)),
    Charset("ISO-2022-KR", "iso2022_kr", (r"iso 2022 ir 6\iso 2022 ir 149",)),
    Charset("GB18030", "gb18030"),
    Charset("GBK", "gbk"),
)
"""Table of 8.8.1 without ISO-2022-CN, for which Python has no codec."""

_BY_NAME: Final = {name: charset for charset in CHARSETS for name in (charset.name.lower(), *charset.aliases)}
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class CharsetWishes:
    """What a request says about character sets: the `charset` query parameter, and the `Accept-Charset` header."""

    parameter: str | None = None
    header: str | None = None


NO_WISHES: Final = CharsetWishes()


def parse_charset_wishes(raw_query: bytes, accept_charset: str | None) -> CharsetWishes:
    """The wishes of a request from its raw query string and its `Accept-Charset` header.

    Raises `BadRequest` for a parameter without a value, and for a wildcard, which only the header has (8.3.3.2).
    """
    parameters = [part.partition(b"=") for part in raw_query.split(b"&")]
    charsets = [unquote(value.decode("ascii", "replace")) for name, _, value in parameters if name == b"charset"]
    if any(one.strip() in {"", _ANY} for charset in charsets for one in charset.split(",")):
        raise BadRequest(
            "charset names a character set; it has no wildcard.",
            section="8.3.3.2",
            offender="charset",
            accepted=tuple(charset.name for charset in CHARSETS),
        )
    return CharsetWishes(",".join(charsets) if charsets else None, accept_charset)


def choose_charset(of_media_type: Iterable[str], wishes: CharsetWishes, *, only_utf_8: bool) -> Charset:
    """The first of: `charset` of the selected media type, query parameter, header, UTF-8 (8.8.3).

    What is not supported is ignored. Raises `NotAcceptable` if UTF-8 is what is left and the header excludes it.
    """
    offered = (UTF_8,) if only_utf_8 else CHARSETS
    accepted = parse_quality_list(wishes.header or "")
    sources = (dict.fromkeys((name.lower() for name in of_media_type), 1.0), _parsed(wishes.parameter), accepted)
    for source in sources:
        chosen = _best(source, offered)
        if chosen is not None:
            return chosen
    named = [quality for name, quality in accepted.items() if _BY_NAME.get(name) is UTF_8]
    if accepted and not (named[0] if named else accepted.get(_ANY, 1.0)):
        raise NotAcceptable(
            "The Accept-Charset header excludes UTF-8, and nothing else that it names can be had.",
            section="8.8.3",
            offender="Accept-Charset",
            accepted=tuple(charset.name for charset in offered),
        )
    return UTF_8


def in_charset(document: bytes, charset: Charset) -> bytes:
    """An XML document in UTF-8 that declares it, in another character set."""
    if charset is UTF_8:
        return document
    text = document.decode().replace('encoding="UTF-8"', f'encoding="{charset.name}"', 1)
    return text.encode(charset.codec, "xmlcharrefreplace")


def with_charset(media_type: str, charset: Charset) -> str:
    """`Content-Type` of a text in a character set; UTF-8, the default of all DICOM media types, goes unsaid."""
    return media_type if charset is UTF_8 else f"{media_type}; charset={charset.name}"


def _parsed(parameter: str | None) -> dict[str, float]:
    return {} if parameter is None else parse_quality_list(parameter)


def _best(source: dict[str, float], offered: tuple[Charset, ...]) -> Charset | None:
    known = [(quality, _BY_NAME[name]) for name, quality in source.items() if quality > 0 and name in _BY_NAME]
    supported = [entry for entry in known if entry[1] in offered]
    return max(supported, key=lambda entry: entry[0])[1] if supported else None
