"""What the requester accepts: `Accept` header and `accept` query parameter (PS3.18 8.3.3.1, 8.4.1, 8.7.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from filmjacket.errors import BadRequest
from filmjacket.web.media_types import MULTIPART_RELATED, MediaType, item_type, parse_media_type, split_list

ANYTHING: Final = "*/*"

_QUALITY = re.compile(r"0(?:\.\d*)?|\.\d+|1(?:\.0*)?", re.ASCII)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# A form-decoding front end turns `application/dicom+xml` in a query into `application/dicom xml`.
_LOST_PLUS = re.compile(r"(/[\w.-]+) (xml|json)\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One acceptable media range: of a single part, or of the items of a `multipart/related`.

    `item` is `type/subtype`, `type/*` or `*/*`; `multipart` is None where either form is meant (`*/*` alone).
    """

    item: str
    multipart: bool | None
    transfer_syntax: str | None
    q: float
    charset: str | None = None

    @property
    def is_wildcard(self) -> bool:
        """Whether the range leaves the item's type or subtype open."""
        return self.item.endswith("/*")

    def specificity(self, media_type: str, *, multipart: bool) -> int:
        """How specifically the range matches: 0 not at all, 1 `*/*`, to 4 exactly (RFC 9110 12.5.1)."""
        if self.multipart is not None and self.multipart is not multipart:
            return 0
        if self.item == media_type:
            return 4
        if self.item == ANYTHING:
            return 1 if self.multipart is None else 2
        return 3 if self.is_wildcard and media_type.startswith(self.item[:-1]) else 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """The acceptable media types in the order given: of the `accept` parameter, then of the header.

    `refusal` is the reason for a 406 that holds whatever the resource can offer; the one who knows the offers
    raises it, so that the answer lists them (PS3.18 8.7.7).
    """

    parameter: tuple[MediaRange, ...]
    header: tuple[MediaRange, ...]
    strict: bool = False
    refusal: str = ""

    def charsets_of(self, media_type: str, *, multipart: bool) -> tuple[str, ...]:
        """`charset` parameters given with a media type that was selected, the one liked best first (8.8.3)."""
        given = [
            entry
            for entry in (*self.parameter, *self.header)
            if entry.charset is not None and entry.q > 0 and entry.specificity(media_type, multipart=multipart)
        ]
        return tuple(str(entry.charset) for entry in sorted(given, key=lambda entry: -entry.q))


@lru_cache(maxsize=128)
def parse_accept(
    header: str | None, accept_parameter: tuple[str, ...] | None = None, *, strict: bool = False
) -> Preferences:
    """Read both sources of acceptable media types.

    Unreadable ranges of the header are ignored (8.7.5). An unreadable value or a wildcard in the parameter is
    a 400 (8.3.3.1). The parameter narrows the header: a type that no range of the header covers does not
    count. A missing header means `*/*`, or with `strict` a 406, as 8.7.7 demands.
    """
    missing = header is None or not header.strip()
    ranges = (MediaRange(ANYTHING, None, None, 1.0),) if missing else _header_ranges(header or "")
    wanted = () if accept_parameter is None else _parameter_ranges(accept_parameter)
    covered = tuple(entry for entry in wanted if _covers(ranges, entry))
    refusal = ""
    if missing and strict:
        refusal = "The request has no Accept header; say which representation is wanted."
    elif wanted and not covered:
        refusal = "The accept parameter asks for nothing that the Accept header allows; it can only narrow it."
    return Preferences(covered, ranges, strict=strict, refusal=refusal)


def accept_parameter(raw_query: bytes) -> tuple[str, ...] | None:
    """Values of the `accept` parameter in an undecoded query, None if there is none.

    A plus sign is a literal character there (8.3), as in `accept=application/dicom+json`.
    """
    values: list[str] = []
    for parameter in raw_query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if name != b"accept":
            continue
        try:
            values.append(unquote_to_bytes(value).decode())
        except UnicodeDecodeError:
            raise _bad_parameter("The accept parameter is not percent-encoded UTF-8.") from None
        if _BAD_ESCAPE.search(value):
            raise _bad_parameter("The accept parameter has a percent sign without two hexadecimal digits.")
    return tuple(values) if values else None


def _header_ranges(header: str) -> tuple[MediaRange, ...]:
    ranges: list[MediaRange] = []
    for element in split_list(header):
        try:
            ranges.append(_media_range(element))
        except BadRequest:
            continue
    return tuple(ranges)


def _parameter_ranges(values: tuple[str, ...]) -> tuple[MediaRange, ...]:
    elements = [element for value in values for element in split_list(_LOST_PLUS.sub(r"\1+\2", value))]
    if not elements:
        raise _bad_parameter("The accept parameter needs a value.")
    ranges: list[MediaRange] = []
    for element in elements:
        try:
            ranges.append(_media_range(element))
        except BadRequest as error:
            raise _bad_parameter(f"A value of the accept parameter is wrong. {error.message}") from None
    if any("/*" in element for element in elements):
        raise _bad_parameter("The accept parameter may not hold wildcards; only the Accept header may.")
    return tuple(ranges)


def _media_range(text: str) -> MediaRange:
    media_type = parse_media_type(text)
    item, multipart = _item_of(media_type)
    transfer_syntax = media_type.get("transfer-syntax") or item.get("transfer-syntax")
    weights = [weight for weight in (media_type.get("q"), item.get("q")) if weight is not None]
    quality = weights[0] if weights else "1"
    if not _QUALITY.fullmatch(quality):
        raise BadRequest("A quality value is a number from 0 to 1.", section="8.7.5", offender="q")
    charset = media_type.get("charset") or item.get("charset")
    return MediaRange(item.essence, multipart, transfer_syntax, float(quality), charset)


def _item_of(media_type: MediaType) -> tuple[MediaType, bool | None]:
    essence = media_type.essence
    if essence == ANYTHING:
        return media_type, None
    if essence in {MULTIPART_RELATED, "multipart/*"}:
        # Without a type parameter any item will do; a boundary here (`boundary=**` in examples) means
        # nothing.
        return item_type(media_type) or MediaType("*", "*"), True
    return media_type, False


def _covers(ranges: tuple[MediaRange, ...], wanted: MediaRange) -> bool:
    best, quality = 0, 0.0
    for entry in ranges:
        specificity = entry.specificity(wanted.item, multipart=bool(wanted.multipart))
        if specificity > best:
            best, quality = specificity, entry.q
    return quality > 0


def _bad_parameter(message: str) -> BadRequest:
    return BadRequest(message, section="8.3.3.1", offender="accept", accepted=("a comma list of media types",))
