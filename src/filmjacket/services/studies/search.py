"""Search transaction of the Studies service (PS3.18 10.6), also called QIDO-RS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.json_model import decode_attributes, encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, multi_part
from filmjacket.web import negotiate, status
from filmjacket.web.bulk_uri import absolute_bulk_uris, bulk_prefix
from filmjacket.web.charset_choice import NO_WISHES, choose_charset, in_charset, with_charset
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML
from filmjacket.web.refs import ResourceRef
from filmjacket.web.targets import resource_url

if TYPE_CHECKING:
    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import SearchMatch
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import Charset, CharsetWishes
    from filmjacket.web.query import SearchQuery

RETRIEVE_URL = "00081190"


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The matches as a payload, and how many there are; an empty one is `[]` whatever was accepted.

    `total` is the number on all pages, exact when the query asks for the count.
    """

    download: Download
    matches: int
    total: int


def search(
    index: Index,
    query: SearchQuery,
    preferences: Preferences,
    base_url: str,
    charsets: CharsetWishes = NO_WISHES,
) -> SearchAnswer:
    """Answer a search. Raises `NotAcceptable` before any work on the index."""
    representation = negotiate.choose_search(preferences)
    media_type = representation.media_type
    named = preferences.charsets_of(media_type, multipart=representation.multipart)
    charset = choose_charset(named, charsets, only_utf_8=media_type == DICOM_JSON)
    page = index.search(query)
    warnings: list[str] = []
    if page.matches and page.remaining:
        warnings.append(status.warning(base_url, status.additional_results(page.remaining)))
    documents = [_document(match, base_url) for match in page.matches]
    if media_type == DICOM_JSON or not documents:
        body = b"[" + b",".join(documents) + b"]"
        download = Download(DICOM_JSON, len(body), iter((body,)), warnings=tuple(warnings), codable=True)
    else:
        parts = [
            _xml_part(_url(match, base_url), document, charset)
            for match, document in zip(page.matches, documents, strict=True)
        ]
        download = replace(multi_part(parts, DICOM_XML), warnings=tuple(warnings), codable=True)
    return SearchAnswer(download, len(documents), page.total)


def _url(match: SearchMatch, base_url: str) -> str:
    return resource_url(base_url, ResourceRef(match.study_uid, match.series_uid, match.sop_uid))


def _document(match: SearchMatch, base_url: str) -> bytes:
    """One result as DICOM JSON; RetrieveURL is VR UR and absolute (10.6.3.3), and so are bulk data references."""
    document = encode_attributes({**match.attributes, RETRIEVE_URL: {"vr": "UR", "Value": [_url(match, base_url)]}})
    if match.series_uid is None or match.sop_uid is None:
        return document
    prefix = bulk_prefix(base_url, match.study_uid, match.series_uid, match.sop_uid)
    return absolute_bulk_uris(document, prefix.encode())


def _xml_part(location: str, document: bytes, charset: Charset) -> Part:
    encoded = in_charset(encode_native(decode_attributes(document)), charset)
    return Part(with_charset(DICOM_XML, charset), location, len(encoded), partial(iter, (encoded,)))
