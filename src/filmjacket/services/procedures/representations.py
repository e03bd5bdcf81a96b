"""Data sets of procedure steps as payloads: JSON, XML, one or several parts (PS3.18 8.7, 14.1.3, 15.1.3).

Several results as `application/dicom+xml` come in parts, since one document holds one data set.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.json_model import encode_array, encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, multi_part
from filmjacket.web.charset_choice import choose_charset, in_charset, with_charset
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML, JSON
from filmjacket.web.offers import Offer, not_acceptable, rank, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import Charset, CharsetWishes

SEARCH_OFFERS: Final = (
    Offer(DICOM_JSON, multipart=False),
    Offer(DICOM_XML, multipart=True),
    Offer(DICOM_XML, multipart=False),
    Offer(DICOM_JSON, multipart=True),
)
"""Chapter 14 wants both media types, alone and in parts."""
STEP_OFFERS: Final = (
    Offer(DICOM_JSON, multipart=False),
    Offer(DICOM_XML, multipart=False),
    Offer(DICOM_XML, multipart=True),
)
"""One step: JSON is an array of one object."""
REPORT_OFFERS: Final = (Offer(JSON, multipart=False),)
"""What became of steps that were taken in."""


def choose(preferences: Preferences, offers: tuple[Offer, ...]) -> Offer:
    """Return the best acceptable representation (8.7.8.1). Raises `NotAcceptable`."""
    for ranges in sources(preferences, offers):
        for offer, _ in rank(ranges, offers):
            return offer
    raise not_acceptable(offers)


def charset_for(offer: Offer, preferences: Preferences, wishes: CharsetWishes) -> Charset:
    """Return the character set of an answer (8.8.3); JSON is UTF-8."""
    named = preferences.charsets_of(offer.media_type, multipart=offer.multipart)
    return choose_charset(named, wishes, only_utf_8=offer.media_type == DICOM_JSON)


def payload_of(
    data_sets: Sequence[tuple[str, Attributes]], offer: Offer, charset: Charset, *, revision: str = ""
) -> Download:
    """Return data sets, each with its location, as a payload; nothing at all is an empty array in JSON.

    `revision` says what their state is: it becomes the entity tag of each representation.
    """
    tag = None
    if revision:
        tag = etag(revision, offer.media_type.rpartition("+")[2] + "-parts" * offer.multipart, charset.name)
    if not data_sets or (offer.media_type == DICOM_JSON and not offer.multipart):
        body = encode_array([attributes for _, attributes in data_sets])
        return Download(DICOM_JSON, len(body), iter((body,)), etag=tag, codable=True)
    parts = [_part(location, attributes, offer, charset) for location, attributes in data_sets]
    if len(parts) == 1 and not offer.multipart:
        (part,) = parts
        return Download(part.content_type, part.length, iter(part.chunks()), etag=tag, codable=True)
    made = multi_part(parts, offer.media_type)
    return Download(made.content_type, made.length, made.chunks, codable=True)


def _part(location: str, attributes: Attributes, offer: Offer, charset: Charset) -> Part:
    if offer.media_type == DICOM_JSON:
        document, content_type = encode_attributes(attributes), DICOM_JSON
    else:
        document, content_type = in_charset(encode_native(attributes), charset), with_charset(DICOM_XML, charset)
    return Part(content_type, location, len(document), partial(iter, (document,)))
