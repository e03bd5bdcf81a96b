"""Search transaction of the Studies service (PS3.18 10.6), also called QIDO-RS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, multi_part
from filmjacket.web import negotiate, status
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import SearchMatch
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.accept import Preferences
    from filmjacket.web.query import SearchQuery

RETRIEVE_URL = "00081190"
JSON = "application/dicom+json"
XML = "application/dicom+xml"


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The matches as a payload, and how many there are; an empty one is `[]` whatever was accepted."""

    download: Download
    matches: int


def search(index: Index, query: SearchQuery, preferences: Preferences, base_url: str) -> SearchAnswer:
    """Answer a search. Raises `NotAcceptable` before any work on the index."""
    representation = negotiate.choose_search(preferences)
    page = index.search(query)
    warnings = [status.warning(base_url, text) for text in query.warnings]
    if page.matches and page.remaining:
        warnings.append(status.warning(base_url, status.additional_results(page.remaining)))
    rows = [_with_retrieve_url(match, base_url) for match in page.matches]
    if representation.media_type == JSON or not rows:
        body = b"[" + b",".join(map(encode_attributes, rows)) + b"]"
        download = Download(JSON, len(body), iter((body,)), warnings=tuple(warnings))
    else:
        documents = [encode_native(row) for row in rows]
        parts = [
            Part(XML, _url(match, base_url), len(document), partial(iter, (document,)))
            for match, document in zip(page.matches, documents, strict=True)
        ]
        made = multi_part(parts, XML)
        download = Download(made.content_type, made.length, made.chunks, warnings=tuple(warnings))
    return SearchAnswer(download, len(rows))


def _url(match: SearchMatch, base_url: str) -> str:
    return f"{base_url}/{ResourceRef(match.study_uid, match.series_uid, match.sop_uid).path}"


def _with_retrieve_url(match: SearchMatch, base_url: str) -> Attributes:
    """RetrieveURL is VR UR and absolute (10.6.3.3)."""
    return {**match.attributes, RETRIEVE_URL: {"vr": "UR", "Value": [_url(match, base_url)]}}
