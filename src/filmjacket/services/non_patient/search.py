"""Search transaction of the Non-Patient Instance service (PS3.18 12.6)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.json_model import decode_attributes, encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, multi_part
from filmjacket.services.studies.search import RETRIEVE_URL, SearchAnswer
from filmjacket.web import negotiate, status
from filmjacket.web.bulk_uri import absolute_bulk_uris
from filmjacket.web.charset_choice import choose_charset, in_charset, with_charset
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML
from filmjacket.web.targets import non_patient_url

if TYPE_CHECKING:
    from filmjacket.archive.non_patient_port import NonPatientInstances
    from filmjacket.archive.non_patient_records import NonPatientMatch
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import Charset, CharsetWishes
    from filmjacket.web.query import EntityQuery


def search_non_patient(
    instances: NonPatientInstances,
    category: str,
    query: EntityQuery,
    preferences: Preferences,
    base_url: str,
    charsets: CharsetWishes,
) -> SearchAnswer:
    """Answer a search in one category. Raises `NotAcceptable` before any work on the index."""
    representation = negotiate.choose_search(preferences)
    media_type = representation.media_type
    named = preferences.charsets_of(media_type, multipart=representation.multipart)
    charset = choose_charset(named, charsets, only_utf_8=media_type == DICOM_JSON)
    page = instances.search(category, query)
    warnings: tuple[str, ...] = ()
    if page.matches and page.remaining:
        warnings = (status.warning(base_url, status.additional_results(page.remaining)),)
    documents = [(_url(match, base_url), _document(match, base_url)) for match in page.matches]
    if media_type == DICOM_JSON or not documents:
        body = b"[" + b",".join(document for _, document in documents) + b"]"
        download = Download(DICOM_JSON, len(body), iter((body,)))
    else:
        download = multi_part([_xml_part(url, document, charset) for url, document in documents], DICOM_XML)
    return SearchAnswer(replace(download, warnings=warnings, codable=True), len(documents), page.total)


def _url(match: NonPatientMatch, base_url: str) -> str:
    return non_patient_url(base_url, match.category, match.sop_uid)


def _document(match: NonPatientMatch, base_url: str) -> bytes:
    """One result as DICOM JSON, with its Retrieve URL (PS3.4 JJ.4-2) and absolute bulk data references."""
    url = _url(match, base_url)
    document = encode_attributes({**match.attributes, RETRIEVE_URL: {"vr": "UR", "Value": [url]}})
    return absolute_bulk_uris(document, f"{url}/bulkdata".encode())


def _xml_part(location: str, document: bytes, charset: Charset) -> Part:
    encoded = in_charset(encode_native(decode_attributes(document)), charset)
    return Part(with_charset(DICOM_XML, charset), location, len(encoded), partial(iter, (encoded,)))
