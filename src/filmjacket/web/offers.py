"""What resources can be had in, and which of it the acceptable media types choose (PS3.18 8.7.3 to 8.7.9).

Offers are rows of tables, the default of the resource first. An offer gets the quality of the most specific
range that matches it; the highest wins, ties go to the stored form, then to the order of the ranges and of the rows
(8.7.8.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML, JSON, OCTET_STREAM, written

if TYPE_CHECKING:
    from filmjacket.web.accept import MediaRange, Preferences

COMPRESSED_TYPES: Final = frozenset({
    "image/jpeg", "image/dicom-rle", "image/jls", "image/jp2", "image/jpx", "image/jphc", "image/jxl",
    "application/x-deflate", "video/mpeg", "video/mp4", "video/h265",
})  # fmt: skip
"""Compressed bulk data media types (Table 8.7.3-5), in lower case."""

RENDERED_ONLY: Final = frozenset({
    "image/gif", "image/png", "image/jph",
    "text/html", "text/plain", "text/xml", "text/rtf", "application/pdf",
})  # fmt: skip
"""Rendered media types (Table 8.7.4-1) that are no bulk data media types as well."""

DICOM_TYPES: Final = COMPRESSED_TYPES | {DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM}

ALIASES: Final = {
    JSON: DICOM_JSON,  # answered as application/dicom+json
    "image/x-dicom-rle": "image/dicom-rle",  # names of editions before 2017
    "image/x-jls": "image/jls",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One row: a media type that a resource can be had in, alone or in `multipart/related`.

    `transfer_syntax` is the one it will have, `*` where that is settled for each instance (`resolve_instance`),
    None where a range's `transfer-syntax` says nothing. An `explicit` offer is never meant by a wildcard. One
    `by_syntax` is not meant by its media type alone, which stands for another transfer syntax (Table 8.7.3-5); one
    `by_name` only by its very transfer syntax, since something is lost. `stored` marks the form that needs no coding.
    """

    media_type: str
    multipart: bool
    transfer_syntax: str | None = None
    explicit: bool = False
    by_syntax: bool = False
    by_name: bool = False
    stored: bool = False

    def __str__(self) -> str:
        return written(self.media_type, multipart=self.multipart, transfer_syntax=self.transfer_syntax)


def sources(preferences: Preferences, offers: tuple[Offer, ...]) -> tuple[tuple[MediaRange, ...], ...]:
    """The ranges of the accept parameter, then those of the header: steps 2 to 4 of 8.7.8.1."""
    if preferences.refusal:
        raise not_acceptable(offers, preferences.refusal)
    return (preferences.parameter, preferences.header) if preferences.parameter else (preferences.header,)


def rank(ranges: tuple[MediaRange, ...], offers: tuple[Offer, ...]) -> list[tuple[Offer, float]]:
    """Acceptable offers with their quality, best first. The standard leaves ties to the server: stored forms win."""
    ranked: list[tuple[float, bool, int, int]] = []
    for row, offer in enumerate(offers):
        matches = [
            (specificity, entry.q, -position)
            for position, entry in enumerate(ranges)
            if (specificity := _match(entry, offer))
        ]
        if matches:
            _, q, position = max(matches)
            if q > 0:
                ranked.append((-q, not offer.stored, -position, row))
    return [(offers[row], -q) for q, _, _, row in sorted(ranked)]


def _match(entry: MediaRange, offer: Offer) -> int:
    """How specifically a range matches an offer, its transfer syntax included; 0 if it does not."""
    specificity = match_type(entry, offer)
    if entry.transfer_syntax is None and offer.by_syntax and not entry.is_wildcard:
        return 0
    if offer.by_name and entry.transfer_syntax != offer.transfer_syntax:
        return 0
    if specificity == 0 or offer.transfer_syntax is None or entry.transfer_syntax is None:
        return 2 * specificity
    if entry.transfer_syntax == offer.transfer_syntax:
        return 2 * specificity + 1
    return 2 * specificity if entry.transfer_syntax == "*" else 0


def match_type(entry: MediaRange, offer: Offer) -> int:
    """How specifically a range matches the media type of an offer; 0 if it does not."""
    if ALIASES.get(entry.item) == offer.media_type and entry.multipart is offer.multipart:
        return 4
    specificity = entry.specificity(offer.media_type.lower(), multipart=offer.multipart)
    return 0 if offer.explicit and entry.is_wildcard else specificity


def refuse_mixture(ranges: tuple[MediaRange, ...], offers: tuple[Offer, ...]) -> None:
    """DICOM and rendered media types may not be acceptable at once (8.7.5).

    Each source is judged alone: a browser that follows a link with an `accept` parameter always sends
    text/html. What is offered is no rendering: application/pdf is the bulk data of an encapsulated document.
    """
    named = {entry.item for entry in ranges if entry.q > 0}
    rendered = (named & RENDERED_ONLY) - {offer.media_type.lower() for offer in offers}
    if rendered and named & DICOM_TYPES:
        raise BadRequest(
            "DICOM and rendered media types are mixed: ask for one kind or the other.",
            section="8.7.5",
            offender="Accept",
            accepted=tuple(map(str, offers)),
        )


def not_acceptable(
    offers: tuple[Offer, ...],
    message: str = "None of the acceptable media types can be had of this resource.",
    *,
    section: str = "8.7.7",
) -> NotAcceptable:
    """The refusal that lists what can be had (8.7.7)."""
    return NotAcceptable(message, section=section, offender="Accept", accepted=tuple(map(str, offers)))
